//! `import history` and `import trace`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What really happened, to a profile.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Fit a profile to workflow histories (`temporal workflow show -o json`)
    History(HistoryArgs),
    /// Make a profile of an arrivals CSV
    Trace(TraceArgs),
}

/// `plimsoll import history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// History files, or directories whose *.json files are read
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Write the profile here instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What the report will call the profile
    #[arg(long, default_value = "imported histories")]
    pub name: String,
}

/// `plimsoll import trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// CSV whose first column says when each workflow was started: RFC 3339 timestamps, or offsets with a unit ("1.5s")
    #[arg(value_name = "CSV")]
    pub csv: PathBuf,
    /// Write the profile here instead of to stdout; the trace is referred to from the profile's folder
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What the report will call the profile
    #[arg(long, default_value = "imported trace")]
    pub name: String,
}
