//! What a run measures: latencies, counts, costs.

use plimsoll_profiles::units::Nanos;

use super::requests::Requests;
use super::visits::Process;

/// The latencies measured, under the names that the load generator uses too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Intended start to result at the client.
    EndToEnd,
    /// The start call.
    Start,
    /// Workflow tasks from schedule to start.
    ScheduleToStartWorkflow,
    /// Activities from schedule to start.
    ScheduleToStartActivity,
}

impl Metric {
    /// All of them, in order.
    pub const ALL: [Metric; 4] =
        [Metric::EndToEnd, Metric::Start, Metric::ScheduleToStartWorkflow, Metric::ScheduleToStartActivity];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Metric::EndToEnd => "e2e",
            Metric::Start => "start",
            Metric::ScheduleToStartWorkflow => "schedule_to_start_workflow",
            Metric::ScheduleToStartActivity => "schedule_to_start_activity",
        }
    }
}

/// Work done, over a whole run or a window of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Statements of the main database.
    pub statements: u64,
    /// Statements of the visibility database.
    pub visibility_statements: u64,
    /// Transactions that write (BEGIN … COMMIT).
    pub write_transactions: u64,
    /// Commits that waited for a flush.
    pub commits: u64,
    /// Temporal state transitions.
    pub state_transitions: u64,
    /// WAL flushes.
    pub fsyncs: u64,
    /// WAL bytes.
    pub wal_bytes: u64,
    /// Pages written whole into the WAL because a checkpoint had begun; their bytes are not in `wal_bytes`.
    pub full_page_images: u64,
    /// Checkpoints begun.
    pub checkpoints: u64,
    /// Documents sent to Elasticsearch.
    pub documents: u64,
    /// Event history bytes.
    pub history_bytes: u64,
    /// Of these, payloads of rows above 2 kB, which PostgreSQL compresses.
    pub large_payload_bytes: u64,
    /// Rows of `history_node`.
    pub history_rows: u64,
    /// Events of all histories.
    pub history_events: u64,
    /// Activities scheduled, retries not counted.
    pub activities: u64,
    /// Temporal Cloud actions.
    pub actions: u64,
    /// CPU by process, idle load excluded.
    pub cpu: [Nanos; Process::COUNT],
    /// Tasks that matching wrote to its database.
    pub spooled: u64,
    /// Tasks handed to a worker.
    pub dispatched: u64,
    /// Runs loaded again long after their last task: their pages may be on disk.
    pub cold_loads: u64,
    /// Workflows closed: completed, failed or continued as new.
    pub closed_runs: u64,
    /// Long waits that did not hold the simulation up, in nanoseconds.
    pub skipped: u128,
    /// Times that work came to a process with nothing on a CPU.
    pub wake_ups: [u64; Process::COUNT],
    /// Times that work came to a host with an idle core.
    pub idle_cores: [u64; Process::COUNT],
    /// Calls that a rate limit turned away; each is made again later.
    pub throttled: [u64; Process::COUNT],
    /// Requests by service and method.
    pub requests: Requests,
}

impl Work {
    /// The difference of two readings.
    pub fn since(&self, earlier: &Work) -> Work {
        let mut cpu = [Nanos::ZERO; Process::COUNT];
        for (index, value) in cpu.iter_mut().enumerate() {
            *value = self.cpu[index] - earlier.cpu[index];
        }
        let difference =
            |now: [u64; Process::COUNT], then: [u64; Process::COUNT]| std::array::from_fn(|i| now[i] - then[i]);
        Work {
            statements: self.statements - earlier.statements,
            visibility_statements: self.visibility_statements - earlier.visibility_statements,
            write_transactions: self.write_transactions - earlier.write_transactions,
            commits: self.commits - earlier.commits,
            state_transitions: self.state_transitions - earlier.state_transitions,
            fsyncs: self.fsyncs - earlier.fsyncs,
            wal_bytes: self.wal_bytes - earlier.wal_bytes,
            full_page_images: self.full_page_images - earlier.full_page_images,
            checkpoints: self.checkpoints - earlier.checkpoints,
            documents: self.documents - earlier.documents,
            history_bytes: self.history_bytes - earlier.history_bytes,
            large_payload_bytes: self.large_payload_bytes - earlier.large_payload_bytes,
            history_rows: self.history_rows - earlier.history_rows,
            history_events: self.history_events - earlier.history_events,
            activities: self.activities - earlier.activities,
            actions: self.actions - earlier.actions,
            cpu,
            spooled: self.spooled - earlier.spooled,
            dispatched: self.dispatched - earlier.dispatched,
            cold_loads: self.cold_loads - earlier.cold_loads,
            closed_runs: self.closed_runs - earlier.closed_runs,
            skipped: self.skipped - earlier.skipped,
            wake_ups: difference(self.wake_ups, earlier.wake_ups),
            idle_cores: difference(self.idle_cores, earlier.idle_cores),
            throttled: difference(self.throttled, earlier.throttled),
            requests: self.requests.since(&earlier.requests),
        }
    }
}

/// Workflows counted: offered = completed + failed + open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Intended starts.
    pub offered: u64,
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
}
