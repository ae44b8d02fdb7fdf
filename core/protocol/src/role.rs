//! Who somebody is to the server. What each may do stands in the server's one policy table.

use serde::{Deserialize, Serialize};

/// The role of a principal: three kinds of staff and the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the installation; the first account.
    SuperAdmin,
    /// Approves people, reads the log, sees every session of the organisation.
    Admin,
    /// Holds sessions of their own.
    Technician,
    /// Came by a link: a patient, a field worker, a guest expert. Bound to one session and one device.
    Guest,
}

impl Role {
    /// Every role, weakest last.
    pub const ALL: [Self; 4] = [Self::SuperAdmin, Self::Admin, Self::Technician, Self::Guest];

    /// The word used in the database, the API and the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SuperAdmin => "super_admin",
            Self::Admin => "admin",
            Self::Technician => "technician",
            Self::Guest => "guest",
        }
    }

    /// The role with that word, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
