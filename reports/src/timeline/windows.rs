//! Latencies by windows of time, and the windows in which a promise was missed.

use super::columns::{self, Series};
use super::profile::Target;
use crate::run_dir::{Buckets, Run, columns as names};

/// Windows that a timeline has at most, and that it should have at least.
const MOST_WINDOWS: f64 = 150.0;
const FEWEST_WINDOWS: f64 = 25.0;
/// Samples that a window should hold: fewer, and its p99 is its slowest sample.
const SAMPLES: f64 = 100.0;
/// Workflows that must have been offered in a window without any answer, for it to be a failure and not chance (at 5 a window, a
/// Poisson process leaves 1 in 150 windows empty).
const OFFERED: f64 = 5.0;

/// One metric by windows.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyWindows {
    /// Metric by its name in `run.hlog`.
    pub metric: String,
    /// What is promised of it.
    pub targets: Vec<Target>,
    /// In order of time; windows without samples are there where work was offered in them and never answered.
    pub windows: Vec<LatencyWindow>,
}

/// What began in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LatencyWindow {
    /// Begin, seconds from the begin of the schedule.
    pub start: f64,
    /// Samples.
    pub samples: u64,
    /// Median, seconds; `None` without samples.
    pub p50: Option<f64>,
    /// 90 %.
    pub p90: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// A promise was missed: more of the samples than its quantile leaves were above the limit, or nothing was answered.
    pub missed: bool,
}

/// A round length of windows for so many seconds with so many samples: the shortest that holds 100 samples, with 25 to 150 windows
/// in all; never shorter than `interval`, the length of the log's own intervals.
pub fn window_length(seconds: f64, interval: f64, samples: u64) -> f64 {
    const ROUND: [f64; 19] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
        43_200.0, 86_400.0, 604_800.0,
    ];
    let last = ROUND[ROUND.len() - 1];
    let shortest = ROUND.iter().copied().find(|length| *length >= interval && seconds / length <= MOST_WINDOWS);
    let shortest = shortest.unwrap_or_else(|| last.max(interval));
    let enough = |length: &f64| samples as f64 * length / seconds.max(1.0) >= SAMPLES;
    let coarse = |length: &f64| seconds / length < FEWEST_WINDOWS;
    let mut length = shortest;
    for next in ROUND.into_iter().filter(|next| *next > shortest) {
        if enough(&length) || coarse(&next) {
            break;
        }
        length = next;
    }
    length
}

/// Samples of a metric.
pub(super) fn samples(run: &Run, metric: &str) -> u64 {
    let of_metric = run.intervals.iter().filter(|interval| interval.metric == metric);
    of_metric.map(|interval| interval.buckets.total()).sum()
}

/// Everything of a metric that began between two instants from the begin of the schedule.
pub(super) fn merged(run: &Run, metric: &str, begins_at: f64, from: f64, until: f64) -> Buckets {
    let within = run.intervals.iter().filter(|interval| {
        let middle = interval.start.as_secs_f64() + interval.length.as_secs_f64() / 2.0 - begins_at;
        interval.metric == metric && middle >= from && middle < until
    });
    Buckets::merged(within.map(|interval| &interval.buckets))
}

impl LatencyWindows {
    pub(super) fn of(
        run: &Run,
        metric: &str,
        targets: Vec<Target>,
        length: f64,
        begins_at: f64,
        throughput: &[Series],
    ) -> Self {
        let mut parts: std::collections::BTreeMap<i64, Vec<&Buckets>> = std::collections::BTreeMap::new();
        for interval in run.intervals.iter().filter(|interval| interval.metric == metric) {
            let middle = interval.start.as_secs_f64() + interval.length.as_secs_f64() / 2.0 - begins_at;
            parts.entry((middle / length).floor() as i64).or_default().push(&interval.buckets);
        }
        let offered = throughput.iter().find(|series| series.name == names::OFFERED);
        let unanswered = |start: f64| {
            let rate = offered.and_then(|series| columns::mean(&series.points, start, start + length));
            rate.is_some_and(|rate| rate * length >= OFFERED)
        };
        // Later tasks of a workflow that hangs are not scheduled at all: only what the load itself begins can be missing.
        let of_the_load = metric == "e2e.response" || metric == "start" || metric == "start.response";
        let (first, last) = (parts.keys().next().copied(), parts.keys().next_back().copied());
        let mut windows = Vec::new();
        for index in first.unwrap_or(0)..=last.unwrap_or(-1) {
            let start = index as f64 * length;
            let all = Buckets::merged(parts.get(&index).into_iter().flatten().copied());
            if all.total() == 0 {
                if of_the_load && unanswered(start) {
                    windows.push(LatencyWindow { start, missed: !targets.is_empty(), ..LatencyWindow::default() });
                }
                continue;
            }
            let quantile = |q: f64| all.quantile(q).map(|nanos| nanos as f64 / 1e9);
            let above = |target: &Target| quantile(target.quantile).is_some_and(|value| value > target.limit_seconds);
            windows.push(LatencyWindow {
                start,
                samples: all.total(),
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
                missed: targets.iter().any(above),
            });
        }
        LatencyWindows { metric: metric.to_owned(), targets, windows }
    }

    /// (Seconds at the middle of the window, value) of a quantile that [`LatencyWindow`] has.
    pub fn line(&self, length: f64, of: impl Fn(&LatencyWindow) -> Option<f64>) -> Vec<(f64, f64)> {
        self.windows.iter().filter_map(|window| Some((window.start + length / 2.0, of(window)?))).collect()
    }

    /// The windows in which a promise of this metric was missed, neighbours joined: (begin, end) in seconds.
    pub fn missed(&self, length: f64) -> Vec<(f64, f64)> {
        let mut spans: Vec<(f64, f64)> = Vec::new();
        for window in self.windows.iter().filter(|window| window.missed) {
            let end = window.start + length;
            match spans.last_mut() {
                Some(last) if (window.start - last.1).abs() < length / 100.0 => last.1 = end,
                _ => spans.push((window.start, end)),
            }
        }
        spans
    }
}

/// Seconds of windows in which a promise of any metric was missed; a window that reaches beyond an instant counts with its part.
pub(super) fn missed_seconds(latencies: &[LatencyWindows], length: f64, from: f64, until: f64) -> f64 {
    let mut starts: Vec<f64> = latencies
        .iter()
        .flat_map(|latency| latency.windows.iter().filter(|window| window.missed).map(|window| window.start))
        .collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    starts.into_iter().map(|start| ((start + length).min(until) - start.max(from)).max(0.0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_a_hundred_samples_where_the_run_is_long_enough() {
        // Five minutes of 10 a second: ten seconds hold a hundred.
        assert_eq!(window_length(300.0, 1.0, 3_000), 10.0);
        // At 100 a second the number of windows limits them.
        assert_eq!(window_length(300.0, 1.0, 30_000), 2.0);
        // At 1 a second no more than 25 windows are asked for.
        assert_eq!(window_length(300.0, 1.0, 300), 10.0);
        // Never finer than the log.
        assert_eq!(window_length(3_600.0, 6.0, 1_000_000), 30.0);
        assert_eq!(window_length(30.0, 7.0, 10), 10.0);
        assert_eq!(window_length(31_536_000.0, 52_560.0, 1_000_000_000), 604_800.0);
        assert!(window_length(0.0, 0.0, 0) >= 1.0);
    }

    #[test]
    fn missed_time_counts_a_window_once_and_its_part_within() {
        let window = |start: f64, missed| LatencyWindow { start, missed, ..LatencyWindow::default() };
        let latency = |windows: Vec<LatencyWindow>| LatencyWindows { metric: "m".into(), targets: Vec::new(), windows };
        let a = latency(vec![window(0.0, true), window(10.0, true), window(20.0, false), window(30.0, true)]);
        let b = latency(vec![window(10.0, true), window(20.0, false)]);
        assert_eq!(a.missed(10.0), [(0.0, 20.0), (30.0, 40.0)]);
        assert_eq!(missed_seconds(&[a.clone(), b.clone()], 10.0, 0.0, 100.0), 30.0);
        assert_eq!(missed_seconds(&[a, b], 10.0, 5.0, 35.0), 20.0);
    }
}
