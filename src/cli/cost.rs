//! `cost` and `forecast`: money, and a long horizon.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use plimsoll_profiles::units::Nanos;

use super::{ModelArgs, OutputArgs};

/// What is paid for what.
#[derive(Clone, Debug, Args)]
pub struct PriceArgs {
    /// A plan.json of this profile whose sizes are paid for [default: planned anew, or for `forecast` the profile's own sizes]
    #[arg(long, value_name = "FILE", help_heading = "Costs")]
    pub plan: Option<PathBuf>,
    /// Temporal Cloud's prices [default: the shipped list prices]
    #[arg(long, value_name = "FILE", help_heading = "Costs")]
    pub cloud_prices: Option<String>,
    /// Temporal Cloud's support plan, e.g. Business [default: the cheapest whose fee is listed]
    #[arg(long, value_name = "NAME", help_heading = "Costs")]
    pub cloud_plan: Option<String>,
    /// People that self-hosting takes, e.g. 0.5; without it they are not counted
    #[arg(long, value_name = "N", help_heading = "Costs", value_parser = fte)]
    pub fte: Option<f64>,
}

/// `plimsoll cost`.
#[derive(Debug, Args)]
pub struct CostArgs {
    /// Workload profile (TOML); `-` reads it from stdin
    #[arg(value_name = "PROFILE", required_unless_present = "history")]
    pub profile: Option<PathBuf>,
    /// Count the billable actions of these histories (`temporal workflow show -o json`) instead: files, or directories of them
    #[arg(long, value_name = "FILE|DIR", num_args = 1.., conflicts_with_all = ["profile", "set", "plan", "prices", "replicated", "fairness", "cloud_prices", "cloud_plan", "fte"])]
    pub history: Vec<PathBuf>,
    /// Override a value of the profile, e.g. `growth.factor=3.0`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Model")]
    pub set: Vec<String>,
    /// Seed of all random numbers: the same seed gives the same answer
    #[arg(long, value_name = "N", default_value_t = 42, help_heading = "Model")]
    pub seed: u64,
    /// Threads; the answer does not depend on it [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub threads: Option<NonZeroUsize>,
    /// Prices of self-hosting: aws, gcp, azure, or a price file; may be repeated to compare
    #[arg(long, value_name = "NAME|FILE", default_value = "aws", help_heading = "Costs")]
    pub prices: Vec<String>,
    /// The namespace has a replica (Temporal Cloud's high availability): twice the actions and storage
    #[arg(long, help_heading = "Costs")]
    pub replicated: bool,
    /// Fairness is on: a tenth more actions
    #[arg(long, help_heading = "Costs")]
    pub fairness: bool,
    /// What is paid for what.
    #[command(flatten)]
    pub money: PriceArgs,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `plimsoll forecast`.
#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// Which profile, and how the model runs.
    #[command(flatten)]
    pub model: ModelArgs,
    /// How far ahead, e.g. 90d or 18mo; the schedule repeats, and the load grows as [growth] says
    #[arg(long, value_name = "SPAN", default_value = "365d", help_heading = "Model", value_parser = span)]
    pub horizon: Nanos,
    /// The database begins empty; without it it holds a whole retention of today's load
    #[arg(long, help_heading = "Model")]
    pub empty: bool,
    /// With --plan: its sizes at the horizon, not today's
    #[arg(long, requires = "plan", help_heading = "Costs")]
    pub then: bool,
    /// Prices of self-hosting: aws, gcp, azure, or a price file
    #[arg(long, value_name = "NAME|FILE", default_value = "aws", help_heading = "Costs")]
    pub prices: String,
    /// What is paid for what.
    #[command(flatten)]
    pub money: PriceArgs,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

fn fte(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number of people, e.g. 0.5".to_owned())?;
    if number.is_finite() && (0.0..=1e6).contains(&number) {
        return Ok(number);
    }
    Err("expected a number of people, 0 or more".to_owned())
}

fn span(text: &str) -> Result<Nanos, String> {
    let span: Nanos = text.parse().map_err(|error: plimsoll_profiles::units::UnitError| error.to_string())?;
    if span < Nanos::from_secs(3_600) {
        return Err("expected an hour at least, e.g. \"90d\" or \"12mo\"".to_owned());
    }
    Ok(span)
}
