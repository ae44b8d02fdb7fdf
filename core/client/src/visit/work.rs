//! What the machine sends and dials, each as a piece of work that reports back.

use std::sync::Arc;

use handlens_protocol::RequestId;
use handlens_protocol::consent::{Decision, Purpose};
use handlens_session::{Answer, DialNumber, Input, Request, RequestNumber, Via};
use tokio::time::Instant;

use super::{Done, Task};
use crate::device;
use crate::http::Failure;
use crate::transport::{Quic, Way as _, WebSocket};

impl Task {
    pub(super) fn send(&mut self, number: RequestNumber, request: Request) {
        let http = Arc::clone(&self.parts.http);
        match request {
            Request::Redeem { take_over } => match &self.key {
                Some(key) => self.redeem(number, take_over, Arc::clone(key)),
                None => {
                    let config = self.parts.config.clone();
                    self.work.spawn_blocking(move || {
                        Done::Key(number, take_over, device::key_for(&config.link, &*config.keeper))
                    });
                }
            },
            Request::Ticket => {
                self.work.spawn(async move { Done::Ticket(number, http.ticket().await) });
            }
            Request::Consent { purpose, decision } => self.consent(number, purpose, decision),
            Request::Leave => {
                self.work.spawn(async move { Done::Answered(number, http.leave().await) });
            }
        }
    }

    pub(super) fn keyed(
        &mut self,
        number: RequestNumber,
        take_over: bool,
        key: Result<handlens_seal::signature::SigningKey, crate::Error>,
    ) {
        match key {
            Ok(key) => {
                let key = self.key.insert(Arc::new(key)).clone();
                self.redeem(number, take_over, key);
            }
            Err(error) => {
                // Asked again: a key store may be locked for a while.
                tracing::warn!(%error, "this device has no key");
                self.happens(Input::Answered(number, Answer::Unreachable));
            }
        }
    }

    fn redeem(&mut self, number: RequestNumber, take_over: bool, key: Arc<handlens_seal::signature::SigningKey>) {
        let (http, config) = (Arc::clone(&self.parts.http), self.parts.config.clone());
        self.work.spawn(async move {
            let begun = Instant::now();
            let body = device::redemption(&key, &config.link, &config.device, take_over, http.now_us());
            let view = match body {
                Ok(body) => http.redeem(&body).await,
                Err(_) => Err(Failure::NotUnderstood),
            };
            Done::Joined(number, view, begun.elapsed())
        });
    }

    fn consent(&mut self, number: RequestNumber, purpose: Purpose, decision: Decision) {
        let (Some(view), Some(key)) = (self.view.clone(), self.key.clone()) else { return };
        let http = Arc::clone(&self.parts.http);
        self.work.spawn(async move {
            let shown = view.wordings.iter().find(|wording| wording.purpose == purpose);
            let body = shown.and_then(|shown| {
                device::statement(&key, &view, shown, purpose, decision, http.now_us())
                    .inspect_err(|error| tracing::warn!(%error, "a decision was not signed"))
                    .ok()
            });
            let answer = match body {
                Some(body) => http.consent(&body).await,
                None => Err(Failure::NotUnderstood),
            };
            Done::Answered(number, answer)
        });
    }

    /// "No" to a photo. Said once; a request that is not answered ends with the session.
    pub(super) fn decline(&mut self, request: RequestId) {
        let http = Arc::clone(&self.parts.http);
        self.work.spawn(async move {
            if let Err(failure) = http.decline_photo(request).await {
                tracing::debug!(?failure, "a photo was not declined");
            }
            Done::Aside
        });
    }

    pub(super) fn dial(&mut self, dial: DialNumber, via: Via) {
        let Some(ticket) = self.ticket.clone() else { return };
        let websocket = WebSocket { origin: self.parts.http.origin().clone(), cookie: self.parts.http.cookie() };
        let handle = self.work.spawn(async move {
            let opened = match via {
                Via::Quic => Quic.dial(&ticket).await,
                Via::WebSocket => websocket.dial(&ticket).await,
            };
            Done::Dialled(dial, via, opened.map(|connection| Box::new((connection, ticket))))
        });
        self.dials.insert(dial, handle);
    }
}
