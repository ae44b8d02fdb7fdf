//! What can go wrong before a visit begins. Afterwards nothing fails: it is an event, and tried again.

use handlens_protocol::Problem;

/// Why there is no visit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no link of an invitation.
    #[error(
        "this is not the link of an invitation: it looks like https://help.example.org/j#… and ends with 22 characters"
    )]
    Link,
    /// Plain HTTP to another machine: whoever is in between would see everything.
    #[error("this link is not protected (http). Ask for one that begins with https")]
    Unprotected,
    /// The server said no; the sentence is for people.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// No answer came.
    #[error("the server cannot be reached. Nothing was sent")]
    Unreachable,
    /// An answer came that nobody understands, or that is too large.
    #[error("the server's answer was not understood; this program may be too old for it")]
    NotUnderstood,
    /// TLS could not be set up.
    #[error("no secure connection can be made: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client could not be made.
    #[error("no connection can be made: {0}")]
    Http(#[from] reqwest::Error),
    /// The device's key could not be read or kept.
    #[error("the key of this device cannot be kept: {0}")]
    Keeper(#[source] std::io::Error),
    /// The device's key is broken, or there is no randomness for one.
    #[error("the key of this device cannot be used: {0}")]
    Key(#[from] handlens_seal::Error),
    /// No randomness.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// There is no vault to keep photos in.
    #[error("this device has no place to keep photos in. The photo was not kept")]
    NoVault,
    /// Nobody said yet whom photos are for.
    #[error("this device has not joined yet. The photo was not kept")]
    NotJoined,
    /// The request was answered before, perhaps by a program that was killed since.
    #[error("this request for a photo was answered already. No second photo was kept")]
    Answered,
    /// The photo was not kept.
    #[error("the photo was not kept: {0}")]
    Vault(#[source] handlens_vault::Error),
    /// The photo is no JPEG that can be sent.
    #[error("the photo was not kept: {0}")]
    Jpeg(#[source] handlens_media::still::Error),
    /// What is said of a photo does not fit.
    #[error("the photo was not kept: {0}")]
    Photo(#[source] handlens_protocol::snapshot::Invalid),
    /// The program ends.
    #[error("the program ends. The photo was not kept")]
    Stopping,
    /// The frame path could not be started.
    #[error(transparent)]
    Media(#[from] handlens_media::encode::Error),
    /// The operating system gave no thread.
    #[error("no thread for the marks: {0}")]
    Thread(#[source] std::io::Error),
}
