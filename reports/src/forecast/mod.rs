//! A long horizon by month: what `plimsoll forecast` prints.

mod page;
mod render;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use page::forecast_html;
pub use render::{forecast_csv, forecast_text};

/// Version of the document; rises when a key changes its meaning or goes away.
pub const FORECAST_SCHEMA_VERSION: u32 = 1;

/// The answer of `plimsoll forecast`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ForecastDocument {
    /// Version of this document.
    pub schema_version: u32,
    /// Profile name.
    pub profile: String,
    /// Cluster name.
    pub cluster: String,
    /// What does not change over the horizon, e.g. "4 worker pods, 3 frontend, …".
    pub system: String,
    /// Whether it carries the whole horizon.
    pub fits: bool,
    /// One sentence that says it.
    pub finding: String,
    /// When it first does not: days from now; null where it always does.
    pub unfit_after_days: Option<f64>,
    /// Length of the horizon.
    pub horizon_days: f64,
    /// Starts per second that the system carries at most.
    pub capacity_per_second: f64,
    /// What is full then.
    pub limit: String,
    /// Mean starts per second over the horizon.
    pub mean_per_second: f64,
    /// Workflows started over the horizon.
    pub started: f64,
    /// By months of 730 hours.
    pub months: Vec<ForecastMonth>,
    /// The loads that were simulated.
    pub levels: Vec<ForecastLevel>,
    /// Names of the promised latencies, e.g. "start p99", in the order of the quantiles elsewhere.
    pub promises: Vec<ForecastPromise>,
    /// Where self-hosted prices are from.
    pub prices: String,
    /// The Temporal Cloud plan that is counted.
    pub cloud_plan: String,
    /// Events simulated.
    pub events_simulated: u64,
    /// Simulations run.
    pub simulations: u32,
    /// Seed.
    pub seed: u64,
    /// Things the reader should know.
    pub warnings: Vec<String>,
}

/// A promised latency.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ForecastPromise {
    /// E.g. "start p99".
    pub name: String,
    /// What was promised.
    pub limit_seconds: f64,
}

/// One month.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ForecastMonth {
    /// From 1.
    pub month: u32,
    /// Its length.
    pub hours: f64,
    /// Workflows started.
    pub started: f64,
    /// Mean starts per second.
    pub mean_per_second: f64,
    /// Starts per second in its busiest hour.
    pub peak_per_second: f64,
    /// The busiest resource of that hour.
    pub busiest: String,
    /// How busy, 0 to 1.
    pub busy: f64,
    /// The promised quantiles of its worst hour; null where nothing of that kind happens.
    pub worst_seconds: Vec<Option<f64>>,
    /// Hours that break a promise or leave work waiting.
    pub unfit_hours: f64,
    /// Most workflows waiting at the end of an hour.
    pub backlog: f64,
    /// Bytes in PostgreSQL at its end.
    pub stored_bytes: f64,
    /// Visibility's part of them, or of Elasticsearch's.
    pub visibility_bytes: f64,
    /// Bytes of histories retained and open, as Temporal Cloud counts storage, mean over the month.
    pub history_bytes: f64,
    /// Billable actions.
    pub actions: f64,
    /// US dollars of hosting it oneself, workers included.
    pub self_hosted_usd: f64,
    /// US dollars of Temporal Cloud under the plan that is counted, with the same workers.
    pub cloud_usd: f64,
    /// Capacity units (TRUs) that its peak needs on Temporal Cloud.
    pub capacity_units: u32,
}

/// A simulated load.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ForecastLevel {
    /// Starts per second.
    pub per_second: f64,
    /// The busiest resource.
    pub busiest: String,
    /// How busy.
    pub busy: f64,
    /// The promised quantiles.
    pub seconds: Vec<Option<f64>>,
}
