//! The first start: a one-time secret makes the organisation and its first Super Admin, never again.

use std::sync::{Mutex, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use handlens_audit::{Action, Actor, Token as Word};
use handlens_protocol::api::Setup as Request;
use handlens_protocol::limits::{EMAIL_CHARS, NAME_CHARS, PHONE_CHARS};
use handlens_protocol::{Kind, OrganisationId, Problem, RequestId, Role, Secret, UserId};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::token;
use crate::app::App;
use crate::audit::Note;
use crate::store::account;

/// Whether the first start is open, and what opens it.
#[derive(Default)]
pub struct Setup(Mutex<Option<[u8; 32]>>);

impl Setup {
    /// Opens the first start; the secret is told once, here.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn open(&self) -> Result<Zeroizing<String>, getrandom::Error> {
        let secret = super::Token::random()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.hash());
        Ok(secret.reveal())
    }

    /// Whether it still waits.
    pub fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn fits(&self, secret: &Secret<String>) -> bool {
        let stored = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (stored, token::hash(secret.expose(), 32)) {
            (Some(stored), Some(given)) => stored.ct_eq(&given).into(),
            _ => false,
        }
    }

    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Makes the organisation and its first Super Admin.
///
/// # Errors
/// `setup-closed` after the first time, `wrong-credentials` for another secret, `invalid` for a field that cannot be.
pub async fn set_up(app: &App, request: Request, id: RequestId) -> Result<account::Account, Problem> {
    if !app.setup.is_open() {
        return Err(Problem::new(Kind::SetupClosed, "This server was set up already. Log in."));
    }
    if !app.setup.fits(&request.secret) {
        return Err(Problem::new(
            Kind::WrongCredentials,
            "The setup link is not the newest one. The server printed it when it started.",
        ));
    }
    let email = email(&request.email)?;
    let organisation_name = name("organisation", &request.organisation)?;
    let phone = phone(&request.phone)?;
    let person = name("name", &request.name)?;
    let password = app.passwords.hash(&request.password).await?;
    let organisation = OrganisationId::random().map_err(|_| no_randomness())?;
    let account = account::Account {
        id: UserId::random().map_err(|_| no_randomness())?,
        organisation,
        email,
        name: person,
        role: Role::SuperAdmin,
        active: true,
    };
    let key = app.root.new_organisation(&organisation.to_string()).map_err(crate::app::fault)?;
    let mut change = app.log.change(&app.live, organisation, Some(id)).await?;
    if account::any_organisation(change.db()).await? {
        return Err(Problem::new(Kind::SetupClosed, "This server was set up already. Log in."));
    }
    let now_us = change.now_us();
    let new = account::Organisation { id: organisation, name: organisation_name, phone, key: key.to_vec() };
    account::add_organisation(change.db(), &new, now_us).await?;
    account::add(change.db(), &account, &password, now_us).await?;
    change
        .write(Note {
            actor: Actor::System(Word::new("setup").map_err(crate::app::fault)?),
            action: Action::OrganisationCreate,
            object: ("user", account.id.to_string()),
            refused: None,
            session: None,
            details: None,
        })
        .await?;
    change.commit().await?;
    app.setup.close();
    Ok(account)
}

/// Gives the first Super Admin a new random password and ends all of that account's logins. For whoever holds the
/// machine; `handlens admin recover` calls it.
///
/// # Errors
/// `not-found` when there is no Super Admin yet.
pub async fn recover(app: &App) -> Result<(account::Account, Zeroizing<String>), Problem> {
    let mut db = app.store.reader().await?;
    let found = account::first_super_admin(&mut db).await?;
    drop(db);
    let Some(found) = found else {
        return Err(Problem::new(
            Kind::NotFound,
            "There is no Super Admin yet. Start the server and open the setup link.",
        ));
    };
    let mut random = Zeroizing::new([0; 18]);
    getrandom::fill(&mut *random).map_err(|_| no_randomness())?;
    let password = Zeroizing::new(BASE64URL_NOPAD.encode(&*random));
    let stored = app.passwords.hash(&Secret::new(password.to_string())).await?;
    let mut change = app.log.change(&app.live, found.organisation, None).await?;
    account::reset(change.db(), found.id, &stored).await?;
    change
        .write(Note {
            actor: Actor::System(Word::new("command-line").map_err(crate::app::fault)?),
            action: Action::AdminRecover,
            object: ("user", found.id.to_string()),
            refused: None,
            session: None,
            details: None,
        })
        .await?;
    change.commit().await?;
    Ok((found, password))
}

fn email(text: &str) -> Result<String, Problem> {
    let text = text.trim().to_lowercase();
    let plausible = text.chars().count() <= EMAIL_CHARS
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if plausible { Ok(text) } else { Err(Problem::new(Kind::Invalid, "The e-mail address does not look like one.")) }
}

fn name(field: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=NAME_CHARS).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Problem::new(Kind::Invalid, format!("The {field} must have 1 to {NAME_CHARS} characters.")))
}

/// A number to call as it was typed, or nothing.
fn phone(text: &str) -> Result<Option<String>, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let dialled = text.chars().all(|c| c.is_ascii_digit() || " +-()[]".contains(c));
    if dialled && text.chars().count() <= PHONE_CHARS && text.chars().any(|c| c.is_ascii_digit()) {
        return Ok(Some(text.to_owned()));
    }
    Err(Problem::new(
        Kind::Invalid,
        format!("The phone number may have digits, spaces, +, - and brackets, at most {PHONE_CHARS}."),
    ))
}

fn no_randomness() -> Problem {
    Problem::new(Kind::Internal, "The operating system gave no random numbers.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number is kept as it was typed; none is none; what cannot be dialled is refused.
    #[test]
    fn a_phone_number_is_optional_and_bounded() {
        assert_eq!(phone(" +49 (0)30 901-820 ").unwrap().as_deref(), Some("+49 (0)30 901-820"));
        assert_eq!(phone("  ").unwrap(), None);
        let long = "1".repeat(PHONE_CHARS + 1);
        for wrong in ["call us", "0190;ext=5", "+-()", "\u{0661}\u{0662}", "<b>1</b>", &long] {
            assert_eq!(phone(wrong).unwrap_err().code, Kind::Invalid, "{wrong}");
        }
    }
}
