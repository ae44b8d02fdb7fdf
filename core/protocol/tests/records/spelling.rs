//! The names that a type has for its fields or variants, asked of serde itself.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::Value;

/// Fields of a struct or variants of an enum, as they are spelled in JSON.
pub(crate) fn spelled<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    let _ = T::deserialize(Asked(&mut names));
    names
}

/// Variants of an enum that is told by the key `tag` of an object: serde lists them when it meets another one.
pub(crate) fn tagged<T: DeserializeOwned>(tag: &str) -> Vec<String> {
    let unknown = Value::Object([(tag.to_owned(), "?".into())].into_iter().collect());
    let told = serde_json::from_value::<T>(unknown).map(drop).unwrap_err().to_string();
    told.split('`').skip(1).step_by(2).filter(|word| *word != "?").map(str::to_owned).collect()
}

/// Takes down the names and gives nothing.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("asked"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}
