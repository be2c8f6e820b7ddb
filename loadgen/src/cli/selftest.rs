//! `plimsoll-load selftest`.

use std::net::SocketAddr;

use clap::Args;
use plimsoll_profiles::units::{Nanos, Rate};

use super::Format;

/// `plimsoll-load selftest`.
#[derive(Clone, Debug, Args)]
pub struct SelfTestArgs {
    /// Give the generator one core, and the target the others
    #[arg(long)]
    pub one_core: bool,
    /// Only what every run does at its begin: at most three seconds
    #[arg(long)]
    pub quick: bool,
    /// Do not try rates above this
    #[arg(long, value_name = "RATE", default_value = "200000/s")]
    pub up_to: Rate,
    /// Try this rate alone
    #[arg(long, value_name = "RATE", conflicts_with_all = ["quick", "up_to"])]
    pub rate: Option<Rate>,
    /// How long that rate is kept
    #[arg(long, value_name = "TIME", default_value = "5s", requires = "rate")]
    pub duration: Nanos,
    /// A `plimsoll-load target` that runs already, instead of one made for the test
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<SocketAddr>,
    /// Format of the answer on stdout
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
