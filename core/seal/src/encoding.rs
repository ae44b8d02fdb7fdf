//! The one canonical encoding: a domain, then fields, each with its length in front.
//!
//! ```text
//!  length(domain) ‖ domain ‖ length(field 1) ‖ field 1 ‖ … ‖ length(field n) ‖ field n        length: u32, big-endian
//! ```
//!
//! The domain is a short ASCII name with a version (`handlens/object@v1`); it says what the fields mean and how many there
//! are. Every length stands before its bytes, so no two lists of fields share an encoding, and no encoding under one
//! domain is an encoding under another. Headers, key derivation and signatures all use it, so a browser needs it once.

use crate::Error;

/// Most bytes of a domain or an identifier.
pub const MAX_IDENTIFIER: usize = 128;

/// Most bytes of a whole encoding: 64 KiB. What is longer is put in by its SHA-256.
pub const MAX_ENCODED: usize = 64 * 1024;

/// Bytes of a length.
const LENGTH: usize = 4;

/// Encodes `fields` under `domain`.
///
/// # Errors
/// [`Error::Identifier`] for a domain that is not 1 to [`MAX_IDENTIFIER`] printable ASCII characters,
/// [`Error::EncodingLength`] beyond [`MAX_ENCODED`].
pub fn encode(domain: &str, fields: &[&[u8]]) -> Result<Vec<u8>, Error> {
    identifier("domain", domain)?;
    let length =
        fields.iter().fold(LENGTH + domain.len(), |sum, field| sum.saturating_add(LENGTH).saturating_add(field.len()));
    if length > MAX_ENCODED {
        return Err(Error::EncodingLength { length });
    }
    let mut out = Vec::with_capacity(length);
    for field in std::iter::once(domain.as_bytes()).chain(fields.iter().copied()) {
        let length = u32::try_from(field.len()).map_err(|_| Error::EncodingLength { length: field.len() })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(field);
    }
    Ok(out)
}

/// Takes the next field off `bytes`. `None` when they do not begin with a whole field.
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (field, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(field)
}

/// Whether `text` is 1 to [`MAX_IDENTIFIER`] ASCII characters from `!` to `~`.
pub(crate) fn identifier(field: &'static str, text: &str) -> Result<(), Error> {
    let fits = (1..=MAX_IDENTIFIER).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(()) } else { Err(Error::Identifier { field, length: text.len() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes moved over a field's border make another encoding: the reason the lengths are there.
    #[test]
    fn a_border_between_fields_is_part_of_the_bytes() {
        let ab_c = encode("d", &[b"ab", b"c"]).unwrap();
        assert_eq!(ab_c, b"\0\0\0\x01d\0\0\0\x02ab\0\0\0\x01c");
        assert_ne!(ab_c, encode("d", &[b"a", b"bc"]).unwrap());
        assert_ne!(ab_c, encode("d", &[b"abc"]).unwrap());
        assert_ne!(encode("d", &[]).unwrap(), encode("d", &[b""]).unwrap());
        // The control: without lengths the two are the same bytes.
        assert_eq!([&b"ab"[..], b"c"].concat(), [&b"a"[..], b"bc"].concat());
    }

    /// What is too long or not a name is refused before anything is copied.
    #[test]
    fn limits_hold() {
        let long = vec![0; MAX_ENCODED];
        assert!(matches!(encode("d", &[&long]), Err(Error::EncodingLength { .. })));
        assert_eq!(encode("d", &[&long[9..]]).unwrap().len(), MAX_ENCODED);
        for domain in ["", "with space", "ümlaut", "nul\0", &"x".repeat(MAX_IDENTIFIER + 1)] {
            assert!(matches!(encode(domain, &[]), Err(Error::Identifier { field: "domain", .. })), "{domain:?}");
        }
    }

    proptest! {
        /// What was encoded can be taken apart again, and into the same fields.
        #[test]
        fn fields_come_back(fields in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6)) {
            let borrowed: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            let encoded = encode("domain@v1", &borrowed).unwrap();
            let mut rest = encoded.as_slice();
            prop_assert_eq!(take(&mut rest), Some(&b"domain@v1"[..]));
            for field in &borrowed {
                prop_assert_eq!(take(&mut rest), Some(*field));
            }
            prop_assert!(rest.is_empty());
        }

        /// Bytes of a stranger never panic and never yield more than they hold.
        #[test]
        fn any_bytes_are_safe_to_take_from(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut rest = bytes.as_slice();
            let mut taken = 0;
            while let Some(field) = take(&mut rest) {
                taken += LENGTH + field.len();
            }
            prop_assert_eq!(taken + rest.len(), bytes.len());
        }
    }
}
