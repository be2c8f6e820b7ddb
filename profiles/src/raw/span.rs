//! Spans and quantile tables as they are written: `"40ms"`, `{ p50 = "40ms", p99 = "400ms" }`, `{ mean = "1s", cv = 0.5 }`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::profile::Span;
use crate::units::{Nanos, UnitError};

const EXPECTED_SPAN: &str = "a duration, e.g. \"250ms\", or quantiles, e.g. { p50 = \"40ms\", p99 = \"400ms\" }, \
                             or { mean = \"1s\", cv = 0.5 }";

/// How long something takes, as written; not yet checked.
#[derive(Clone, Debug)]
pub(crate) struct RawSpan(pub Span);

/// Quantiles of a latency, as written, by rising quantile; not yet checked.
#[derive(Clone, Debug)]
pub(crate) struct RawQuantiles(pub Vec<(f64, Nanos)>);

/// `p99` → 0.99, `p99.9` → 0.999.
fn quantile(key: &str) -> Option<f64> {
    let digits = key.strip_prefix('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 2 || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let percent: f64 = digits.trim_end_matches('.').parse().ok()?;
    (percent > 0.0 && percent < 100.0).then_some(percent / 100.0)
}

/// How a quantile is written in a profile: 0.99 → `p99`.
pub(crate) fn quantile_key(quantile: f64) -> String {
    let percent = (quantile * 1e8).round() / 1e6;
    format!("p{percent}")
}

/// A key of a span table.
enum SpanKey {
    Mean,
    Cv,
    Quantile(f64),
}

/// A key of a table of quantiles.
struct QuantileKey(f64);

impl<'de> Deserialize<'de> for SpanKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "mean" => Ok(SpanKey::Mean),
            "cv" => Ok(SpanKey::Cv),
            key => match quantile(key) {
                Some(quantile) => Ok(SpanKey::Quantile(quantile)),
                None => Err(D::Error::unknown_field(key, &["p50", "p99", "\"p99.9\"", "mean", "cv"])),
            },
        }
    }
}

impl<'de> Deserialize<'de> for QuantileKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        quantile(&key)
            .map(QuantileKey)
            .ok_or_else(|| D::Error::unknown_field(&key, &["p50", "p90", "p95", "p99", "\"p99.9\""]))
    }
}

fn sorted(mut quantiles: Vec<(f64, Nanos)>) -> Vec<(f64, Nanos)> {
    quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
    quantiles
}

struct SpanVisitor;

impl<'de> Visitor<'de> for SpanVisitor {
    type Value = RawSpan;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED_SPAN)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawSpan, E> {
        text.parse().map(|nanos| RawSpan(Span::Constant(nanos))).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RawSpan, E> {
        Err(E::custom(UnitError { reason: format!("{number} has no unit"), expected: EXPECTED_SPAN }))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<RawSpan, E> {
        Err(E::custom(UnitError { reason: format!("{number:?} has no unit"), expected: EXPECTED_SPAN }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawSpan, A::Error> {
        let (mut mean, mut cv, mut quantiles) = (None, None, Vec::new());
        while let Some(key) = map.next_key::<SpanKey>()? {
            match key {
                SpanKey::Mean => mean = Some(map.next_value::<Nanos>()?),
                SpanKey::Cv => cv = Some(map.next_value::<f64>()?),
                SpanKey::Quantile(q) => quantiles.push((q, map.next_value::<Nanos>()?)),
            }
        }
        match (mean, cv) {
            (None, None) => Ok(RawSpan(Span::Quantiles(sorted(quantiles)))),
            (Some(mean), Some(cv)) if quantiles.is_empty() => Ok(RawSpan(Span::MeanCv { mean, cv })),
            (Some(_), Some(_)) => Err(A::Error::custom(UnitError {
                reason: "mean and cv cannot stand together with quantiles".into(),
                expected: EXPECTED_SPAN,
            })),
            (Some(_), None) => Err(A::Error::missing_field("cv")),
            (None, Some(_)) => Err(A::Error::missing_field("mean")),
        }
    }
}

impl<'de> Deserialize<'de> for RawSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct QuantilesVisitor;

const EXPECTED_QUANTILES: &str = "quantiles, e.g. { p99 = \"200ms\" } or { p50 = \"20ms\", \"p99.9\" = \"1s\" }";

impl<'de> Visitor<'de> for QuantilesVisitor {
    type Value = RawQuantiles;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED_QUANTILES)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawQuantiles, A::Error> {
        let mut quantiles = Vec::new();
        while let Some(QuantileKey(q)) = map.next_key()? {
            quantiles.push((q, map.next_value::<Nanos>()?));
        }
        Ok(RawQuantiles(sorted(quantiles)))
    }
}

impl<'de> Deserialize<'de> for RawQuantiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantilesVisitor)
    }
}

const QUANTILE_PATTERN: &str = r"^p[0-9]{1,2}(\.[0-9]{1,6})?$";

impl JsonSchema for RawSpan {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<Nanos>();
        json_schema!({
            "description": "How long something takes: a duration (always the same), two or more quantiles (lognormal through two, piecewise log-linear through more), or mean and coefficient of variation (lognormal).",
            "anyOf": [
                duration,
                {
                    "type": "object",
                    "properties": { "mean": duration, "cv": { "type": "number", "minimum": 0 } },
                    "required": ["mean", "cv"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "patternProperties": { QUANTILE_PATTERN: duration },
                    "minProperties": 2,
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl JsonSchema for RawQuantiles {
    fn schema_name() -> Cow<'static, str> {
        "Quantiles".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<Nanos>();
        json_schema!({
            "description": "The longest acceptable value of each quantile: { p99 = \"200ms\" }.",
            "type": "object",
            "patternProperties": { QUANTILE_PATTERN: duration },
            "minProperties": 1,
            "additionalProperties": false
        })
    }
}
