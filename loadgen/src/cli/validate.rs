//! `plimsoll-load validate`.

use std::path::PathBuf;

use clap::Args;
use plimsoll_profiles::units::Nanos;

use super::RunArgs;

/// `plimsoll-load validate`: the flags of `run`, and how often.
#[derive(Clone, Debug, Args)]
pub struct ValidateArgs {
    /// Everything a run is told; `--out` is the directory that holds all of them, `--html` the validation's page.
    #[command(flatten)]
    pub run: RunArgs,
    /// Measured runs that count; those of a machine that changed its speed and those that are invalid are repeated, up to as many more
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=50), help_heading = "Validation")]
    pub repeats: u16,
    /// TOML file of tolerances; exit 1 past one of them
    #[arg(long, value_name = "FILE", help_heading = "Validation")]
    pub tolerances: Option<PathBuf>,
    /// Costs that the model uses: a calibration file, or the name of a shipped one [default: the profile's]
    #[arg(long, value_name = "FILE", help_heading = "Validation")]
    pub calibration: Option<String>,
    /// Time without load before each measured run: what the last one left to be done is done by then
    #[arg(long, value_name = "TIME", default_value = "40s", help_heading = "Validation")]
    pub pause: Nanos,
    /// Makes no runs: holds the model against those of an earlier `validate` with the same flags: its directory, or its validation.json
    #[arg(long, value_name = "DIR|FILE", help_heading = "Validation")]
    pub measured: Option<PathBuf>,
}
