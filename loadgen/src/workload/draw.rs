//! What chance decides about one workflow, as a function of (seed, workflow, run, purpose).
//!
//! Nothing is drawn in an order: every decision has a stream of its own ([`plimsoll_profiles::random`]), named by the
//! workflow and the decision. Driver, workers, replays after a lost cache and retries on another process all see the same.

use plimsoll_profiles::profile::Span;
use plimsoll_profiles::random::{Distribution, Stream, Streams};
use plimsoll_profiles::units::{Nanos, Probability};

use crate::identity::RunId;

/// What names a workflow within its run: its ordinal, and for children the way down from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of the workflow with this ordinal.
    pub fn of_ordinal(ordinal: u64) -> Self {
        Key(ordinal.to_string())
    }

    /// The key of a workflow id of this run; of any other workflow the id itself.
    pub fn of_workflow_id(run: &RunId, workflow_id: &str) -> Self {
        let rest = workflow_id.strip_prefix(run.as_str()).and_then(|rest| rest.strip_prefix('-'));
        Key(rest.unwrap_or(workflow_id).to_owned())
    }

    /// Whether it is a child of a workflow of the run.
    pub fn is_child(&self) -> bool {
        self.0.contains('/')
    }
}

/// A place in a workflow's steps: the indexes on the way down to it (step, turn of a repeat, arm, branch), as `0.2.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// Where the first steps are below.
    pub fn root() -> Self {
        Place(String::new())
    }

    /// The `index`-th place below this one.
    pub fn below(&self, index: u64) -> Self {
        match self.0.as_str() {
            "" => Place(index.to_string()),
            above => Place(format!("{above}.{index}")),
        }
    }

    /// As text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The streams of one run of one workflow.
#[derive(Clone, Debug)]
pub struct Draws {
    streams: Streams,
    key: String,
    run_number: u32,
}

impl Draws {
    pub(super) fn new(streams: Streams, key: &Key, run_number: u32) -> Self {
        Draws { streams, key: key.0.clone(), run_number }
    }

    fn stream(&self, purpose: &str) -> Stream {
        self.streams.stream(&self.key, purpose, self.run_number)
    }

    /// Runs of its chain before this one.
    pub fn run_number(&self) -> u32 {
        self.run_number
    }

    /// Uniform on [0, 1).
    pub fn uniform(&self, purpose: &str) -> f64 {
        self.stream(purpose).uniform()
    }

    /// True with the probability given.
    pub fn chance(&self, probability: Probability, purpose: &str) -> bool {
        self.stream(purpose).chance(probability)
    }

    /// A span of this distribution.
    pub fn span(&self, distribution: &Distribution, purpose: &str) -> Nanos {
        // A constant is most of what profiles hold, and setting up a stream is not free.
        match distribution {
            Distribution::Constant(span) => *span,
            drawn => drawn.sample(&mut self.stream(purpose)),
        }
    }
}

/// The distribution a profile's span describes; the simulator draws from the same.
///
/// Quantiles were checked when the profile was read; should they be refused all the same, their largest is taken as constant.
pub fn distribution(span: &Span) -> Distribution {
    match span {
        Span::Constant(value) => Distribution::Constant(*value),
        Span::MeanCv { mean, cv } => Distribution::from_mean_cv(*mean, *cv),
        Span::Quantiles(points) => Distribution::from_quantiles(points)
            .unwrap_or_else(|_| Distribution::Constant(points.last().map_or(Nanos::ZERO, |point| point.1))),
    }
}
