//! The two handles: a client for one link, and its visit.

use std::fmt;
use std::sync::{Arc, OnceLock};

use handlens_protocol::RequestId;
use handlens_protocol::api::Peek;
use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::mark;
use handlens_session::Input;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;

use crate::camera::Camera;
use crate::config::Config;
use crate::error::Error;
use crate::event::{Event, Mailbox};
use crate::http::Http;
use crate::marks::Marks;
use crate::outbox::Outbox;
use crate::publish::{Account, Publisher};
use crate::snapshot::{self, Album, Photo, Taken};
use crate::visit::{Command, Parts, Task};

/// Records of frames that wait for a screen: two seconds of them.
const POSITIONS: usize = 64;

/// One link, and the server it leads to. Nothing is spent before [`Visit::join`].
pub struct Client {
    config: Config,
    http: Arc<Http>,
    outbox: OnceLock<Option<Arc<Outbox>>>,
}

impl Client {
    /// For the link in `config`.
    ///
    /// # Errors
    /// [`Error::Tls`] and [`Error::Http`], when the system has no trust store, or none that can be used.
    pub fn new(config: Config) -> Result<Self, Error> {
        let http = Arc::new(Http::new(&config.link)?);
        Ok(Self { config, http, outbox: OnceLock::new() })
    }

    /// Who invites, and the words a person reads before they allow anything.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Unreachable`], [`Error::NotUnderstood`].
    pub async fn peek(&self) -> Result<Peek, Error> {
        Ok(self.http.peek(self.config.link.secret()).await?)
    }

    /// Begins to send what the vault holds, if there is one; call it inside a tokio runtime. It outlives every visit.
    pub fn outbox(&self) -> Option<Arc<Outbox>> {
        let start = || Some(Arc::new(Outbox::start(Arc::clone(self.config.vault.as_ref()?), self.http.client())));
        self.outbox.get_or_init(start).clone()
    }

    /// Begins a visit; call it inside a tokio runtime. It does nothing until it is told to.
    ///
    /// # Errors
    /// [`Error::Media`] and [`Error::Random`], when the system has no thread or no randomness to give.
    pub fn visit(&self) -> Result<Visit, Error> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        let publisher = Arc::new(Publisher::start(handlens_media::Config { colour: self.config.colour })?);
        let (positions, _) = broadcast::channel(POSITIONS);
        let album = Arc::new(Album::default());
        let (published, shown, remembered) = (Arc::clone(&publisher), positions.clone(), Arc::clone(&album));
        let marks = Arc::new(Marks::start(Box::new(move |frame| {
            published.tell_marks(&frame);
            let frame = Arc::new(frame);
            remembered.record(&frame);
            // Nobody has to look.
            let _ = shown.send(frame);
        }))?);
        let mailbox = Arc::new(Mailbox::default());
        let outbox = self.outbox();
        let parts = Parts {
            config: self.config.clone(),
            http: Arc::clone(&self.http),
            publisher: Arc::clone(&publisher),
            marks: Arc::clone(&marks),
            mailbox: Arc::clone(&mailbox),
            album: Arc::clone(&album),
            outbox: outbox.clone(),
            seed: u64::from_le_bytes(seed),
        };
        let (commands, inbox) = mpsc::unbounded_channel();
        let task = tokio::spawn(Task::new(parts).run(inbox));
        Ok(Visit { commands, mailbox, publisher, marks, positions, album, outbox, task })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A visit that runs. What is told to it takes effect soon; what became of it is an [`Event`]. Dropping it ends it at once,
/// as [`Visit::stop`] does.
pub struct Visit {
    commands: mpsc::UnboundedSender<Command>,
    mailbox: Arc<Mailbox>,
    publisher: Arc<Publisher>,
    marks: Arc<Marks>,
    positions: broadcast::Sender<Arc<mark::Frame>>,
    album: Arc<Album>,
    outbox: Option<Arc<Outbox>>,
    task: JoinHandle<()>,
}

impl Visit {
    /// The person tapped: the link is redeemed. `take_over` also if another device holds it.
    pub fn join(&self, take_over: bool) {
        self.tell(Input::Redeem { take_over });
    }

    /// The person read the words and allows this. Before joining it is remembered.
    pub fn allow(&self, purpose: Purpose) {
        self.tell(Input::Decide { purpose, decision: Decision::Grant });
    }

    /// The person no longer allows this; it stops at once.
    pub fn withdraw(&self, purpose: Purpose) {
        self.tell(Input::Decide { purpose, decision: Decision::Revoke });
    }

    /// The camera opened, or the operating system took it away.
    pub fn camera_opened(&self, open: bool) {
        self.tell(Input::CameraOpen(open));
    }

    /// The person paused the camera.
    pub fn pause(&self) {
        self.tell(Input::Pause);
    }

    /// The person lets it go on.
    pub fn go_on(&self) {
        self.tell(Input::GoOn);
    }

    /// The app went behind others, or came back.
    pub fn hidden(&self, hidden: bool) {
        self.tell(Input::Hidden(hidden));
    }

    /// The operating system says that there is another network, or one again.
    pub fn network_changed(&self) {
        self.tell(Input::NetworkChanged);
    }

    /// Seals a photograph into the vault, with the marks and their places on it, and returns when it is durable. It is sent
    /// from there by the [`Outbox`], as soon as the server knows that photos are allowed ([`Self::allow`]). What the JPEG
    /// says beside the picture (EXIF: place, time, device) is taken away before; which way is up stays.
    ///
    /// # Errors
    /// Nothing was kept: [`Error::NoVault`], [`Error::NotJoined`], [`Error::Answered`], [`Error::Jpeg`], [`Error::Photo`],
    /// [`Error::Vault`], [`Error::Stopping`].
    pub async fn photo(&self, photo: Photo) -> Result<Taken, Error> {
        let outbox = self.outbox.as_ref().ok_or(Error::NoVault)?;
        snapshot::keep(&self.album, outbox, photo).await
    }

    /// "No" to a photo.
    pub fn decline_photo(&self, request: RequestId) {
        self.send(Command::DeclinePhoto(request));
    }

    /// The person leaves: the server is told, the key dies, and the last event is [`crate::Over::Left`].
    pub fn leave(&self) {
        self.tell(Input::Leave);
    }

    /// Where frames go in.
    pub fn camera(&self) -> Camera {
        Camera::new(Arc::clone(&self.publisher), Arc::clone(&self.marks))
    }

    /// Where the marks are on each frame from now on, for the own screen: draw a record on the frame with its capture time.
    pub fn positions(&self) -> Positions {
        Positions(self.positions.subscribe())
    }

    /// Every frame's fate until now.
    pub fn account(&self) -> Account {
        self.publisher.account()
    }

    /// The next thing a screen may want to show; `None` when the visit is over and everything was told. For one caller at
    /// a time; giving the call up loses nothing.
    pub async fn next_event(&self) -> Option<Event> {
        self.mailbox.next().await
    }

    /// Ends at once, without leaving: a program that ends, and may come back with the same key.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    fn tell(&self, input: Input) {
        self.send(Command::Input(input));
    }

    fn send(&self, command: Command) {
        // A visit that is over listens no more.
        let _ = self.commands.send(command);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Its task ends by itself when the commands do; what it held is given back there.
        self.stop();
        if self.task.is_finished() {
            self.mailbox.close();
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("account", &self.account()).finish_non_exhaustive()
    }
}

/// Records of frames as they are made; who is too slow misses the oldest.
#[derive(Debug)]
pub struct Positions(broadcast::Receiver<Arc<mark::Frame>>);

impl Positions {
    /// The next record; `None` when the visit and its cameras are gone.
    pub async fn next(&mut self) -> Option<Arc<mark::Frame>> {
        loop {
            match self.0.recv().await {
                Ok(frame) => return Some(frame),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// A record that is there already.
    pub fn try_next(&mut self) -> Option<Arc<mark::Frame>> {
        loop {
            match self.0.try_recv() {
                Ok(frame) => return Some(frame),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }
}
