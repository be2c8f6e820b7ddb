//! How far a measured figure is uncertain for a reason that has nothing to do with the model: each with where it was seen.

use plimsoll_profiles::calibration::{Calibration, RuntimeCosts};
use serde_json::Value;

use super::figures::others_ran;
use crate::temporal_support::shapes::FULL_PAGE_IMAGE_ERROR;

/// How far a measured figure of one run is uncertain for a reason that has nothing to do with the model, in its unit.
pub fn slack(run: &Value, name: &str) -> f64 {
    let number = |pointer: &str| run.pointer(pointer).and_then(Value::as_f64).unwrap_or(0.0);
    let workflows = number("/workflows").max(1.0);
    let request = |service: &str, method: &str| {
        let key = format!("{service}|service_requests|{method}");
        run.get("requests_per_workflow").and_then(|requests| requests.get(key)).and_then(Value::as_f64).unwrap_or(0.0)
    };
    if name == "WAL bytes" {
        return number("/wal_per_workflow/fpi") * FULL_PAGE_IMAGE_ERROR + PAGE_SPLITS / workflows;
    }
    let idle = IDLE_TRANSACTIONS * (number("/window_seconds") / 25.0).max(1.0).sqrt();
    let runs = request("history", "StartWorkflowExecution") + number("/continue_as_new");
    let partitions = 2.0 * (FORWARDED * (1.0 - FORWARDED) * runs / workflows).sqrt();
    let per_workflow = match name {
        "history_node bytes" => PAGES_OF_A_TABLE * 8_192.0 / workflows,
        "write transactions" => idle / workflows,
        "statements" => idle * STATEMENTS_OF_A_TRANSACTION / workflows,
        "requests matching AddWorkflowTask" => partitions,
        _ => 0.0,
    };
    let disturbed = if others_ran(run) { disturbance(run, name, &request) } else { 0.0 };
    if per_workflow > 0.0 {
        return per_workflow + disturbed;
    }
    let polls = match name {
        "requests frontend" => 2.0 * POLLS_AT_FRONTEND,
        "requests matching" => 2.0 * POLLS_AT_MATCHING,
        _ if name.starts_with("requests frontend Poll") && name.ends_with("TaskQueue") => POLLS_AT_FRONTEND,
        _ if name.starts_with("requests matching Poll") => POLLS_AT_MATCHING,
        _ => 0.0,
    };
    polls / workflows + disturbed
}

/// What a machine that does other things too makes of requests that race each other: a signal or update that comes while a workflow task runs
/// makes another one, so do activities side by side that end while one runs, and an activity whose poller is late is passed on to another partition or written to the database.
fn disturbance(run: &Value, name: &str, request: &dyn Fn(&str, &str) -> f64) -> f64 {
    let spooled = run.pointer("/requests_per_workflow/matching|persistence_requests|CreateTasks");
    let spooled = spooled.and_then(Value::as_f64).unwrap_or(0.0);
    let sent = request("frontend", "SignalWorkflowExecution") + request("frontend", "UpdateWorkflowExecution");
    let side_by_side = if run["steps"].to_string().contains("parallel") { 1.0 } else { 0.0 };
    let tasks = TASKS_MORE_OF_A_RACE * (sent + side_by_side);
    let passed_on = ACTIVITIES_PASSED_ON * request("history", "RecordActivityTaskStarted");
    match name {
        "state transitions" | "requests frontend" | "requests history" => tasks,
        "write transactions" => tasks + spooled,
        "statements" => tasks * STATEMENTS_OF_A_TASK + spooled * STATEMENTS_OF_A_TRANSACTION,
        "history bytes" => tasks * BYTES_OF_A_TASK,
        "requests matching" => tasks + passed_on,
        "requests matching AddActivityTask" | "requests matching PollActivityTaskQueue" => passed_on,
        _ if name.ends_with("RespondWorkflowTaskCompleted")
            || name.ends_with("RecordWorkflowTaskStarted")
            || name.ends_with("AddWorkflowTask") =>
        {
            tasks
        }
        _ => 0.0,
    }
}

/// Of workflows with one signal or update sent right after the start 12 and 13 % had a second workflow task on a busy machine (update1, signal1), and with two
/// signals 0.15 tasks more than on a quiet one (signal2), where the model has as many as were counted.
const TASKS_MORE_OF_A_RACE: f64 = 0.15;
const STATEMENTS_OF_A_TASK: f64 = 10.0;
const BYTES_OF_A_TASK: f64 = 290.0;

/// On busy machines 0.00 to 0.14 of activities that come one at a time are passed on, on a quiet one 0.02.
const ACTIVITIES_PASSED_ON: f64 = 0.12;

/// Of four partitions' tasks those of three are passed on to the root: which partition a task comes to is drawn, so that a window has more or fewer.
const FORWARDED: f64 = 0.75;

/// Most of visibility's 73 indexes hold the same (no value, then the times and the run), so that their pages are full at the same moment and split together: by
/// `pg_waldump`, 44 and 39 at a time, each about every 46 upserts, 4.4 KB each. A window has one such burst of either more or less than its share.
const PAGE_SPLITS: f64 = (44.0 + 39.0) * 4_400.0;

/// CPU of a service per workflow in a window that holds whole garbage collections only: with as many as its own CPU makes due, rounded down and up. The
/// model's mean has the fraction between in it. (History's repeats at 5/s: 23, 28 and 41 ms.)
pub fn between_collections(service: &str, mean: f64, run: &Value) -> (f64, f64) {
    static RUNTIME: std::sync::OnceLock<RuntimeCosts> = std::sync::OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Calibration::reference().runtime);
    let (collection, every) = match service {
        "frontend" => (runtime.frontend_collection, runtime.frontend_collection_every),
        "history" => (runtime.history_collection, runtime.history_collection_every),
        "matching" => (runtime.matching_collection, runtime.matching_collection_every),
        _ => return (mean, mean),
    };
    let workflows = run.get("workflows").and_then(Value::as_f64).unwrap_or(1.0).max(1.0);
    let (collection, every) = (collection.as_secs_f64() * 1e3, every.as_secs_f64() * 1e3);
    let due = mean * workflows / (collection + every);
    let below = mean - due.fract() * collection / workflows;
    (below, below + collection / workflows)
}

/// A table and its index grow by whole pages, several at once, and into space that was freed before: the growth of `history_node`
/// differed by up to 15 pages from what histories of known size leave (signal1: 273 B per workflow, query3: 3,823 B, at 60 each).
const PAGES_OF_A_TABLE: f64 = 16.0;

/// The idle rate that was subtracted is a mean as well: in windows of 25 s of shapes whose state transitions came out exactly, the
/// write transactions were 18 fewer to 24 more than those transitions make.
const IDLE_TRANSACTIONS: f64 = 24.0;
const STATEMENTS_OF_A_TRANSACTION: f64 = 5.0;

/// Polls of one kind that a window has more or less than its workflows need. Pollers without a task ask again each minute, and
/// the idle rate that was subtracted is a mean: windows of 37 to 47 s of shapes that have no activity at all counted 23 to 27
/// activity polls at the frontend and 36 to 42 at matching.
const POLLS_AT_FRONTEND: f64 = 27.0;
const POLLS_AT_MATCHING: f64 = 42.0;
