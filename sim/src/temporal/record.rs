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
    /// Local activities run.
    pub local_activities: u64,
    /// Temporal Cloud actions.
    pub actions: u64,
    /// CPU by process, each piece of work with its share of the garbage collection that follows from it; idle load excluded.
    pub cpu: [Nanos; Process::COUNT],
    /// CPU of garbage collections when they ran, all processes together.
    pub collections: Nanos,
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
        self.with(earlier, |now, then| now - then, self.skipped - earlier.skipped)
    }

    /// The work of both.
    pub fn and(&self, other: &Work) -> Work {
        self.with(other, |a, b| a + b, self.skipped + other.skipped)
    }

    fn with(&self, other: &Work, each: fn(u64, u64) -> u64, skipped: u128) -> Work {
        let all = |a: [u64; Process::COUNT], b: [u64; Process::COUNT]| std::array::from_fn(|i| each(a[i], b[i]));
        Work {
            statements: each(self.statements, other.statements),
            visibility_statements: each(self.visibility_statements, other.visibility_statements),
            write_transactions: each(self.write_transactions, other.write_transactions),
            commits: each(self.commits, other.commits),
            state_transitions: each(self.state_transitions, other.state_transitions),
            fsyncs: each(self.fsyncs, other.fsyncs),
            wal_bytes: each(self.wal_bytes, other.wal_bytes),
            full_page_images: each(self.full_page_images, other.full_page_images),
            checkpoints: each(self.checkpoints, other.checkpoints),
            documents: each(self.documents, other.documents),
            history_bytes: each(self.history_bytes, other.history_bytes),
            large_payload_bytes: each(self.large_payload_bytes, other.large_payload_bytes),
            history_rows: each(self.history_rows, other.history_rows),
            history_events: each(self.history_events, other.history_events),
            activities: each(self.activities, other.activities),
            local_activities: each(self.local_activities, other.local_activities),
            actions: each(self.actions, other.actions),
            spooled: each(self.spooled, other.spooled),
            dispatched: each(self.dispatched, other.dispatched),
            cold_loads: each(self.cold_loads, other.cold_loads),
            closed_runs: each(self.closed_runs, other.closed_runs),
            cpu: std::array::from_fn(|i| Nanos(each(self.cpu[i].0, other.cpu[i].0))),
            collections: Nanos(each(self.collections.0, other.collections.0)),
            skipped,
            wake_ups: all(self.wake_ups, other.wake_ups),
            idle_cores: all(self.idle_cores, other.idle_cores),
            throttled: all(self.throttled, other.throttled),
            requests: self.requests.with(&other.requests, each),
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
