//! Permissions as arguments. Their fields that matter are private: only the guard makes them.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use handlens_audit::Actor;
use handlens_protocol::{Kind, LoginId, OrganisationId, ParticipantId, Problem, RequestId, Role, SessionId};

use super::{Owner, Reach, principal};
use crate::app::App;
use crate::http::Refusal;
use crate::store::account::Account;
use crate::store::participant::Guest;

/// Somebody who proved nothing, let in by a row that says so.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// The request.
    pub request: RequestId,
    /// Where it came from.
    pub address: IpAddr,
}

/// Logged-in staff whom the table let in.
#[derive(Clone, Debug)]
pub struct Staff {
    /// The account.
    pub account: Account,
    /// The login.
    pub login: LoginId,
    /// The request.
    pub request: RequestId,
    pub(super) reach: Reach,
}

/// Staff with a session they may act on. Whether it is theirs is asked by the query itself: [`SessionPermit::owner`].
#[derive(Clone, Debug)]
pub struct SessionPermit {
    /// Who.
    pub staff: Staff,
    /// Which session.
    pub session: SessionId,
}

/// A guest, for their own session and person.
#[derive(Clone, Debug)]
pub struct GuestPermit {
    guest: Guest,
    /// The request.
    pub request: RequestId,
}

/// A guest, for what their device still has to send. No other service takes it.
#[derive(Clone, Debug)]
pub struct UploadPermit(GuestPermit);

impl Staff {
    /// Whose sessions this person may see.
    pub fn owner(&self) -> Owner {
        Owner {
            organisation: self.account.organisation,
            technician: match self.reach {
                Reach::Organisation => None,
                Reach::Own => Some(self.account.id),
            },
        }
    }

    /// This person in the log.
    ///
    /// # Errors
    /// Never for our own identifiers.
    pub fn actor(&self) -> Result<Actor, Problem> {
        Ok(Actor::User(principal(self.account.id, self.account.role, "password")?))
    }
}

impl SessionPermit {
    /// Whose sessions the query may find.
    pub fn owner(&self) -> Owner {
        self.staff.owner()
    }
}

impl GuestPermit {
    pub(super) fn new(guest: Guest, request: RequestId) -> Self {
        Self { guest, request }
    }

    /// Who.
    pub fn participant(&self) -> ParticipantId {
        self.guest.participant.id
    }

    /// Where.
    pub fn session(&self) -> SessionId {
        self.guest.participant.session
    }

    /// The owner of the session.
    pub fn organisation(&self) -> OrganisationId {
        self.guest.organisation
    }

    /// The binding of the device.
    pub fn login(&self) -> LoginId {
        self.guest.login
    }

    /// The device's key.
    pub fn public_key(&self) -> Option<&[u8]> {
        self.guest.participant.public_key.as_deref()
    }

    /// The session, for the query.
    pub fn owner(&self) -> Owner {
        Owner { organisation: self.guest.organisation, technician: None }
    }

    /// This guest in the log.
    ///
    /// # Errors
    /// Never for our own identifiers.
    pub fn actor(&self) -> Result<Actor, Problem> {
        Ok(Actor::Guest(principal(self.participant(), Role::Guest, "device_key")?))
    }
}

impl UploadPermit {
    pub(super) const fn new(guest: GuestPermit) -> Self {
        Self(guest)
    }

    /// Whose device.
    pub const fn guest(&self) -> &GuestPermit {
        &self.0
    }
}

/// A permission that the guard left on the request; none means the route has no row or another kind of row.
fn left<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Refusal> {
    parts.extensions.get::<T>().cloned().ok_or_else(|| Refusal(Problem::new(Kind::Forbidden, "This is not allowed.")))
}

impl FromRequestParts<App> for Stranger {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        left(parts)
    }
}

impl FromRequestParts<App> for Staff {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        left(parts)
    }
}

impl FromRequestParts<App> for GuestPermit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        left(parts)
    }
}

impl FromRequestParts<App> for UploadPermit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        left(parts)
    }
}

impl FromRequestParts<App> for SessionPermit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let staff = left::<Staff>(parts)?;
        let unknown = || Refusal(Problem::new(Kind::NotFound, "There is no such session."));
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| unknown())?;
        let session = params.iter().find(|(name, _)| *name == "session").and_then(|(_, id)| id.parse().ok());
        Ok(Self { staff, session: session.ok_or_else(unknown)? })
    }
}
