//! What a run measures: latencies, counts, costs.

use plimsoll_profiles::units::Nanos;

use super::requests::Requests;
use super::visits::Process;
use crate::engine::LatencyHistogram;

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

/// Histograms by interval and metric.
#[derive(Clone, Debug)]
pub struct Recorder {
    warmup: Nanos,
    interval: Nanos,
    total: [LatencyHistogram; Metric::ALL.len()],
    intervals: Vec<[Vec<u64>; Metric::ALL.len()]>,
}

impl Recorder {
    /// Records from `warmup` on, in intervals of the given length.
    pub fn new(warmup: Nanos, interval: Nanos) -> Self {
        debug_assert!(interval > Nanos::ZERO, "an interval has a length");
        Recorder { warmup, interval, total: std::array::from_fn(|_| LatencyHistogram::new()), intervals: Vec::new() }
    }

    /// A latency that ended now.
    #[inline]
    pub fn record(&mut self, now: Nanos, metric: Metric, latency: Nanos) {
        if now < self.warmup {
            return;
        }
        self.total[metric as usize].record(latency);
        let index = ((now.0 - self.warmup.0) / self.interval.0) as usize;
        while self.intervals.len() <= index {
            self.intervals.push(std::array::from_fn(|_| Vec::new()));
        }
        self.intervals[index][metric as usize].push(latency.0);
    }

    /// Everything recorded of one metric.
    pub fn total(&self, metric: Metric) -> &LatencyHistogram {
        &self.total[metric as usize]
    }

    /// All latencies of one metric in the order they ended, in nanoseconds.
    pub fn values(&self, metric: Metric) -> impl Iterator<Item = u64> {
        self.intervals.iter().flat_map(move |interval| interval[metric as usize].iter().copied())
    }

    /// The same in seconds.
    pub fn samples(&self, metric: Metric) -> Vec<f64> {
        self.values(metric).map(|value| value as f64 / 1e9).collect()
    }

    /// The latencies of one metric by interval, in nanoseconds.
    pub fn intervals(&self, metric: Metric) -> impl ExactSizeIterator<Item = &[u64]> {
        self.intervals.iter().map(move |interval| interval[metric as usize].as_slice())
    }
}
