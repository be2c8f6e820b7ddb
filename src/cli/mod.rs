//! What the user typed: one type per command, help texts in their doc comments.

mod cost;
mod emit;
mod import;
mod lint;
mod model;
mod rules;
mod scenarios;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use cost::{CostArgs, ForecastArgs};
pub use emit::{EmitArgs, EmitAt, EmitKind};
pub use import::ImportCommand;
pub use lint::{Deny, LintArgs, LintFormat};
pub use model::{ModelArgs, PlanArgs, RolloutsArgs, SimulateArgs, SweepArgs};
pub use rules::{ChangeKind, DatabaseArgs, RulesCommand, StorageArgs, StrategyArgs, WorkersArgs};
pub use scenarios::ScenariosArgs;

const AFTER_HELP: &str = "\
Exit codes: 0 fine · 1 a finding (SLO not met, outside tolerance) · 2 usage or configuration
            3 the run is invalid · 4 target or file I/O · 130 interrupted
The answer is on stdout; progress and notes are on stderr.";

/// What a Temporal cluster and its workers need, and what breaks first.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, about, after_help = AFTER_HELP, max_term_width = 100)]
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
    Human,
    /// One JSON document; its schema: `plimsoll schema`.
    Json,
    /// Rows for a spreadsheet.
    Csv,
}

/// Where the answer goes.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// Format of the answer on stdout
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,
    /// Also write every file of the result into this directory
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Also write one self-contained HTML report
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The smallest capacity that meets the SLO at peak, what breaks first, and why
    Plan(PlanArgs),
    /// Simulate one fixed cluster
    Simulate(SimulateArgs),
    /// What happens when a pod, a node, the database, a dependency or the workers fail, and what would have prevented it
    Scenarios(ScenariosArgs),
    /// Simulate a grid of values
    Sweep(SweepArgs),
    /// Try the profile's rollout as rolling update, blue-green and canary, and take each back
    Rollouts(RolloutsArgs),
    /// What Temporal Cloud bills for a profile or for real histories, and what hosting it oneself costs
    Cost(CostArgs),
    /// A year ahead by month: load, storage, cost, and when it no longer fits
    Forecast(ForecastArgs),
    /// Compare two runs, quantile by quantile and resource by resource
    Compare(CompareArgs),
    /// Make a report of one or more runs
    Report(ReportArgs),
    /// Check a profile, or workflow histories, against the production checklists
    Lint(LintArgs),
    /// The source documents' rule-of-thumb calculators, exactly
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Make a profile from what really happened
    #[command(subcommand)]
    Import(ImportCommand),
    /// Files to deploy from a plan: Helm values, Kubernetes objects, alerts, dashboards, settings
    Emit(EmitArgs),
    /// Print the JSON Schema of a file format
    Schema(SchemaArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the man page
    Man,
    /// Load tests on a real cluster: runs `plimsoll-load`
    #[command(disable_help_flag = true)]
    Load(LoadArgs),
}

/// `plimsoll compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Run directory (or its run.json) to compare with
    #[arg(value_name = "BASE")]
    pub base: PathBuf,
    /// Run directory (or its run.json) that is judged
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// TOML file of tolerances; exit 1 past one of them
    #[arg(long, alias = "tolerance", value_name = "FILE")]
    pub tolerances: Option<PathBuf>,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `plimsoll report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run directories, their run.json, or plan.json files
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `plimsoll schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which file format
    #[arg(value_enum, default_value_t)]
    pub of: SchemaName,
}

/// A published schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// What `plan`, `simulate` and `sweep` read.
    #[default]
    Profile,
    /// A cluster file that `[cluster] use = "…"` names.
    Cluster,
    /// What `plan --format json` prints.
    Plan,
    /// What `plan --autoscale --format json` prints.
    Autoscale,
    /// What `simulate --format json` prints.
    Simulate,
    /// What `scenarios --format json` prints.
    Scenarios,
    /// What `sweep --format json` prints.
    Sweep,
    /// What `compare --format json` prints.
    Compare,
    /// What `cost PROFILE --format json` prints.
    Cost,
    /// What `cost --history … --format json` prints.
    Actions,
    /// What `forecast --format json` prints.
    Forecast,
    /// The run.json of a run directory.
    Run,
    /// What `rollouts --format json` prints.
    Rollouts,
    /// What `load validate --format json` prints.
    Validation,
    /// What `lint --format json` prints.
    Lint,
}

/// `plimsoll completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `plimsoll load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Handed to `plimsoll-load` as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
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
