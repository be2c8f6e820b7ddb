//! The figures of one run, under the same names whether the model or a real server made them.

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::{Calibration, Operation};
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::temporal::{Metric, Outcome, Process};
use serde_json::Value;

use crate::temporal_support::shapes::FULL_PAGE_IMAGE;
use crate::temporal_support::steps::MeasuredRun;

/// Figures per workflow, by name.
pub type Figures = BTreeMap<String, f64>;

/// The services that answer requests.
pub const SERVICES: [(Process, &str); 3] =
    [(Process::Frontend, "frontend"), (Process::History, "history"), (Process::Matching, "matching")];

/// The quantiles compared.
pub const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

/// Figures of the idle cluster and of clients' clocks, which belong to no workflow.
const NOT_OF_A_WORKFLOW: [&str; 4] =
    ["RecordWorkerHeartbeat", "CancelOutstandingPoll", "GetTaskQueueUserData", "ListNexusEndpoints"];

/// What a real server counted.
pub fn observed(run: &Value) -> Figures {
    let mut figures = Figures::new();
    let number = |pointer: &str| run.pointer(pointer).and_then(Value::as_f64);
    let mut set = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            figures.insert(name.to_owned(), value);
        }
    };
    set("write transactions", number("/statements/temporal: COMMIT/calls"));
    let statements = number("/statements_per_workflow/temporal");
    let visibility = number("/statements_per_workflow/temporal_visibility").unwrap_or(0.0);
    set("statements", statements.map(|main| main + visibility));
    set("fsyncs", number("/wal_per_workflow/sync"));
    let images = number("/wal_per_workflow/fpi").unwrap_or(0.0);
    set("WAL bytes", number("/wal_per_workflow/bytes").map(|bytes| bytes - images * FULL_PAGE_IMAGE));
    set("history_node bytes", number("/table_bytes_per_workflow/temporal.history_node"));
    set("executions bytes", number("/table_bytes_per_workflow/temporal.executions"));
    for service in ["frontend", "history", "matching", "postgres"] {
        let seconds = number(&format!("/cpu_seconds_per_workflow/{service}"));
        set(&format!("CPU ms {service}"), seconds.map(|seconds| seconds * 1e3));
    }
    for (_, quantile) in QUANTILES {
        set(&format!("latency ms {quantile}"), number(&format!("/latency_ms/response/{quantile}")));
    }
    // The server gives it of the last run of a chain of runs only.
    if run.get("continue_as_new").and_then(Value::as_u64).unwrap_or(0) == 0 && !is_one_of_several(run) {
        set("history bytes", number("/history_bytes_per_workflow"));
    }
    let Some(requests) = run.get("requests_per_workflow").and_then(Value::as_object) else { return figures };
    for (key, value) in requests {
        let parts: Vec<&str> = key.split('|').collect();
        let Some(value) = value.as_f64() else { continue };
        match parts[..] {
            ["history", "state_transition_count_count", _] => {
                figures.insert("state transitions".to_owned(), value);
            }
            [service, "service_requests", method] if !NOT_OF_A_WORKFLOW.contains(&method) => {
                figures.insert(format!("requests {service} {method}"), value);
                *figures.entry(format!("requests {service}")).or_insert(0.0) += value;
            }
            ["history", "persistence_requests", "GetTimerTasks"] => {
                figures.insert(TIMER_READS.to_owned(), value);
            }
            _ => {}
        }
    }
    figures
}

/// Whether other workflows belong to it: its children, or its schedule's own.
fn is_one_of_several(run: &Value) -> bool {
    let steps = run["steps"].to_string();
    steps.contains("child") || steps.contains("schedule")
}

/// Whether other programs used the machine meanwhile, so that its CPU and latencies say little: a fifth of the busy time and more.
pub fn others_ran(run: &Value) -> bool {
    let number = |pointer: &str| run.pointer(pointer).and_then(Value::as_f64);
    let (Some(busy), Some(own)) = (number("/host_busy_cores"), number("/cpu_seconds_per_workflow/whole_host")) else {
        return false;
    };
    let own = own * number("/workflows").unwrap_or(0.0) / number("/window_seconds").unwrap_or(1.0) + IDLE_CORES;
    own < 0.8 * busy
}

/// What the idle cluster and its client use.
const IDLE_CORES: f64 = 0.1;

/// The quantile of one run's own latencies, as the measured runs have it: nearest rank, however few there are.
fn nearest_rank(outcome: &Outcome, q: f64) -> Option<f64> {
    let mut values: Vec<u64> = outcome.recorder.values(Metric::EndToEnd)?.collect();
    values.sort_unstable();
    let rank = (q * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).map(|value| *value as f64 / 1e6)
}

/// What the model says, from replications of one run.
pub fn predicted(outcomes: &[Outcome], calibration: &Calibration) -> Figures {
    let mut figures = Figures::new();
    let offered: f64 = outcomes.iter().map(|outcome| outcome.counts.offered as f64).sum();
    let mut add = |name: String, value: f64| {
        if value > 0.0 {
            *figures.entry(name).or_insert(0.0) += value / offered;
        }
    };
    for outcome in outcomes {
        let work = &outcome.work;
        add("state transitions".to_owned(), work.state_transitions as f64);
        add("write transactions".to_owned(), work.write_transactions as f64);
        add("statements".to_owned(), (work.statements + work.visibility_statements) as f64);
        add("fsyncs".to_owned(), work.fsyncs as f64);
        add("WAL bytes".to_owned(), work.wal_bytes as f64);
        let rows = work.history_rows as f64 * calibration.bytes.history_node_row.0 as f64;
        add("history bytes".to_owned(), work.history_bytes as f64);
        add("history_node bytes".to_owned(), work.history_bytes as f64 + rows);
        add("executions bytes".to_owned(), work.closed_runs as f64 * calibration.bytes.executions.0 as f64);
        let processes = SERVICES.into_iter().chain([(Process::Database, "postgres")]);
        for (process, service) in processes {
            add(format!("CPU ms {service}"), work.cpu[process as usize].as_secs_f64() * 1e3);
        }
        for (process, service) in SERVICES {
            for (method, count) in work.requests.by_method(process, calibration) {
                add(format!("requests {service} {method}"), count);
                add(format!("requests {service}"), count);
            }
        }
        for operation in calibration.operations.iter().filter(|operation| operation.timer_task) {
            let visits = work.requests.visits(Process::History, operation.name) as f64;
            add(TIMER_READS.to_owned(), visits * f64::from(Operation::TIMER_READS));
        }
    }
    for (q, quantile) in QUANTILES {
        let mut values: Vec<f64> = outcomes.iter().filter_map(|outcome| nearest_rank(outcome, q)).collect();
        values.sort_by(f64::total_cmp);
        // The middle of runs as long as the measured one: a run too short to reach its steady state is compared with its like.
        if let Some(middle) = values.get(values.len() / 2) {
            figures.insert(format!("latency ms {quantile}"), *middle);
        }
    }
    figures
}

/// Timer reads that the run before left to this one: its activities' start-to-close timers (60 s) fire in this window. As many
/// as were measured beyond the model's own, at most all there are.
pub fn left_over(before: Option<&MeasuredRun>, measured: &[&Value], own: f64) -> f64 {
    let Some(before) = before else { return 0.0 };
    let Some(run) = measured.first() else { return 0.0 };
    let figures = observed(run);
    let (Some(reads), Some(workflows)) = (figures.get(TIMER_READS), run["workflows"].as_f64()) else { return 0.0 };
    let there = before.activities * before.workflows * f64::from(Operation::TIMER_READS) / workflows;
    (reads - own).clamp(0.0, there)
}

/// Reads of history's timer queue.
pub const TIMER_READS: &str = "timer queue reads";

/// Adds reads of the timer queue to the figures they are part of.
pub fn add_timer_reads(figures: &mut Figures, reads: f64, calibration: &Calibration) {
    let milliseconds = |cpu: Nanos| cpu.as_secs_f64() * 1e3;
    let cpu = &calibration.cpu;
    let parts = [
        (TIMER_READS, 1.0),
        ("statements", 1.0),
        ("CPU ms history", milliseconds(cpu.history_timer)),
        ("CPU ms postgres", milliseconds(cpu.database_statement)),
    ];
    for (name, each) in parts {
        *figures.entry(name.to_owned()).or_insert(0.0) += reads * each;
    }
}
