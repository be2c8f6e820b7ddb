//! A run directory, the common currency of simulator and load generator.
//!
//! | file | content |
//! | --- | --- |
//! | `run.json` | [`Manifest`]: profile, cluster, seed, versions, clock, phases, counts, verdict, results |
//! | `run.hlog` | HdrHistogram V2 interval log, one tag per metric, values in nanoseconds |
//! | `resources.csv` | time series of resources: `seconds`, then a column each |
//!
//! All times count from the start of the run, warm-up included. A simulated run holds no wall-clock time, so the same
//! seed gives the same bytes.

mod error;
mod histogram;
mod manifest;
mod measurement;
mod reader;
mod scenario;
mod writer;

pub use error::RunDirError;
pub use histogram::Buckets;
pub use manifest::{
    Clock, ClockSource, MANIFEST_SCHEMA_VERSION, Manifest, Phase, ResourceColumn, RunVerdict, Sent, Trust,
};
pub use measurement::{
    AbortRule, CanarySummary, Cap, CheckOutcome, CheckResult, CompletionsBy, DISPATCH_LAG_CHECK, DispatchLag,
    GeneratorCpu, Interruption, MeasuredCounts, Measurement, SamplerProblem, SelfTest, StatementCost, TableGrowth,
    Target, Window, WorkersKind, columns,
};
pub use reader::{IntervalHistogram, ResourceSeries, Run, joined, read, read_log, read_manifest, read_resources};
pub use scenario::{Mark, MarkKind, Scenario};
pub use writer::Writer;

/// Name of the manifest within the directory.
pub const MANIFEST_FILE: &str = "run.json";
/// Name of the interval log within the directory.
pub const LOG_FILE: &str = "run.hlog";
/// Name of the resource series within the directory.
pub const RESOURCES_FILE: &str = "resources.csv";
