//! `handlens join`: a phone without a screen. Its camera is a scene over a photograph, its owner agrees to what S1 asks.

mod lens;
mod record;
mod tell;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use handlens_client::{Client, Config, Event, FileKey, Folder, Life, Outbox, Over, Photo, Quota, Vault, Visit};
use handlens_media::Size;
use handlens_protocol::RequestId;
use handlens_protocol::consent::Purpose;

use lens::{Lens, Shot};
use record::{Recorder, Told};
use tell::Teller;

/// Joins a session as a phone without a screen.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  handlens join 'http://localhost:8470/j#…'                      a cup of coffee on a table, held by a shaking hand
  handlens join LINK --scene wound.jpg --seed 7                  another photograph; the same seed shakes the same
  handlens join LINK --json --state ~/phone --leave-after 60     for scripts; after a kill it is the same phone

Ctrl-C leaves the session. Exit code: 0 the session ended, or this phone left it; 3 turned away; 4 the link is of no use
(ended, turned off, used elsewhere, incomplete); 1 anything else. Log level: HANDLENS_LOG=debug.")]
pub(crate) struct Join {
    /// The link of the invitation, as it was sent.
    link: String,
    /// A JPEG that lies on the table before the camera; a cup of coffee if there is none.
    #[arg(long, value_name = "PHOTO")]
    scene: Option<PathBuf>,
    /// What the hand that holds the camera does: the same number, the same movements.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Size of the camera's pictures; a smaller one suits a small machine.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = size)]
    size: Size,
    /// The phone has no AR: neither poses nor planes.
    #[arg(long)]
    no_tracking: bool,
    /// Writes what the phone's owner would see into a folder: two JPEGs a second with the marks drawn in, the scene's truth and
    /// where the marks were said to be.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// How this person answers when asked for a photo: `yes` allows photos and takes one, sealed on this phone before it is
    /// sent; `no` says so.
    #[arg(long, value_name = "ANSWER", value_enum, default_value_t = Reply::Yes)]
    photo: Reply,
    /// Leaves after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    leave_after: Option<u64>,
    /// Keeps this phone's key and its sealed photos in a folder, so that a program that was killed resumes its place, and
    /// what was not sent goes with the next start.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Says everything as JSON, one event a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reply {
    Yes,
    No,
}

/// How long photos are sent after the visit is over; what is left goes with the next start.
const SENDING: Duration = Duration::from_secs(30);
/// Turned away by the technician.
const DECLINED: u8 = 3;
/// The link leads nowhere.
const USELESS: u8 = 4;

/// `handlens join`.
pub(crate) fn run(command: &Join) -> ExitCode {
    crate::log::start("warn");
    let json = command.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime");
    match runtime.and_then(|runtime| runtime.block_on(join(command))) {
        Ok(code) => code,
        Err(error) => {
            Teller::new(json).failed(&error);
            ExitCode::FAILURE
        }
    }
}

async fn join(command: &Join) -> Result<ExitCode> {
    let mut teller = Teller::new(command.json);
    let mut config = Config::new(command.link.parse()?);
    // Without a folder of its own this phone forgets everything at its end.
    let passing = tempfile::tempdir().context("no folder for photos")?;
    if let Some(folder) = &command.state {
        config.keeper = Arc::new(Folder::new(folder.clone()));
    }
    config.vault = Some(vault(command.state.as_deref().unwrap_or(passing.path()))?);
    let photograph = match &command.scene {
        Some(path) => {
            Some(std::fs::read(path).with_context(|| format!("the photograph {} cannot be read", path.display()))?)
        }
        None => None,
    };
    let client = Client::new(config)?;
    match client.peek().await {
        Ok(peek) => teller.invited(&peek)?,
        // Whatever it was, joining tells it better.
        Err(error) => tracing::debug!(%error, "the link was not looked at"),
    }
    let outbox = client.outbox().context("no vault")?;
    let visit = client.visit()?;
    let told = Told::default();
    let recorder = match &command.record {
        Some(folder) => Some(Recorder::open(folder, visit.positions(), Arc::clone(&told))?),
        None => None,
    };
    let lens = Lens::open(photograph.as_deref(), command.seed, command.size, !command.no_tracking, recorder, &visit)?;
    visit.camera_opened(true);
    visit.allow(Purpose::Camera);
    visit.join(false);
    let over = attend(&visit, &lens, &outbox, command, &told, &mut teller).await?;
    drop(lens);
    send_rest(&outbox, &teller).await?;
    teller.frames(&visit.account())?;
    Ok(teller.over(over)?.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// This phone's vault, in a folder that only its owner reads.
fn vault(folder: &Path) -> Result<Arc<Vault>> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let key = FileKey::open(&folder.join("vault.key")).context("the key of this phone's photos")?;
    Ok(Arc::new(Vault::open(&folder.join("vault.db"), &key, Quota::default()).context("this phone's photos")?))
}

/// Sends what is left, for a while.
async fn send_rest(outbox: &Outbox, teller: &Teller) -> Result<()> {
    let mut idle = std::pin::pin!(tokio::time::timeout(SENDING, outbox.idle()));
    loop {
        tokio::select! {
            biased;
            Some(sent) = outbox.next() => teller.sent(sent)?,
            _ = &mut idle => return Ok(()),
        }
    }
}

/// Takes the photo that was asked for.
async fn photograph(visit: &Visit, lens: &Lens, request: RequestId, teller: &Teller) -> Result<()> {
    let kept = async {
        let Shot { jpeg, size, capture_us } = lens.photo().await?;
        let request = Some(request);
        let photo = Photo { request, jpeg, width: size.width, height: size.height, capture_us };
        anyhow::Ok(visit.photo(photo).await?)
    };
    match kept.await {
        Ok(taken) => teller.photo(&taken, Some(request)),
        Err(error) => teller.no_photo(&error),
    }
}

/// Tells what happens until the visit is over.
async fn attend(
    visit: &Visit,
    lens: &Lens,
    outbox: &Outbox,
    command: &Join,
    told: &Told,
    teller: &mut Teller,
) -> Result<Option<Over>> {
    let patience = async {
        match command.leave_after {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(patience);
    let mut interrupted = std::pin::pin!(stopped());
    let (mut leaving, mut over) = (false, None);
    loop {
        let event = tokio::select! {
            event = visit.next_event() => event,
            Some(sent) = outbox.next() => {
                teller.sent(sent)?;
                continue;
            }
            () = &mut patience, if !leaving => {
                leaving = true;
                visit.leave();
                continue;
            }
            result = &mut interrupted, if !leaving => {
                result?;
                leaving = true;
                visit.leave();
                if !matches!(teller.life(), Life::Waiting | Life::Admitted | Life::Live | Life::Lost) {
                    // Nobody there knows this phone yet.
                    visit.stop();
                    over = Some(Over::Left);
                }
                continue;
            }
        };
        let Some(event) = event else { return Ok(over) };
        if let Event::Moved(Life::Over(how)) = &event {
            over = Some(*how);
        }
        if let Event::Marks(set) = &event {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(set));
        }
        if let Event::NotJoined(_) = &event {
            visit.stop();
        }
        teller.event(&event)?;
        if let Event::Photo(Some(asked)) = &event {
            match command.photo {
                Reply::No => visit.decline_photo(asked.id),
                Reply::Yes => {
                    visit.allow(Purpose::Snapshots);
                    photograph(visit, lens, asked.id, teller).await?;
                }
            }
        }
    }
}

/// `640x360`, as a camera can have it.
fn size(text: &str) -> Result<Size, String> {
    let wrong = || "a size is WIDTHxHEIGHT in pixels, both even, e.g. 640x360".to_owned();
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let size = Size::new(width.parse().map_err(|_| wrong())?, height.parse().map_err(|_| wrong())?);
    size.check().map(|()| size).map_err(|error| error.to_string())
}

/// Ctrl-C, or a script's SIGTERM.
async fn stopped() -> Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
