//! The server's dynamic configuration as it is written: rate limits, caches.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::units::{Bytes, Nanos, Rate, UnitError};

/// Dynamic configuration of the server, under the names of its keys; defaults are those of Temporal 1.31.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Server")]
pub(crate) struct RawServer {
    /// `frontend.rps`: requests that one frontend pod serves. Default: 2400/s.
    pub frontend_rps: Option<RawLimit>,
    /// `frontend.namespaceRPS`: requests of one namespace that one frontend pod serves. Default: 2400/s.
    pub namespace_rps: Option<RawLimit>,
    /// `frontend.namespaceBurstRatio`: seconds of the rate that may come at once. Default: 2.
    pub namespace_burst_ratio: Option<f64>,
    /// `frontend.namespaceRPS.visibility`: list, count and scan calls of one namespace at one frontend pod. Default: 10/s.
    pub visibility_rps: Option<RawLimit>,
    /// `frontend.namespaceCount`: long polls of one namespace and kind that one frontend pod holds at once. Default: 1200.
    pub polls_per_frontend: Option<u32>,
    /// `history.rps`: requests that one history pod serves. Default: 3000/s.
    pub history_rps: Option<RawLimit>,
    /// `matching.rps`: requests that one matching pod serves. Default: 1200/s.
    pub matching_rps: Option<RawLimit>,
    /// `history.persistenceMaxQPS`: persistence calls (not statements) of one history pod. Default: 9000/s.
    pub history_persistence_qps: Option<RawLimit>,
    /// `matching.persistenceMaxQPS`: persistence calls of one matching pod. Default: 3000/s.
    pub matching_persistence_qps: Option<RawLimit>,
    /// `history.shardIOConcurrency`: writes that one history shard does at once, of different workflows. Default: 1.
    pub shard_io_concurrency: Option<u32>,
    /// `history.hostLevelCacheMaxSize`: workflows whose mutable state one history pod keeps. Default: 128000.
    pub history_cache_entries: Option<u32>,
    /// `history.cacheTTL`: how long it keeps one that nothing touches. Default: 1h.
    pub history_cache_ttl: Option<Nanos>,
    /// `history.eventsCacheMaxSizeBytes`: events that one shard keeps. Default: 512KiB.
    pub events_cache: Option<Bytes>,
}

/// A rate, or "unlimited".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RawLimit {
    Unlimited,
    At(Rate),
}

const EXPECTED_LIMIT: &str = "a rate, e.g. \"2400/s\", or \"unlimited\"";

struct LimitVisitor;

impl Visitor<'_> for LimitVisitor {
    type Value = RawLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED_LIMIT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawLimit, E> {
        if text == "unlimited" {
            return Ok(RawLimit::Unlimited);
        }
        text.parse()
            .map(RawLimit::At)
            .map_err(|error: UnitError| E::custom(UnitError { reason: error.reason, expected: EXPECTED_LIMIT }))
    }
}

impl<'de> Deserialize<'de> for RawLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LimitVisitor)
    }
}

impl JsonSchema for RawLimit {
    fn schema_name() -> Cow<'static, str> {
        "RateOrUnlimited".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rate = generator.subschema_for::<Rate>();
        json_schema!({ "description": "A rate, or \"unlimited\".", "anyOf": [rate, { "const": "unlimited" }] })
    }
}
