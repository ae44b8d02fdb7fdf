//! What a phone without a screen says: plain sentences, or JSON, one event a line.

use std::io::{Write as _, stderr, stdout};

use anyhow::Result;
use handlens_client::{Account, Event, Life, Over, Sent, Taken, Via};
use handlens_protocol::RequestId;
use handlens_protocol::api::Peek;
use handlens_protocol::consent::Purpose;
use serde_json::{Value, json};

use super::{DECLINED, USELESS};

/// Says things on standard output.
pub(super) struct Teller {
    json: bool,
    life: Life,
}

impl Teller {
    pub(super) const fn new(json: bool) -> Self {
        Self { json, life: Life::Invited }
    }

    /// Where the visit was when it was told last.
    pub(super) const fn life(&self) -> Life {
        self.life
    }

    /// Who invites, and the words that this person agrees to by joining.
    pub(super) fn invited(&self, peek: &Peek) -> Result<()> {
        let camera = peek.wordings.iter().find(|wording| wording.purpose == Purpose::Camera);
        let wording = camera.map(|wording| wording.text.as_str()).unwrap_or_default();
        let Peek { organisation, technician, words, .. } = peek;
        self.say(
            &json!({"event": "invited", "organisation": organisation, "technician": technician, "words": words}),
            &format!("{organisation} invites you ({words}). {wording}\nThis phone says yes."),
        )
    }

    /// One event.
    pub(super) fn event(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Joined { view, took } => {
                let redeem_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                self.say(
                    &json!({
                        "event": "joined",
                        "participant": view.participant,
                        "session": view.session,
                        "redeem_ms": redeem_ms,
                    }),
                    &format!("Joined as {} in {redeem_ms} ms.", view.participant),
                )
            }
            Event::Moved(life) => self.moved(*life),
            Event::Connected(via) => {
                let via = match via {
                    Via::Quic => "quic",
                    Via::WebSocket => "websocket",
                };
                self.say(&json!({"event": "live", "via": via}), &format!("Live ({via})."))
            }
            Event::Watchers(names) => {
                let seen = if names.is_empty() {
                    "Nobody is here.".to_owned()
                } else {
                    format!("Here: {}.", names.join(", "))
                };
                self.say(&json!({"event": "watchers", "names": names}), &seen)
            }
            Event::Frozen(frozen) => {
                let sentence =
                    if frozen.is_some() { "The technician stopped the picture." } else { "The picture goes on." };
                self.say(&json!({"event": "frozen", "frame_us": frozen.map(|frozen| frozen.frame_us)}), sentence)
            }
            Event::Photo(photo) => {
                let sentence =
                    if photo.is_some() { "The technician asks for a photo." } else { "No photo is asked for." };
                self.say(&json!({"event": "photo_asked", "request": photo.map(|photo| photo.id)}), sentence)
            }
            Event::Marks(set) => {
                let marks: Vec<_> = set.marks.iter().map(|mark| mark.id).collect();
                let sentence = format!("{} marks.", marks.len());
                self.say(&json!({"event": "marks", "revision": set.revision, "marks": marks}), &sentence)
            }
            Event::NotAllowed(purpose, kind) => self.say(
                &json!({"event": "not_allowed", "purpose": purpose.as_str(), "code": kind.as_str()}),
                &format!("The server did not take the consent for {}: {}.", purpose.as_str(), kind.title()),
            ),
            Event::NotJoined(problem) => self.say(
                &json!({"event": "not_joined", "code": problem.code.as_str(), "detail": problem.detail}),
                &problem.detail,
            ),
            // What a later core may tell.
            _ => Ok(()),
        }
    }

    /// A photo is in the vault: the digest is that of what was sealed.
    pub(super) fn photo(&self, taken: &Taken, request: Option<RequestId>) -> Result<()> {
        let Taken { object, bytes, sha256 } = taken;
        let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        self.say(
            &json!({"event": "photo", "object": object, "bytes": bytes, "sha256": sha256, "request": request}),
            &format!("A photo of {bytes} bytes is sealed on this phone ({object})."),
        )
    }

    /// A photo that was not taken.
    pub(super) fn no_photo(&self, why: &anyhow::Error) -> Result<()> {
        self.say(&json!({"event": "no_photo", "detail": format!("{why:#}")}), &format!("No photo: {why:#}."))
    }

    /// What became of a photo.
    pub(super) fn sent(&self, sent: Sent) -> Result<()> {
        match sent {
            Sent::Received(object) => self.say(
                &json!({"event": "receipt", "object": object, "verified": true}),
                &format!("The server has the photo {object}; it left this phone."),
            ),
            Sent::Stopped(object, why) => self.say(
                &json!({"event": "not_sent", "object": object, "detail": why.to_string()}),
                &format!("The photo {object} stays on this phone: {why}."),
            ),
        }
    }

    /// The account of all frames.
    pub(super) fn frames(&self, account: &Account) -> Result<()> {
        let Account { frames, sent, unsent } = account;
        let drops = &frames.dropped;
        let reasons = [
            ("busy", drops.busy),
            ("rate", drops.rate),
            ("unwatched", drops.unwatched),
            ("paused", drops.paused),
            ("fault", drops.fault),
            ("invalid", drops.invalid),
            ("disordered", drops.disordered),
            ("no_reference", drops.no_reference),
            ("closed", drops.closed),
            ("unsent", *unsent),
        ];
        let dropped: serde_json::Map<String, Value> =
            reasons.iter().map(|(reason, count)| ((*reason).to_owned(), json!(count))).collect();
        let said: Vec<_> =
            reasons.iter().filter(|(_, count)| *count > 0).map(|(reason, count)| format!("{reason} {count}")).collect();
        let why = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
        self.say(
            &json!({
                "event": "frames",
                "submitted": frames.submitted,
                "sent": sent,
                "keys": frames.keys,
                "waiting": frames.waiting,
                "dropped": dropped,
            }),
            &format!(
                "{} frames: {sent} sent, {} of them key frames; {} not sent{why}.",
                frames.submitted,
                frames.keys,
                drops.total() + unsent
            ),
        )
    }

    /// The end, and its exit code if it is none of the good ones.
    pub(super) fn over(&self, over: Option<Over>) -> Result<Option<u8>> {
        let (how, sentence, code) = match over {
            Some(Over::Finished) => ("finished", "The session ended.", None),
            Some(Over::Left) => ("left", "This phone left the session.", None),
            Some(Over::Declined) => ("declined", "The technician did not let this phone in.", Some(DECLINED)),
            Some(Over::Expired) => ("expired", "This link has ended. Ask for a new one.", Some(USELESS)),
            Some(Over::Revoked) => ("revoked", "This link was turned off. Ask for a new one.", Some(USELESS)),
            Some(Over::Used) => {
                ("used", "Another device has this link. Nothing more is sent from here.", Some(USELESS))
            }
            Some(Over::Incomplete) => ("incomplete", "This is no link that the server knows.", Some(USELESS)),
            None => ("not_joined", "This phone did not join. Nothing was sent.", Some(1)),
        };
        self.say(&json!({"event": "over", "how": how}), sentence)?;
        Ok(code)
    }

    /// Why it did not even begin. A closed standard error is nobody to tell.
    pub(super) fn failed(&self, error: &anyhow::Error) {
        if self.json {
            let _ = writeln!(stdout(), "{}", json!({"event": "failed", "detail": format!("{error:#}")}));
        }
        let _ = writeln!(stderr(), "handlens: {error:#}");
    }

    fn moved(&mut self, life: Life) -> Result<()> {
        self.life = life;
        let (event, sentence) = match life {
            Life::Waiting => ("waiting", "Waiting to be let in."),
            Life::Admitted => ("admitted", "Let in."),
            Life::Lost => ("lost", "The connection is gone; trying again."),
            // Told with more: by what was tapped, by the way, at the end.
            Life::Invited | Life::Joining | Life::Live | Life::Over(_) => return Ok(()),
        };
        self.say(&json!({"event": event}), sentence)
    }

    fn say(&self, event: &Value, sentence: &str) -> Result<()> {
        let mut out = stdout().lock();
        if self.json {
            writeln!(out, "{event}")?;
        } else {
            writeln!(out, "{sentence}")?;
        }
        Ok(out.flush()?)
    }
}
