//! The workers' PodDisruptionBudget.

use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::kubernetes::{LabelSelector, Object, map, worker_metadata};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BudgetSpec {
    max_unavailable: u32,
    selector: LabelSelector,
}

/// Pods that may be evicted at once: 0 would keep nodes from being drained at all.
pub(super) const MAX_UNAVAILABLE: u32 = 1;

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let budget = Object {
        api_version: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: worker_metadata(context),
        spec: BudgetSpec {
            max_unavailable: MAX_UNAVAILABLE,
            selector: LabelSelector { match_labels: map([("app.kubernetes.io/name", &context.worker_name())]) },
        },
    };
    let about = [
        format!(
            "PodDisruptionBudget of the workers of \"{}\": nodes are drained one worker at a time.",
            context.plan.profile
        ),
        match context.spare() {
            0 => "The plan has no spare pod: drain nodes below the peak.".to_owned(),
            _ => "The plan keeps its promises with one pod lost.".to_owned(),
        },
        "Those of the services are in the Helm values.".to_owned(),
    ];
    Ok(vec![context.yaml(Kind::Pdb, "kubernetes/pdb.yaml", &about, &budget)?])
}
