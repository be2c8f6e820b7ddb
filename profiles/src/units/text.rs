//! Quantities in serde and in JSON Schema: strings with unit; bare numbers only where the unit is a plain count.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::parse::{self, UnitError};
use super::{Bytes, Cores, Nanos, Probability, Rate};

/// What serde and JSON Schema need to know of a quantity.
trait Text: Sized + std::str::FromStr<Err = UnitError> {
    const NAME: &'static str;
    const EXPECTED: &'static str;
    const PATTERN: &'static str;
    const DESCRIPTION: &'static str;

    /// The value of a bare number, where one is allowed.
    fn from_number(_: f64, _: &str) -> Option<Result<Self, String>> {
        None
    }
}

impl Text for Nanos {
    const NAME: &'static str = "Duration";
    const EXPECTED: &'static str = parse::DURATION;
    const PATTERN: &'static str = r"^\s*(\d+(\.\d+)?\s*(ns|us|µs|μs|ms|s|sec|m|min|h|hours?|d|days?|w|mo|y)\s*)+$";
    const DESCRIPTION: &'static str = "A duration with its unit: ns, us, ms, s, min (or m), h, d, w, mo (a twelfth of a year) or y; combined as in 1h30m.";
}

impl Text for Bytes {
    const NAME: &'static str = "Size";
    const EXPECTED: &'static str = parse::SIZE;
    const PATTERN: &'static str = r"^\s*\d+(\.\d+)?\s*(B|kB|[KMGTP]B|[KMGTPE]iB|[KMGT]i)\s*$";
    const DESCRIPTION: &'static str =
        "A size with its unit: B, decimal KB, MB, GB, TB or binary KiB, MiB, GiB, TiB (Kubernetes' Ki, Mi, Gi too).";
}

impl Text for Rate {
    const NAME: &'static str = "Rate";
    const EXPECTED: &'static str = parse::RATE;
    const PATTERN: &'static str =
        r"^\s*\d+(\.\d+)?\s*[kKMG]?\s*/\s*(ns|us|µs|μs|ms|s|sec|m|min|h|hours?|d|days?|w|mo|y)\s*$";
    const DESCRIPTION: &'static str = "Events per unit of time: 120/s, 20/min, 5/h, 1M/day.";
}

impl Text for Cores {
    const NAME: &'static str = "Cores";
    const EXPECTED: &'static str = parse::CORES;
    const PATTERN: &'static str = r"^\s*\d+(\.\d+)?\s*m?\s*$";
    const DESCRIPTION: &'static str = "Processor cores: a number, or thousandths as in Kubernetes (250m).";

    fn from_number(value: f64, shown: &str) -> Option<Result<Self, String>> {
        Some(Cores::checked(value).ok_or_else(|| out_of_range(value, shown, "more than a million cores")))
    }
}

impl Text for Probability {
    const NAME: &'static str = "Probability";
    const EXPECTED: &'static str = parse::PROBABILITY;
    const PATTERN: &'static str = r"^\s*\d+(\.\d+)?\s*%?\s*$";
    const DESCRIPTION: &'static str = "A number from 0 to 1, or a percentage.";

    fn from_number(value: f64, shown: &str) -> Option<Result<Self, String>> {
        Some(Probability::checked(value).ok_or_else(|| out_of_range(value, shown, "more than 1")))
    }
}

fn out_of_range(value: f64, shown: &str, above: &str) -> String {
    let what = match value {
        v if v.is_nan() || v.is_infinite() => "not a finite number",
        v if v < 0.0 => "negative",
        _ => above,
    };
    format!("{shown} is {what}")
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: Text> TextVisitor<T> {
    fn number<E: Error>(self, value: f64, shown: String) -> Result<T, E> {
        match T::from_number(value, &shown) {
            Some(Ok(quantity)) => Ok(quantity),
            Some(Err(reason)) => Err(E::custom(UnitError { reason, expected: T::EXPECTED })),
            None => Err(E::custom(UnitError { reason: format!("{shown} has no unit"), expected: T::EXPECTED })),
        }
    }
}

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.number(value as f64, value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.number(value as f64, value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        self.number(value, format!("{value:?}"))
    }
}

macro_rules! text_quantity {
    ($($quantity:ty),*) => {$(
        impl<'de> Deserialize<'de> for $quantity {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextVisitor(PhantomData))
            }
        }

        impl Serialize for $quantity {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $quantity {
            fn schema_name() -> Cow<'static, str> {
                <$quantity as Text>::NAME.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let text = json_schema!({ "type": "string", "pattern": <$quantity as Text>::PATTERN });
                let scalar = match <$quantity as Text>::from_number(1.0, "1") {
                    Some(_) => json_schema!({ "anyOf": [text, { "type": "number", "minimum": 0 }] }),
                    None => text,
                };
                crate::schema::or_uncertain(<$quantity as Text>::DESCRIPTION, scalar)
            }
        }
    )*};
}

text_quantity!(Nanos, Bytes, Rate, Cores, Probability);
