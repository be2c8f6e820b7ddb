//! `plan`, `simulate` and `sweep`: a profile in, numbers out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;

/// Which profile, and how the model runs.
#[derive(Clone, Debug, Args)]
pub struct ModelArgs {
    /// Workload profile (TOML); `-` reads it from stdin
    #[arg(value_name = "PROFILE")]
    pub profile: PathBuf,
    /// Override a value of the profile, e.g. `workers.pods=8` or `slo.start.p99="300ms"`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Model")]
    pub set: Vec<String>,
    /// Seed of all random numbers: the same seed gives the same answer
    #[arg(long, value_name = "N", default_value_t = 42, help_heading = "Model")]
    pub seed: u64,
    /// Threads; the answer does not depend on it [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub threads: Option<NonZeroUsize>,
}

/// `plimsoll plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which profile, and how the model runs.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Settings of the profile's [autoscaler] instead of sizes: least pod-hours that keep the SLO over the arrival curve
    #[arg(long, help_heading = "Model")]
    pub autoscale: bool,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `plimsoll simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Which profile, and how the model runs.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Simulate the whole schedule, however long; without it a schedule of more than 30,000 workflows is cut to its peak
    #[arg(long, help_heading = "Model")]
    pub whole: bool,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `plimsoll sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Which profile, and how the model runs.
    #[command(flatten)]
    pub model: ModelArgs,
    /// What to vary: `KEY=1..8` (steps of 1), `KEY=10..100:10`, `KEY=64..1024:x2` or a list `KEY=1,2,4`, with the
    /// value's unit if it has one (`20/s..100/s:20/s`); repeat it for a grid
    #[arg(long, value_name = "KEY=RANGE", required = true, help_heading = "Model")]
    pub vary: Vec<String>,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}
