//! Names on the realtime plane. A scope in MoQ works on broadcast paths and is fixed when a connection is accepted, so
//! there is one broadcast a purpose.
//!
//! ```text
//!  org_…/ses_…/state                server's own: track `state`, every group a whole [`crate::state::SessionState`];
//!                                   track `marks`, every group a whole [`crate::mark::MarkSet`] without patches
//!  org_…/ses_…/par_…/marks          server's own, read by the device of that camera and by staff: track `marks`, every
//!                                   group a whole [`crate::mark::MarkSet`] of that camera with its patches
//!  org_…/ses_…/par_…/camera         tracks `catalog.json`, `video` (hang)
//!  org_…/ses_…/par_…/microphone     tracks `catalog.json`, `audio` (hang)
//!  org_…/ses_…/par_…/data           tracks `presence`, `report`, `pose`, `marks`, `chat`; on `marks` a camera's
//!                                   device says [`crate::mark::Frame`], who draws [`crate::mark::Drawing`]
//! ```

use serde::{Deserialize, Serialize};

use crate::{OrganisationId, ParticipantId, SessionId};

/// What a participant's broadcast is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Live video. Needs a camera grant.
    Camera,
    /// Live sound. Needs a microphone grant.
    Microphone,
    /// Presence, receiver reports, pose, marks in progress, chat.
    Data,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Camera, Self::Microphone, Self::Data];

    /// The last segment of the path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Data => "data",
        }
    }
}

/// The last segment of the server's own broadcast.
pub const STATE: &str = "state";
/// The last segment of the server's own broadcast for one camera. No [`Purpose`] has this name: nobody else publishes it.
pub const MARKS: &str = "marks";
/// The track of the server's own broadcast.
pub const STATE_TRACK: &str = "state";
/// The track of what a device says of its camera: [`crate::state::DevicePresence`].
pub const PRESENCE_TRACK: &str = "presence";
/// The track of what a viewer says of what arrives: [`crate::state::ReceiverReport`].
pub const REPORT_TRACK: &str = "report";

/// `org/session`: what every broadcast of a session begins with.
pub fn session(organisation: OrganisationId, session: SessionId) -> String {
    format!("{organisation}/{session}")
}

/// The path of one participant's broadcast.
pub fn path(organisation: OrganisationId, session: SessionId, participant: ParticipantId, purpose: Purpose) -> String {
    format!("{organisation}/{session}/{participant}/{}", purpose.as_str())
}

/// The path of the server's own broadcast of a session.
pub fn state(organisation: OrganisationId, session: SessionId) -> String {
    format!("{organisation}/{session}/{STATE}")
}

/// The path of the server's own broadcast for one camera of a session.
pub fn marks(organisation: OrganisationId, session: SessionId, camera: ParticipantId) -> String {
    format!("{organisation}/{session}/{camera}/{MARKS}")
}
