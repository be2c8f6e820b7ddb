//! What a workflow does, step by step.

use crate::units::{Bytes, Nanos, Probability};

/// How long something takes, as the profile says it. The simulator draws from the distribution this describes:
/// two quantiles → lognormal through both; more → piecewise log-linear; mean and cv → lognormal.
#[derive(Clone, Debug, PartialEq)]
pub enum Span {
    /// Always the same.
    Constant(Nanos),
    /// At least two quantiles, increasing in both.
    Quantiles(Vec<(f64, Nanos)>),
    /// Mean and coefficient of variation (standard deviation over mean).
    MeanCv {
        /// The mean.
        mean: Nanos,
        /// Standard deviation over mean, ≥ 0.
        cv: f64,
    },
}

/// A workflow type.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowType {
    /// Its name.
    pub name: String,
    /// Its share of all starts; `None` for types that run only as children.
    pub share: Option<Probability>,
    /// Payload of the start request.
    pub input: Bytes,
    /// Payload of the result.
    pub result: Bytes,
    /// What it does; at least one step.
    pub steps: Vec<Step>,
}

/// One step of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A regular activity.
    Activity(Activity),
    /// An activity inside the workflow task.
    LocalActivity(LocalActivity),
    /// A durable timer.
    Timer(Span),
    /// Waits for a signal from outside.
    WaitSignal(WaitSignal),
    /// A client's query meets the workflow here; the workflow does not wait.
    Query(Query),
    /// A client's update meets the workflow here; the workflow handles it before it goes on.
    Update(Update),
    /// A child workflow.
    Child(Child),
    /// Ends this run and starts the next with the same steps, `runs` times in all; then goes on to what follows.
    ContinueAsNew {
        /// Further runs after the first.
        runs: u32,
    },
    /// All branches at once; goes on when the last is done.
    Parallel(Vec<Step>),
    /// One after the other: a branch of several steps.
    Sequence(Vec<Step>),
    /// The steps, `times` times.
    Repeat {
        /// How often, at least once.
        times: u32,
        /// What.
        steps: Vec<Step>,
    },
    /// One arm by probability; the missing rest to 1 does nothing.
    Branch(Vec<Arm>),
}

/// One arm of a branch.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// How likely this arm is.
    pub probability: Probability,
    /// What it does.
    pub steps: Vec<Step>,
}

/// A regular activity: scheduled by the server, run in an activity slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// How long one attempt runs in its slot (waiting included).
    pub takes: Span,
    /// Worker CPU of one attempt.
    pub cpu: Nanos,
    /// Worker memory while it runs; `None`: `workers.memory_per_activity`.
    pub memory: Option<Bytes>,
    /// Payload in.
    pub input: Bytes,
    /// Payload out.
    pub output: Bytes,
    /// Probability that one attempt fails with a retryable error.
    pub fails: Probability,
    /// First attempts that fail whatever `fails` says.
    pub fails_first: u32,
    /// What happens then.
    pub retry: RetryPolicy,
    /// Heartbeats, if it sends any.
    pub heartbeat: Option<Heartbeat>,
    /// Time-outs.
    pub timeouts: Timeouts,
}

/// Temporal's retry policy; defaults are the server's: 1 s, 2.0, 100 × initial, unlimited.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Wait before the second attempt.
    pub initial: Nanos,
    /// Factor from one wait to the next, ≥ 1.
    pub backoff: f64,
    /// Longest wait.
    pub maximum: Nanos,
    /// Attempts in all; 0 is unlimited.
    pub attempts: u32,
}

/// Heartbeats of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// How often the activity reports (before the SDK throttles).
    pub every: Nanos,
    /// The heartbeat time-out.
    pub timeout: Nanos,
}

/// Activity time-outs; `None` is unlimited. At least one of start-to-close and schedule-to-close is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// One attempt.
    pub start_to_close: Option<Nanos>,
    /// Waiting for a worker.
    pub schedule_to_start: Option<Nanos>,
    /// Everything, retries included.
    pub schedule_to_close: Option<Nanos>,
}

/// A local activity: runs inside the workflow task, recorded as a marker.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalActivity {
    /// Its name.
    pub name: String,
    /// How long it runs.
    pub takes: Span,
    /// Worker CPU.
    pub cpu: Nanos,
    /// Payload out (into the marker).
    pub output: Bytes,
}

/// A wait for a signal.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitSignal {
    /// Its name.
    pub name: String,
    /// How long after the step begins the signal is sent.
    pub after: Span,
    /// Counted from the workflow's start instead of the step's.
    pub from_start: bool,
    /// Payload.
    pub payload: Bytes,
    /// Signals the step needs, at least one, each `after` the one before.
    pub count: u32,
}

/// A client's query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its name.
    pub name: String,
    /// Payload of the answer.
    pub output: Bytes,
    /// How many, one after the other.
    pub count: u32,
}

/// A client's update.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Its name.
    pub name: String,
    /// How long after the step begins it is sent.
    pub after: Span,
    /// Payload in.
    pub input: Bytes,
    /// Payload out.
    pub output: Bytes,
}

/// A child workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Index into [`crate::profile::Profile::workflows`].
    pub workflow: usize,
    /// Whether the parent waits for its end (else only for its start).
    pub wait: bool,
}
