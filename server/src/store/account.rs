//! Organisations, accounts and their logins.

use handlens_protocol::{LoginId, OrganisationId, Role, UserId};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::{Error, bytes, number, parsed, signed, text};

/// An organisation.
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Its name, as patients read it.
    pub name: String,
    /// The number they can call.
    pub phone: Option<String>,
    /// Its key, wrapped by the root key.
    pub key: Vec<u8>,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// Its address, lower case.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may log in.
    pub active: bool,
}

impl Account {
    /// What patients read: the first word of the name.
    pub fn first_name(&self) -> &str {
        self.name.split_whitespace().next().unwrap_or("")
    }
}

/// A login of an account.
pub struct Login {
    /// Its id.
    pub id: LoginId,
    /// Whose.
    pub account: Account,
    /// When it stops.
    pub expires_us: u64,
}

/// Whether there is any organisation yet.
pub async fn any_organisation(db: &mut AnyConnection) -> Result<bool, Error> {
    Ok(sqlx::query("SELECT id FROM organisation LIMIT 1").fetch_optional(db).await?.is_some())
}

/// Every organisation.
pub async fn organisations(db: &mut AnyConnection) -> Result<Vec<Organisation>, Error> {
    let rows = sqlx::query("SELECT id, name, phone, key FROM organisation ORDER BY created_us").fetch_all(db).await?;
    rows.iter().map(organisation_of).collect()
}

/// One organisation.
pub async fn organisation(db: &mut AnyConnection, id: OrganisationId) -> Result<Option<Organisation>, Error> {
    let row = sqlx::query("SELECT id, name, phone, key FROM organisation WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(organisation_of).transpose()
}

/// Adds an organisation.
pub async fn add_organisation(db: &mut AnyConnection, new: &Organisation, now_us: u64) -> Result<(), Error> {
    sqlx::query("INSERT INTO organisation (id, name, phone, key, created_us) VALUES ($1, $2, $3, $4, $5)")
        .bind(new.id.to_string())
        .bind(&new.name)
        .bind(new.phone.as_deref())
        .bind(&new.key)
        .bind(signed(now_us))
        .execute(db)
        .await?;
    Ok(())
}

/// Adds an account with the PHC string of its password.
pub async fn add(db: &mut AnyConnection, new: &Account, password: &str, now_us: u64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO account (id, organisation, email, name, role, state, password, created_us)
         VALUES ($1, $2, $3, $4, $5, 'active', $6, $7)",
    )
    .bind(new.id.to_string())
    .bind(new.organisation.to_string())
    .bind(&new.email)
    .bind(&new.name)
    .bind(new.role.as_str())
    .bind(password)
    .bind(signed(now_us))
    .execute(db)
    .await?;
    Ok(())
}

/// The account of an address with the PHC string of its password.
pub async fn by_email(db: &mut AnyConnection, email: &str) -> Result<Option<(Account, String)>, Error> {
    let row = sqlx::query("SELECT * FROM account WHERE email = $1").bind(email).fetch_optional(db).await?;
    row.map(|row| Ok((account_of(&row)?, text(&row, "password")?))).transpose()
}

/// An account by its id.
pub async fn by_id(db: &mut AnyConnection, id: UserId) -> Result<Option<Account>, Error> {
    let row = sqlx::query("SELECT * FROM account WHERE id = $1").bind(id.to_string()).fetch_optional(db).await?;
    row.as_ref().map(account_of).transpose()
}

/// The first Super Admin of the installation.
pub async fn first_super_admin(db: &mut AnyConnection) -> Result<Option<Account>, Error> {
    let row = sqlx::query("SELECT * FROM account WHERE role = 'super_admin' ORDER BY created_us LIMIT 1")
        .fetch_optional(db)
        .await?;
    row.as_ref().map(account_of).transpose()
}

/// Sets a new password, enables the account, and ends every login it had.
pub async fn reset(db: &mut AnyConnection, id: UserId, password: &str) -> Result<(), Error> {
    sqlx::query("UPDATE account SET password = $2, state = 'active' WHERE id = $1")
        .bind(id.to_string())
        .bind(password)
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM login WHERE account = $1").bind(id.to_string()).execute(db).await?;
    Ok(())
}

/// Begins a login.
pub async fn begin_login(
    db: &mut AnyConnection,
    id: LoginId,
    account: UserId,
    token_hash: &[u8],
    now_us: u64,
    expires_us: u64,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM login WHERE expires_us <= $1").bind(signed(now_us)).execute(&mut *db).await?;
    sqlx::query("INSERT INTO login (id, token_hash, account, created_us, expires_us) VALUES ($1, $2, $3, $4, $5)")
        .bind(id.to_string())
        .bind(token_hash)
        .bind(account.to_string())
        .bind(signed(now_us))
        .bind(signed(expires_us))
        .execute(db)
        .await?;
    Ok(())
}

/// The login a token stands for, while it lasts and its account is active.
pub async fn login(db: &mut AnyConnection, token_hash: &[u8], now_us: u64) -> Result<Option<Login>, Error> {
    let row = sqlx::query(
        "SELECT account.*, login.id AS login, login.expires_us AS login_expires_us
         FROM login JOIN account ON account.id = login.account
         WHERE login.token_hash = $1 AND login.expires_us > $2 AND account.state = 'active'",
    )
    .bind(token_hash)
    .bind(signed(now_us))
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(Login {
            id: parsed(&row, "login")?,
            account: account_of(&row)?,
            expires_us: number(&row, "login_expires_us")?,
        })
    })
    .transpose()
}

/// Whether a login of staff, or a guest's binding, still opens anything.
pub async fn login_lasts(db: &mut AnyConnection, id: LoginId, now_us: u64) -> Result<bool, Error> {
    let found = sqlx::query(
        "SELECT login.id FROM login JOIN account ON account.id = login.account
         WHERE login.id = $1 AND login.expires_us > $2 AND account.state = 'active'
         UNION SELECT id FROM guest_login WHERE id = $1 AND expires_us > $2",
    );
    Ok(found.bind(id.to_string()).bind(signed(now_us)).fetch_optional(db).await?.is_some())
}

/// Ends a login.
pub async fn end_login(db: &mut AnyConnection, id: LoginId) -> Result<(), Error> {
    sqlx::query("DELETE FROM login WHERE id = $1").bind(id.to_string()).execute(db).await?;
    Ok(())
}

fn organisation_of(row: &AnyRow) -> Result<Organisation, Error> {
    Ok(Organisation {
        id: parsed(row, "id")?,
        name: text(row, "name")?,
        phone: row.try_get("phone")?,
        key: bytes(row, "key")?,
    })
}

fn account_of(row: &AnyRow) -> Result<Account, Error> {
    Ok(Account {
        id: parsed(row, "id")?,
        organisation: parsed(row, "organisation")?,
        email: text(row, "email")?,
        name: text(row, "name")?,
        role: Role::parse(&text(row, "role")?).ok_or(Error::Unreadable("role"))?,
        active: text(row, "state")? == "active",
    })
}
