//! What went wrong, as RFC 9457 problem details with a stable code.

use serde::{Deserialize, Serialize};

/// A refusal or failure as it travels: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[error("{detail}")]
pub struct Problem {
    /// Stable code, for programs.
    pub code: Kind,
    /// The HTTP status again.
    pub status: u16,
    /// The code as a few words.
    pub title: String,
    /// What happened, what was not lost, what to do: for people.
    pub detail: String,
    /// Whose link was refused (an extension member): whom its holder can call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
}

/// An organisation as patients know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Host {
    /// Its name.
    pub organisation: String,
    /// The number they can call, as it was typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_phone: Option<String>,
}

impl Problem {
    /// A problem of `kind` with a sentence for people.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { code: kind, status: kind.status(), title: kind.title().to_owned(), detail: detail.into(), host: None }
    }

    /// The same, said by `host`.
    #[must_use]
    pub fn by(self, host: Host) -> Self {
        Self { host: Some(host), ..self }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// The stable code of a problem. Codes are never renamed; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Kind {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status it travels with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// The code as a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

kinds! {
    /// The body is not what the route takes.
    Malformed = "malformed", 400, "Not understood";
    /// A field is longer or larger than allowed.
    TooLarge = "too-large", 413, "Too large";
    /// A field has a value that cannot be.
    Invalid = "invalid", 422, "Not possible";
    /// No login, or one that is over.
    NotLoggedIn = "not-logged-in", 401, "Not logged in";
    /// E-mail and password do not belong together.
    WrongCredentials = "wrong-credentials", 401, "Wrong e-mail or password";
    /// The policy table says no.
    Forbidden = "forbidden", 403, "Not allowed";
    /// The request came from another site.
    ForeignOrigin = "foreign-origin", 403, "Foreign origin";
    /// There is no such thing, or it is somebody else's.
    NotFound = "not-found", 404, "Not found";
    /// The route does not take this method.
    MethodNotAllowed = "method-not-allowed", 405, "Method not allowed";
    /// Too many attempts; wait.
    TooMany = "too-many", 429, "Too many attempts";
    /// The thing is no longer in the state the request assumed.
    Conflict = "conflict", 409, "Changed meanwhile";
    /// The first start is over.
    SetupClosed = "setup-closed", 409, "Already set up";
    /// The link does not exist.
    InviteUnknown = "invite-unknown", 404, "Unknown link";
    /// The link's hour is over.
    InviteExpired = "invite-expired", 410, "Link ended";
    /// Another device holds the link.
    InviteUsed = "invite-used", 409, "Link open on another device";
    /// The link was turned off.
    InviteRevoked = "invite-revoked", 410, "Link turned off";
    /// The session is over.
    SessionEnded = "session-ended", 410, "Session ended";
    /// The guest was not admitted (yet).
    NotAdmitted = "not-admitted", 403, "Not admitted";
    /// A signature does not fit the key and the words.
    BadSignature = "bad-signature", 422, "Signature does not fit";
    /// The signed words are not the words that were shown.
    BadWording = "bad-wording", 422, "Other words";
    /// The statement is too old, too far ahead, or was seen before.
    StaleStatement = "stale-statement", 422, "Statement not fresh";
    /// There is no grant for this.
    NoConsent = "no-consent", 403, "No consent";
    /// The part of an upload begins at another place than the server is at; ask where it is.
    OffsetMismatch = "offset-mismatch", 409, "Upload is elsewhere";
    /// What arrived is not what was announced. It was thrown away; send it again from the beginning.
    WrongDigest = "wrong-digest", 422, "Arrived changed";
    /// The upload speaks another version of tus than 1.0.0.
    UploadVersion = "upload-version", 412, "Other version of the upload";
    /// The server failed; nothing was changed.
    Internal = "internal", 500, "Fault in the server";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code in JSON is the code in the documents, for every kind.
    #[test]
    fn a_code_is_one_text() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.as_str()));
            assert!((400..600).contains(&kind.status()));
        }
    }

    /// Whose link it was stands in a member of its own, and where nobody is named there is none (RFC 9457, 3.2).
    #[test]
    fn a_host_is_an_extension() {
        let plain = Problem::new(Kind::InviteExpired, "This link has ended.");
        assert!(!serde_json::to_string(&plain).unwrap().contains("host"));
        let host = Host { organisation: "City Clinic".to_owned(), organisation_phone: None };
        let said = serde_json::to_value(plain.by(host)).unwrap();
        assert_eq!(said["host"], serde_json::json!({"organisation": "City Clinic"}));
    }
}
