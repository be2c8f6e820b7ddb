//! Limits of the server, of Temporal Cloud, and of what the profile has bought.
//!
//! The server's limits are those of its dynamic configuration (Temporal 1.31, `common/dynamicconfig/constants.go`): the rate
//! limits as the profile's cluster gives them, the size limits at their defaults.

use plimsoll_profiles::calibration::{Calibration, Operation, OperationKind};
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Rate;
use plimsoll_reports::number;
use plimsoll_reports::plan_document::LimitCheck;
use plimsoll_sim::planner::Plan;
use plimsoll_sim::temporal::{Process, is_cloud};

use super::sizes::Peak;

const KIB: f64 = 1024.0;
const MIB: f64 = KIB * KIB;
/// A size limit further away than this is not worth a line.
const NEAR: f64 = 0.02;

/// A limit on one run of a workflow, or on one request.
struct SizeLimit {
    name: &'static str,
    unit: &'static str,
    needed: f64,
    /// From here on the server warns, or suggests to continue as new.
    warns: Option<f64>,
    /// Beyond this it fails the call, or ends the workflow.
    allowed: f64,
}

/// The server's size limits, with what the workload needs.
fn sizes(profile: &Profile, plan: &Plan) -> Vec<SizeLimit> {
    let demand = &plan.demand;
    let runs = demand.per_workflow(demand.work.closed_runs).max(1.0);
    let peak = Peak::of(profile);
    let size = |name, unit, needed, warns, allowed| SizeLimit { name, unit, needed, warns, allowed };
    let count = |name, needed: u64, allowed| size(name, "", needed as f64, None, allowed);
    vec![
        // limit.historyCount.suggestContinueAsNew, .error.
        size(
            "events per run",
            "events",
            demand.per_workflow(demand.work.history_events) / runs,
            Some(4_096.0),
            51_200.0,
        ),
        // limit.historySize.suggestContinueAsNew, .error.
        size(
            "history per run",
            "bytes",
            demand.per_workflow(demand.work.history_bytes) / runs,
            Some(4.0 * MIB),
            50.0 * MIB,
        ),
        // limit.blobSize.warn, .error.
        size("largest payload", "bytes", peak.payload as f64, Some(512.0 * KIB), 2.0 * MIB),
        // system.transactionSizeLimit.
        size("payloads of one workflow task", "bytes", peak.transaction as f64, None, 4.0 * MIB),
        // limit.numPendingActivities.error, limit.numPendingChildExecutions.error.
        count("pending activities of a run", peak.activities, 2_000.0),
        count("pending children of a run", peak.children, 2_000.0),
        // history.maximumSignalsPerExecution.
        count("signals of a run", peak.signals, 10_000.0),
        // history.maxTotalUpdates, history.maxInFlightUpdates.
        count("updates of a run", peak.updates, 2_000.0),
        count("updates of a run at once", peak.updates_at_once, 10.0),
    ]
}

/// The limits that the plan's load meets.
pub fn checks(profile: &Profile, calibration: &Calibration, plan: &Plan) -> Vec<LimitCheck> {
    let mut list = Vec::new();
    if let Some(cloud) = &plan.cloud {
        let needed = cloud.needed.as_per_second();
        list.push(check("Cloud actions", needed, cloud.allowed.as_per_second(), "actions/s"));
    }
    if let Some(iops) = profile.cluster.database.iops {
        let database = &plan.horizon.database;
        list.push(check("database IOPS", database.read_iops + database.write_iops, f64::from(iops), "IOPS"));
    }
    if !is_cloud(profile) {
        list.extend(rates(profile, calibration, plan));
    }
    for size in sizes(profile, plan) {
        // How long a history is has always a line.
        if size.name.ends_with("per run") || size.needed >= NEAR * size.allowed {
            list.push(check(size.name, size.needed, size.allowed, size.unit));
        }
    }
    list
}

/// What the server warns of though it goes on.
pub fn warnings(profile: &Profile, plan: &Plan) -> Vec<String> {
    let warned = |size: SizeLimit| {
        let warns = size.warns.filter(|warns| size.needed > *warns && size.needed <= size.allowed)?;
        Some(format!(
            "{}: {} {}; from {} on the server warns or suggests to continue as new, and it refuses {}",
            size.name,
            number::quantity(size.needed),
            size.unit,
            number::quantity(warns),
            number::quantity(size.allowed)
        ))
    };
    sizes(profile, plan).into_iter().filter_map(warned).collect()
}

/// Whether a check is about a rate limit of the server.
pub fn is_rate_limit(check: &LimitCheck) -> bool {
    check.unit == PER_POD
}

const PER_POD: &str = "a second and pod";

fn check(limit: &str, needed: f64, allowed: f64, unit: &str) -> LimitCheck {
    LimitCheck { limit: limit.to_owned(), needed, allowed, unit: unit.to_owned(), ok: needed <= allowed }
}

/// Requests, persistence calls and long polls of each service's pods, at the planned rate with one pod of each kind lost.
fn rates(profile: &Profile, calibration: &Calibration, plan: &Plan) -> Vec<LimitCheck> {
    let (demand, server, size) = (&plan.demand, &profile.cluster.server, &plan.horizon.needed);
    let work = &demand.work;
    let rate = plan.horizon.planned.as_per_second();
    let per_pod = |total: f64, pods: u32| rate * total / demand.workflows.max(1.0) / f64::from(pods);
    let requests = |process| work.requests.served(process, calibration);
    let spooled = work.spooled as f64 * 2.0;
    let rows: [(&str, f64, u32, Option<Rate>); 5] = [
        ("frontend requests", requests(Process::Frontend), size.frontend.count, server.frontend_limit()),
        ("history requests", requests(Process::History), size.history.count, server.history_rps),
        ("matching requests", requests(Process::Matching), size.matching.count, server.matching_rps),
        (
            "history persistence calls",
            history_calls(plan, calibration),
            size.history.count,
            server.history_persistence_qps,
        ),
        // A task that no poller waited for is written and read back.
        ("matching persistence calls", spooled, size.matching.count, server.matching_persistence_qps),
    ];
    let rows = rows.into_iter().filter_map(|(limit, total, pods, allowed)| {
        let needed = per_pod(total, pods);
        (needed > 0.0).then_some(check(limit, needed, allowed?.as_per_second(), PER_POD))
    });
    let fleet = &plan.horizon.size.workers;
    let pollers = fleet.workflow_task_pollers.max(fleet.activity_pollers) * fleet.pods.count;
    let polls = f64::from(pollers) / f64::from(size.frontend.count);
    let allowed = f64::from(server.polls_per_frontend);
    rows.chain((polls >= NEAR * allowed).then(|| check("long polls of a frontend pod", polls, allowed, ""))).collect()
}

/// Persistence calls of history for the pilot's workflows, by the operation table. Cold loads and range deletes, less than a tenth of them,
/// come beside the operations that history's CPU serves, and are counted by their statements elsewhere.
fn history_calls(plan: &Plan, calibration: &Calibration) -> f64 {
    let requests = &plan.demand.work.requests;
    let of = |kind: OperationKind| {
        requests.visits(Process::History, kind) as f64 * persistence_calls(calibration.operation(kind))
    };
    OperationKind::ALL.into_iter().filter(|kind| *kind != OperationKind::Spool).map(of).sum()
}

/// Calls of the server's persistence interface: one for a write with its history, one for each read.
fn persistence_calls(operation: &Operation) -> f64 {
    let write = operation.append || operation.new_branch || operation.has_transaction();
    let reads = usize::from(!operation.read.is_empty()) + operation.then_read.len() + operation.delete.len();
    f64::from(u8::from(write)) + reads as f64
}
