//! The published JSON Schemas of the documents, generated from the types.
//!
//! Committed copies are in `reports/schema/`; a test keeps them equal. After a change of a type:
//! `cargo run -p plimsoll-reports --example write_schemas`.

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use crate::compare::Comparison;
use crate::plan_document::PlanDocument;
use crate::run_dir::Manifest;
use crate::run_document::RunDocument;
use crate::scaling_document::AutoscaleDocument;
use crate::sweep_document::SweepDocument;
use crate::validation::Validation;

/// A published schema.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedSchema {
    /// File name without `.json`: `plan`, `autoscale`, `simulate`, `sweep`, `compare`, `run`, `validation`.
    pub name: &'static str,
    /// The schema.
    pub schema: Value,
}

impl PublishedSchema {
    /// The schema as its file holds it.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.schema)
    }
}

/// All schemas, by the command whose JSON they describe; `run` is that of `run.json`, `validation` of
/// `plimsoll-load validate`.
pub fn all() -> Vec<PublishedSchema> {
    vec![
        PublishedSchema { name: "plan", schema: of::<PlanDocument>() },
        PublishedSchema { name: "autoscale", schema: of::<AutoscaleDocument>() },
        PublishedSchema { name: "simulate", schema: of::<RunDocument>() },
        PublishedSchema { name: "sweep", schema: of::<SweepDocument>() },
        PublishedSchema { name: "compare", schema: of::<Comparison>() },
        PublishedSchema { name: "run", schema: of::<Manifest>() },
        PublishedSchema { name: "validation", schema: of::<Validation>() },
    ]
}

fn of<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}
