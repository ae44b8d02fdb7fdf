//! Values that do not print and do not serialise by accident.
//!
//! [`Phi`] holds what identifies a patient (electronic protected health information, 45 CFR 160.103), [`Secret`] what
//! opens a door. Both are opened by one named call, `expose`, so that one search finds every place that looks inside.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, Zeroizing};

/// Electronic protected health information: a name, a phone number, an agenda, a note.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Marks `value` as ePHI.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Reading it for a person is an entry in the audit log; sealing it is not.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phi(…)")
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Phi<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// A password, a token, a link's secret. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Marks `value` as a secret.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one comparison or message that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de, T: Deserialize<'de> + Zeroize> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(feature = "schema")]
mod schema {
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::Schema;

    impl<T: utoipa::PartialSchema> utoipa::PartialSchema for super::Phi<T> {
        fn schema() -> RefOr<Schema> {
            T::schema()
        }
    }
    impl<T: utoipa::PartialSchema> utoipa::ToSchema for super::Phi<T> {}
    impl<T: utoipa::PartialSchema + zeroize::Zeroize> utoipa::PartialSchema for super::Secret<T> {
        fn schema() -> RefOr<Schema> {
            T::schema()
        }
    }
    impl<T: utoipa::PartialSchema + zeroize::Zeroize> utoipa::ToSchema for super::Secret<T> {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log line that prints a whole record shows neither the patient nor the password.
    #[test]
    fn neither_prints() {
        let both = (Phi::new("Ada Example".to_owned()), Secret::new("hunter2".to_owned()));
        let printed = format!("{both:?} {both:#?}");
        assert!(!printed.contains("Ada") && !printed.contains("hunter2"), "{printed}");
    }
}
