//! Refusals are counted by their code and not listed one by one: what strangers send must fill neither a log nor a disk.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use handlens_protocol::Kind;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::App;

/// The operator reads of them so often, where there were new ones.
const TOLD_EVERY: Duration = Duration::from_secs(600);

/// How often each code was answered since the start.
#[derive(Debug)]
pub struct Refusals([AtomicU64; Kind::ALL.len()]);

impl Default for Refusals {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Refusals {
    /// How often this was answered.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(kind as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How often anything was refused.
    pub fn total(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.of(*kind)).sum()
    }

    fn count(&self, kind: Kind) {
        if let Some(count) = self.0.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `forbidden 3, too-large 1`.
    fn line(&self) -> String {
        let mut line = String::new();
        for (kind, count) in Kind::ALL.iter().map(|kind| (kind, self.of(*kind))).filter(|(_, count)| *count > 0) {
            let comma = if line.is_empty() { "" } else { ", " };
            // A `String` takes everything.
            let _ = write!(line, "{comma}{} {count}", kind.as_str());
        }
        line
    }
}

/// Middleware outside everything else: an answer that is a problem is counted.
pub(crate) async fn counted(State(app): State<App>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(kind) = response.extensions().get::<Kind>() {
        app.refusals.count(*kind);
    }
    response
}

/// Tells the operator now and then, until the server goes down.
pub(crate) async fn tell(app: App) {
    let mut ticks = interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = 0;
    while app.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let total = app.refusals.total();
        if total > told {
            told = total;
            tracing::info!(since_start = %app.refusals.line(), "refused requests");
        }
    }
}
