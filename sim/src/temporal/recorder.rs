//! The latencies of a run, by metric and interval, in bounded memory.

use plimsoll_profiles::units::Nanos;

use super::outcome::{Promise, quantile_by_inversion};
use super::record::Metric;
use crate::engine::statistics::{BatchMeans, Interval};
use crate::engine::{ClassCounts, LatencyHistogram};

/// Latencies of one metric that are kept one by one; what comes after them is counted, interval by interval, in the classes of the
/// histogram. So a run of any length needs memory for its intervals only, and a run of the planner loses nothing.
const KEPT: u64 = 1 << 20;

/// Histograms by interval and metric.
#[derive(Clone, Debug)]
pub struct Recorder {
    warmup: Nanos,
    interval: Nanos,
    /// End of the interval recorded into.
    end: Nanos,
    total: [LatencyHistogram; Metric::ALL.len()],
    intervals: Vec<[Latencies; Metric::ALL.len()]>,
    /// What is counted of the last interval.
    counted: [LatencyHistogram; Metric::ALL.len()],
    kept: u64,
}

/// The latencies of one metric within one interval.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    each: Vec<u64>,
    counted: ClassCounts,
}

impl Latencies {
    /// Latencies in nanoseconds and how often each came: one by one in the order they ended, and after those the counted ones by size,
    /// exact to three digits.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.each.iter().map(|value| (*value, 1)).chain(self.counted.iter())
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.each.len() as u64 + self.counted.count()
    }
}

impl Recorder {
    /// Records from `warmup` on, in intervals of the given length.
    pub fn new(warmup: Nanos, interval: Nanos) -> Self {
        Self::keeping(warmup, interval, KEPT)
    }

    fn keeping(warmup: Nanos, interval: Nanos, kept: u64) -> Self {
        debug_assert!(interval > Nanos::ZERO, "an interval has a length");
        Recorder {
            warmup,
            interval,
            end: warmup,
            total: std::array::from_fn(|_| LatencyHistogram::new()),
            intervals: Vec::new(),
            counted: std::array::from_fn(|_| LatencyHistogram::new()),
            kept,
        }
    }

    /// A latency that ended now; `now` never goes back.
    #[inline]
    pub fn record(&mut self, now: Nanos, metric: Metric, latency: Nanos) {
        if now < self.warmup {
            return;
        }
        if now >= self.end {
            self.next_interval(now);
        }
        let metric = metric as usize;
        self.total[metric].record(latency);
        if self.total[metric].count() > self.kept {
            self.counted[metric].record(latency);
        } else if let Some(interval) = self.intervals.last_mut() {
            interval[metric].each.push(latency.0);
        }
    }

    #[cold]
    fn next_interval(&mut self, now: Nanos) {
        self.close_interval();
        while self.end <= now {
            self.intervals.push(std::array::from_fn(|_| Latencies::default()));
            self.end += self.interval;
        }
    }

    fn close_interval(&mut self) {
        let Some(last) = self.intervals.last_mut() else { return };
        for (latencies, counted) in last.iter_mut().zip(&mut self.counted) {
            latencies.each.shrink_to_fit();
            if counted.count() > 0 {
                latencies.counted = counted.take_counts();
            }
        }
    }

    /// Adds the latencies of another replication of the same run, interval by interval.
    pub(super) fn merge(&mut self, other: Recorder) {
        debug_assert_eq!((self.warmup, self.interval), (other.warmup, other.interval), "replications of one run");
        for (total, more) in self.total.iter_mut().zip(&other.total) {
            total.merge(more);
        }
        self.kept += other.kept;
        while self.intervals.len() < other.intervals.len() {
            self.intervals.push(std::array::from_fn(|_| Latencies::default()));
            self.end += self.interval;
        }
        for (interval, more) in self.intervals.iter_mut().zip(other.intervals) {
            for (latencies, more) in interval.iter_mut().zip(more) {
                latencies.each.extend(more.each);
                latencies.counted.merge(&more.counted);
            }
        }
    }

    /// Puts what was counted so far into its interval: when the run is over.
    pub(super) fn finish(&mut self) {
        self.close_interval();
    }

    /// Everything recorded of one metric.
    pub fn total(&self, metric: Metric) -> &LatencyHistogram {
        &self.total[metric as usize]
    }

    /// The latencies of one metric by interval.
    pub fn intervals(&self, metric: Metric) -> impl ExactSizeIterator<Item = &Latencies> + Clone {
        self.intervals.iter().map(move |interval| &interval[metric as usize])
    }

    /// All latencies of one metric in the order they ended, in nanoseconds; `None` when there were too many to keep.
    pub fn values(&self, metric: Metric) -> Option<impl Iterator<Item = u64>> {
        let all = self.total(metric).count() <= self.kept;
        all.then(|| self.intervals(metric).flat_map(|latencies| latencies.each.iter().copied()))
    }

    /// The same in seconds.
    pub fn samples(&self, metric: Metric) -> Option<Vec<f64>> {
        Some(self.values(metric)?.map(|value| value as f64 / 1e9).collect())
    }

    /// The intervals of one metric in so many groups of about as many latencies each; `None` when a group would be empty.
    fn groups(&self, metric: Metric, groups: usize) -> Option<Vec<Vec<&Latencies>>> {
        let total = self.intervals(metric).map(Latencies::count).sum::<u64>();
        let mut list: Vec<Vec<&Latencies>> = vec![Vec::new(); groups];
        let mut seen = 0;
        for latencies in self.intervals(metric).filter(|latencies| latencies.count() > 0) {
            // By the middle of the interval.
            let middle = seen + latencies.count() / 2;
            list[(u128::from(middle) * groups as u128 / u128::from(total)) as usize].push(latencies);
            seen += latencies.count();
        }
        list.iter().all(|group| !group.is_empty()).then_some(list)
    }

    /// A quantile of a latency, in seconds, with its interval from batches; `None` when the tail has too few samples.
    pub fn quantile(&self, metric: Metric, q: f64) -> Option<Interval> {
        let Some(samples) = self.samples(metric) else { return self.quantile_of_counts(metric, q) };
        let sections =
            [20, 10].into_iter().find_map(|batches| BatchMeans::new(batches, 0.95).quantile(&samples, q).ok());
        sections.or_else(|| quantile_by_inversion(&samples, q))
    }

    fn quantile_of_counts(&self, metric: Metric, q: f64) -> Option<Interval> {
        let centre = self.total(metric).quantile(q).ok()?.as_secs_f64();
        [20, 10].into_iter().find_map(|batches| {
            let mut sections = Vec::with_capacity(batches);
            for group in self.groups(metric, batches)? {
                let mut histogram = LatencyHistogram::new();
                let counts = group.iter().flat_map(|latencies| latencies.counts());
                counts.for_each(|(value, count)| histogram.record_many(Nanos(value), count));
                sections.push(histogram.quantile(q).ok()?.as_secs_f64());
            }
            Some(BatchMeans::new(batches, 0.95).around(centre, &sections))
        })
    }

    /// Whether at most the share 1 − q of latencies so far is beyond the limit, by batch means of the share.
    pub fn promise(&self, metric: Metric, q: f64, limit: Nanos, confidence: f64) -> Promise {
        let allowed = 1.0 - q;
        // With fewer samples a share of zero says nothing.
        if (self.total(metric).count() as f64) * allowed < 5.0 {
            return Promise::Undecided;
        }
        let late: Option<Vec<f64>> = match self.values(metric) {
            Some(each) => Some(each.map(|value| if value > limit.0 { 1.0 } else { 0.0 }).collect()),
            None => self.late_shares(metric, limit, 10),
        };
        let Some(result) = late.and_then(|late| BatchMeans::new(10, confidence).mean(&late)) else {
            return Promise::Undecided;
        };
        let interval = result.interval;
        if interval.high <= allowed {
            return Promise::Kept;
        }
        if interval.low > allowed {
            return Promise::Broken;
        }
        Promise::Undecided
    }

    /// The share of latencies beyond a limit in groups of intervals.
    fn late_shares(&self, metric: Metric, limit: Nanos, groups: usize) -> Option<Vec<f64>> {
        let share = |group: Vec<&Latencies>| {
            let (mut late, mut all) = (0, 0);
            for (value, count) in group.iter().flat_map(|latencies| latencies.counts()) {
                late += if value > limit.0 { count } else { 0 };
                all += count;
            }
            late as f64 / all as f64
        };
        Some(self.groups(metric, groups)?.into_iter().map(share).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::random::Streams;

    /// Independent exponential latencies of mean 100 ms, a thousand a second.
    fn recorded(kept: u64, seconds: u64) -> Recorder {
        let mut random = Streams::new(5).stream("test", "latencies", 0);
        let mut recorder = Recorder::keeping(Nanos::from_secs(1), Nanos::from_secs(1), kept);
        for n in 0..seconds * 1_000 {
            let latency = Nanos((random.exponential() * 1e8) as u64);
            recorder.record(Nanos::from_millis(1_000 + n), Metric::EndToEnd, latency);
        }
        recorder.finish();
        recorder
    }

    #[test]
    fn counted_latencies_say_what_kept_ones_say() {
        let (kept, counted) = (recorded(u64::MAX, 60), recorded(7_300, 60));
        let metric = Metric::EndToEnd;
        assert_eq!(kept.intervals(metric).len(), counted.intervals(metric).len());
        for (kept, counted) in kept.intervals(metric).zip(counted.intervals(metric)) {
            let histogram = |latencies: &Latencies| {
                let mut histogram = LatencyHistogram::new();
                latencies.counts().for_each(|(value, count)| histogram.record_many(Nanos(value), count));
                histogram
            };
            assert_eq!((kept.count(), counted.count()), (1_000, 1_000));
            assert_eq!(histogram(kept).inner(), histogram(counted).inner());
        }
        for q in [0.5, 0.9, 0.99] {
            let exact = -0.1 * libm::log(1.0 - q);
            let (kept, counted) = (kept.quantile(metric, q).unwrap(), counted.quantile(metric, q).unwrap());
            assert!(counted.contains(exact), "{q}: {exact}, {counted:?}");
            assert!((kept.estimate / counted.estimate - 1.0).abs() < 2e-3, "{q}: {kept:?}, {counted:?}");
            let widths = kept.half_width() / counted.half_width();
            assert!((0.5..2.0).contains(&widths), "{q}: {kept:?}, {counted:?}");
        }
        for limit in [400, 440, 460, 480, 520] {
            let promise = |recorder: &Recorder| recorder.promise(metric, 0.99, Nanos::from_millis(limit), 0.95);
            assert_eq!(promise(&kept), promise(&counted), "p99 within {limit} ms");
        }
        let promise = |limit| counted.promise(metric, 0.99, Nanos::from_millis(limit), 0.95);
        assert_eq!((promise(400), promise(520)), (Promise::Broken, Promise::Kept));
    }

    #[test]
    fn intervals_without_a_latency_are_there() {
        let mut recorder = Recorder::new(Nanos::from_secs(1), Nanos::from_secs(1));
        recorder.record(Nanos::from_millis(999), Metric::Start, Nanos(1));
        recorder.record(Nanos::from_millis(1_000), Metric::Start, Nanos(2));
        recorder.record(Nanos::from_millis(3_999), Metric::Start, Nanos(3));
        let counts: Vec<u64> = recorder.intervals(Metric::Start).map(Latencies::count).collect();
        assert_eq!(counts, [1, 0, 1]);
    }

    #[test]
    fn memory_follows_intervals_not_latencies() {
        let bytes = |seconds| {
            let recorder = recorded(1_000, seconds);
            let latencies: Vec<_> = recorder.intervals(Metric::EndToEnd).collect();
            latencies.iter().map(|one| one.counted.classes() + one.each.len()).max().unwrap()
        };
        // At most as many classes as latencies, and as the powers of two between them have classes.
        assert!(bytes(3) <= 1_000 && bytes(30) <= 1_000);
    }
}
