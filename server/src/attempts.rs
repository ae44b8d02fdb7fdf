//! How often somebody may try: by address for everything a stranger can ask, by account for passwords, by guest for what a
//! cookie of theirs can ask.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use handlens_protocol::{Kind, ParticipantId, Problem};

/// The limiters of the process.
pub struct Attempts {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    accounts: DefaultKeyedRateLimiter<String>,
    guests: DefaultKeyedRateLimiter<ParticipantId>,
    uploaders: DefaultKeyedRateLimiter<ParticipantId>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            // A clinic behind one address: 120 at once, then two a second.
            addresses: RateLimiter::keyed(quota(Duration::from_millis(500), 120)),
            // One account: ten at once, then one in fifteen seconds (NIST SP 800-63B, 5.2.2 asks for at most 100).
            accounts: RateLimiter::keyed(quota(Duration::from_secs(15), 10)),
            // One guest: 60 at once, then two a second; a page that comes back asks for five things.
            guests: RateLimiter::keyed(quota(Duration::from_millis(500), 60)),
            // Parts of photos: 600 at once, then twenty a second, which is 20 MiB.
            uploaders: RateLimiter::keyed(quota(Duration::from_millis(50), 600)),
        }
    }
}

impl Attempts {
    /// One more request of a stranger at `address`.
    ///
    /// # Errors
    /// `too-many`.
    pub fn address(&self, address: IpAddr) -> Result<(), Problem> {
        // A whole IPv6 /64 is one customer.
        let key = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(six) => {
                let [a, b, c, d, ..] = six.segments();
                IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
            }
        };
        if self.addresses.len() > 10_000 {
            self.addresses.retain_recent();
        }
        self.addresses.check_key(&key).map_err(|_| too_many())
    }

    /// One more password for the account with this address.
    ///
    /// # Errors
    /// `too-many`.
    pub fn account(&self, email: &str) -> Result<(), Problem> {
        if self.accounts.len() > 10_000 {
            self.accounts.retain_recent();
        }
        let key: String = email.trim().to_lowercase().chars().take(254).collect();
        self.accounts.check_key(&key).map_err(|_| too_many())
    }

    /// One more request of a guest.
    ///
    /// # Errors
    /// `too-many`.
    pub fn guest(&self, who: ParticipantId) -> Result<(), Problem> {
        one_more(&self.guests, who)
    }

    /// One more request of a guest about a photo that is sent.
    ///
    /// # Errors
    /// `too-many`.
    pub fn uploader(&self, who: ParticipantId) -> Result<(), Problem> {
        one_more(&self.uploaders, who)
    }
}

fn one_more(limiter: &DefaultKeyedRateLimiter<ParticipantId>, who: ParticipantId) -> Result<(), Problem> {
    if limiter.len() > 10_000 {
        limiter.retain_recent();
    }
    limiter.check_key(&who).map_err(|_| too_many())
}

fn quota(every: Duration, burst: u32) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(every).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst)
}

fn too_many() -> Problem {
    Problem::new(Kind::TooMany, "Too many tries. Wait a minute, then try again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account takes ten passwords and no eleventh, however it is written; another account is not touched.
    #[test]
    fn passwords_cannot_be_tried_for_ever() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            attempts.account("sam@clinic.example").unwrap();
        }
        assert_eq!(attempts.account(" Sam@Clinic.example").unwrap_err().code, Kind::TooMany);
        assert!(attempts.account("kim@clinic.example").is_ok());
    }
}
