//! A backlog that gathers and goes: how high, how fast it grew, how long it took to drain.

use crate::compare::statistics;

/// A backlog below this many tasks, or below so many seconds of the offered load, is no backlog to drain (own choice).
const FEWEST_TASKS: f64 = 50.0;
const FEWEST_SECONDS: f64 = 2.0;
/// A backlog is drained at this share of its peak: the last tasks are those of new workflows.
pub const DRAINED: f64 = 0.05;

/// When a backlog, (seconds, tasks) in order of time, was highest and how high; `None` where there was none to speak of at a load of
/// `offered` workflows a second.
pub fn peak(backlog: &[(f64, f64)], offered: f64) -> Option<(f64, f64)> {
    let (at, peak) = highest(backlog)?;
    (peak >= FEWEST_TASKS && peak >= FEWEST_SECONDS * offered).then_some((at, peak))
}

/// The highest point.
pub fn highest(series: &[(f64, f64)]) -> Option<(f64, f64)> {
    series.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Tasks per second by which it grew: by least squares, from the last time it was next to nothing until its peak.
pub fn rise(backlog: &[(f64, f64)], (peak_at, peak): (f64, f64)) -> Option<f64> {
    let nothing = |(seconds, tasks): &&(f64, f64)| *seconds < peak_at && *tasks <= DRAINED * peak;
    let begin = backlog.iter().filter(nothing).map(|(seconds, _)| *seconds).fold(f64::NEG_INFINITY, f64::max);
    let rising: Vec<(f64, f64)> =
        backlog.iter().copied().filter(|(seconds, _)| (begin..=peak_at).contains(seconds)).collect();
    statistics::slope(&rising)
}

/// Seconds from its peak until it is drained; `None` where the series ends first.
pub fn drain_seconds(backlog: &[(f64, f64)], (peak_at, peak): (f64, f64)) -> Option<f64> {
    let drained = backlog.iter().find(|(seconds, tasks)| *seconds > peak_at && *tasks <= DRAINED * peak)?;
    Some(drained.0 - peak_at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Nobody works from 20 s to 40 s: 10 tasks a second gather, then 5 a second more go than come.
    fn story() -> Vec<(f64, f64)> {
        let at = |t: f64| (((t - 20.0).clamp(0.0, 20.0)) * 10.0 - (t - 40.0).max(0.0) * 5.0).max(0.0);
        (0..120).map(|second| (f64::from(second), at(f64::from(second)))).collect()
    }

    #[test]
    fn growth_and_drain_are_those_of_the_story() {
        let backlog = story();
        let peak = peak(&backlog, 10.0).unwrap();
        assert_eq!(peak, (40.0, 200.0));
        // From 21 s on, where it is at 5 % of its peak.
        assert!((rise(&backlog, peak).unwrap() - 10.0).abs() < 1e-9);
        // 190 of 200 tasks at 5 a second.
        assert_eq!(drain_seconds(&backlog, peak), Some(38.0));
    }

    #[test]
    fn a_few_tasks_are_no_backlog_and_an_end_before_the_drain_no_drain() {
        assert_eq!(peak(&[(0.0, 3.0), (1.0, 49.0)], 1.0), None);
        assert_eq!(peak(&story(), 101.0), None, "two seconds of the load");
        assert_eq!(drain_seconds(&story()[..60], (40.0, 200.0)), None);
    }
}
