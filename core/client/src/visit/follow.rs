//! What comes in while a visit lasts: the server's events over HTTPS, and over the realtime plane the session's state, its
//! marks, and what viewers report. Bounded and checked here; what cannot be understood is left out.

use std::sync::Arc;
use std::time::Duration;

use handlens_media::rate::Report;
use handlens_protocol::api::{GuestEvent, Ticket};
use handlens_protocol::mark::{self, Drawing, MarkSet};
use handlens_protocol::state::{ReceiverReport, SessionState};
use handlens_protocol::{Kind, ParticipantId, broadcast};
use handlens_session::DialNumber;
use handlens_session::backoff::Jitter;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::http::{Failure, Http};
use crate::publish::Publisher;
use crate::transport::Connection;

/// Bytes of a session's state: sixteen people, two hundred snapshots.
const STATE_BYTES: usize = 256 * 1024;
/// Bytes of a report.
const REPORT_BYTES: usize = 1024;
/// Broadcasts of one ticket that are followed.
const FOLLOWED: usize = 32;
/// A stream that held for so long was sound.
const SOUND: Duration = Duration::from_secs(10);

/// What came in.
pub(super) enum News {
    /// The session's state, from its track.
    State(Box<SessionState>),
    /// The same in the waiting room's words.
    Event(Box<GuestEvent>),
    /// The waiting room's events are refused.
    Refused(Kind),
    /// All marks there are, without what their authors saw.
    Marks(Arc<MarkSet>),
    /// Those on this camera, with it.
    OwnMarks(Arc<MarkSet>),
    /// Somebody draws, or no longer does.
    Drawing {
        /// Which of the viewers.
        who: u64,
        /// The capture time of the frame, if it is one of this camera.
        frame_us: Option<u64>,
        /// The pen is down.
        down: bool,
    },
    /// The connection is gone.
    Gone(DialNumber),
}

/// Reads the waiting room's events until this is given up; a stream that ends is asked for again, with the growing waits of
/// the visit itself.
pub(super) async fn events(http: Arc<Http>, news: mpsc::Sender<News>, seed: u64) {
    let (mut jitter, mut tries) = (Jitter::new(seed), 0);
    loop {
        let begun = Instant::now();
        match read(&http, &news).await {
            Err(Failure::Refused(problem)) => drop(news.send(News::Refused(problem.code)).await),
            Ok(()) | Err(Failure::Unreachable | Failure::NotUnderstood) => {}
        }
        if begun.elapsed() >= SOUND {
            tries = 0;
        }
        sleep(Duration::from_micros(jitter.wait_us(tries))).await;
        tries = tries.saturating_add(1);
    }
}

async fn read(http: &Http, news: &mpsc::Sender<News>) -> Result<(), Failure> {
    let mut events = http.events().await?;
    while let Some(event) = events.next().await? {
        // Nobody listens when the visit is over, and this task is given up then.
        let _ = news.send(News::Event(Box::new(event))).await;
    }
    Ok(())
}

/// Begins to follow everything that a ticket lets this device read.
pub(super) fn all(
    tasks: &mut JoinSet<()>,
    connection: &Connection,
    ticket: &Ticket,
    me: ParticipantId,
    publisher: &Arc<Publisher>,
    news: &mpsc::Sender<News>,
) {
    for (viewer, path) in (0_u64..).zip(ticket.subscribe.iter().take(FOLLOWED)) {
        let records = |name, limit| connection.reader().records(path.clone(), name, limit);
        match path.rsplit('/').next() {
            Some(broadcast::STATE) => {
                let (to, mut states) = (news.clone(), records(broadcast::STATE_TRACK, STATE_BYTES));
                tasks.spawn(async move {
                    while let Some(bytes) = states.next().await {
                        if let Some(state) = understood::<SessionState>(&bytes, |state| state.v == 1) {
                            let _ = to.send(News::State(Box::new(state))).await;
                        }
                    }
                });
                let (to, mut sets) = (news.clone(), records(mark::TRACK, mark::SET_BYTES));
                tasks.spawn(async move {
                    while let Some(bytes) = sets.next().await {
                        if let Some(set) = understood::<MarkSet>(&bytes, whole) {
                            let _ = to.send(News::Marks(Arc::new(set))).await;
                        }
                    }
                });
            }
            Some(broadcast::MARKS) => {
                let (to, mut sets) = (news.clone(), records(mark::TRACK, mark::SET_BYTES));
                tasks.spawn(async move {
                    while let Some(bytes) = sets.next().await {
                        if let Some(set) = understood::<MarkSet>(&bytes, whole) {
                            let _ = to.send(News::OwnMarks(Arc::new(set))).await;
                        }
                    }
                });
            }
            Some(last) if last == broadcast::Purpose::Data.as_str() => {
                let (publisher, mut reports) = (Arc::clone(publisher), records(broadcast::REPORT_TRACK, REPORT_BYTES));
                tasks.spawn(async move {
                    while let Some(bytes) = reports.next().await {
                        let about_me = |report: &ReceiverReport| report.v == 1 && report.participant == me;
                        if let Some(report) = understood::<ReceiverReport>(&bytes, about_me) {
                            let ReceiverReport { received_bps, queue_delay_ms, .. } = report;
                            // QUIC repeats what was lost, so that loss is delay.
                            publisher.report(viewer, Report { received_bps, queue_delay_ms, loss: 0.0 });
                        }
                    }
                });
                let (to, mut drawings) = (news.clone(), records(mark::TRACK, mark::DRAWING_BYTES));
                tasks.spawn(async move {
                    while let Some(bytes) = drawings.next().await {
                        if let Some(drawing) = understood::<Drawing>(&bytes, |drawing| drawing.v == 1) {
                            let frame_us = (drawing.camera == me).then_some(drawing.capture_us);
                            let down = drawing.stroke.is_some();
                            let _ = to.send(News::Drawing { who: viewer, frame_us, down }).await;
                        }
                    }
                });
            }
            Some(_) | None => {}
        }
    }
}

/// A set in which every mark can be drawn.
fn whole(set: &MarkSet) -> bool {
    set.v == 1 && set.marks.len() <= mark::MARKS && set.marks.iter().all(|mark| mark.check().is_ok())
}

fn understood<T: DeserializeOwned>(bytes: &[u8], fits: impl Fn(&T) -> bool) -> Option<T> {
    let read =
        serde_json::from_slice(bytes).inspect_err(|error| tracing::debug!(%error, "a record was not understood"));
    read.ok().filter(fits)
}
