//! `lint`: the production checklists as checks.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `plimsoll lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Workload profile (TOML), the name of a shipped one, or `-` for stdin
    #[arg(value_name = "PROFILE", required_unless_present_any = ["history", "rules"])]
    pub profile: Option<PathBuf>,
    /// Check workflow histories (`temporal workflow show --output json`), or directories of them, instead of a profile
    #[arg(long, value_name = "FILE|DIR", num_args = 1.., conflicts_with = "profile")]
    pub history: Vec<PathBuf>,
    /// Print all rules, with their limits and where those come from
    #[arg(long, conflicts_with_all = ["profile", "history", "set"])]
    pub rules: bool,
    /// Override a value of the profile, e.g. `workers.pods=8`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Do not report this rule (id or name); may be repeated. A profile may say it itself: [lint] allow = ["PL403"]
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Exit 1 on these too
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Deny>,
    /// Format of the answer on stdout
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: LintFormat,
    /// Seed of the short simulation behind the rules on load
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
}

/// What counts beside errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Warnings.
    Warnings,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// Text of at most 100 columns.
    #[default]
    Human,
    /// One JSON document; its schema: `plimsoll schema lint`.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
}
