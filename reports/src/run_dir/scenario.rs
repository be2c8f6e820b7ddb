//! Where the profile's schedule lies within a run, and what happened in it beside the profile's events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run says about its course; the profile's `[[event]]` entries are read from the profile itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Scenario {
    /// Where the profile's arrival schedule begins, seconds from the start of the run. Above zero where a ramp and a warm-up
    /// come before it, below zero where its begin was not simulated.
    pub begins_at_seconds: f64,
    /// What happened that is not an event of the profile: the steps of a rollout, what an autoscaler did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// Something that happened, to be marked in timelines.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Mark {
    /// When it began, seconds from the start of the run.
    pub at_seconds: f64,
    /// When it was over; absent where it took no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_seconds: Option<f64>,
    /// What it was, in a few words: `rolling update`, `scaled from 5 to 8 pods`.
    pub label: String,
    /// Whether it gets a table of its own.
    #[serde(default)]
    pub kind: MarkKind,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A disturbance or a change: what was before, during and after it is told.
    #[default]
    Event,
    /// One of many small steps, such as an autoscaler's: a line in the timelines, and nothing more.
    Action,
}
