//! `plimsoll-load worker`.

use std::net::SocketAddr;

use clap::Args;

use crate::connect::ConnectFlags;

/// `plimsoll-load worker`.
#[derive(Clone, Debug, Args)]
pub struct WorkerArgs {
    /// The run whose workflows it executes
    #[arg(long, value_name = "ID")]
    pub run_id: String,
    /// Serve the SDK's own metrics to Prometheus at this address, under `/metrics`; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT")]
    pub sdk_metrics: Option<SocketAddr>,
    /// Where the cluster is, and who we are to it.
    #[command(flatten)]
    pub connect: ConnectFlags,
}
