//! What everybody in a session may see of it: the record on the `state` track and in server-sent events.
//!
//! It holds no ePHI: a guest expert sees it too. Every copy is whole; `revision` only grows.

use serde::{Deserialize, Serialize};

use crate::consent::Purpose;
use crate::{ObjectId, OrganisationId, ParticipantId, RequestId, SessionId};

/// The whole state of a session at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SessionState {
    /// Format version, 1.
    pub v: u8,
    /// The owner.
    pub organisation: OrganisationId,
    /// The session.
    pub session: SessionId,
    /// Grows by one with every change.
    pub revision: u64,
    /// When this change was committed.
    pub at_us: u64,
    /// Where the session is in its life.
    pub phase: Phase,
    /// Everybody who is or was in it, in order of arrival.
    pub participants: Vec<Participant>,
    /// The still that both sides look at, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// The photo that somebody was asked for and has not sent, refused or been excused from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<PhotoRequest>,
    /// The snapshots there are, in the order they were announced; at most [`crate::limits::SNAPSHOTS_PER_SESSION`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<Snapshot>,
    /// Why and when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// A photo that the technician asks for. One at a time: a new request takes the place of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PhotoRequest {
    /// Which; the snapshot that answers it names it.
    pub id: RequestId,
    /// Whose camera.
    pub participant: ParticipantId,
    /// When it was asked for.
    pub at_us: u64,
}

/// One sealed picture, as far as it is known without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// Which.
    pub id: ObjectId,
    /// Whose device took it.
    pub participant: ParticipantId,
    /// The request it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// When it was announced to the server.
    pub announced_us: u64,
    /// Bytes of the sealed picture.
    pub bytes: u64,
    /// Bytes that have arrived; as many as `bytes` is not yet "stored".
    pub received: u64,
    /// When it was stored whole, its digest checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_us: Option<u64>,
}

/// The life of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nobody was admitted yet.
    Waiting,
    /// At least one guest was admitted.
    Live,
    /// Over; nothing can be added but what was captured before.
    Ended,
}

/// One person in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Participant {
    /// Who.
    pub id: ParticipantId,
    /// Staff or guest.
    pub kind: ParticipantKind,
    /// First name of staff; empty for a guest.
    pub name: String,
    /// Where they are in their visit.
    pub presence: Presence,
    /// What they allow at this moment.
    pub grants: Vec<Purpose>,
    /// What they still allowed when they left, were turned away or were replaced, which ended it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants_until_left: Vec<Purpose>,
    /// What the device says it is, e.g. `Chrome on Android`.
    pub device: String,
    /// When they arrived.
    pub arrived_us: u64,
    /// When they were admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_us: Option<u64>,
    /// Whether it helped, once a guest said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helped: Option<bool>,
}

/// Staff or guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ParticipantKind {
    /// Holds the session.
    Technician,
    /// Came by a link.
    Guest,
}

/// Where a participant is in their visit, as the server knows it. Whether the camera is paused or the page hidden is
/// said by the device itself on its `presence` track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// In the waiting room.
    Waiting,
    /// Let in.
    Admitted,
    /// Sent away.
    Declined,
    /// Left, or replaced by another device.
    Left,
}

/// The still that both sides look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Frozen {
    /// Whose camera.
    pub participant: ParticipantId,
    /// Capture time of the frame, µs on that publisher's clock.
    pub frame_us: u64,
    /// When it was frozen.
    pub since_us: u64,
}

/// The end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ended {
    /// Who or what ended it.
    pub reason: EndReason,
    /// When.
    pub at_us: u64,
}

/// Who or what ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The End button.
    Technician,
    /// Nobody did anything for too long.
    Idle,
}

/// What a device says about itself on the `presence` track of its data broadcast, a whole record in each group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicePresence {
    /// Format version, 1.
    pub v: u8,
    /// The camera, as the person holding it sees it.
    pub camera: CameraPresence,
    /// The device's capture clock at the moment of writing, µs (the clock of video timestamps).
    pub clock_us: u64,
    /// The same moment, µs since the Unix epoch, by the device's own wall clock.
    pub unix_us: u64,
}

/// What a viewer says of one camera on the `report` track of its own data broadcast: every 500 ms a whole record in a
/// group of its own, at most 1024 bytes; a viewer of two cameras writes two. The publisher's rate follows from the newest
/// report of each viewer, the slowest one decides. Every number is finite and not negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceiverReport {
    /// Format version, 1.
    pub v: u8,
    /// Whose camera it is about.
    pub participant: ParticipantId,
    /// When it was written, µs on the viewer's own monotonic clock.
    pub at_us: u64,
    /// What arrived since the report before it, bit/s.
    pub received_bps: f64,
    /// Pictures shown since the viewer began.
    pub frames_shown: u64,
    /// How much longer the way takes than at its best, the mean since the report before it, ms.
    pub queue_delay_ms: f64,
}

/// Why there is or is not a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraPresence {
    /// Frames are being sent.
    On,
    /// The person pressed Pause.
    Paused,
    /// The page is hidden or the phone is locked.
    Hidden,
    /// The operating system took the camera away: a call, another app.
    Stopped,
    /// No camera here.
    Off,
}
