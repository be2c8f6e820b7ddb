//! `plimsoll-load cleanup`.

use std::path::PathBuf;

use clap::Args;
use plimsoll_profiles::units::Nanos;

use crate::connect::ConnectFlags;

/// `plimsoll-load cleanup`.
#[derive(Clone, Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["run_id", "run"])]
pub struct CleanupArgs {
    /// The run's id, e.g. `plimsoll-20261121T163646Z-3f09a1`
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// The run's directory: the id is read from it
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Where the cluster is, and who we are to it.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Only say what would be terminated
    #[arg(long)]
    pub dry_run: bool,
    /// Give up after this time
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub at_most: Nanos,
}
