//! What the phone's owner would see, as JPEGs with the marks drawn in: two a second and one at each change of the marks.
//! Beside them the truth of the scene and every record of positions, a line each.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use handlens_client::Positions;
use handlens_media::Colour;
use handlens_media::frame::Picture;
use handlens_media::{overlay, still};
use handlens_protocol::mark::{Frame, Mark, MarkSet, Position};
use serde_json::json;

/// From one JPEG to the next, µs.
const EVERY_US: u64 = 500_000;
/// A picture waits so long for the place of its marks, µs; then the next one is tried.
const PATIENCE_US: u64 = 200_000;
/// Quality of the JPEGs.
const QUALITY: u8 = 85;
/// JPEGs that wait to be written; beyond that one is left out.
const WAITING: usize = 4;

/// The marks as they were told last, between the visit and its recorder.
pub(super) type Told = Arc<Mutex<Option<Arc<MarkSet>>>>;

/// Writes into one folder, from the camera's thread.
pub(super) struct Recorder {
    folder: PathBuf,
    truth: BufWriter<File>,
    positions: BufWriter<File>,
    records: Positions,
    told: Told,
    revision: Option<u64>,
    due_us: u64,
    shot: Option<(u64, Picture)>,
    shots: Option<SyncSender<Shot>>,
    writer: Option<JoinHandle<()>>,
}

/// A picture that becomes a JPEG.
struct Shot {
    path: PathBuf,
    picture: Picture,
    marks: Vec<(Mark, Position)>,
}

impl Recorder {
    pub(super) fn open(folder: &Path, records: Positions, told: Told) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let file = |name: &str| -> Result<BufWriter<File>> {
            let path = folder.join(name);
            Ok(BufWriter::new(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?))
        };
        let (shots, inbox) = sync_channel(WAITING);
        let writer = thread::Builder::new().name("handlens-record".to_owned()).spawn(move || write(&inbox))?;
        Ok(Self {
            folder: folder.to_owned(),
            truth: file("truth.ndjson")?,
            positions: file("positions.ndjson")?,
            records,
            told,
            revision: None,
            due_us: 0,
            shot: None,
            shots: Some(shots),
            writer: Some(writer),
        })
    }

    /// Takes a frame and the truth about it, and whatever became known of those before.
    pub(super) fn frame(&mut self, capture_us: u64, picture: &Picture, truth: [f64; 9]) -> Result<()> {
        writeln!(self.truth, "{}", json!({"capture_us": capture_us, "truth": truth}))?;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let revision = told.as_ref().map(|set| set.revision);
        while let Some(record) = self.records.try_next() {
            serde_json::to_writer(&mut self.positions, &*record)?;
            self.positions.write_all(b"\n")?;
            if let Some((_, picture)) = self.shot.take_if(|(shot_us, _)| *shot_us == record.capture_us) {
                self.keep(record.capture_us, picture, marked(told.as_deref(), &record));
            }
        }
        // Lines are whole also when the program is killed.
        self.truth.flush()?;
        self.positions.flush()?;
        if let Some((shot_us, picture)) = self.shot.take_if(|(shot_us, _)| *shot_us + PATIENCE_US < capture_us) {
            if told.is_none_or(|set| set.marks.is_empty()) {
                self.keep(shot_us, picture, Vec::new());
            } else {
                self.due_us = capture_us;
            }
        }
        if self.shot.is_none() && (capture_us >= self.due_us || revision != self.revision) {
            (self.revision, self.due_us) = (revision, capture_us + EVERY_US);
            self.shot = Some((capture_us, picture.clone()));
        }
        Ok(())
    }

    fn keep(&self, capture_us: u64, picture: Picture, marks: Vec<(Mark, Position)>) {
        let path = self.folder.join(format!("frame-{capture_us}.jpg"));
        if let Some(shots) = &self.shots
            && shots.try_send(Shot { path, picture, marks }).is_err()
        {
            tracing::warn!(capture_us, "a picture was not recorded: the disk is too slow");
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shots = None;
        if let Some(writer) = self.writer.take() {
            // A panic there was already printed.
            let _ = writer.join();
        }
    }
}

/// Each mark of a record, with its place.
fn marked(set: Option<&MarkSet>, record: &Frame) -> Vec<(Mark, Position)> {
    let marks = set.map(|set| set.marks.as_slice()).unwrap_or_default();
    let found = record.marks.iter().filter_map(|position| {
        let mark = marks.iter().find(|mark| mark.id == position.id)?;
        Some((mark.clone(), position.clone()))
    });
    found.collect()
}

fn write(shots: &Receiver<Shot>) {
    for Shot { path, picture, marks } in shots {
        let mut rgb = still::to_rgb(&picture, Colour::default());
        let marks: Vec<(&Mark, &Position)> = marks.iter().map(|(mark, position)| (mark, position)).collect();
        overlay::draw(&mut rgb, &marks);
        let written = still::encode_rgb(&rgb, QUALITY).map_err(anyhow::Error::from);
        let written = written.and_then(|jpeg| Ok(std::fs::write(&path, jpeg)?));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "a picture was not recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use handlens_client::{Client, Config};

    use super::*;

    /// The truth is written as version 1 wrote it, a line for a frame.
    #[tokio::test]
    async fn the_truth_is_written_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        // A visit that joins nothing: the recorder only needs its positions.
        let link = format!("http://localhost:1/join#{}", "A".repeat(22));
        let visit = Client::new(Config::new(link.parse().unwrap())).unwrap().visit().unwrap();
        let mut recorder = Recorder::open(folder.path(), visit.positions(), Told::default()).unwrap();
        let truth = [1.0, 0.0, 0.125, 0.0, 1.0, -0.25, 0.0, 0.0, 1.0];
        recorder.frame(12_000_000, &Picture::default(), truth).unwrap();
        let written = std::fs::read_to_string(folder.path().join("truth.ndjson")).unwrap();
        assert_eq!(written, include_str!("../../../tests/vectors/client/truth.ndjson"));
        assert_eq!(std::fs::read_to_string(folder.path().join("positions.ndjson")).unwrap(), "");
    }

    /// A line of positions is the record of the wire: read, and written again byte for byte; a changed word is refused.
    #[test]
    fn positions_are_the_record_of_the_wire() {
        let line = include_str!("../../../tests/vectors/client/positions.ndjson");
        let frame: Frame = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&frame).unwrap() + "\n", line);
        assert!(serde_json::from_str::<Frame>(&line.replacen("out_of_view", "out_of_vie", 1)).is_err());
    }
}
