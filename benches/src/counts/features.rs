//! What each process's CPU is fitted to: how often the model did what costs CPU, per workflow.

use plimsoll_profiles::calibration::{Calibration, Operation, OperationKind};
use plimsoll_sim::temporal::{Outcome, Process, QueueCall};

use super::figures::Figures;

/// The counts behind the CPU figures of one shape.
pub fn features(outcomes: &[Outcome], calibration: &Calibration) -> Figures {
    let offered: f64 = outcomes.iter().map(|outcome| outcome.counts.offered as f64).sum();
    let mut figures = Figures::new();
    for outcome in outcomes {
        let work = &outcome.work;
        let mut add = |name: &str, value: f64| *figures.entry(name.to_owned()).or_insert(0.0) += value / offered;
        let visits = |of: fn(&Operation) -> f64| -> f64 {
            let each = |kind: OperationKind| {
                of(calibration.operation(kind)) * work.requests.visits(Process::History, kind) as f64
            };
            OperationKind::ALL.into_iter().map(each).sum()
        };
        for (process, name) in [
            (Process::Frontend, "frontend"),
            (Process::History, "history"),
            (Process::Matching, "matching"),
            (Process::Database, "postgres"),
        ] {
            add(&format!("{name} wake_ups"), work.wake_ups[process as usize] as f64);
            add(&format!("{name} idle_cores"), work.idle_cores[process as usize] as f64);
            let requests: f64 = work.requests.by_method(process, calibration).values().sum();
            add(&format!("{name} requests"), requests);
        }
        let polls: f64 = [QueueCall::PollWorkflowTask, QueueCall::PollActivityTask]
            .iter()
            .filter_map(|call| work.requests.by_method(Process::Frontend, calibration).get(call.method()).copied())
            .sum();
        add("polls", polls);
        add("forwards", work.requests.forwarded());
        let writes = |op: &Operation| {
            let writes = op.append || op.new_branch || op.has_transaction();
            f64::from(u8::from(writes && op.name != OperationKind::Spool))
        };
        add("updates", visits(writes));
        add("queue_tasks", visits(|op| f64::from(u8::from(op.queue_task))));
        add("timer_reads", visits(|op| f64::from(u8::from(op.timer_task))) * f64::from(Operation::TIMER_READS));
        add("statements", work.statements as f64);
        add("visibility", work.visibility_statements as f64);
        add("commits", work.commits as f64);
        add("history_rows", work.history_rows as f64);
        add("history_events", work.history_events as f64);
        add("history_KiB", work.history_bytes as f64 / 1_024.0);
        add("closed_runs", work.closed_runs as f64);
        add("wal_bytes", work.wal_bytes as f64);
    }
    figures
}
