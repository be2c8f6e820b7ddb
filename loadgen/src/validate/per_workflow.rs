//! Counters of a cluster as costs of a workflow: the definitions of `loadgen/measure`, with which the shipped costs were measured.

use std::collections::BTreeMap;

use plimsoll_reports::run_document::{CpuSeconds, PerWorkflow, Requests};

use crate::calibrate::counters::Counters;

/// Mean size of a full-page image without the free space of its page: 304 of the main database had 5.6 KB in the WAL, 320 of
/// visibility's 4.0 KB (`pg_waldump` of measured runs). Images belong to checkpoints, not to workflows.
const FULL_PAGE_IMAGE: f64 = 4_800.0;

/// Requests that the SDK's clock and the server's own housekeeping make, and no workflow.
const OF_NO_WORKFLOW: [&str; 4] =
    ["RecordWorkerHeartbeat", "CancelOutstandingPoll", "GetTaskQueueUserData", "ListNexusEndpoints"];

/// What a window cost for each of its workflows, with what the idle cluster does in as long a time taken off.
///
/// The window reaches from before the first start to a while after the last workflow closed, so that what a workflow leaves to be done
/// later (timers of time-outs, deletions of tasks) is in it. `workflows` are all that were started in it, warm-up included.
pub fn per_workflow(window: &Counters, idle: &Counters, workflows: f64) -> PerWorkflow {
    let each = window.per_workflow(idle, workflows);
    let positive = |value: f64| value.max(0.0);
    let statements: f64 = each.statements.values().map(|sum| sum.calls).sum();
    let commits =
        each.statements.iter().find(|(text, _)| text.eq_ignore_ascii_case("m:COMMIT")).map(|(_, sum)| sum.calls);
    let wal = |name: &str| each.wal.get(name).copied();
    let cpu = |name: &str| each.cpu.get(name).copied().map(positive);
    let counted = !each.statements.is_empty();
    PerWorkflow {
        statements: counted.then(|| positive(statements)),
        write_transactions: commits.map(positive),
        state_transitions: each.requests.get("state transitions").copied().map(positive),
        fsyncs: wal("fsyncs").map(positive),
        wal_bytes: wal("bytes").zip(wal("images")).map(|(bytes, images)| positive(bytes - images * FULL_PAGE_IMAGE)),
        history_bytes: None,
        table_bytes: tables(window, workflows),
        cpu_seconds: CpuSeconds {
            frontend: cpu("frontend"),
            history: cpu("history"),
            matching: cpu("matching"),
            database: cpu("database"),
        },
        requests: Requests {
            frontend: requests(&each, "frontend"),
            history: requests(&each, "history"),
            matching: requests(&each, "matching"),
        },
    }
}

/// Growth of tables. One grows by whole pages, and up to sixteen more or less lie in its free space: of less than twenty times that nothing
/// is said.
fn tables(window: &Counters, workflows: f64) -> BTreeMap<String, f64> {
    const PAGE: f64 = 8_192.0;
    const LEAST: f64 = 20.0 * 16.0 * PAGE;
    let grown = window.tables.iter().filter(|(name, bytes)| **bytes >= LEAST && !name.ends_with(" heap"));
    grown.map(|(name, bytes)| (name.clone(), bytes / workflows)).collect()
}

/// Requests by method; what happens less than once in a hundred workflows is noise of the idle cluster.
fn requests(each: &Counters, service: &str) -> BTreeMap<String, f64> {
    const FEWEST: f64 = 0.01;
    let prefix = format!("{service} requests ");
    let methods = each.requests.iter().filter_map(|(name, count)| Some((name.strip_prefix(&prefix)?, *count)));
    methods
        .filter(|(method, count)| *count >= FEWEST && !OF_NO_WORKFLOW.contains(method))
        .map(|(method, count)| (method.to_owned(), count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::counters::Sum;

    fn counters(seconds: f64, statements: &[(&str, f64)], wal: [f64; 3], history_cpu: f64, polls: f64) -> Counters {
        let sum = |calls: f64| Sum { calls, ..Sum::default() };
        let [bytes, images, fsyncs] = wal;
        let named = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Counters {
            seconds,
            statements: statements.iter().map(|(text, calls)| ((*text).to_owned(), sum(*calls))).collect(),
            cpu: named(&[("history", history_cpu)]),
            wal: named(&[("bytes", bytes), ("images", images), ("fsyncs", fsyncs)]),
            requests: named(&[
                ("state transitions", 70.0),
                ("frontend requests PollWorkflowTaskQueue", polls),
                ("frontend requests RecordWorkerHeartbeat", 5.0),
            ]),
            tables: named(&[("history_node", 4e6), ("executions", 1e6), ("history_node heap", 3e6)]),
        }
    }

    #[test]
    fn a_window_less_its_idle_time_is_shared_among_its_workflows() {
        let statements = [("m:COMMIT", 230.0), ("m:BEGIN", 230.0), ("v:INSERT INTO executions_visibility", 20.0)];
        let window = counters(60.0, &statements, [90_000.0, 5.0, 600.0], 0.5, 26.0);
        let idle = counters(20.0, &[("m:COMMIT", 10.0), ("m:BEGIN", 10.0)], [0.0, 0.0, 0.0], 0.1, 2.0);
        let found = per_workflow(&window, &idle, 10.0);
        assert_eq!(found.statements, Some(42.0), "480 less 60");
        assert_eq!(found.write_transactions, Some(20.0));
        assert_eq!(found.state_transitions, Some(0.0), "the idle cluster had as many");
        assert_eq!((found.fsyncs, found.wal_bytes), (Some(60.0), Some(6_600.0)));
        let history = found.cpu_seconds.history.unwrap_or_default();
        assert!((history - 0.02).abs() < 1e-12, "{history}");
        assert_eq!(found.cpu_seconds.frontend, None, "it was not watched");
        assert_eq!(found.table_bytes, BTreeMap::from([("history_node".to_owned(), 4e5)]));
        assert_eq!(found.requests.frontend, BTreeMap::from([("PollWorkflowTaskQueue".to_owned(), 2.0)]));
    }

    #[test]
    fn without_a_database_nothing_is_made_up() {
        let found = per_workflow(&Counters::default(), &Counters::default(), 10.0);
        assert_eq!((found.statements, found.wal_bytes, found.state_transitions), (None, None, None));
    }
}
