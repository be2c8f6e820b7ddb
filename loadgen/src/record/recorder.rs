//! Histograms that many threads record into.

use std::cell::Cell;
use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use plimsoll_profiles::units::Nanos;

use super::metric::Metric;

/// Three significant digits: a value is off by 1/1000 at most.
const DIGITS: u8 = 3;
/// More threads than this share their part with another one.
const PARTS: usize = 16;

/// What was recorded of one metric for one second.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Of what.
    pub metric: Metric,
    /// The second of the run (from 0) in which the operations were intended.
    pub second: u32,
    /// Nanoseconds.
    pub histogram: Histogram<u64>,
}

/// Records latencies. A thread has its own part, whose lock is free except when [`Recorder::take`] swaps the part for an
/// empty one once a second.
#[derive(Debug, Default)]
pub struct Recorder {
    parts: [Mutex<Part>; PARTS],
}

type Part = HashMap<(Metric, u32), Histogram<u64>>;

impl Recorder {
    /// Records one latency of an operation that was intended at `intended`.
    pub fn record(&self, metric: Metric, intended: Nanos, latency: Nanos) {
        self.record_many(intended, &[(metric, latency)]);
    }

    /// Records several latencies of one operation.
    pub fn record_many(&self, intended: Nanos, latencies: &[(Metric, Nanos)]) {
        let second = u32::try_from(intended.0 / 1_000_000_000).unwrap_or(u32::MAX);
        let mut part = self.parts[part_of_this_thread()].lock();
        for (metric, latency) in latencies {
            record(part.entry((*metric, second)).or_insert_with(empty), latency.0, 1);
        }
    }

    /// Everything recorded since the last call, by second and metric.
    pub fn take(&self) -> Vec<Recording> {
        let mut merged: Part = HashMap::new();
        for part in &self.parts {
            let taken = mem::take(&mut *part.lock());
            for (key, histogram) in taken {
                match merged.entry(key) {
                    std::collections::hash_map::Entry::Vacant(vacant) => {
                        vacant.insert(histogram);
                    }
                    std::collections::hash_map::Entry::Occupied(mut occupied) => add(occupied.get_mut(), &histogram),
                }
            }
        }
        let mut recordings: Vec<Recording> =
            merged.into_iter().map(|((metric, second), histogram)| Recording { metric, second, histogram }).collect();
        recordings.sort_unstable_by_key(|recording| (recording.second, recording.metric));
        recordings
    }
}

/// An empty histogram of nanoseconds that grows to its largest value.
pub fn empty() -> Histogram<u64> {
    // The digits are a constant the crate accepts (0 to 5).
    #[allow(clippy::unwrap_used)]
    Histogram::new(DIGITS).unwrap()
}

/// Adds all of one histogram to another.
pub fn add(to: &mut Histogram<u64>, from: &Histogram<u64>) {
    if to.add(from).is_ok() {
        return;
    }
    for bucket in from.iter_recorded() {
        record(to, bucket.value_iterated_to(), bucket.count_at_value());
    }
}

fn record(histogram: &mut Histogram<u64>, value: u64, count: u64) {
    if histogram.record_n(value, count).is_err() {
        histogram.saturating_record_n(value, count);
    }
}

fn part_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PART: Cell<Option<usize>> = const { Cell::new(None) };
    }
    PART.with(|part| {
        part.get().unwrap_or_else(|| {
            let mine = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS;
            part.set(Some(mine));
            mine
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn nothing_recorded_while_it_is_taken_is_lost() {
        let recorder = Arc::new(Recorder::default());
        let threads: Vec<_> = (0..4u64)
            .map(|thread| {
                let recorder = Arc::clone(&recorder);
                std::thread::spawn(move || {
                    for n in 0..20_000u64 {
                        recorder.record(Metric::StartService, Nanos::from_secs(n % 3), Nanos(1_000 * (thread + 1)));
                    }
                })
            })
            .collect();
        let mut seen = HashMap::new();
        let mut collect = || {
            for recording in recorder.take() {
                *seen.entry(recording.second).or_insert(0) += recording.histogram.len();
            }
        };
        while threads.iter().any(|thread| !thread.is_finished()) {
            collect();
        }
        threads.into_iter().for_each(|thread| thread.join().expect("a thread"));
        collect();
        assert_eq!(seen, HashMap::from([(0, 4 * 6_667), (1, 4 * 6_667), (2, 4 * 6_666)]));
    }

    #[test]
    fn a_latency_belongs_to_the_second_it_was_intended_in() {
        let recorder = Recorder::default();
        recorder.record_many(
            Nanos::from_millis(1_999),
            &[(Metric::StartResponse, Nanos::from_secs(30)), (Metric::StartService, Nanos::from_millis(5))],
        );
        let taken = recorder.take();
        assert_eq!(
            taken.iter().map(|r| (r.metric, r.second)).collect::<Vec<_>>(),
            [(Metric::StartResponse, 1), (Metric::StartService, 1)]
        );
        let longest = taken[0].histogram.max();
        assert!((29_970_000_000..=30_030_000_000).contains(&longest), "{longest}");
        assert!(recorder.take().is_empty());
    }
}
