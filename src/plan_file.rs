//! A plan on disk.

use std::fs;
use std::path::Path;

use plimsoll_profiles::profile::{ClusterKind, Profile};
use plimsoll_reports::plan_document::{PLAN_SCHEMA_VERSION, PlanDocument};

use crate::failure::Failure;

/// Reads a plan, and the bytes it was read from.
///
/// # Errors
/// When the file cannot be read, is no plan, or is one of another version.
pub fn read(path: &Path) -> Result<(PlanDocument, String), Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    let plan = parse(&text, &path.display().to_string())?;
    Ok((plan, text))
}

/// Reads the plan of a profile, whose sizes are taken for it.
///
/// # Errors
/// As [`read`]; when it is the plan of another profile, or of Temporal Cloud where the profile's own cluster is sized.
pub fn read_for(profile: &Profile, path: &Path) -> Result<PlanDocument, Failure> {
    let (plan, _) = read(path)?;
    let path = path.display();
    if plan.profile != profile.name {
        return Err(Failure::usage(format!(
            "{path} is the plan of {:?}; expected one of {:?}\nmake it: plimsoll plan PROFILE --out DIR, or leave --plan out",
            plan.profile, profile.name
        )));
    }
    let is_hosted = !matches!(profile.cluster.kind, ClusterKind::Cloud(_));
    if is_hosted && plan.server.frontend.pods == 0 {
        return Err(Failure::usage(format!(
            "{path} is a plan for Temporal Cloud, which has no sizes of a server; expected one for {:?}\nmake it: plimsoll plan PROFILE --set 'cluster={{ use = \"kubernetes-production\" }}' --out DIR, or leave --plan out",
            profile.cluster.name
        )));
    }
    Ok(plan)
}

/// A plan from its text; `name` is what messages call it.
///
/// # Errors
/// When it is no plan, or one of another version.
pub fn parse(text: &str, name: &str) -> Result<PlanDocument, Failure> {
    let no_plan = |why: String| {
        Failure::usage(format!("{name} is not a plan: {why}\nexpected what `plimsoll plan --format json` prints"))
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| no_plan(error.to_string()))?;
    // Before its keys, which another version may have others of.
    let version = value.get("schema_version").and_then(serde_json::Value::as_u64);
    match version {
        Some(version) if version == u64::from(PLAN_SCHEMA_VERSION) => {}
        Some(version) => {
            let (whose, mend) = match version > u64::from(PLAN_SCHEMA_VERSION) {
                true => ("a newer", "use that plimsoll, or make the plan again with this one"),
                false => ("an older", "make it again: plimsoll plan PROFILE --out DIR"),
            };
            return Err(Failure::usage(format!(
                "{name} is a plan of {whose} plimsoll (schema_version {version}; expected {PLAN_SCHEMA_VERSION})\n{mend}"
            )));
        }
        None => return Err(no_plan("it has no schema_version".to_owned())),
    }
    serde_json::from_value(value).map_err(|error| no_plan(error.to_string()))
}
