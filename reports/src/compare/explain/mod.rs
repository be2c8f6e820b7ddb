//! Where two runs differ, and what is responsible, in words: a small table of [`rules`] over what was judged.

mod facts;
mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::Comparison;
use crate::run_dir::Run;
use crate::validation::Validation;
use facts::Facts;

/// One finding: what differs, and what is responsible for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Explanation {
    /// The rule that found it, e.g. `operation_table`.
    pub rule: String,
    /// What differs, one sentence.
    pub finding: String,
    /// What is responsible: a part of the model where a simulated run is held against a measured one, else what to look at.
    pub responsible: String,
    /// The numbers behind it, each with its difference.
    pub evidence: Vec<String>,
}

/// Explains the differences of a comparison that count.
pub(super) fn explain(comparison: &Comparison, a: &Run, b: &Run) -> Vec<Explanation> {
    of(&Facts::of_comparison(comparison, a, b))
}

/// Explains the rows of a validation that are outside.
pub(crate) fn explain_validation(validation: &Validation) -> Vec<Explanation> {
    of(&Facts::of_validation(validation))
}

fn of(facts: &Facts) -> Vec<Explanation> {
    let fired = rules::RULES.iter().filter_map(|rule| Some((rule, (rule.fires)(facts)?)));
    fired
        .map(|(rule, keys)| Explanation {
            rule: rule.name.into(),
            finding: rule.finding.into(),
            responsible: if facts.modelled { rule.in_the_model.into() } else { rule.in_the_system.into() },
            evidence: keys.iter().map(|key| facts.words(key)).collect(),
        })
        .collect()
}
