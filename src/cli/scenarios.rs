//! `plimsoll scenarios`.

use clap::Args;
use plimsoll_profiles::units::Nanos;

use super::{ModelArgs, OutputArgs};

/// `plimsoll scenarios`.
#[derive(Debug, Args)]
pub struct ScenariosArgs {
    /// Which profile, and how the model runs.
    #[command(flatten)]
    pub model: ModelArgs,
    /// How long each failure is watched after its end
    #[arg(long, value_name = "TIME", default_value = "10min", help_heading = "Model")]
    pub after: Nanos,
    /// Do not simulate what would have prevented each failure: about a third of the time
    #[arg(long, help_heading = "Model")]
    pub no_prevention: bool,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}
