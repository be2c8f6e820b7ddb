//! From a tree to typed values through serde, with errors that know their path, place and what was expected.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use super::tree::{Entry, Node, Place, Table, Value};
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
    /// The key at fault under the path: an unknown or a missing one.
    pub extra_key: Option<String>,
    /// Whether reading may go on without that key.
    pub unknown_key: bool,
}

impl ReadError {
    fn new(message: String, label: impl Into<String>, help: Option<String>) -> Self {
        ReadError {
            message,
            label: label.into(),
            help,
            reversed_path: Vec::new(),
            place: None,
            extra_key: None,
            unknown_key: false,
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

/// What to write for a missing key.
fn example(key: &str) -> String {
    let value = match key {
        "arrivals" => return "[arrivals] with phases, e.g. phases = [{ for = \"10min\", rate = \"20/s\" }]".to_owned(),
        "workflow" => return "[[workflow]] with type and steps".to_owned(),
        "name" => "\"my workload\"",
        "type" => "\"OrderWorkflow\"",
        "steps" => "[{ activity = \"work\", takes = \"1s\" }]",
        "takes" => "\"40ms\", or { p50 = \"40ms\", p99 = \"400ms\" }",
        "phases" => "[{ for = \"10min\", rate = \"20/s\" }]",
        "for" | "each" | "every" | "timeout" | "mean" | "mean_calm" | "mean_burst" => "a duration, e.g. \"5min\"",
        "low" | "high" | "from" | "to" | "calm" | "burst" => "a rate, e.g. \"20/s\"",
        "cpu" => "cores, e.g. 2 or \"500m\"",
        "memory" => "a size, e.g. \"2GiB\"",
        "cv" => "standard deviation over mean, e.g. 0.5",
        "probability" => "0.1",
        "peak_at" => "\"18:00\"",
        _ => return format!("`{key}`"),
    };
    format!("`{key}` = {value}")
}

/// The names in backquotes; without those for editors only, which begin with `$`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().filter(|n| !n.starts_with('$')).map(|name| format!("`{name}`")).collect();
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
        let message = format!("{} cannot stand here", described(unexpected));
        ReadError::new(message, "here", Some(format!("expected {}", expectation(expected))))
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
        error.extra_key = Some(field.to_owned());
        error.unknown_key = true;
        error
    }

    fn missing_field(field: &'static str) -> Self {
        let help = Some(format!("add {}", example(field)));
        let mut error = ReadError::new(format!("the key `{field}` is missing"), format!("needs `{field}`"), help);
        error.extra_key = Some(field.to_owned());
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
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        // RawStep → step, RawPhase → phase: the two that are tables.
        let noun = name.trim_start_matches("Raw").to_lowercase();
        let is_table = matches!(noun.as_str(), "step" | "phase");
        let table = match &self.value {
            Value::String(text) if !is_table => return visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Table(table) if is_table => table,
            _ if is_table => {
                let message = format!("{} is not a {noun}", self.kind());
                let help = format!("expected a table {{ … }} with exactly one of {}", listed(variants));
                return Err(ReadError::new(message, format!("not a {noun}"), Some(help)));
            }
            _ => {
                let message = format!("{} cannot stand here", self.kind());
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
            (None, _) => Err(no_variant(&noun, &table.entries, variants)),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn no_variant(noun: &str, entries: &[Entry], variants: &'static [&'static str]) -> ReadError {
    let near = entries.iter().find_map(|e| nearest(&e.key, variants.iter().copied()).map(|near| (e, near)));
    let help = format!("expected exactly one of {}", listed(variants));
    match near {
        Some((entry, near)) => {
            let message = format!("unknown key {}", crate::units::quoted(&entry.key));
            let help = format!("did you mean `{near}`? {help}");
            let mut error = ReadError::new(message, format!("did you mean `{near}`?"), Some(help));
            error.place = Some(entry.key_at.clone());
            error
        }
        None if entries.is_empty() => ReadError::new(format!("the {noun} is empty"), "empty", Some(help)),
        None => {
            let message = format!("the {noun} does not say what it is");
            ReadError::new(message, "no key names its kind", Some(help))
        }
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

/// Puts something valid in place of the value at `path`, so that reading finds what else is wrong.
pub(super) fn mend(tree: &mut Node, path: &[String]) -> bool {
    let Some((key, parents)) = path.split_last() else { return false };
    for stand_in in stand_ins() {
        let mut parent = &mut *tree;
        for segment in parents {
            let Some(child) = parent.child_mut(segment) else { return false };
            parent = child;
        }
        if let Some(child) = parent.child_mut(key) {
            *child = stand_in;
        } else if let Value::Table(table) = &mut parent.value {
            table.entries.push(Entry { key: key.clone(), key_at: Place::default(), node: stand_in });
        } else {
            return false;
        }
        let Err(error) = crate::raw::RawProfile::deserialize(&*tree) else { return true };
        let mut next = error.path();
        next.extend(error.extra_key);
        if !next.starts_with(path) && !path.starts_with(&next) {
            return true;
        }
    }
    false
}

/// One value of each kind that a key may want.
fn stand_ins() -> Vec<Node> {
    let node = |value| Node { value, at: Place::default() };
    let text = |text: &str| node(Value::String(text.to_owned()));
    let table = |entries: &[(&str, &str)]| {
        let entry =
            |(key, value): &(&str, &str)| Entry { key: (*key).to_owned(), key_at: Place::default(), node: text(value) };
        node(Value::Table(Table { entries: entries.iter().map(entry).collect() }))
    };
    let no_phases = Entry { key: "phases".to_owned(), key_at: Place::default(), node: node(Value::Array(Vec::new())) };
    vec![
        text("1s"),
        node(Value::Integer(1)),
        text("1B"),
        text("1/s"),
        text("go"),
        text("00:00"),
        text("even"),
        text("local-ssd"),
        node(Value::Boolean(true)),
        node(Value::Array(Vec::new())),
        table(&[]),
        table(&[("timer", "1s")]),
        table(&[("for", "1s"), ("rate", "1/s")]),
        table(&[("p99", "1s")]),
        node(Value::Table(Table { entries: vec![no_phases] })),
        table(&[("cpu", "1"), ("memory", "1GiB")]),
    ]
}
