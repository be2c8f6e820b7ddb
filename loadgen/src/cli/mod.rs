//! What the user typed: one type per command, help texts in their doc comments.

mod calibrate;
mod cleanup;
mod operations;
mod run;
mod selftest;
mod target;
mod validate;
mod worker;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use calibrate::CalibrateArgs;
pub use cleanup::CleanupArgs;
pub use operations::OperationsArgs;
pub use run::{ArrivalArgs, CompletionsChoice, LimitArgs, OutputArgs, RunArgs, TargetChoice, WorkersChoice};
pub use selftest::SelfTestArgs;
pub use target::{BehaviourArgs, CloseAfter, TargetArgs};
pub use validate::ValidateArgs;
pub use worker::WorkerArgs;

const AFTER_HELP: &str = "\
Exit codes: 0 fine · 1 a finding (SLO not met) · 2 usage or configuration
            3 the run is invalid · 4 target or file I/O · 130 interrupted
The answer is on stdout; progress and notes are on stderr.";

/// Open-loop load for a real Temporal cluster, with Plimsoll's profiles; it judges its own result.
#[derive(Debug, Parser)]
#[command(name = "plimsoll-load", version, about, after_help = AFTER_HELP, max_term_width = 100)]
#[command(arg_required_else_help = true, infer_long_args = false)]
pub struct Cli {
    /// How to show things.
    #[command(flatten)]
    pub display: DisplayArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How to show things.
#[derive(Clone, Copy, Debug, Args)]
pub struct DisplayArgs {
    /// No progress and no notes on stderr
    #[arg(short, long, global = true, help_heading = "Display")]
    pub quiet: bool,
    /// Say more on stderr
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Display")]
    pub verbose: u8,
    /// When to use colour; NO_COLOR is obeyed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Display")]
    pub color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// When the stream is a terminal and NO_COLOR is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text of at most 100 columns.
    #[default]
    #[value(alias = "text")]
    Human,
    /// One JSON document.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a profile's load to a cluster (or to the embedded target), and write a run directory
    Run(Box<RunArgs>),
    /// Simulate a profile's load, run it several times, and compare: the model's error beside the cluster's own spread
    Validate(Box<ValidateArgs>),
    /// Terminate what a run left open, and check that nothing is
    Cleanup(CleanupArgs),
    /// A worker process of a run; `run --workers processes=N` starts them
    Worker(WorkerArgs),
    /// Measure what a cluster's operations cost, and write a calibration file
    Calibrate(Box<CalibrateArgs>),
    /// Run each operation alone, and compare its SQL statements with the model's table
    Operations(Box<OperationsArgs>),
    /// The highest rate at which this machine sends starts on time
    #[command(name = "selftest")]
    SelfTest(SelfTestArgs),
    /// The embedded target as a process of its own: answers as told, executes nothing
    Target(Box<TargetArgs>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
