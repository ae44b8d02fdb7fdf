//! Bodies of the HTTPS API, `/api/…`, JSON. `server/src/http` has the routes; `/api/openapi.json` is made from these.
//!
//! Requests take `Phi` and `Secret` where a value must not print; answers that carry ePHI are only given by routes that
//! write a log entry for the reading. Unknown keys in a request are refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::consent::{Decision, Purpose};
use crate::state::{Phase, Presence, SessionState};
use crate::{
    InviteId, MarkId, ObjectId, OrganisationId, ParticipantId, Phi, RequestId, Role, Secret, SessionId, UserId,
    broadcast,
};

#[cfg(feature = "schema")]
use utoipa::ToSchema;

macro_rules! request {
    ($($(#[$doc:meta])* pub struct $name:ident { $($body:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[cfg_attr(feature = "schema", derive(ToSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($body)* }
    )*};
}

macro_rules! answer {
    ($($(#[$doc:meta])* pub struct $name:ident { $($body:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(ToSchema))]
        pub struct $name { $($body)* }
    )*};
}

/// Answers with what identifies a patient or opens a door: they are sent, and do not print.
macro_rules! private_answer {
    ($($(#[$doc:meta])* pub struct $name:ident { $($body:tt)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(ToSchema))]
        pub struct $name { $($body)* }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

// ---- staff: first start, login ------------------------------------------------------------------------------------

request! {
    /// `POST /api/setup`: makes the organisation and its first Super Admin. Works once, with the secret of the first start.
    pub struct Setup {
        /// The one-time secret.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub secret: Secret<String>,
        /// The organisation's name, as patients read it.
        pub organisation: String,
        /// The number patients can call, at most 32 digits, spaces, `+`, `-` and brackets; may be empty.
        #[serde(default)]
        pub phone: String,
        /// The person's name; the first word is what patients read.
        pub name: String,
        /// The address to log in with.
        pub email: String,
        /// 15 to 256 characters.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub password: Secret<String>,
    }

    /// `POST /api/login`.
    pub struct Login {
        /// E-mail address.
        pub email: String,
        /// Password.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub password: Secret<String>,
    }
}

answer! {
    /// `GET /api/setup`.
    pub struct SetupState {
        /// Whether the first start still waits for its Super Admin.
        pub open: bool,
    }

    /// Who is logged in.
    pub struct Me {
        /// The account.
        pub user: UserId,
        /// Its name.
        pub name: String,
        /// Its address.
        pub email: String,
        /// What it may do.
        pub role: Role,
        /// Its organisation.
        pub organisation: OrganisationId,
        /// The organisation's name.
        pub organisation_name: String,
    }
}

// ---- staff: sessions ----------------------------------------------------------------------------------------------

request! {
    /// `POST /api/sessions`. Everything here is ePHI: sealed at rest, never in a log.
    pub struct NewSession {
        /// What it is about, at most 120 characters.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub title: Phi<String>,
        /// At most 4000 characters.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub agenda: Phi<String>,
        /// At most 4000 characters.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub description: Phi<String>,
        /// At most 120 characters.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub patient_name: Phi<String>,
        /// As typed, at most 32 characters.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub patient_phone: Phi<String>,
        /// At most 254 characters.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub patient_email: Phi<String>,
    }

    /// `POST /api/sessions/{session}/invites`.
    pub struct NewInvite {
        /// The person agreed to be sent this link.
        pub agreed: bool,
    }

    /// `POST /api/sessions/{session}/freeze`.
    pub struct Freeze {
        /// Whose camera.
        pub participant: ParticipantId,
        /// Capture time of the frame, µs on that publisher's clock.
        pub frame_us: u64,
    }

    /// `PUT /api/sessions/{session}/note`.
    pub struct WriteNote {
        /// At most 16000 characters.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub text: Phi<String>,
        /// The revision this text was made from; another one is a `conflict`.
        pub revision: u64,
    }
}

request! {
    /// `POST /api/sessions/{session}/marks/undo`: takes one of the caller's marks away. The same again changes nothing.
    pub struct UndoMark {
        /// Which.
        pub mark: MarkId,
    }

    /// `POST /api/sessions/{session}/photos`: asks one guest for a photo. They may say no.
    pub struct AskPhoto {
        /// Whose camera.
        pub participant: ParticipantId,
    }

    /// `POST /api/guest/photos/decline`: "No" to a photo.
    pub struct DeclinePhoto {
        /// The request.
        pub request: RequestId,
    }
}

answer! {
    /// `POST /api/sessions/{session}/marks/undo` and `…/marks/clear` (all of the caller's).
    pub struct MarksGone {
        /// Those that are no longer there; empty when there was none to clear.
        pub marks: Vec<MarkId>,
    }
}

answer! {
    /// `GET /api/sessions`: newest first.
    pub struct SessionList {
        /// At most 100.
        pub sessions: Vec<SessionSummary>,
        /// Pass as `?before=` for the next page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub next: Option<u64>,
    }
}

private_answer! {
    /// A line of the list.
    pub struct SessionSummary {
        /// The session.
        pub id: SessionId,
        /// ePHI.
        pub title: String,
        /// ePHI.
        pub patient_name: String,
        /// Where it is in its life.
        pub phase: Phase,
        /// First name of the technician who holds it.
        pub technician: String,
        /// When it was opened.
        pub created_us: u64,
        /// When it ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ended_us: Option<u64>,
    }

    /// `GET /api/sessions/{session}`. Reading it is a log entry.
    pub struct SessionView {
        /// The session.
        pub id: SessionId,
        /// ePHI.
        pub title: String,
        /// ePHI.
        pub agenda: String,
        /// ePHI.
        pub description: String,
        /// ePHI.
        pub patient_name: String,
        /// ePHI.
        pub patient_phone: String,
        /// ePHI.
        pub patient_email: String,
        /// When it was opened.
        pub created_us: u64,
        /// What everybody sees.
        pub state: SessionState,
        /// Its links, oldest first.
        pub invites: Vec<InviteView>,
        /// The asking person's own place in the session; none when it was full, or over, before they came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub me: Option<ParticipantId>,
    }
}

answer! {
    /// One link, without its secret.
    pub struct InviteView {
        /// The invite.
        pub id: InviteId,
        /// The two words the patient is told to ask for.
        pub words: String,
        /// When it was made.
        pub created_us: u64,
        /// When it can no longer be redeemed.
        pub expires_us: u64,
        /// First time a device looked at it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub opened_us: Option<u64>,
        /// When it was redeemed: the camera was allowed and the device bound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub redeemed_us: Option<u64>,
        /// When it was turned off, by staff or by "Not me".
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub revoked_us: Option<u64>,
        /// When somebody asked for a new link in its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub again_us: Option<u64>,
        /// Who redeemed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub participant: Option<ParticipantId>,
    }
}

private_answer! {
    /// `POST /api/sessions/{session}/invites`: the link is shown this once; only its hash is stored.
    pub struct InviteCreated {
        /// The invite.
        pub invite: InviteView,
        /// `https://…/j#…`, the secret in the fragment.
        pub link: String,
    }
}

answer! {
    /// A message of `GET /api/sessions/{session}/events` (server-sent events, event name `state`): whole each time.
    pub struct StaffEvent {
        /// What everybody sees.
        pub state: SessionState,
        /// Its links.
        pub invites: Vec<InviteView>,
    }
}

private_answer! {
    /// `GET /api/sessions/{session}/note`.
    pub struct Note {
        /// ePHI; empty before the first writing.
        pub text: String,
        /// 0 before the first writing.
        pub revision: u64,
    }
}

answer! {
    /// `PUT /api/sessions/{session}/note`.
    pub struct NoteWritten {
        /// The new revision.
        pub revision: u64,
    }

    /// `GET /api/sessions/{session}/log`, oldest first. Reading it is a log entry.
    pub struct SessionLog {
        /// Its entries.
        pub entries: Vec<LogEntry>,
    }

    /// One entry of the audit log, as shown. `docs/audit-format.md` has the entry itself.
    pub struct LogEntry {
        /// Its number in the organisation's log of that month.
        pub sequence: u64,
        /// When.
        pub time_us: u64,
        /// From the closed catalogue, e.g. `participant.admit`.
        pub action: String,
        /// `ok`, or `refused` with a code after a colon.
        pub outcome: String,
        /// `user`, `guest` or `system`.
        pub actor_kind: String,
        /// Its identifier.
        pub actor: String,
        /// First name of staff, else empty.
        pub actor_name: String,
        /// The role it had then.
        pub role: String,
        /// What was acted on.
        pub object: String,
    }
}

// ---- invites and guests -------------------------------------------------------------------------------------------

request! {
    /// `POST /api/invites/peek`, `/refuse` ("Not me") and `/again` ("Ask for a new text").
    pub struct InviteSecret {
        /// The fragment of the link: 128 bits, base64url without padding, 22 characters.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub secret: Secret<String>,
    }

    /// `POST /api/invites/redeem`. Answers the same to the same key again; sets the guest's cookie.
    pub struct Redeem {
        /// The fragment of the link.
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub secret: Secret<String>,
        /// P-256 public key of this device, uncompressed SEC1, 65 bytes, base64url without padding.
        pub public_key: String,
        /// When this proof stops being accepted; at most 300 s ahead.
        pub expires_us: u64,
        /// Raw r‖s over [`crate::consent::REDEEM_DOMAIN`] and [`crate::consent::redeem_fields`], base64url.
        pub signature: String,
        /// What the device is, e.g. `Chrome on Android`, at most 200 characters.
        #[serde(default)]
        pub device: String,
        /// "Use this phone": ask to be admitted again in place of the device that holds the link.
        #[serde(default)]
        pub take_over: bool,
    }

    /// `POST /api/guest/consents`: a signed grant or withdrawal.
    pub struct Consent {
        /// What for.
        pub purpose: Purpose,
        /// Allow or withdraw.
        pub decision: Decision,
        /// SHA-256 of the words that were shown, base64url.
        pub wording_sha256: String,
        /// The language of these words.
        pub language: String,
        /// 16 random bytes, base64url.
        pub nonce: String,
        /// When this statement stops being accepted; at most 300 s ahead.
        pub expires_us: u64,
        /// Raw r‖s over [`crate::consent::DOMAIN`] and [`crate::consent::Statement::fields`], base64url.
        pub signature: String,
    }

    /// `POST /api/guest/feedback`: said once, also after the end.
    pub struct Feedback {
        /// "It helped" or "It did not".
        pub helped: bool,
    }
}

answer! {
    /// `POST /api/invites/peek`: what the patient's page needs before anything is spent.
    pub struct Peek {
        /// The organisation's name.
        pub organisation: String,
        /// The number its patients can call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub organisation_phone: Option<String>,
        /// First name of the technician.
        pub technician: String,
        /// The two words to ask for.
        pub words: String,
        /// When the link ends.
        pub expires_us: u64,
        /// Whether a device holds it already (perhaps this one).
        pub used: bool,
        /// The words of each consent, to be shown and hashed as they are.
        pub wordings: Vec<Wording>,
    }

    /// The words of one consent.
    pub struct Wording {
        /// What for.
        pub purpose: Purpose,
        /// BCP 47.
        pub language: String,
        /// To be shown as it is; its SHA-256 is signed.
        pub text: String,
    }

    /// `POST /api/invites/redeem` and `GET /api/guest`.
    pub struct GuestView {
        /// The owner of the session.
        pub organisation: OrganisationId,
        /// The organisation's name.
        pub organisation_name: String,
        /// The number its patients can call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub organisation_phone: Option<String>,
        /// The session.
        pub session: SessionId,
        /// This guest.
        pub participant: ParticipantId,
        /// First name of the technician.
        pub technician: String,
        /// The two words.
        pub words: String,
        /// Where this guest is in their visit.
        pub presence: Presence,
        /// The session's life.
        pub phase: Phase,
        /// What this guest allows.
        pub grants: Vec<Purpose>,
        /// The words of each consent.
        pub wordings: Vec<Wording>,
        /// P-256 public key that snapshots of this session are sealed to, uncompressed SEC1, base64url: see
        /// [`crate::snapshot`].
        pub seal_key: String,
        /// P-256 public key that receipts are signed with, uncompressed SEC1, base64url.
        pub receipt_key: String,
    }

    /// A message of `GET /api/guest/events` (server-sent events, event name `state`): whole each time. In the waiting
    /// room this is all there is; the realtime plane opens with admission.
    pub struct GuestEvent {
        /// That of the session's state it was made from: a guest hears both, and the older one has nothing to say.
        pub revision: u64,
        /// Where this guest is in their visit.
        pub presence: Presence,
        /// The session's life.
        pub phase: Phase,
        /// What this guest allows.
        pub grants: Vec<Purpose>,
        /// The still that both sides look at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub frozen: Option<crate::state::Frozen>,
        /// The photo this guest is asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub photo: Option<crate::state::PhotoRequest>,
    }

    // ---- uploads --------------------------------------------------------------------------------------------------

    /// `GET /api/guest/uploads/{object}/receipt`: the server has the whole object, checked, and will not lose it. Only this
    /// lets a device drop its copy.
    pub struct Receipt {
        /// Format version, 1.
        pub v: u8,
        /// The owner.
        pub organisation: OrganisationId,
        /// The session.
        pub session: SessionId,
        /// The object.
        pub object: ObjectId,
        /// Bytes of the sealed object.
        pub bytes: u64,
        /// SHA-256 of the sealed object, base64url.
        pub sha256: String,
        /// The log it was written to.
        pub origin: String,
        /// The number of its entry `snapshot.receive` there.
        pub sequence: u64,
        /// SHA-256 of that entry's bytes, base64url: a log that shows another entry at that place was changed.
        pub entry_sha256: String,
        /// When it was stored.
        pub stored_us: u64,
        /// Raw r‖s over [`crate::snapshot::RECEIPT_DOMAIN`] and [`crate::snapshot::receipt_fields`], base64url.
        pub signature: String,
    }
}

// ---- realtime -----------------------------------------------------------------------------------------------------

private_answer! {
    /// `POST /api/sessions/{session}/tickets` (staff) and `POST /api/guest/tickets` (admitted guest).
    pub struct Ticket {
        /// Single use, 10 s. Offered as the WebTransport sub-protocol `handlens-ticket.<ticket>`, or in raw QUIC as the
        /// path of MoQ SETUP. Never in a URL.
        pub ticket: String,
        /// `https://host:port/` of the UDP port.
        pub udp_url: String,
        /// SHA-256 of the UDP port's certificates, this and the next, base64.
        pub certificate_sha256: Vec<String>,
        /// `wss://…`, for where UDP is blocked; the cookie is the permission there.
        pub websocket_url: String,
        /// Broadcast paths this connection may publish.
        pub publish: Vec<String>,
        /// Broadcast paths (or `org/session` as a prefix) it may subscribe to.
        pub subscribe: Vec<String>,
        /// Purposes of `publish`, in the same order.
        pub purposes: Vec<broadcast::Purpose>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with a patient or a key in it shows neither in a log line that prints it, nor one inside another.
    #[test]
    fn private_answers_do_not_print() {
        let note = Note { text: "Ada Example".to_owned(), revision: 3 };
        let ticket = Ticket {
            ticket: "hunter2".to_owned(),
            udp_url: String::new(),
            certificate_sha256: Vec::new(),
            websocket_url: String::new(),
            publish: Vec::new(),
            subscribe: Vec::new(),
            purposes: Vec::new(),
        };
        let line = SessionSummary {
            id: SessionId::from_bytes([1; 16]),
            title: "Ada's pump".to_owned(),
            patient_name: "Ada Example".to_owned(),
            phase: Phase::Waiting,
            technician: String::new(),
            created_us: 0,
            ended_us: None,
        };
        let printed = format!("{note:?} {ticket:#?} {:?}", SessionList { sessions: vec![line], next: None });
        assert!(!printed.contains("Ada") && !printed.contains("hunter2"), "{printed}");
        assert!(printed.contains("Ticket(…)"), "a control");
    }
}
