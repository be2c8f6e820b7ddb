//! Limits of the server, of Temporal Cloud, and of what the profile has bought.

use plimsoll_profiles::profile::Profile;
use plimsoll_reports::plan_document::LimitCheck;
use plimsoll_sim::planner::Plan;

/// `limit.historyCount.error` of the server (dynamic configuration default).
const HISTORY_EVENTS: f64 = 51_200.0;
/// `limit.historySize.error` of the server.
const HISTORY_BYTES: f64 = 50.0 * 1024.0 * 1024.0;

/// The limits that the plan's load meets.
pub fn checks(profile: &Profile, plan: &Plan) -> Vec<LimitCheck> {
    let check = |limit: &str, needed: f64, allowed: f64, unit: &str| LimitCheck {
        limit: limit.to_owned(),
        needed,
        allowed,
        unit: unit.to_owned(),
        ok: needed <= allowed,
    };
    let demand = &plan.demand;
    let runs = demand.per_workflow(demand.work.closed_runs).max(1.0);
    let mut list = Vec::new();
    if let Some(cloud) = &plan.cloud {
        let needed = cloud.needed.as_per_second();
        list.push(check("Cloud actions", needed, cloud.allowed.as_per_second(), "actions/s"));
    }
    if let Some(iops) = profile.cluster.database.iops {
        let database = &plan.horizon.database;
        list.push(check("database IOPS", database.read_iops + database.write_iops, f64::from(iops), "IOPS"));
    }
    list.push(check(
        "events per run",
        demand.per_workflow(demand.work.history_events) / runs,
        HISTORY_EVENTS,
        "events",
    ));
    list.push(check("history per run", demand.per_workflow(demand.work.history_bytes) / runs, HISTORY_BYTES, "bytes"));
    list
}
