//! What a measured run says about itself beyond what a simulated one has: target, counts, generator, checks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manifest::Sent;

/// Columns of `resources.csv` that the load generator itself writes, by these names so that reports find them.
///
/// Rates are over the second that ends at the row's time. A simulated run has those it knows under the same names.
pub mod columns {
    /// Intended starts, "1/s".
    pub const OFFERED: &str = "offered";
    /// Starts sent, "1/s".
    pub const SENT: &str = "sent";
    /// Workflows completed, "1/s".
    pub const COMPLETED: &str = "completed";
    /// Starts refused, and workflows failed or timed out, "1/s".
    pub const FAILED: &str = "failed";
    /// Workflows started and not closed, "workflows".
    pub const OPEN_WORKFLOWS: &str = "open_workflows";
    /// Requests sent and not answered: what the in-flight cap counts, "requests".
    pub const IN_FLIGHT: &str = "in_flight";
    /// Operations held back at the in-flight cap, "operations".
    pub const WAITING: &str = "waiting";
    /// Tasks waiting in the run's task queues, "tasks".
    pub const BACKLOG: &str = "backlog";
    /// CPU of the generator's own process, "cores".
    pub const GENERATOR_CPU: &str = "generator_cpu";
    /// CPU time that the machine-speed canary's fixed computation took, "s".
    pub const CANARY: &str = "canary_cpu";
}

/// The part of a manifest that only a measured run has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(default)]
pub struct Measurement {
    /// Everything the run started is named by it.
    pub run_id: String,
    /// What was driven.
    pub target: Target,
    /// Who did the work.
    pub workers: WorkersKind,
    /// How completions were observed.
    pub completions: CompletionsBy,
    /// The window that is measured: warm-up before it, drain after it.
    pub window: Window,
    /// What was offered and what became of it, to the unit.
    pub counts: MeasuredCounts,
    /// How late starts were sent; absent until the run ends.
    pub dispatch_lag: Option<DispatchLag>,
    /// The generator's own CPU.
    pub generator_cpu: Option<GeneratorCpu>,
    /// How even the machine's speed was.
    pub canary: Option<CanarySummary>,
    /// What this machine can generate; absent where no self-test was made.
    pub self_test: Option<SelfTest>,
    /// Mean of each column of `resources.csv` before the run, with nothing sent; the series hold what was read, numbers
    /// per workflow have this subtracted.
    pub idle_baseline: BTreeMap<String, f64>,
    /// Samplers that failed, and how often.
    pub sampler_problems: Vec<SamplerProblem>,
    /// Caps in force.
    pub caps: Vec<Cap>,
    /// Rules that would have ended the run, and the one that did.
    pub abort_rules: Vec<AbortRule>,
    /// The run was ended from outside.
    pub interruption: Option<Interruption>,
    /// What the run checked about itself.
    pub checks: Vec<CheckResult>,
    /// What each kind of SQL statement cost from the first start on, drain included, dearest first; empty where it was not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statement_costs: Vec<StatementCost>,
    /// How each table grew from before the first start until after the drain, the largest growth first; empty where it was not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub table_growth: Vec<TableGrowth>,
}

/// What a kind of SQL statement cost in the whole run, as `pg_stat_statements` counts it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(default)]
pub struct StatementCost {
    /// The database.
    pub database: String,
    /// Its first word and its table: "UPDATE executions".
    pub statement: String,
    /// How many.
    pub calls: f64,
    /// Rows they gave or changed.
    pub rows: f64,
    /// Execution time, seconds.
    pub seconds: f64,
}

/// How a table grew in the whole run. PostgreSQL grows files by pages of 8 KiB, and dead rows take space until a vacuum.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(default)]
pub struct TableGrowth {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Size before the first start, its indexes and TOAST included (`pg_total_relation_size`), bytes.
    pub bytes_before: f64,
    /// The same after the drain.
    pub bytes_after: f64,
    /// Rows inserted between the two.
    pub rows_inserted: f64,
    /// Rows deleted between the two.
    pub rows_deleted: f64,
}

impl TableGrowth {
    /// What it grew by, bytes; below zero where it was truncated.
    pub fn bytes(&self) -> f64 {
        self.bytes_after - self.bytes_before
    }
}

/// What was driven; nothing secret.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(default)]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// Namespace.
    pub namespace: String,
    /// Task queue.
    pub task_queue: String,
    /// Whether the connection was encrypted.
    pub tls: bool,
    /// The generator's own in-process server instead of a cluster.
    pub embedded: bool,
}

/// Who did the work.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum WorkersKind {
    /// Workers in the generator's process.
    #[default]
    InProcess,
    /// Workers of the generator in processes of their own.
    Processes,
    /// The user's own.
    Own,
    /// None: nothing was executed.
    None,
}

impl WorkersKind {
    /// As people call it.
    pub fn words(self) -> &'static str {
        match self {
            WorkersKind::InProcess => "in the generator's process",
            WorkersKind::Processes => "in processes of their own",
            WorkersKind::Own => "the user's own",
            WorkersKind::None => "none",
        }
    }
}

/// How completions were observed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CompletionsBy {
    /// The worker saw the answer to the request that closed the workflow.
    #[default]
    Worker,
    /// A long poll for the close event of each history.
    LongPoll,
    /// Not at all: only starts were measured.
    NotObserved,
}

impl CompletionsBy {
    /// As people call it.
    pub fn words(self) -> &'static str {
        match self {
            CompletionsBy::Worker => "by the workers, when the request that closes a workflow was answered",
            CompletionsBy::LongPoll => "by a long poll for the close event of each workflow",
            CompletionsBy::NotObserved => "not at all",
        }
    }
}

/// A window of the run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Window {
    /// Begin, seconds from the start of the run.
    pub start_seconds: f64,
    /// End, seconds from the start of the run.
    pub end_seconds: f64,
}

/// Intended starts and what became of them:
/// `offered = sent + unsent` and `sent = completed + failed + unfinished`, to the unit.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(default)]
pub struct MeasuredCounts {
    /// Intended starts.
    pub offered: u64,
    /// Start requests sent.
    pub sent: u64,
    /// Workflows seen to complete.
    pub completed: u64,
    /// Starts refused, and workflows that failed, timed out, or were cancelled or terminated.
    pub failed: u64,
    /// Sent, and not seen to close by the end of the drain.
    pub unfinished: u64,
    /// Not sent: the run ended first, or a cap forbade it.
    pub unsent: u64,
    /// Sent late because the in-flight cap was reached.
    pub delayed: u64,
    /// Start requests sent again after an error.
    pub retries: u64,
}

impl MeasuredCounts {
    /// What does not add up, in a sentence without its full stop; `None` when all is well.
    pub fn contradiction(&self) -> Option<String> {
        let accounted = [self.completed, self.failed, self.unfinished].into_iter().map(u128::from).sum::<u128>();
        let (offered, sent, unsent) = (u128::from(self.offered), u128::from(self.sent), u128::from(self.unsent));
        if accounted + unsent != offered {
            return Some(format!(
                "{} completed, {} failed, {} unfinished and {} unsent are {}, not the {} offered",
                self.completed,
                self.failed,
                self.unfinished,
                self.unsent,
                accounted + unsent,
                self.offered
            ));
        }
        if sent + unsent != offered {
            return Some(format!("{} sent and {} unsent are not the {} offered", self.sent, self.unsent, self.offered));
        }
        if self.delayed > self.sent {
            return Some(format!("{} were delayed at the cap, but only {} sent", self.delayed, self.sent));
        }
        None
    }

    /// The counts that every manifest has.
    pub fn sent(&self) -> Sent {
        Sent { offered: self.offered, sent: self.sent, unsent: self.unsent, failed: self.failed }
    }
}

/// How late starts were sent, from the intended start to the send. Starts held at the in-flight cap are not among them:
/// they are counted as delayed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct DispatchLag {
    /// Starts behind it.
    pub samples: u64,
    /// Median, seconds.
    pub p50_seconds: f64,
    /// 99 %, seconds.
    pub p99_seconds: f64,
    /// The largest, seconds.
    pub max_seconds: f64,
}

/// The generator's own CPU over the measured window.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct GeneratorCpu {
    /// Cores it may use.
    pub limit_cores: f64,
    /// Mean.
    pub mean_cores: f64,
    /// The 95 % quantile of its seconds.
    pub p95_cores: f64,
}

/// What the machine-speed canary saw: a fixed computation four times a second, the mean CPU time of each second recorded.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CanarySummary {
    /// How often it ran.
    pub samples: u64,
    /// Median CPU time, seconds.
    pub median_seconds: f64,
    /// Share of the samples further than 10 % from the median.
    pub deviating_share: f64,
    /// The slowest, relative to the median (0.5 is half as much again).
    pub slowest_relative: f64,
}

/// What this machine can generate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct SelfTest {
    /// The highest dispatch rate whose lag stayed under 1 ms at p99.
    pub starts_per_second: f64,
    /// The lag's p99 at that rate, seconds.
    pub lag_p99_seconds: f64,
    /// When it was measured, RFC 3339 in UTC.
    pub measured_at: String,
}

/// A sampler that failed; the run went on without it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct SamplerProblem {
    /// Which.
    pub sampler: String,
    /// What happened last.
    pub problem: String,
    /// Samples lost.
    pub times: u64,
}

/// A cap in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Cap {
    /// What it limits, e.g. "starts in flight", "starts", "starts per second".
    pub of: String,
    /// The limit.
    pub limit: f64,
    /// Whether the run reached it.
    pub reached: bool,
}

/// A rule that ends a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct AbortRule {
    /// In words, e.g. "errors above 10 % over 10 s".
    pub rule: String,
    /// When it fired, seconds from the start of the run.
    pub fired_at_seconds: Option<f64>,
    /// What it saw then.
    pub found: Option<String>,
}

/// An end from outside.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Interruption {
    /// When, seconds from the start of the run.
    pub at_seconds: f64,
    /// What, e.g. "Ctrl-C".
    pub by: String,
}

/// One check of a run about itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct CheckResult {
    /// What was checked, e.g. "dispatch lag p99".
    pub check: String,
    /// What was found; absent where it could not be checked.
    pub found: Option<f64>,
    /// The limit it was held against.
    pub limit: Option<f64>,
    /// Unit of both, e.g. "s", "share", "starts".
    pub unit: String,
    /// What follows.
    pub outcome: CheckOutcome,
    /// One sentence: the number, the limit, what to do.
    pub sentence: String,
}

/// The check of how late starts were sent.
pub const DISPATCH_LAG_CHECK: &str = "dispatch lag p99";

/// What follows from a check.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Within the limit.
    Passed,
    /// There was too little to check it by.
    NotChecked,
    /// To be known when reading the numbers; the generator did its part.
    Remark,
    /// The numbers are usable with care.
    Suspect,
    /// The numbers are not to be used.
    Invalid,
}

impl CheckOutcome {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            CheckOutcome::Passed => "ok",
            CheckOutcome::NotChecked => "not checked",
            CheckOutcome::Remark => "to know",
            CheckOutcome::Suspect => "suspect",
            CheckOutcome::Invalid => "invalid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_to_the_unit_or_say_where_not() {
        let good = MeasuredCounts {
            offered: 100,
            sent: 97,
            completed: 90,
            failed: 4,
            unfinished: 3,
            unsent: 3,
            delayed: 97,
            retries: 1_000,
        };
        assert_eq!(good.contradiction(), None);
        assert_eq!(good.sent(), Sent { offered: 100, sent: 97, unsent: 3, failed: 4 });
        let lost = MeasuredCounts { completed: 89, ..good };
        assert!(lost.contradiction().is_some_and(|text| text.contains("are 99, not the 100 offered")));
        let sent = MeasuredCounts { sent: 96, ..good };
        assert!(sent.contradiction().is_some_and(|text| text.contains("96 sent")));
        let delayed = MeasuredCounts { delayed: 98, ..good };
        assert!(delayed.contradiction().is_some_and(|text| text.contains("98 were delayed")));
        let huge = MeasuredCounts { completed: u64::MAX, failed: u64::MAX, ..good };
        assert!(huge.contradiction().is_some(), "no overflow");
    }
}
