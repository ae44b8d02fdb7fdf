//! What a sealed object is and where it belongs. In the clear, and bound into its container and its wraps.

use crate::{Error, encoding};

/// Domain and version of the header's encoding. A new version is a new name here, never a change of what this one means.
const DOMAIN: &str = "handlens/object@v1";

/// Organisation, session, object and purpose of one sealed object.
///
/// Its canonical bytes are the container's `context` and, hashed, a part of every wrap, so a container moved to another
/// object, session or organisation does not open. The identifiers are opaque here: 1 to
/// [`encoding::MAX_IDENTIFIER`] printable ASCII characters. A header is not secret; it must not hold ePHI.
///
/// ```text
///  encoding::encode("handlens/object@v1", [organisation, session or empty, object, purpose])
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Header {
    organisation: String,
    session: Option<String>,
    object: String,
    purpose: String,
    encoded: Vec<u8>,
}

impl Header {
    /// A header of the current version.
    ///
    /// # Errors
    /// [`Error::Identifier`] names the first field that is empty, too long or not printable ASCII.
    pub fn new(organisation: &str, session: Option<&str>, object: &str, purpose: &str) -> Result<Self, Error> {
        encoding::identifier("organisation", organisation)?;
        session.map_or(Ok(()), |session| encoding::identifier("session", session))?;
        encoding::identifier("object", object)?;
        encoding::identifier("purpose", purpose)?;
        // An identifier is never empty, so an empty field can only mean "belongs to no session".
        let fields = [organisation, session.unwrap_or_default(), object, purpose].map(str::as_bytes);
        Ok(Self {
            organisation: organisation.into(),
            session: session.map(Into::into),
            object: object.into(),
            purpose: purpose.into(),
            encoded: encoding::encode(DOMAIN, &fields)?,
        })
    }

    /// Reads a header that came with a container. Only the canonical bytes are accepted, so what is compared, stored and
    /// bound is the same thing.
    ///
    /// # Errors
    /// [`Error::HeaderForm`] for anything else, also for a version this program does not know;
    /// [`Error::Identifier`] for a field out of bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        let mut text =
            || encoding::take(&mut rest).and_then(|field| str::from_utf8(field).ok()).ok_or(Error::HeaderForm);
        if text()? != DOMAIN {
            return Err(Error::HeaderForm);
        }
        let (organisation, session, object, purpose) = (text()?, text()?, text()?, text()?);
        if !rest.is_empty() {
            return Err(Error::HeaderForm);
        }
        Self::new(organisation, (!session.is_empty()).then_some(session), object, purpose)
    }

    /// The canonical bytes.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Whose object it is.
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// The session it belongs to, if it belongs to one.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Which object it is. Unique within the organisation and purpose.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// What it is kept for (`snapshots`, `notes`, …).
    pub fn purpose(&self) -> &str {
        &self.purpose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header goes over the wire and comes back, with and without a session.
    #[test]
    fn a_header_comes_back() {
        for session in [None, Some("s-1")] {
            let header = Header::new("o-1", session, "x-1", "notes").unwrap();
            assert_eq!(Header::decode(header.encoded()).unwrap(), header);
        }
    }

    /// Any single changed bit of the bytes is refused or is another header; trailing and missing bytes are refused.
    #[test]
    fn only_canonical_bytes_are_a_header() {
        let header = Header::new("o-1", Some("s-1"), "x-1", "notes").unwrap();
        for bit in 0..header.encoded().len() * 8 {
            let mut bytes = header.encoded().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = Header::decode(&bytes) {
                assert_ne!(other, header);
                assert_eq!(other.encoded(), bytes);
            }
        }
        for length in 0..header.encoded().len() {
            assert_eq!(Header::decode(&header.encoded()[..length]), Err(Error::HeaderForm));
        }
        assert_eq!(Header::decode(&[header.encoded(), b"\0"].concat()), Err(Error::HeaderForm));
        assert_eq!(
            Header::decode(&encoding::encode("handlens/object@v2", &[b"o", b"", b"x", b"p"]).unwrap()),
            Err(Error::HeaderForm)
        );
    }

    /// Each field is bounded, and the error says which one.
    #[test]
    fn identifiers_are_bounded() {
        let long = "x".repeat(encoding::MAX_IDENTIFIER + 1);
        let named = |result: Result<Header, Error>| match result {
            Err(Error::Identifier { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(Header::new("", None, "x", "p")), "organisation");
        assert_eq!(named(Header::new("o", Some(""), "x", "p")), "session");
        assert_eq!(named(Header::new("o", None, &long, "p")), "object");
        assert_eq!(named(Header::new("o", None, "x", "a b")), "purpose");
    }
}
