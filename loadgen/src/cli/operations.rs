//! `plimsoll-load operations`.

use std::path::PathBuf;

use clap::Args;
use plimsoll_profiles::calibration::REFERENCE;
use plimsoll_profiles::units::{Nanos, Rate};

use super::Format;
use crate::connect::ConnectFlags;
use crate::safety::SafetyFlags;
use crate::samplers::SamplerFlags;

/// `plimsoll-load operations`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 the server does what model and table say · 1 something differs, it is named")]
pub struct OperationsArgs {
    /// Where the cluster is, and who we are to it.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Where its database is.
    #[command(flatten)]
    pub samplers: SamplerFlags,
    /// Whether anything may be sent.
    #[command(flatten)]
    pub safety: SafetyFlags,
    /// Only these operations, `activity,timer` for two
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Workflows of each kind
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(5..=2000))]
    pub workflows: u32,
    /// Starts per second
    #[arg(long, value_name = "RATE", default_value = "6/s")]
    pub rate: Rate,
    /// Time after each kind for what it left to do: time-out timers of workflow tasks come after 10 s
    #[arg(long, value_name = "TIME", default_value = "12s")]
    pub settle: Nanos,
    /// How long the idle cluster is watched first
    #[arg(long, value_name = "TIME", default_value = "20s")]
    pub idle: Nanos,
    /// Compare this table, written earlier, and run nothing
    #[arg(long, value_name = "FILE", conflicts_with = "write")]
    pub measured: Option<PathBuf>,
    /// Compare with this table instead of the shipped one
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// Write what was measured as a table, for another server version
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// The calibration whose operation table the model uses: a shipped one's name, or a file
    #[arg(long, value_name = "NAME", default_value = REFERENCE)]
    pub calibration: String,
    /// Format of the answer on stdout
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
