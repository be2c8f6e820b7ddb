//! Small shapes that several documents share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An estimate with its confidence interval.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CurvePoint {
    /// x.
    pub x: f64,
    /// y.
    pub y: f64,
}

/// A latency distribution as quantiles.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct QuantileCurve {
    /// Metric name, e.g. "e2e", "start", "schedule_to_start_activity".
    pub metric: String,
    /// x: quantile (0 to 1), y: seconds; ends where the tail has too few samples.
    pub points: Vec<CurvePoint>,
    /// Samples behind it.
    pub samples: u64,
}
