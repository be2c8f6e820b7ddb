//! `plimsoll-load calibrate`.

use std::path::PathBuf;

use clap::Args;
use plimsoll_profiles::calibration::REFERENCE;
use plimsoll_profiles::units::Nanos;

use super::Format;
use crate::connect::ConnectFlags;
use crate::safety::SafetyFlags;
use crate::samplers::SamplerFlags;

/// `plimsoll-load calibrate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The calibration file is DIR/calibration.toml; a profile names it with calibration = \"FILE\", a command with --set calibration=FILE.
Interrupted, the same command with the same --out goes on where it was.")]
pub struct CalibrateArgs {
    /// Directory for the workloads' counts and the calibration file; workloads that are in it already are not run again
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Where the cluster is, and who we are to it.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Where its database and processes are.
    #[command(flatten)]
    pub samplers: SamplerFlags,
    /// Whether anything may be sent.
    #[command(flatten)]
    pub safety: SafetyFlags,
    /// How often each workload is run: intervals come from what differs between repeats
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub repeats: u32,
    /// Time after each workload for what it left to do: time-out timers of workflow tasks come after 10 s
    #[arg(long, value_name = "TIME", default_value = "12s")]
    pub settle: Nanos,
    /// How long the idle cluster is watched, last
    #[arg(long, value_name = "TIME", default_value = "20s")]
    pub idle: Nanos,
    /// What is not measured comes from this calibration: a shipped one's name, or a file
    #[arg(long, value_name = "NAME", default_value = REFERENCE)]
    pub base: String,
    /// Name of the new calibration
    #[arg(long, value_name = "NAME", default_value = "calibrated")]
    pub name: String,
    /// The cluster as the model is to see it, a key of a profile: cluster.database.vcpu=4 for one; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only fit: use the workloads that are in DIR, run none
    #[arg(long)]
    pub fit_only: bool,
    /// Format of the answer on stdout
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
