//! From a tree to typed values through serde, with errors that know their path, place and what was expected.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::tree::{Entry, Node, Place, Value};
use crate::problems::nearest;

/// A typed reading that failed.
#[derive(Debug)]
pub(crate) struct ReadError {
    pub message: String,
    pub label: String,
    pub help: Option<String>,
    /// Innermost segment first.
    reversed_path: Vec<String>,
    /// Set where the place is not that of the path: an unknown key.
    pub place: Option<Place>,
    /// The key of an unknown field: reading may go on without it.
    pub unknown_key: Option<String>,
    /// The name of a key that is not there.
    pub missing_key: Option<&'static str>,
}

impl ReadError {
    fn new(message: String, label: impl Into<String>, help: Option<String>) -> Self {
        ReadError {
            message,
            label: label.into(),
            help,
            reversed_path: Vec::new(),
            place: None,
            unknown_key: None,
            missing_key: None,
        }
    }

    /// The keys from the root to the value.
    pub fn path(&self) -> Vec<String> {
        self.reversed_path.iter().rev().cloned().collect()
    }

    fn under(mut self, segment: impl Into<String>) -> Self {
        self.reversed_path.push(segment.into());
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

/// What serde calls the expected type, in the words of a profile.
fn expectation(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i64" | "i32" => "a whole number".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "a table".to_owned(),
        other => match other.strip_prefix("struct ") {
            Some(_) => "a table { … }".to_owned(),
            None => other.to_owned(),
        },
    }
}

fn described(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(flag) => format!("{flag}"),
        Unexpected::Unsigned(number) => format!("{number}"),
        Unexpected::Signed(number) => format!("{number}"),
        Unexpected::Float(number) => format!("{number:?}"),
        Unexpected::Str(text) => crate::units::quoted(text),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// "one of `a`, `b`", cut when the list is long.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl Error for ReadError {
    /// The text after `; expected ` (as unit errors write it) becomes the help.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once("; expected ") {
            Some((reason, expected)) => ReadError::new(reason.to_owned(), "here", Some(format!("expected {expected}"))),
            None => ReadError::new(text, "here", None),
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expectation(expected);
        let message = format!("{} is not {expected}", described(unexpected));
        ReadError::new(message, format!("expected {expected}"), Some(format!("expected {expected}")))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let message = format!("{length} elements are not {}", expectation(expected));
        ReadError::new(message, "here", Some(format!("expected {}", expectation(expected))))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(variant, expected.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`? expected one of {}", listed(expected)),
            None => format!("expected one of {}", listed(expected)),
        };
        ReadError::new(format!("unknown value {}", crate::units::quoted(variant)), "unknown value", Some(help))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(field, expected.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`? known keys here: {}", listed(expected)),
            None => format!("known keys here: {}", listed(expected)),
        };
        let label = near.map_or("unknown key".to_owned(), |near| format!("did you mean `{near}`?"));
        let mut error = ReadError::new(format!("unknown key {}", crate::units::quoted(field)), label, Some(help));
        error.unknown_key = Some(field.to_owned());
        error
    }

    fn missing_field(field: &'static str) -> Self {
        let mut error = ReadError::new(format!("the key `{field}` is missing"), format!("needs `{field}`"), None);
        error.missing_key = Some(field);
        error
    }

    fn duplicate_field(field: &'static str) -> Self {
        ReadError::new(format!("the key `{field}` is given twice"), "again", None)
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.value {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(flag) => visitor.visit_bool(*flag),
            Value::Array(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Table(table) => visitor.visit_map(Entries { entries: &table.entries, next: 0 }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    /// A text names a variant. A table is the variant whose name is among its keys, and its content is the whole
    /// table: `{ timer = "2h" }` and `{ activity = "x", takes = "1s" }` are steps of two kinds.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let table = match &self.value {
            Value::String(text) => return visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Table(table) => table,
            _ => {
                let message = format!("{} is not one of {}", self.kind(), listed(variants));
                return Err(ReadError::new(message, "here", Some(format!("expected one of {}", listed(variants)))));
            }
        };
        let mut named = table.entries.iter().filter(|e| variants.contains(&e.key.as_str()));
        match (named.next(), named.next()) {
            (Some(entry), None) => visitor.visit_enum(Keyed { node: self, variant: &entry.key }),
            (Some(one), Some(other)) => {
                let message = format!("`{}` and `{}` cannot stand together", one.key, other.key);
                let mut error = ReadError::new(message, "second kind", Some("give exactly one of the two".to_owned()));
                error.place = Some(other.key_at.clone());
                Err(error)
            }
            (None, _) => Err(no_variant(&table.entries, variants)),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn no_variant(entries: &[Entry], variants: &'static [&'static str]) -> ReadError {
    let near = entries.iter().find_map(|e| nearest(&e.key, variants.iter().copied()).map(|near| (e, near)));
    let help = format!("expected exactly one of {}", listed(variants));
    match near {
        Some((entry, near)) => {
            let message = format!("unknown key {}", crate::units::quoted(&entry.key));
            let mut error = ReadError::new(message, format!("did you mean `{near}`?"), Some(help));
            error.place = Some(entry.key_at.clone());
            error
        }
        None if entries.is_empty() => ReadError::new("the table is empty".to_owned(), "empty", Some(help)),
        None => ReadError::new("the table does not say what it is".to_owned(), "what is this?", Some(help)),
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(item).map(Some).map_err(|error| error.under((self.next - 1).to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

struct Entries<'de> {
    entries: &'de [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let key: serde::de::value::BorrowedStrDeserializer<'de, ReadError> =
            serde::de::value::BorrowedStrDeserializer::new(&entry.key);
        seed.deserialize(key).map(Some).map_err(|mut error| {
            error.place = Some(entry.key_at.clone());
            error
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(ReadError::custom("a value without a key"));
        };
        self.next += 1;
        seed.deserialize(&entry.node).map_err(|error| error.under(entry.key.clone()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len() - self.next)
    }
}

struct Keyed<'de> {
    node: &'de Node,
    variant: &'de str,
}

impl<'de> EnumAccess<'de> for Keyed<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let name: serde::de::value::BorrowedStrDeserializer<'de, ReadError> =
            serde::de::value::BorrowedStrDeserializer::new(self.variant);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Keyed<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Err(ReadError::custom("a table cannot stand here; expected a text"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.node)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.node.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, ReadError> {
        self.node.deserialize_any(visitor)
    }
}
