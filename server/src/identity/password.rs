//! Passwords: Argon2id with the parameters of OWASP's cheat sheet (19 MiB, 2 passes, 1 lane), never more than two at once.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use handlens_protocol::limits::{PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS};
use handlens_protocol::{Kind, Problem, Secret};
use tokio::sync::Semaphore;

/// The hasher of the process.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    /// Verified when there is no such account, so that the answer takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    /// Ready to hash.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn new() -> Result<Self, Problem> {
        let nobody = hash_now("nobody has this password").ok_or_else(failed)?;
        Ok(Self { places: Arc::new(Semaphore::new(2)), nobody: nobody.into() })
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// `invalid` when it is too short or too long.
    pub async fn hash(&self, password: &Secret<String>) -> Result<String, Problem> {
        let length = password.expose().chars().count();
        if !(PASSWORD_MIN_CHARS..=PASSWORD_MAX_CHARS).contains(&length) {
            return Err(Problem::new(
                Kind::Invalid,
                format!(
                    "A password has {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters. Four or five words are good."
                ),
            ));
        }
        let password = password.clone();
        self.run(move || hash_now(password.expose())).await?.ok_or_else(failed)
    }

    /// Whether `password` is the one `stored` was made of. Without `stored` it takes as long and says no.
    ///
    /// # Errors
    /// `internal` when the hasher is gone.
    pub async fn verify(&self, password: &Secret<String>, stored: Option<String>) -> Result<bool, Problem> {
        if password.expose().chars().count() > PASSWORD_MAX_CHARS {
            return Ok(false);
        }
        let (password, known) = (password.clone(), stored.is_some());
        let stored = stored.unwrap_or_else(|| self.nobody.to_string());
        self.run(move || {
            let fits = PasswordHash::new(&stored)
                .is_ok_and(|stored| argon2().verify_password(password.expose().as_bytes(), &stored).is_ok());
            fits && known
        })
        .await
    }

    /// Runs the work at one of the places, and keeps it until the work is done: a caller who goes away stops nothing.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| failed())?;
        let work = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        work.await.map_err(|_| failed())
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> Option<String> {
    argon2().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

fn failed() -> Problem {
    Problem::new(Kind::Internal, "The password could not be checked. Try again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    /// The right password opens, a wrong one does not, and nobody's opens nothing: not even the decoy's own words.
    #[tokio::test]
    async fn only_the_right_password_fits() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash(&secret("correct horse battery")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(&secret("correct horse battery"), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify(&secret("correct horse"), Some(stored)).await.unwrap());
        assert!(!passwords.verify(&secret("nobody has this password"), None).await.unwrap());
        assert!(passwords.hash(&secret("short")).await.is_err());
    }
    /// Callers who hang up give no place back before their password is done with: no more than two are hashed at once.
    #[tokio::test]
    async fn hanging_up_makes_no_room() {
        let passwords = Passwords::new().unwrap();
        let (first, second) = (secret("correct horse battery"), secret("staple"));
        for password in [&first, &second] {
            let asked = passwords.verify(password, None);
            tokio::time::timeout(std::time::Duration::ZERO, asked).await.unwrap_err();
        }
        assert_eq!(passwords.places.available_permits(), 0);
        drop(passwords.places.acquire_many(2).await.unwrap());
    }
}
