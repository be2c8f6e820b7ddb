//! The M/M/10 queue everybody simulates, and what its waits must be.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::draws::QueueDraws;

/// Servers of the station.
pub const SERVERS: u32 = 10;
/// Utilisation: arrivals per second × mean service time of one second / servers.
pub const UTILISATION: f64 = 0.8;
/// Two events per customer, whatever an engine does inside: the arrival and the departure.
pub const EVENTS_PER_CUSTOMER: u64 = 2;
/// Significant digits of the wait histogram, for all contenders.
pub const HISTOGRAM_DIGITS: u8 = 3;

/// One run to do: `customers` arrive at an empty station; it ends when the last one has left.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Customers that arrive.
    pub customers: u64,
    /// Seed of the random streams.
    pub seed: u64,
}

/// What one run found. All times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Customers that began service.
    pub customers: u64,
    /// Mean wait in queue.
    pub mean_wait: f64,
    /// Standard deviation of the wait.
    pub wait_deviation: f64,
    /// Shortest wait.
    pub min_wait: f64,
    /// Longest wait.
    pub max_wait: f64,
    /// 99th percentile of the wait, from the histogram.
    pub p99_wait: f64,
    /// Time-weighted mean number of customers in queue.
    pub mean_queue_length: f64,
    /// Largest number of customers in queue.
    pub max_queue_length: u64,
    /// Time-weighted mean number of busy servers.
    pub mean_busy_servers: f64,
    /// When the last customer left.
    pub end: f64,
}

/// The statistics of a station, written by hand: what every contender but Plimsoll records, at the same cost to all.
///
/// Wait: count, mean and variance (Welford), extremes, histogram. Queue length and busy servers: integrals over time and
/// the largest values.
pub struct Recorder {
    count: u64,
    mean: f64,
    squares: f64,
    min: u64,
    max: u64,
    histogram: Histogram<u64>,
    queue_length: TimeWeighted,
    busy_servers: TimeWeighted,
}

/// The integral of a whole number over simulated time.
#[derive(Default)]
struct TimeWeighted {
    value: u64,
    since: u64,
    area: u128,
    max: u64,
}

impl TimeWeighted {
    #[inline]
    fn set(&mut self, now: u64, value: u64) {
        self.area += u128::from(self.value) * u128::from(now - self.since);
        self.since = now;
        self.value = value;
        self.max = self.max.max(value);
    }
}

impl Recorder {
    /// Nothing recorded yet.
    ///
    /// # Panics
    /// Never: the histogram's bounds are constants in range.
    pub fn new() -> Self {
        let hour = 3_600 * 1_000_000_000;
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: u64::MAX,
            max: 0,
            histogram: Histogram::new_with_bounds(1, hour, HISTOGRAM_DIGITS).expect("constant bounds are in range"),
            queue_length: TimeWeighted::default(),
            busy_servers: TimeWeighted::default(),
        }
    }

    /// A customer who waited `wait` nanoseconds begins service.
    #[inline]
    pub fn wait(&mut self, wait: u64) {
        self.count += 1;
        let value = wait as f64;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
        self.min = self.min.min(wait);
        self.max = self.max.max(wait);
        self.histogram.saturating_record(wait);
    }

    /// The queue holds `length` customers from `now` (nanoseconds) on.
    #[inline]
    pub fn queue_length(&mut self, now: u64, length: usize) {
        self.queue_length.set(now, length as u64);
    }

    /// `busy` servers are at work from `now` (nanoseconds) on.
    #[inline]
    pub fn busy_servers(&mut self, now: u64, busy: u32) {
        self.busy_servers.set(now, u64::from(busy));
    }

    /// The outcome of a run that ended at `end` (nanoseconds).
    pub fn finish(mut self, end: u64) -> Outcome {
        self.queue_length.set(end, 0);
        self.busy_servers.set(end, 0);
        let seconds = |nanos: f64| nanos / 1e9;
        Outcome {
            customers: self.count,
            mean_wait: seconds(self.mean),
            wait_deviation: seconds((self.squares / (self.count.max(2) - 1) as f64).sqrt()),
            min_wait: seconds(self.min as f64),
            max_wait: seconds(self.max as f64),
            p99_wait: seconds(self.histogram.value_at_quantile(0.99) as f64),
            mean_queue_length: self.queue_length.area as f64 / end as f64,
            max_queue_length: self.queue_length.max,
            mean_busy_servers: self.busy_servers.area as f64 / end as f64,
            end: seconds(end as f64),
        }
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

/// The mean wait in seconds of M/M/c in steady state: Erlang C over the free capacity
/// (Erlang B by its recursion in the number of servers; Cooper, Introduction to Queueing Theory, 1981, ch. 3).
pub fn erlang_c_mean_wait() -> f64 {
    let servers = f64::from(SERVERS);
    let offered = UTILISATION * servers;
    let blocking = (1..=SERVERS).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
    let waiting = blocking / (1.0 - UTILISATION * (1.0 - blocking));
    waiting / (servers - offered)
}

/// What the waits of a task must be, by the recursion of Kiefer and Wolfowitz (1955) over the sorted times at which
/// the servers fall free: no event list, no engine, the same random numbers.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The same statistics an engine records, the time-weighted ones by Little's law.
    pub mean_wait: f64,
    /// Time-weighted mean number of customers in queue: sum of the waits over the length of the run.
    pub mean_queue_length: f64,
    /// Time-weighted mean number of busy servers: sum of the service times over the length of the run.
    pub mean_busy_servers: f64,
    /// When the last customer leaves, in seconds.
    pub end: f64,
    /// 99th percentile of the wait: the smallest wait that 99 % of the customers do not exceed.
    pub p99_wait: f64,
    /// Standard error of the mean wait, from 32 batch means.
    pub standard_error: f64,
}

/// Solves `task` without an engine.
///
/// # Panics
/// When there are no customers.
pub fn expected(task: Task) -> Expected {
    const BATCHES: usize = 32;
    let mut draws = QueueDraws::new(task.seed);
    let mut free_at = [0u64; SERVERS as usize];
    let (mut now, mut end) = (0u64, 0u64);
    let mut waits = Vec::with_capacity(task.customers as usize);
    let mut services = 0u128;
    for _ in 0..task.customers {
        now += draws.inter_arrival().0;
        let service = draws.service().0;
        let begin = now.max(free_at[0]);
        let leave = begin + service;
        end = end.max(leave);
        waits.push(begin - now);
        services += u128::from(service);
        let place = free_at.partition_point(|&t| t < leave);
        free_at[..place].rotate_left(1);
        free_at[place.max(1) - 1] = leave;
    }
    let total = sum(&waits);
    let mean = total / task.customers as f64;
    let batches = waits.chunks_exact(waits.len().div_ceil(BATCHES).max(1));
    let squares: f64 = batches.map(|batch| (sum(batch) / batch.len() as f64 - mean) / 1e9).map(|d| d * d).sum();
    let rank = (task.customers * 99).div_ceil(100).saturating_sub(1) as usize;
    let (_, p99, _) = waits.select_nth_unstable(rank);
    Expected {
        mean_wait: mean / 1e9,
        mean_queue_length: total / end as f64,
        mean_busy_servers: services as f64 / end as f64,
        end: end as f64 / 1e9,
        p99_wait: *p99 as f64 / 1e9,
        standard_error: (squares / (BATCHES - 1) as f64 / BATCHES as f64).sqrt(),
    }
}

fn sum(waits: &[u64]) -> f64 {
    waits.iter().map(|&wait| u128::from(wait)).sum::<u128>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_c_gives_the_golden_mean_wait() {
        // golden/queueing.json: C(10, 8) = 0.409180150796444, mean wait = C / (10 − 8) seconds.
        assert!((erlang_c_mean_wait() - 0.409_180_150_796_444 / 2.0).abs() < 1e-14);
    }

    #[test]
    fn the_recursion_agrees_with_erlang_c_within_its_own_error() {
        let expected = expected(Task { customers: 400_000, seed: 1 });
        let error = (expected.mean_wait - erlang_c_mean_wait()).abs();
        assert!(error < 4.0 * expected.standard_error, "seed 1: off by {error} s, {expected:?}");
        assert!(expected.standard_error < 0.02, "{expected:?}");
    }
}
