//! What waits in the vault goes to its server: of each session one object after another, each until its receipt was
//! checked; then the vault forgets it. It outlives the visit that kept the object, and begins again with the program.
//!
//! ```text
//!  Vault ── pending ──▶ Upload (machine) ──▶ Courier (HTTPS) ──▶ server
//!    ▲ forget            │ verified receipt
//!    └───────────────────┘
//! ```

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, OptionFuture};
use handlens_protocol::{ObjectId, SessionId};
use handlens_upload::{Answer, Input, Output, Request, RequestNumber, Stopped, Upload};
use handlens_vault::{Kept, Vault, VerifiedReceipt};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::{self, AbortHandle, JoinError, JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::clock;
use crate::courier::Courier;

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The server has it: its receipt was checked, and this device's copy is gone.
    Received(ObjectId),
    /// It goes no further for now, and is kept. It is tried again with the next visit, grant or start.
    Stopped(ObjectId, Stopped),
}

/// Sends what a vault holds for as long as it exists. Dropping it stops at once; nothing is lost by that.
pub struct Outbox {
    vault: Arc<Vault>,
    orders: mpsc::UnboundedSender<Order>,
    sent: Mutex<mpsc::UnboundedReceiver<Sent>>,
    /// How often somebody said [`Outbox::again`].
    asked: AtomicU64,
    /// How many of these have nothing left to do.
    idle: watch::Receiver<u64>,
    task: AbortHandle,
}

/// What the task is told.
enum Order {
    /// There is something new, or what was refused may be taken now; the how manieth time.
    Again(u64),
    /// Another network, or one again.
    NetworkChanged,
}

impl Outbox {
    /// Begins to send what `vault` holds; call it inside a tokio runtime.
    pub(crate) fn start(vault: Arc<Vault>, client: reqwest::Client) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (told, sent) = mpsc::unbounded_channel();
        let (idle_is, idle) = watch::channel(0);
        let task = Task {
            vault: Arc::clone(&vault),
            client,
            told,
            idle: idle_is,
            network: watch::Sender::new(()),
            under_way: JoinSet::new(),
            busy: HashMap::new(),
            stopped: HashSet::new(),
            asked: 1,
        };
        let task = tokio::spawn(task.run(inbox)).abort_handle();
        Self { vault, orders, sent: Mutex::new(sent), asked: AtomicU64::new(1), idle, task }
    }

    /// What became of the next object; `None` when there is no outbox any more. For one caller at a time; giving the call
    /// up loses nothing.
    pub async fn next(&self) -> Option<Sent> {
        self.sent.lock().await.recv().await
    }

    /// Returns when nothing is left that can be sent now: everything has its receipt, or was stopped.
    pub async fn idle(&self) {
        // Without a task nothing will be sent.
        let asked = self.asked.load(Ordering::SeqCst);
        let _ = self.idle.clone().wait_for(|done| *done >= asked).await;
    }

    /// The vault it sends from.
    pub(crate) const fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// There is something new, or what was refused may be taken now.
    pub(crate) fn again(&self) {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        // Without a task nothing will be sent.
        let _ = self.orders.send(Order::Again(asked));
    }

    /// Waits end.
    pub(crate) fn network_changed(&self) {
        let _ = self.orders.send(Order::NetworkChanged);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

struct Task {
    vault: Arc<Vault>,
    client: reqwest::Client,
    told: mpsc::UnboundedSender<Sent>,
    idle: watch::Sender<u64>,
    network: watch::Sender<()>,
    under_way: JoinSet<Sent>,
    busy: HashMap<task::Id, Job>,
    /// What is not tried again until somebody says so.
    stopped: HashSet<ObjectId>,
    /// How often somebody said so.
    asked: u64,
}

/// An object on its way, the only one of its session.
struct Job {
    session: SessionId,
    object: ObjectId,
    /// How often somebody had said so when it began.
    asked: u64,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        loop {
            self.begin().await;
            tokio::select! {
                order = inbox.recv() => match order {
                    Some(Order::Again(asked)) => {
                        self.asked = self.asked.max(asked);
                        self.stopped.clear();
                    }
                    Some(Order::NetworkChanged) => {
                        self.network.send_replace(());
                    }
                    None => return,
                },
                Some(done) = self.under_way.join_next_with_id(), if !self.under_way.is_empty() => self.done(done),
            }
        }
    }

    fn done(&mut self, done: Result<(task::Id, Sent), JoinError>) {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(Job { object, asked, .. }) = self.busy.remove(&id) else { return };
        let sent = done.map_or_else(
            |error| {
                tracing::error!(%object, %error, "an upload broke off");
                Sent::Stopped(object, Stopped::Unreadable)
            },
            |(_, sent)| sent,
        );
        if let Sent::Stopped(object, why) = sent {
            tracing::warn!(%object, %why, "a photo was not sent; it is kept");
            // What somebody said while it was refused counts for it too.
            if asked == self.asked {
                self.stopped.insert(object);
            }
        }
        // Nobody has to listen.
        let _ = self.told.send(sent);
    }

    /// Begins whatever can be, one object of each session, in order.
    async fn begin(&mut self) {
        let vault = Arc::clone(&self.vault);
        let pending = match blocking(move || vault.pending()).await {
            Some(Ok(pending)) => pending,
            Some(Err(error)) => {
                tracing::warn!(%error, "the vault was not read");
                return;
            }
            None => return,
        };
        for damaged in pending.damaged {
            tracing::warn!(object = ?damaged.object, "a photo is damaged and cannot be sent");
        }
        for kept in pending.ready {
            let busy = self.busy.values().any(|job| job.session == kept.session);
            if !busy && !self.stopped.contains(&kept.object) {
                let job = Job { session: kept.session, object: kept.object, asked: self.asked };
                let sending = Sending {
                    vault: Arc::clone(&self.vault),
                    client: self.client.clone(),
                    network: self.network.subscribe(),
                };
                self.busy.insert(self.under_way.spawn(sending.send(kept)).id(), job);
            }
        }
        if self.busy.is_empty() && *self.idle.borrow() < self.asked {
            let (vault, now_us) = (Arc::clone(&self.vault), clock::unix_us());
            if let Some(Err(error)) = blocking(move || vault.rest(now_us)).await {
                tracing::warn!(%error, "the vault was not tidied");
            }
            self.idle.send_replace(self.asked);
        }
    }
}

/// One object on its way.
struct Sending {
    vault: Arc<Vault>,
    client: reqwest::Client,
    network: watch::Receiver<()>,
}

impl Sending {
    async fn send(mut self, kept: Kept) -> Sent {
        let object = kept.object;
        match self.carry(kept).await {
            Ok(receipt) => {
                let vault = Arc::clone(&self.vault);
                match blocking(move || vault.forget(&receipt)).await {
                    Some(Ok(())) => Sent::Received(object),
                    Some(Err(error)) => {
                        tracing::warn!(%object, %error, "a photo that was received is still here");
                        Sent::Stopped(object, Stopped::Unreadable)
                    }
                    None => Sent::Stopped(object, Stopped::Unreadable),
                }
            }
            Err(why) => Sent::Stopped(object, why),
        }
    }

    /// Drives the machine to its end.
    async fn carry(&mut self, kept: Kept) -> Result<VerifiedReceipt, Stopped> {
        let courier = Arc::new(self.courier(&kept).await?);
        let mut seed = [0; 8];
        // Without randomness everybody waits alike, which is no worse than no jitter.
        let _ = getrandom::fill(&mut seed);
        let object = kept.object;
        let mut upload = Upload::new(kept, u64::from_le_bytes(seed));
        let mut under_way: Option<BoxFuture<'static, (RequestNumber, Answer)>> = None;
        let mut input = Input::Timer;
        loop {
            upload.handle(input, clock::now());
            while let Some(output) = upload.poll() {
                match output {
                    Output::Send(number, request) => {
                        let (vault, courier) = (Arc::clone(&self.vault), Arc::clone(&courier));
                        let sending = async move { (number, ask(vault, &courier, object, request).await) };
                        under_way = Some(sending.boxed());
                    }
                    Output::Done(receipt) => return Ok(receipt),
                    Output::Stopped(why) => return Err(why),
                }
            }
            let now = clock::now();
            let wait = upload.next_wakeup().map_or(Duration::ZERO, |at| Duration::from_micros(at.since_us(now)));
            input = tokio::select! {
                Some((number, answer)) = OptionFuture::from(under_way.as_mut()) => {
                    under_way = None;
                    Input::Answered(number, answer)
                }
                Ok(()) = self.network.changed() => Input::NetworkChanged,
                () = sleep(wait) => Input::Timer,
            };
        }
    }

    /// The way to the object's server, if the object is whole and there is one.
    async fn courier(&self, kept: &Kept) -> Result<Courier, Stopped> {
        let (vault, session, object) = (Arc::clone(&self.vault), kept.session, kept.object);
        let pass = blocking(move || vault.check(object).and_then(|()| vault.pass(session))).await;
        let pass = match pass {
            Some(Ok(pass)) => pass.ok_or(Stopped::LockedOut)?,
            Some(Err(error)) => {
                tracing::warn!(%object, %error, "a photo cannot be sent");
                return Err(Stopped::Unreadable);
            }
            None => return Err(Stopped::Unreadable),
        };
        Courier::of(self.client.clone(), &pass).ok_or(Stopped::LockedOut)
    }
}

async fn ask(vault: Arc<Vault>, courier: &Courier, object: ObjectId, request: Request) -> Answer {
    let part = match request {
        Request::Part { offset, bytes } => match blocking(move || vault.chunk(object, offset, bytes)).await {
            Some(Ok(part)) => part,
            Some(Err(error)) => {
                tracing::warn!(%object, %error, "a photo cannot be read");
                return Answer::Unreadable;
            }
            None => return Answer::Unreadable,
        },
        Request::Announce { .. } | Request::Ask | Request::Receipt => Vec::new(),
    };
    courier.send(object, request, part).await
}

/// Runs what waits for the disk where waiting is allowed. `None` when the runtime ends.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    spawn_blocking(work).await.ok()
}
