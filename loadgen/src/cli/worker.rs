//! `plimsoll-load worker`.

use clap::Args;

use crate::connect::ConnectFlags;

/// `plimsoll-load worker`.
#[derive(Clone, Debug, Args)]
pub struct WorkerArgs {
    /// The run whose workflows it executes
    #[arg(long, value_name = "ID")]
    pub run_id: String,
    /// Where the cluster is, and who we are to it.
    #[command(flatten)]
    pub connect: ConnectFlags,
}
