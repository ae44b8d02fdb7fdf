//! Logging in and out.

use std::time::Duration;

use handlens_audit::{Action, Actor};
use handlens_protocol::api::Login as Request;
use handlens_protocol::limits::EMAIL_CHARS;
use handlens_protocol::{Kind, LoginId, OrganisationId, Problem, RequestId};
use tokio::time::MissedTickBehavior;

use super::{LOGIN_SECONDS, Token};
use crate::access::{Staff, principal};
use crate::app::{App, fault};
use crate::audit::Note;
use crate::live::Effect;
use crate::store;
use crate::store::account::{self, Account};

/// How often what is open is compared with the logins it hangs on.
const CHECKED: Duration = Duration::from_secs(5);

/// Checks e-mail and password and begins a login.
///
/// # Errors
/// `wrong-credentials`: one sentence for an unknown address and a wrong password, after the same time.
pub async fn log_in(app: &App, request: Request, id: RequestId) -> Result<(Account, Token), Problem> {
    let email = request.email.trim().to_lowercase();
    let mut db = app.store.reader().await?;
    let found = if email.chars().count() <= EMAIL_CHARS { account::by_email(&mut db, &email).await? } else { None };
    drop(db);
    let (account, stored) = found.unzip();
    let right = app.passwords.verify(&request.password, stored).await?;
    let Some(account) = account else { return Err(wrong()) };
    if !(right && account.active) {
        refused(app, account.organisation, &account, id).await?;
        return Err(wrong());
    }
    let token = begin(app, &account, id).await?;
    Ok((account, token))
}

/// Begins a login of an account whose identity was just proven.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(app: &App, account: &Account, id: RequestId) -> Result<Token, Problem> {
    let token = Token::random().map_err(fault)?;
    let login = LoginId::random().map_err(fault)?;
    let mut change = app.log.change(&app.live, account.organisation, Some(id)).await?;
    let now_us = change.now_us();
    account::begin_login(change.db(), login, account.id, &token.hash(), now_us, now_us + LOGIN_SECONDS * 1_000_000)
        .await?;
    change
        .write(Note {
            actor: Actor::User(principal(account.id, account.role, "password")?),
            action: Action::UserLogin,
            object: ("login", login.to_string()),
            refused: None,
            session: None,
            details: None,
        })
        .await?;
    change.commit().await?;
    Ok(token)
}

/// Ends a login: cookies, event streams and realtime leases that hang on it.
///
/// # Errors
/// When the database does not answer.
pub async fn log_out(app: &App, staff: &Staff) -> Result<(), Problem> {
    let mut change = app.log.change(&app.live, staff.account.organisation, Some(staff.request)).await?;
    account::end_login(change.db(), staff.login).await?;
    change
        .write(Note {
            actor: staff.actor()?,
            action: Action::UserLogout,
            object: ("login", staff.login.to_string()),
            refused: None,
            session: None,
            details: None,
        })
        .await?;
    change.then(Effect::LoginEnded(staff.login));
    change.commit().await?;
    Ok(())
}

/// Ends what hangs on logins that do not last any more, until the server stops: their time is over, or a command beside
/// this server ended them. Nobody asks for anything on an open stream or lease, so the guard does not see it.
pub async fn end_what_is_over(app: App) {
    let mut ticks = tokio::time::interval(CHECKED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = end_once(&app).await {
            tracing::error!(%error, "open streams and leases could not be compared with the logins");
        }
    }
}

async fn end_once(app: &App) -> Result<(), store::Error> {
    let mut db = app.store.reader().await?;
    for login in app.live.logins() {
        if !account::login_lasts(&mut db, login, app.clock.now_us()).await? {
            app.live.end_login(login);
        }
    }
    Ok(())
}

async fn refused(app: &App, organisation: OrganisationId, account: &Account, id: RequestId) -> Result<(), Problem> {
    let mut change = app.log.change(&app.live, organisation, Some(id)).await?;
    change
        .write(Note {
            actor: Actor::Stranger,
            action: Action::UserLoginRefused,
            object: ("user", account.id.to_string()),
            refused: Some(if account.active { Kind::WrongCredentials.as_str() } else { "disabled" }),
            session: None,
            details: None,
        })
        .await?;
    change.commit().await?;
    Ok(())
}

fn wrong() -> Problem {
    Problem::new(Kind::WrongCredentials, "E-mail and password do not belong together. Check both and try again.")
}
