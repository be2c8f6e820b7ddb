//! What a plan was made from: kept in `plan.json`, so that files for deployment can be written from it alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a plan was made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct PlanBasis {
    /// Version of plimsoll.
    pub plimsoll: String,
    /// The command that makes the plan again.
    pub command: String,
    /// The whole profile, its cluster and all overrides included, uncertain inputs at their middle.
    pub profile: Value,
    /// Tasks of one workflow, on average over the profile's types.
    pub tasks: TasksPerWorkflow,
}

/// Tasks that one workflow hands to workers, counted by a simulation that nothing queues in.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct TasksPerWorkflow {
    /// Workflow tasks.
    pub workflow: f64,
    /// Activity tasks, retries included.
    pub activity: f64,
}
