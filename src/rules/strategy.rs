//! Which deployment strategy for which change: source document 003, section 10.1.5.

use serde::Serialize;

use super::RULES_SCHEMA_VERSION;

/// What kind of change is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A fix that cannot wait.
    Hotfix,
    /// A major release.
    MajorRelease,
    /// An experimental feature.
    ExperimentalFeature,
    /// A routine update.
    RoutineUpdate,
    /// Anything else.
    Other,
}

/// A row of the decision matrix with the rule's choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Strategy {
    /// Version of this document.
    pub schema_version: u32,
    /// `rolling`, `blue-green` or `canary`.
    pub strategy: &'static str,
    /// The rule's reason.
    pub reason: &'static str,
    /// How much work it is.
    pub complexity: &'static str,
    /// How fast one is back.
    pub rollback_speed: &'static str,
    /// What it costs while it runs.
    pub resource_cost: &'static str,
    /// The risk left.
    pub risk: &'static str,
    /// What it is best for.
    pub best_for: [&'static str; 2],
    /// The Temporal feature it needs.
    pub temporal_feature: &'static str,
}

const ROLLING: Strategy = Strategy {
    schema_version: RULES_SCHEMA_VERSION,
    strategy: "rolling",
    reason: "",
    complexity: "Low",
    rollback_speed: "Slow",
    resource_cost: "Low",
    risk: "Medium",
    best_for: ["Routine updates", "Small teams"],
    temporal_feature: "Standard",
};

const BLUE_GREEN: Strategy = Strategy {
    schema_version: RULES_SCHEMA_VERSION,
    strategy: "blue-green",
    reason: "",
    complexity: "Medium",
    rollback_speed: "Instant",
    resource_cost: "High (2x)",
    risk: "Low",
    best_for: ["Critical releases", "Need instant rollback"],
    temporal_feature: "Worker Versioning",
};

const CANARY: Strategy = Strategy {
    schema_version: RULES_SCHEMA_VERSION,
    strategy: "canary",
    reason: "",
    complexity: "High",
    rollback_speed: "Fast",
    resource_cost: "Medium",
    risk: "Very Low",
    best_for: ["High-risk changes", "A/B testing"],
    temporal_feature: "Worker Versioning",
};

/// `choose_deployment_strategy` of section 10.1.5 with its comments as reasons, and the matrix's row.
pub fn choose_deployment_strategy(change: Change) -> Strategy {
    match change {
        Change::Hotfix => Strategy { reason: "Fast, simple", ..ROLLING },
        Change::MajorRelease => Strategy { reason: "Safe, instant rollback", ..BLUE_GREEN },
        Change::ExperimentalFeature => Strategy { reason: "Gradual, low risk", ..CANARY },
        Change::RoutineUpdate => Strategy { reason: "Standard, cost-effective", ..ROLLING },
        Change::Other => Strategy { reason: "When in doubt, go safe", ..CANARY },
    }
}

/// The matrix's row of a strategy, `rolling`, `blue-green` or `canary`; that of a canary for any other name, as the rule does when in doubt.
pub fn matrix_row(strategy: &str) -> Strategy {
    match strategy {
        "rolling" => ROLLING,
        "blue-green" => BLUE_GREEN,
        _ => CANARY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_as_the_source_documents_tree() {
        for (change, strategy) in [
            (Change::Hotfix, "rolling"),
            (Change::MajorRelease, "blue-green"),
            (Change::ExperimentalFeature, "canary"),
            (Change::RoutineUpdate, "rolling"),
            (Change::Other, "canary"),
        ] {
            assert_eq!(choose_deployment_strategy(change).strategy, strategy, "{change:?}");
        }
    }
}
