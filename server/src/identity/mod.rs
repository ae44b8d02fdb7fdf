//! Who somebody is: passwords, tokens, the first start, login and its end.

mod login;
mod password;
mod setup;
mod token;

pub use login::{begin, end_what_is_over, log_in, log_out};
pub use password::Passwords;
pub use setup::{Setup, recover, set_up};
pub use token::{Token, hash};

/// Seconds a login of staff lasts.
pub const LOGIN_SECONDS: u64 = 12 * 3600;
/// Seconds a guest's device stays bound. To send what it holds of an ended session it may take longer: `access::Who::Uploader`.
pub const GUEST_SECONDS: u64 = 24 * 3600;
