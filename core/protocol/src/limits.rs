//! How much of anything from outside is looked at. Beyond a limit there is a typed error and nothing has changed.

/// Bytes of a JSON request body.
pub const BODY_BYTES: usize = 64 * 1024;
/// Characters of a session's title.
pub const TITLE_CHARS: usize = 120;
/// Characters of a session's agenda or description.
pub const AGENDA_CHARS: usize = 4_000;
/// Characters of a person's or an organisation's name.
pub const NAME_CHARS: usize = 120;
/// Characters of a phone number as it was typed.
pub const PHONE_CHARS: usize = 32;
/// Characters of an e-mail address (RFC 5321 allows 254).
pub const EMAIL_CHARS: usize = 254;
/// Characters of a password: at least (NIST SP 800-63B, single factor).
pub const PASSWORD_MIN_CHARS: usize = 15;
/// Characters of a password: at most.
pub const PASSWORD_MAX_CHARS: usize = 256;
/// Characters of a note.
pub const NOTE_CHARS: usize = 16_000;
/// Bytes of the secret in a link's fragment (128 bits).
pub const INVITE_SECRET_BYTES: usize = 16;
/// Seconds an invite can be redeemed.
pub const INVITE_SECONDS: u64 = 3_600;
/// Open invites of one session.
pub const INVITES_PER_SESSION: usize = 20;
/// People in one session, staff included.
pub const PARTICIPANTS_PER_SESSION: usize = 16;
/// Bytes of a P-256 public key, uncompressed SEC1.
pub const PUBLIC_KEY_BYTES: usize = 65;
/// Bytes of a signature, raw r‖s.
pub const SIGNATURE_BYTES: usize = 64;
/// Bytes of a consent's nonce.
pub const NONCE_BYTES: usize = 16;
/// Seconds a signed statement of a device may lie in the future.
pub const STATEMENT_SECONDS: u64 = 300;
/// Characters of what a device says it is.
pub const DEVICE_CHARS: usize = 200;
/// Seconds a realtime ticket lives.
pub const TICKET_SECONDS: u64 = 10;
/// Sessions on one page of a list, and log entries on one page of a log.
pub const PAGE: u32 = 100;
/// Snapshots of one session.
pub const SNAPSHOTS_PER_SESSION: usize = 200;
/// Bytes of a sealed snapshot: a photograph of 50 megapixels and what is said of it.
pub const SNAPSHOT_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of what is said of a snapshot, JSON.
pub const SNAPSHOT_ABOUT_BYTES: usize = 256 * 1024;
/// Bytes of one `PATCH` of an upload.
pub const UPLOAD_PART_BYTES: usize = 1024 * 1024;
/// Unfinished uploads of one guest, and all uploads of one who was never let in.
pub const UPLOADS_PER_GUEST: usize = 16;
/// Seconds after the end of a session in which what was captured before may still be announced and sent.
pub const LATE_UPLOAD_SECONDS: u64 = 7 * 24 * 3_600;
