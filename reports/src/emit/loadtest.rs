//! The profile of the load test that would prove the plan on a staging cluster of its sizes.

use plimsoll_profiles::units::Bytes;
use serde_json::{Map, Value, json};

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::provenance;
use crate::number;

/// Keys of what happens to a fleet: a proof has fixed sizes.
const MOVING: [&str; 4] = ["event", "autoscaler", "rollout", "description"];

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let mut tree = context.basis.profile.clone();
    let Value::Object(root) = &mut tree else {
        return Err(EmitError::Profile("it is no table".to_owned()));
    };
    for key in MOVING {
        root.shift_remove(key);
    }
    let rate = |per_second: f64| format!("{}/s", (per_second * 1_000.0).ceil() / 1_000.0);
    let planned = context.planned();
    root.insert("name".to_owned(), json!(format!("{}: proof of the plan", context.plan.profile)));
    root.insert(
        "arrivals".to_owned(),
        json!({ "phases": [
            { "for": "5min", "ramp": { "from": rate(planned / 10.0), "to": rate(planned) } },
            { "for": "20min", "rate": rate(planned) },
        ] }),
    );
    // The load is the planned one already.
    let growth = table(root, "growth");
    growth.insert("factor".to_owned(), json!(1.0));
    growth.insert("headroom".to_owned(), json!(0.0));
    let workers = &context.sizes.workers;
    let fleet = table(root, "workers");
    for (key, value) in [
        ("pods", workers.pods),
        ("activity_slots", workers.activity_slots),
        ("workflow_task_slots", workers.workflow_task_slots),
        ("cached_workflows", workers.cached_workflows),
    ] {
        fleet.insert(key.to_owned(), json!(value));
    }
    if !context.profile.workers.poller_autoscaling {
        fleet.insert("workflow_task_pollers".to_owned(), json!(workers.pollers.workflow));
        fleet.insert("activity_pollers".to_owned(), json!(workers.pollers.activity));
    }
    if !context.is_cloud() {
        let cluster = table(root, "cluster");
        // All of it is here.
        cluster.shift_remove("use");
        cluster.insert("history_shards".to_owned(), json!(context.plan.history_shards));
        let services = table(cluster, "services");
        for (name, service) in context.services() {
            let own = table(services, name);
            own.insert("pods".to_owned(), json!(service.pods));
            own.shift_remove("min_pods");
            own.shift_remove("max_pods");
        }
        let database = table(cluster, "database");
        database.insert("vcpu".to_owned(), json!(context.sizes.database.vcpu));
        database.insert("memory".to_owned(), json!(Bytes(context.sizes.database.memory_bytes).to_string()));
        database.shift_remove("max_vcpu");
    }
    let about = [
        format!("The load test that would prove the plan of \"{}\": its sizes, and the load they are for.", context.plan.profile),
        format!("A ramp of 5 minutes, then 20 minutes at {}: the peak and the headroom above it.", number::rate(planned)),
        "    plimsoll simulate FILE          what the model expects".to_owned(),
        "    plimsoll-load run FILE          what would be sent, and where".to_owned(),
        "    plimsoll-load run FILE --yes    exit 0: the promises are kept".to_owned(),
        "Pods, shards and database of the staging cluster must be those below. Files that the profile names are as they were.".to_owned(),
    ];
    let body = toml::to_string(&tree).map_err(|error| EmitError::Write(error.to_string()))?;
    let comment = provenance::comment(context, Kind::Loadtest, &about, "#");
    Ok(vec![EmittedFile { path: "loadtest.toml".to_owned(), text: format!("{comment}{body}") }])
}

/// The table under a key, made where there is none.
fn table<'a>(of: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = of.entry(key).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(table) => table,
        _ => unreachable!("it has just been made one"),
    }
}
