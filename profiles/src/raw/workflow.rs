//! Workflow types and their steps as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::span::RawSpan;
use crate::units::{Bytes, Nanos, Probability};

/// A workflow type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workflow")]
pub(crate) struct RawWorkflow {
    /// Its name.
    #[serde(rename = "type")]
    pub name: String,
    /// Its share of all starts; the shares of all types add up to 1. Left out: it runs only as a child, or it is the only type that is started.
    pub share: Option<Probability>,
    /// Payload of the start request. Default: 100B.
    pub input: Option<Bytes>,
    /// Payload of the result. Default: 100B.
    pub result: Option<Bytes>,
    /// What it does, one after the other; at least one step.
    pub steps: Vec<RawStep>,
}

/// One step of a workflow; its kind is the key that names it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Step", untagged)]
pub(crate) enum RawStep {
    /// An activity.
    Activity(Box<RawActivity>),
    /// A local activity.
    LocalActivity(RawLocalActivity),
    /// A timer.
    Timer(RawTimer),
    /// A wait for signals.
    WaitSignal(RawWaitSignal),
    /// A query.
    Query(RawQuery),
    /// An update.
    Update(RawUpdate),
    /// A child workflow.
    Child(RawChild),
    /// Continue-as-new.
    ContinueAsNew(RawContinueAsNew),
    /// Steps at once.
    Parallel(RawParallel),
    /// Steps one after the other.
    Sequence(RawSequence),
    /// Steps again and again.
    Repeat(RawRepeat),
    /// One of several, by probability.
    Branch(RawBranch),
}

/// An activity: scheduled by the server, run in an activity slot of a worker.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ActivityStep")]
pub(crate) struct RawActivity {
    /// Its name.
    pub activity: String,
    /// How long one attempt holds its slot, waiting for others included.
    pub takes: RawSpan,
    /// Worker CPU of one attempt. Default: 0s.
    pub cpu: Option<Nanos>,
    /// Worker memory while it runs. Default: workers.memory_per_activity.
    pub memory: Option<Bytes>,
    /// Payload in. Default: 100B.
    pub input: Option<Bytes>,
    /// Payload out. Default: 100B.
    pub output: Option<Bytes>,
    /// Probability that one attempt fails with an error that is retried. Default: 0.
    pub fails: Option<Probability>,
    /// This many attempts fail for certain before `fails` applies: what a service that is down for a while looks like. Default: 0.
    pub fails_first: Option<u32>,
    /// The retry policy. Default: the server's.
    pub retry: Option<RawRetry>,
    /// Heartbeats. Default: none.
    pub heartbeat: Option<RawHeartbeat>,
    /// Longest time of one attempt. Default, when schedule_to_close is not given either: ten times the longest duration that `takes` names, at least 10s.
    pub start_to_close: Option<Nanos>,
    /// Longest wait for a worker. Default: unlimited.
    pub schedule_to_start: Option<Nanos>,
    /// Longest time of everything, retries included. Default: unlimited.
    pub schedule_to_close: Option<Nanos>,
    /// How many of them, one after the other. Default: 1.
    pub count: Option<u32>,
}

/// A retry policy; what is left out is the server's default.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RetryPolicy")]
pub(crate) struct RawRetry {
    /// Wait before the second attempt. Default: 1s.
    pub initial: Option<Nanos>,
    /// Factor from one wait to the next, at least 1. Default: 2.
    pub backoff: Option<f64>,
    /// Longest wait. Default: 100 times initial.
    pub maximum: Option<Nanos>,
    /// Attempts in all; 0 is unlimited. Default: 0.
    pub attempts: Option<u32>,
}

/// Heartbeats of an activity.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Heartbeat")]
pub(crate) struct RawHeartbeat {
    /// How often the activity reports, before the SDK throttles.
    pub every: Nanos,
    /// The heartbeat time-out.
    pub timeout: Nanos,
}

/// An activity inside the workflow task, recorded as a marker.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LocalActivityStep")]
pub(crate) struct RawLocalActivity {
    /// Its name.
    pub local_activity: String,
    /// How long it runs.
    pub takes: RawSpan,
    /// Worker CPU. Default: 0s.
    pub cpu: Option<Nanos>,
    /// Payload out, into the marker. Default: 100B.
    pub output: Option<Bytes>,
    /// How many of them, one after the other. Default: 1.
    pub count: Option<u32>,
}

/// A durable timer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TimerStep")]
pub(crate) struct RawTimer {
    /// How long.
    pub timer: RawSpan,
}

/// A wait for signals from outside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WaitSignalStep")]
pub(crate) struct RawWaitSignal {
    /// The signal's name.
    pub wait_signal: String,
    /// How long after the step begins (or after the signal before it) the signal is sent. Default: 0s.
    pub after: Option<RawSpan>,
    /// Counts `after` from the workflow's start instead. Default: false.
    pub from_start: Option<bool>,
    /// Payload. Default: 100B.
    pub payload: Option<Bytes>,
    /// Signals the step needs. Default: 1.
    pub count: Option<u32>,
}

/// A client's query, which the workflow does not wait for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "QueryStep")]
pub(crate) struct RawQuery {
    /// The query's name.
    pub query: String,
    /// Payload of the answer. Default: 100B.
    pub output: Option<Bytes>,
    /// How many, one after the other. Default: 1.
    pub count: Option<u32>,
}

/// A client's update, which the workflow handles before it goes on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UpdateStep")]
pub(crate) struct RawUpdate {
    /// The update's name.
    pub update: String,
    /// How long after the step begins it is sent. Default: 0s.
    pub after: Option<RawSpan>,
    /// Payload in. Default: 100B.
    pub input: Option<Bytes>,
    /// Payload out. Default: 100B.
    pub output: Option<Bytes>,
}

/// A child workflow.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ChildStep")]
pub(crate) struct RawChild {
    /// The child's workflow type, one of this profile's.
    pub child: String,
    /// Whether the parent waits for its end; else only for its start. Default: true.
    pub wait: Option<bool>,
}

/// Ends this run and starts the next with the same steps; after the last run the workflow goes on with what follows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ContinueAsNewStep")]
pub(crate) struct RawContinueAsNew {
    /// How often.
    pub continue_as_new: RawRuns,
}

/// How often a workflow continues as new.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Runs")]
pub(crate) struct RawRuns {
    /// Further runs after the first.
    pub runs: u32,
}

/// Steps that begin at once; the workflow goes on when the last is done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ParallelStep")]
pub(crate) struct RawParallel {
    /// The steps; a `sequence` makes one of them of several.
    pub parallel: Vec<RawStep>,
}

/// Steps one after the other, as one step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SequenceStep")]
pub(crate) struct RawSequence {
    /// The steps.
    pub sequence: Vec<RawStep>,
}

/// Steps again and again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RepeatStep")]
pub(crate) struct RawRepeat {
    /// How often, and what.
    pub repeat: RawRepetition,
}

/// How often, and what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Repetition")]
pub(crate) struct RawRepetition {
    /// How often, at least once.
    pub times: u32,
    /// What.
    pub steps: Vec<RawStep>,
}

/// One of several ways, by probability; what is missing to 1 does nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BranchStep")]
pub(crate) struct RawBranch {
    /// The ways.
    pub branch: Vec<RawArm>,
}

/// One way of a branch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Arm")]
pub(crate) struct RawArm {
    /// How likely it is.
    pub probability: Probability,
    /// What it does.
    pub steps: Vec<RawStep>,
}
