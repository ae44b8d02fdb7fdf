//! A visit as it runs: one task drives `handlens-session` with a clock, and does what it says.
//!
//! ```text
//!  handle ── commands ──▶ ┌───────────────┐ ── requests, dials ──▶ work ──┐
//!                         │ Session + now │ ◀──────── what became ────────┘
//!  screen ◀── events ──── └───────────────┘ ◀── state, marks, events of the server
//! ```
//! The task sleeps until something happens or the machine's next wake-up is due; nothing is polled.

mod drawn;
mod follow;
mod shown;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use handlens_protocol::api::{GuestEvent, GuestView, Ticket};
use handlens_protocol::broadcast;
use handlens_protocol::consent::Purpose;
use handlens_protocol::state::{Frozen, PhotoRequest, Presence, SessionState};
use handlens_protocol::{ParticipantId, Problem, RequestId};
use handlens_seal::signature::SigningKey;
use handlens_session::{Answer, DialNumber, Grants, Input, Life, Output, RequestNumber, Session, Told, Via};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};

use crate::clock;
use crate::config::Config;
use crate::event::{Event, Mailbox};
use crate::http::{Failure, Http};
use crate::marks::Marks;
use crate::outbox::Outbox;
use crate::publish::Publisher;
use crate::snapshot::{self, Album};
use crate::transport::{self, Connection};
use drawn::Drawn;
use follow::News;
use shown::Shown;

/// Presence is repeated so often: whoever comes late hears it, and silence means something.
const PRESENCE_EVERY: Duration = Duration::from_secs(2);
/// How long the last requests may take when the visit is over.
const FAREWELL: Duration = Duration::from_secs(3);
/// News of a connection that wait to be looked at.
const NEWS: usize = 64;

/// What a handle asks for.
pub(crate) enum Command {
    /// Something happened.
    Input(Input),
    /// "No" to a photo.
    DeclinePhoto(RequestId),
    /// End at once; the key stays.
    Stop,
}

/// What a visit is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) http: Arc<Http>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) marks: Arc<Marks>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) album: Arc<Album>,
    pub(crate) outbox: Option<Arc<Outbox>>,
    pub(crate) seed: u64,
}

/// What became of something that was begun.
enum Done {
    Key(RequestNumber, bool, Result<SigningKey, crate::Error>),
    Joined(RequestNumber, Result<GuestView, Failure>, Duration),
    Ticket(RequestNumber, Result<Ticket, Failure>),
    Answered(RequestNumber, Result<(), Failure>),
    Dialled(DialNumber, Via, Result<Box<(Connection, Ticket)>, transport::Error>),
    /// Something that nobody waits for.
    Aside,
}

/// The open connection.
struct Live {
    dial: DialNumber,
    connection: Connection,
    ticket: Ticket,
    /// Whatever lives as long as it does.
    tasks: JoinSet<()>,
}

pub(crate) struct Task {
    parts: Parts,
    session: Session,
    work: JoinSet<Done>,
    dials: HashMap<DialNumber, AbortHandle>,
    live: Option<Live>,
    events: Option<AbortOnDrop>,
    ticket: Option<Ticket>,
    key: Option<Arc<SigningKey>>,
    view: Option<Arc<GuestView>>,
    refusal: Option<Box<Problem>>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    presence: Interval,
    shown: Shown,
    /// The frames that others draw on.
    drawn: Drawn,
    held: Vec<u64>,
    /// The server knows that photos are allowed.
    photos: bool,
    watchers: Vec<String>,
}

/// Ends a task when it is dropped.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Task {
    pub(crate) fn new(parts: Parts) -> Self {
        let session = Session::new(parts.seed);
        let mut presence = interval(PRESENCE_EVERY);
        presence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            parts,
            session,
            work: JoinSet::new(),
            dials: HashMap::new(),
            live: None,
            events: None,
            ticket: None,
            key: None,
            view: None,
            refusal: None,
            news: mpsc::channel(NEWS),
            presence,
            shown: Shown::default(),
            drawn: Drawn::default(),
            held: Vec::new(),
            photos: false,
            watchers: Vec::new(),
        }
    }

    /// Runs until the visit is over, or nobody holds it any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            let now = clock::now();
            let wait = self.session.next_wakeup().map(|at| Duration::from_micros(at.since_us(now)));
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Input(input)) => {
                        if input == Input::NetworkChanged {
                            // Asked for again at once, over the network there is.
                            self.events = None;
                            self.parts.outbox.iter().for_each(|outbox| outbox.network_changed());
                        }
                        self.happens(input);
                    }
                    Some(Command::DeclinePhoto(request)) => self.decline(request),
                    Some(Command::Stop) | None => break,
                },
                Some(done) = self.work.join_next(), if !self.work.is_empty() => {
                    // What was given up has nothing to say.
                    if let Ok(done) = done {
                        self.done(done);
                    }
                }
                Some(news) = self.news.1.recv() => self.hear(news),
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => self.happens(Input::Timer),
                _ = self.presence.tick(), if self.live.is_some() => {
                    self.parts.publisher.tell_presence();
                    self.hold();
                }
            }
            if matches!(self.session.life(), Life::Over(_)) {
                // The goodbye is on its way.
                let _ = timeout(FAREWELL, async { while self.work.join_next().await.is_some() {} }).await;
                break;
            }
        }
        self.hang_up();
        self.parts.mailbox.close();
    }

    /// Tells the machine; what the connection heard meanwhile comes first, or a sound one would be given up.
    fn happens(&mut self, input: Input) {
        let now = clock::now();
        if let Some(live) = &self.live {
            self.session.handle(Input::Heard(live.dial, live.connection.heard().at()), now);
        }
        self.session.handle(input, now);
        while let Some(output) = self.session.poll() {
            self.obey(output);
        }
        self.reconcile();
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Send(number, request) => self.send(number, request),
            Output::Dial(dial, via) => self.dial(dial, via),
            Output::HangUp(dial) => {
                if let Some(dialling) = self.dials.remove(&dial) {
                    dialling.abort();
                }
                if self.live.as_ref().is_some_and(|live| live.dial == dial) {
                    self.hang_up();
                }
            }
            Output::Rebind(dial) => {
                if let Some(live) = self.live.as_ref().filter(|live| live.dial == dial)
                    && let Err(error) = live.connection.rebind()
                {
                    tracing::debug!(%error, "the socket was not bound anew");
                }
            }
            Output::Moved(life) => self.tell(Event::Moved(life)),
            Output::NotAllowed(purpose, kind) => self.tell(Event::NotAllowed(purpose, kind)),
            Output::NotJoined(kind) => {
                let problem = self.refusal.take().unwrap_or_else(|| Box::new(Problem::new(kind, kind.title())));
                self.tell(Event::NotJoined(problem));
            }
            Output::ForgetKey => {
                self.key = None;
                let keeper = Arc::clone(&self.parts.config.keeper);
                self.work.spawn_blocking(move || {
                    if let Err(error) = keeper.forget() {
                        tracing::warn!(%error, "the key of this device was not removed");
                    }
                    Done::Aside
                });
            }
        }
    }

    /// Makes what lasts be as the machine wants it.
    fn reconcile(&mut self) {
        let wants = self.session.wants();
        self.parts.publisher.set_presence(wants.presence);
        if wants.events != self.events.is_some() {
            self.events = wants.events.then(|| {
                let reading = follow::events(Arc::clone(&self.parts.http), self.news.0.clone(), self.parts.seed);
                AbortOnDrop(tokio::spawn(reading).abort_handle())
            });
        }
        if !wants.publish.contains(Purpose::Camera) {
            self.parts.publisher.close_camera();
        } else if let Some(live) = &mut self.live
            && let Some(path) = path_of(&live.ticket, broadcast::Purpose::Camera)
            && let Err(error) = self.parts.publisher.open_camera(&live.connection, path, &mut live.tasks)
        {
            tracing::debug!(%error, "the camera was not published");
        }
    }

    fn done(&mut self, done: Done) {
        // What nobody waits for any more would replace what was answered since.
        if let Done::Joined(number, Ok(_), _) | Done::Ticket(number, Ok(_)) = &done
            && !self.session.awaits(*number)
        {
            return;
        }
        match done {
            Done::Key(number, take_over, key) => self.keyed(number, take_over, key),
            Done::Joined(number, Ok(view), took) => {
                let told = Told {
                    presence: view.presence,
                    phase: view.phase,
                    grants: Grants::of(view.grants.iter().copied()),
                };
                let view = Arc::new(view);
                self.view = Some(Arc::clone(&view));
                self.known_as(&view);
                self.tell(Event::Joined { view, took });
                self.happens(Input::Answered(number, Answer::View(told)));
            }
            Done::Joined(number, Err(failure), _) => self.failed(number, failure),
            Done::Ticket(number, Ok(ticket)) => {
                let purposes = ticket.purposes.iter().filter_map(|purpose| match purpose {
                    broadcast::Purpose::Camera => Some(Purpose::Camera),
                    broadcast::Purpose::Microphone => Some(Purpose::Microphone),
                    broadcast::Purpose::Data => None,
                });
                let allowed = Grants::of(purposes);
                self.ticket = Some(ticket);
                self.happens(Input::Answered(number, Answer::Ticket(allowed)));
            }
            Done::Ticket(number, Err(failure)) | Done::Answered(number, Err(failure)) => self.failed(number, failure),
            Done::Answered(number, Ok(())) => self.happens(Input::Answered(number, Answer::Done)),
            Done::Dialled(dial, via, Ok(opened)) => {
                self.dials.remove(&dial);
                let (connection, ticket) = *opened;
                self.opened(dial, via, connection, ticket);
            }
            Done::Dialled(dial, via, Err(error)) => {
                tracing::debug!(?via, %error, "a way did not open");
                self.dials.remove(&dial);
                self.happens(Input::Closed(dial));
            }
            Done::Aside => {}
        }
    }

    fn failed(&mut self, number: RequestNumber, failure: Failure) {
        let answer = match failure {
            Failure::Refused(problem) => {
                let kind = problem.code;
                self.refusal = Some(problem);
                Answer::Refused(kind)
            }
            Failure::Unreachable | Failure::NotUnderstood => Answer::Unreachable,
        };
        self.happens(Input::Answered(number, answer));
    }

    fn opened(&mut self, dial: DialNumber, via: Via, connection: Connection, ticket: Ticket) {
        self.session.handle(Input::Opened(dial), clock::now());
        let mut outputs: Vec<Output> = std::iter::from_fn(|| self.session.poll()).collect();
        let late = outputs.contains(&Output::HangUp(dial));
        outputs.retain(|output| *output != Output::HangUp(dial));
        for output in outputs {
            self.obey(output);
        }
        if late {
            drop(connection);
        } else {
            self.attach(dial, connection, ticket);
            self.tell(Event::Connected(via));
        }
        self.reconcile();
    }

    /// Makes a connection the one that everything goes over.
    fn attach(&mut self, dial: DialNumber, connection: Connection, ticket: Ticket) {
        self.hang_up();
        // Whoever still draws says so again.
        self.drawn.clear();
        self.hold();
        let mut tasks = JoinSet::new();
        if let Some(path) = path_of(&ticket, broadcast::Purpose::Data)
            && let Err(error) = self.parts.publisher.open_data(&connection, path)
        {
            tracing::debug!(%error, "presence was not published");
        }
        if let Some(view) = &self.view {
            let (publisher, news) = (&self.parts.publisher, &self.news.0);
            follow::all(&mut tasks, &connection, &ticket, view.participant, publisher, news);
        }
        let (ended, news) = (connection.ended(), self.news.0.clone());
        tasks.spawn(async move {
            ended.await;
            // Nobody listens when the visit is over.
            let _ = news.send(News::Gone(dial)).await;
        });
        self.live = Some(Live { dial, connection, ticket, tasks });
    }

    fn hang_up(&mut self) {
        if let Some(live) = self.live.take() {
            self.parts.publisher.detach();
            drop(live);
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Gone(dial) => {
                if self.live.as_ref().is_some_and(|live| live.dial == dial) {
                    self.hang_up();
                }
                self.happens(Input::Closed(dial));
            }
            News::State(state) => self.follow(&state),
            News::Event(event) => self.event(&event),
            News::Refused(kind) => self.happens(Input::Refused(kind)),
            News::Marks(set) => self.tell(Event::Marks(set)),
            News::OwnMarks(set) => {
                self.parts.album.set(&set);
                if let Some(me) = self.me() {
                    self.parts.marks.set(me, set);
                }
            }
            News::Drawing { who, frame_us, down } => {
                self.drawn.hear(who, frame_us, down, clock::now());
                self.hold();
            }
        }
    }

    fn event(&mut self, event: &GuestEvent) {
        let GuestEvent { revision, presence, phase, grants, frozen, photo } = event;
        if !self.show(*revision, *frozen, *photo) {
            return;
        }
        let grants = Grants::of(grants.iter().copied());
        self.allowed(grants);
        self.happens(Input::Told(Told { presence: *presence, phase: *phase, grants }));
    }

    fn follow(&mut self, state: &SessionState) {
        let Some(me) = self.me().and_then(|me| state.participants.iter().find(|who| who.id == me)) else { return };
        let (frozen, photo) = (state.frozen, state.photo);
        let frozen = frozen.filter(|frozen| frozen.participant == me.id);
        let photo = photo.filter(|photo| photo.participant == me.id);
        if !self.show(state.revision, frozen, photo) {
            return;
        }
        let others = state.participants.iter().filter(|who| who.id != me.id && who.presence == Presence::Admitted);
        let watchers: Vec<String> = others.map(|who| who.name.clone()).filter(|name| !name.is_empty()).collect();
        if watchers != self.watchers {
            self.watchers.clone_from(&watchers);
            self.tell(Event::Watchers(watchers));
        }
        let grants = Grants::of(me.grants.iter().copied());
        self.allowed(grants);
        self.happens(Input::Told(Told { presence: me.presence, phase: state.phase, grants }));
    }

    /// Tells of a still and of a request for a photo that are new. `false` for what is older than what is known.
    fn show(&mut self, revision: u64, frozen: Option<Frozen>, photo: Option<PhotoRequest>) -> bool {
        let Some(changed) = self.shown.learn(revision, frozen, photo) else { return false };
        if let Some(frozen) = changed.frozen {
            self.hold();
            self.tell(Event::Frozen(frozen));
        }
        if let Some(photo) = changed.photo {
            self.tell(Event::Photo(photo));
        }
        true
    }

    /// What waits in the vault for this session is sent with the login that came now.
    fn known_as(&mut self, view: &GuestView) {
        let pass = self.parts.http.courier().and_then(|courier| courier.pass());
        self.parts.album.joined(view, pass);
        let (Some(outbox), Some(recipient)) = (self.parts.outbox.clone(), self.parts.album.recipient()) else { return };
        self.work.spawn(async move {
            if let Err(error) = snapshot::renew(Arc::clone(outbox.vault()), recipient).await {
                tracing::warn!(%error, "what waits is sent with an older login");
            }
            outbox.again();
            Done::Aside
        });
    }

    /// What the server refused for want of a grant may be taken now.
    fn allowed(&mut self, grants: Grants) {
        let photos = grants.contains(Purpose::Snapshots);
        if photos
            && !self.photos
            && let Some(outbox) = &self.parts.outbox
        {
            outbox.again();
        }
        self.photos = photos;
    }

    /// Keeps the pictures that others look at or draw on: the still first.
    fn hold(&mut self) {
        let mut held = self.drawn.frames(clock::now());
        if let Some(frozen) = self.shown.frozen() {
            held.insert(0, frozen.frame_us);
        }
        held.dedup();
        if held != self.held {
            self.held.clone_from(&held);
            self.parts.marks.hold(held);
        }
    }

    fn me(&self) -> Option<ParticipantId> {
        self.view.as_ref().map(|view| view.participant)
    }

    fn tell(&self, event: Event) {
        self.parts.mailbox.put(event);
    }
}

fn path_of(ticket: &Ticket, purpose: broadcast::Purpose) -> Option<&String> {
    ticket.publish.iter().zip(&ticket.purposes).find(|(_, known)| **known == purpose).map(|(path, _)| path)
}
