//! Which type reads which entry.

use handlens_protocol::api::{
    AskPhoto, Consent, DeclinePhoto, Feedback, Freeze, GuestEvent, GuestView, InviteCreated, InviteSecret, InviteView,
    LogEntry, Login, MarksGone, Me, NewInvite, NewSession, Note, NoteWritten, Peek, Receipt, Redeem, SessionList,
    SessionLog, SessionSummary, SessionView, Setup, SetupState, StaffEvent, Ticket, UndoMark, Wording, WriteNote,
};
use handlens_protocol::consent::{Decision, Purpose};
use handlens_protocol::mark::{Drawing, Frame, Ghost, Mark, MarkSet, NewMark, Patch, Point, Stroke, Style};
use handlens_protocol::pose::{Intrinsics, Plane, Pose, Sample};
use handlens_protocol::snapshot::{About, Placed};
use handlens_protocol::state::{
    DevicePresence, Ended, Frozen, Participant, PhotoRequest, ReceiverReport, SessionState, Snapshot,
};
use handlens_protocol::{Host, MarkId, ParticipantId, Phi, Problem, RequestId, Secret};
use serde_json::{Value, json};

use crate::spelling::spelled;

/// One type of the wire.
pub(crate) struct Record {
    pub(crate) name: &'static str,
    /// Read and written again; `None` when it is refused.
    pub(crate) back: fn(&Value) -> Option<Value>,
    /// Every field there is.
    pub(crate) fields: fn() -> &'static [&'static str],
}

/// Types that are read and written.
macro_rules! both {
    ($name:ident) => {
        Record {
            name: stringify!($name),
            back: |json| {
                serde_json::from_value::<$name>(json.clone()).ok().map(|value| serde_json::to_value(value).unwrap())
            },
            fields: spelled::<$name>,
        }
    };
}

/// Requests are only read here; they are written again field by field, and a new field does not compile.
macro_rules! request {
    ($name:ident { $($field:ident),* }) => {
        Record {
            name: stringify!($name),
            back: |json| {
                let $name { $($field),* } = serde_json::from_value(json.clone()).ok()?;
                Some(json!({ $(stringify!($field): $field.said()),* }))
            },
            fields: spelled::<$name>,
        }
    };
}

/// Every record that travels by itself.
pub(crate) const RECORDS: &[Record] = &[
    both!(MarkSet),
    both!(Drawing),
    both!(Frame),
    both!(NewMark),
    both!(MarksGone),
    both!(Sample),
    both!(Intrinsics),
    both!(Plane),
    both!(DevicePresence),
    both!(ReceiverReport),
    both!(SessionState),
    both!(SetupState),
    both!(Me),
    both!(SessionList),
    both!(SessionView),
    both!(InviteCreated),
    both!(StaffEvent),
    both!(Note),
    both!(NoteWritten),
    both!(SessionLog),
    both!(Peek),
    both!(GuestView),
    both!(GuestEvent),
    both!(Receipt),
    both!(Ticket),
    both!(About),
    both!(Problem),
    request!(Setup { secret, organisation, phone, name, email, password }),
    request!(Login { email, password }),
    request!(NewSession { title, agenda, description, patient_name, patient_phone, patient_email }),
    request!(NewInvite { agreed }),
    request!(Freeze { participant, frame_us }),
    request!(UndoMark { mark }),
    request!(AskPhoto { participant }),
    request!(WriteNote { text, revision }),
    request!(InviteSecret { secret }),
    request!(Redeem { secret, public_key, expires_us, signature, device, take_over }),
    request!(Consent { purpose, decision, wording_sha256, language, nonce, expires_us, signature }),
    request!(Feedback { helped }),
    request!(DeclinePhoto { request }),
];

/// A type and its fields.
type Fields = (&'static str, fn() -> &'static [&'static str]);

/// Every record inside another one, in the order of the file.
pub(crate) const PARTS: &[Fields] = &[
    ("Mark", spelled::<Mark>),
    ("Style", spelled::<Style>),
    ("Point", spelled::<Point>),
    ("Patch", spelled::<Patch>),
    ("Stroke", spelled::<Stroke>),
    ("Ghost", spelled::<Ghost>),
    // `State` lies flat in it, which hides the names from serde.
    ("Position", || &["id", "state", "reason", "error_px", "map", "ghost"]),
    ("Pose", spelled::<Pose>),
    ("Participant", spelled::<Participant>),
    ("Frozen", spelled::<Frozen>),
    ("PhotoRequest", spelled::<PhotoRequest>),
    ("Snapshot", spelled::<Snapshot>),
    ("Ended", spelled::<Ended>),
    ("SessionSummary", spelled::<SessionSummary>),
    ("InviteView", spelled::<InviteView>),
    ("LogEntry", spelled::<LogEntry>),
    ("Wording", spelled::<Wording>),
    ("Placed", spelled::<Placed>),
    ("Host", spelled::<Host>),
];

/// A field of a request in JSON, opened where it does not print.
trait Said {
    fn said(&self) -> Value;
}

macro_rules! said {
    ($($plain:ty),*) => {$(
        impl Said for $plain {
            fn said(&self) -> Value {
                json!(self)
            }
        }
    )*};
}
said!(String, u64, bool, MarkId, ParticipantId, RequestId, Purpose, Decision);

impl Said for Phi<String> {
    fn said(&self) -> Value {
        json!(self.expose())
    }
}

impl Said for Secret<String> {
    fn said(&self) -> Value {
        json!(self.expose())
    }
}
