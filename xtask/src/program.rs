//! One child process: its lines shown while they come, kept in a log, and handed to whoever counts them.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A program that says nothing for so long is taken for hung.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// How long output may trail after the program itself has ended: a process it left behind can hold the pipe.
const TRAIL: Duration = Duration::from_secs(1);

/// Where a child's lines go besides its reader.
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    shown: Shown,
}

/// Which lines are shown besides being kept.
#[derive(Clone, Copy)]
enum Shown {
    All,
    Errors,
    #[cfg(test)]
    Nothing,
}

/// What a program is heard through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Voice {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Log {
    /// Starts the log anew at `path`; what is written to it is also shown.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file, path, shown: Shown::All })
    }

    /// A line of our own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.line(Voice::Out, line)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same log, showing standard error only: for a program that speaks to us on standard output.
    ///
    /// # Errors
    /// When the file cannot be opened a second time.
    pub(crate) fn errors_only(&self) -> Result<Self> {
        Ok(Self { file: self.file.try_clone()?, path: self.path.clone(), shown: Shown::Errors })
    }

    /// A log of which nothing is shown: for tests, whose own runner reads what is shown.
    #[cfg(test)]
    pub(crate) fn silent(path: PathBuf) -> Self {
        Self { shown: Shown::Nothing, ..Self::create(path).expect("a writable folder") }
    }

    fn line(&mut self, voice: Voice, line: &str) -> std::io::Result<()> {
        writeln!(self.file, "{line}")?;
        match (self.shown, voice) {
            (Shown::All, Voice::Out) => writeln!(std::io::stdout(), "{line}"),
            (Shown::All | Shown::Errors, Voice::Err) => writeln!(std::io::stderr(), "{line}"),
            (Shown::Errors, Voice::Out) => Ok(()),
            #[cfg(test)]
            (Shown::Nothing, _) => Ok(()),
        }
    }
}

/// Runs `command` to its end without standard input. Every line goes to `log` and to `hear`. `true` when it ended with 0.
///
/// # Errors
/// When it cannot be started, its output cannot be kept, or it stays silent for ten minutes (it is killed then).
pub(crate) fn stream(command: &mut Command, log: &mut Log, mut hear: impl FnMut(Voice, &str)) -> Result<bool> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;

    let (lines, heard) = mpsc::channel();
    for (voice, pipe) in [
        (Voice::Out, child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>)),
        (Voice::Err, child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>)),
    ] {
        let lines = lines.clone();
        thread::spawn(move || pipe.map(|pipe| read_lines(voice, pipe, &lines)));
    }
    drop(lines);

    let mut patience = SILENCE;
    loop {
        match heard.recv_timeout(patience.min(TRAIL)) {
            Ok((voice, line)) => {
                log.line(voice, &line)?;
                hear(voice, &line);
                patience = SILENCE;
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => break,
            Err(RecvTimeoutError::Timeout) => patience = patience.saturating_sub(TRAIL),
        }
        if patience.is_zero() {
            child.kill()?;
            child.wait()?;
            bail!("{name} said nothing for {} minutes and was ended", SILENCE.as_secs() / 60);
        }
    }
    Ok(child.wait()?.success())
}

/// Runs a short command and gives what it printed, or `None` when it cannot be run or fails.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn read_lines(voice: Voice, pipe: impl Read, lines: &Sender<(Voice, String)>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(read) = pipe.read_until(b'\n', &mut line)
        && read > 0
    {
        let text = String::from_utf8_lossy(&line);
        if lines.send((voice, text.trim_end_matches(['\n', '\r']).to_owned())).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line reaches the reader and the log, with the voice it came from, and the exit code is told.
    #[test]
    fn lines_and_exit_code_arrive() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::silent(folder.path().join("a.log"));
        let mut heard = Vec::new();
        let passed =
            stream(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]), &mut log, |voice, line| {
                heard.push((voice, line.to_owned()));
            })
            .expect("sh runs");
        heard.sort_by_key(|(_, line)| line.clone());
        assert!(!passed);
        assert_eq!(heard, [(Voice::Out, "one".to_owned()), (Voice::Err, "two".to_owned())]);
        let kept = std::fs::read_to_string(log.path()).expect("the log");
        assert!(kept.contains("one\n") && kept.contains("two\n"));
    }

    /// A process that the program left behind, still holding the pipe, does not hold us.
    #[test]
    fn a_left_behind_process_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::silent(folder.path().join("a.log"));
        let passed = stream(Command::new("sh").args(["-c", "sleep 60 & echo $!"]), &mut log, |_, pid| {
            assert!(pid.parse::<u32>().is_ok());
        })
        .expect("sh runs");
        assert!(passed);
        let pid = std::fs::read_to_string(log.path()).expect("the log");
        Command::new("kill").arg(pid.trim()).status().expect("kill runs");
    }
}
