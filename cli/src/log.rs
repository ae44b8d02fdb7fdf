//! The log of a program, on stderr.

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Libraries that print, below `info`, the messages they carry: cookies, tickets, frames.
const TALKATIVE: [&str; 8] =
    ["h2", "hyper", "hyper_util", "moq_net", "qmux", "reqwest", "tokio_tungstenite", "tungstenite"];

/// Begins to log, as `HANDLENS_LOG` says (a level, or a filter as in `handlens_server=debug,quinn=warn`), else from `default`
/// on. What a message holds is not logged at any level.
#[allow(clippy::disallowed_methods, reason = "the log level is the environment's")]
pub(crate) fn start(default: &str) {
    // moq-net warns at every ordinary close.
    let filter = std::env::var("HANDLENS_LOG").unwrap_or_else(|_| format!("{default},moq_net=error"));
    let filter = EnvFilter::new(filter).and(filter_fn(is_discreet));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter);
    tracing_subscriber::registry().with(lines).init();
}

fn is_discreet(line: &Metadata<'_>) -> bool {
    let source = line.target().split("::").next().unwrap_or_default();
    *line.level() <= LevelFilter::INFO || !TALKATIVE.contains(&source)
}
