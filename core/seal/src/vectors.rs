//! Reads the golden vectors of `tests/vectors/seal`, whose README says who wrote them.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A header as the vectors have it.
#[derive(Deserialize)]
pub(crate) struct Header {
    organisation: String,
    session: Option<String>,
    object: String,
    purpose: String,
}

impl Header {
    pub(crate) fn into_header(self) -> crate::Header {
        crate::Header::new(&self.organisation, self.session.as_deref(), &self.object, &self.purpose).unwrap()
    }
}

/// The vectors of one file.
pub(crate) fn read<V: DeserializeOwned>(json: &str) -> Vec<V> {
    #[derive(Deserialize)]
    struct File<V> {
        vectors: Vec<V>,
    }
    serde_json::from_str::<File<V>>(json).unwrap().vectors
}

/// The bytes of a hex field.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}
