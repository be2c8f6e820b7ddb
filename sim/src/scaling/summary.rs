//! What an autoscaled run comes to: pod-hours, changes, flapping, and the minutes in which a promise was broken.

use plimsoll_profiles::profile::SloTarget;
use plimsoll_profiles::units::Nanos;

use crate::planner::{is_beyond, metric};
use crate::temporal::{FleetRecord, Recorder};

/// A change against the last one's direction counts as flapping when it comes within this time.
pub const FLAPPING: Nanos = Nanos::from_secs(600);

/// The number of pods was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleStep {
    /// When.
    pub at: Nanos,
    /// Pods wanted before.
    pub before: u32,
    /// Pods wanted after.
    pub after: u32,
}

/// What the autoscaler made of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScalingSummary {
    /// Hours that pods existed, all together: those that start or drain included.
    pub pod_hours: f64,
    /// Fewest pods that were not told to go.
    pub fewest: u32,
    /// Most of them.
    pub most: u32,
    /// Changes upwards.
    pub ups: u32,
    /// Changes downwards.
    pub downs: u32,
    /// Changes of direction within [`FLAPPING`].
    pub reversals: u32,
}

/// When the number of pods wanted was changed.
pub fn steps(record: &FleetRecord) -> Vec<ScaleStep> {
    let wanted = record.changes.iter().map(|change| (change.at, change.pods.starting + change.pods.ready));
    let mut steps = Vec::new();
    let mut before = None;
    for (at, after) in wanted {
        if let Some(before) = before.filter(|before| *before != after) {
            steps.push(ScaleStep { at, before, after });
        }
        before = Some(after);
    }
    steps
}

/// Changes of direction within [`FLAPPING`].
pub fn reversals(steps: &[ScaleStep]) -> u32 {
    let is_reversal = |pair: &&[ScaleStep]| {
        let up = |step: &ScaleStep| step.after > step.before;
        up(&pair[0]) != up(&pair[1]) && pair[1].at <= pair[0].at + FLAPPING
    };
    steps.windows(2).filter(is_reversal).count() as u32
}

/// What became of a window of a run.
pub fn summary(record: &FleetRecord, from: Nanos, until: Nanos) -> ScalingSummary {
    let within = |at: Nanos| at >= from && at < until;
    let steps: Vec<_> = steps(record).into_iter().filter(|step| within(step.at)).collect();
    let before = record.changes.iter().rev().find(|change| change.at <= from).or(record.changes.first());
    let pods = record.changes.iter().filter(|change| within(change.at)).chain(before);
    let pods: Vec<u32> = pods.map(|change| change.pods.starting + change.pods.ready).collect();
    let ups = steps.iter().filter(|step| step.after > step.before).count() as u32;
    ScalingSummary {
        pod_hours: record.pod_hours(from, until),
        fewest: pods.iter().copied().min().unwrap_or(0),
        most: pods.iter().copied().max().unwrap_or(0),
        ups,
        downs: steps.len() as u32 - ups,
        reversals: reversals(&steps),
    }
}

/// Minutes in which a promise was broken by the latencies that ended in them, and minutes with a latency at all; `interval` is the recorder's.
pub fn minutes_lost(recorder: &Recorder, interval: Nanos, targets: &[SloTarget]) -> (u32, u32) {
    let minute = Nanos::from_secs(60);
    let mut minutes: Vec<(bool, bool)> = Vec::new();
    for target in targets {
        // Late ones and all, by minute.
        let mut counted: Vec<(u64, u64)> = Vec::new();
        for (index, latencies) in recorder.intervals(metric(target.metric)).enumerate() {
            let place = (interval.0 * index as u64 / minute.0) as usize;
            counted.resize(counted.len().max(place + 1), (0, 0));
            for (value, count) in latencies.counts() {
                counted[place].0 += if value > target.limit.0 { count } else { 0 };
                counted[place].1 += count;
            }
        }
        minutes.resize(minutes.len().max(counted.len()), (false, false));
        for ((broken, any), (late, all)) in minutes.iter_mut().zip(counted) {
            *any |= all > 0;
            *broken |= is_beyond(target.quantile, late, all);
        }
    }
    let count = |which: &dyn Fn(&(bool, bool)) -> bool| minutes.iter().filter(|minute| which(minute)).count() as u32;
    (count(&|minute| minute.0), count(&|minute| minute.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::{PodChange, PodCounts};

    fn record(pods: &[(u64, u32, u32, u32)]) -> FleetRecord {
        let change = |(at, starting, ready, draining): &(u64, u32, u32, u32)| PodChange {
            at: Nanos::from_secs(*at),
            pods: PodCounts { starting: *starting, ready: *ready, draining: *draining },
        };
        FleetRecord {
            changes: pods.iter().map(change).collect(),
            end: Nanos::from_secs(7_200),
            ..FleetRecord::default()
        }
    }

    #[test]
    fn readiness_and_the_end_of_a_drain_are_no_changes_of_scale() {
        let record = record(&[(0, 0, 4, 0), (60, 4, 4, 0), (90, 0, 8, 0), (1_800, 0, 6, 2), (1_900, 0, 6, 0)]);
        let all = steps(&record);
        let sizes: Vec<_> = all.iter().map(|step| (step.at.0 / 1_000_000_000, step.before, step.after)).collect();
        assert_eq!(sizes, [(60, 4, 8), (1_800, 8, 6)]);
        let summary = summary(&record, Nanos::ZERO, Nanos::from_secs(3_600));
        assert_eq!((summary.ups, summary.downs, summary.reversals), (1, 1, 0));
        assert_eq!((summary.fewest, summary.most), (4, 8));
        // 4 × 60 s, 8 × 1,840 s with those that drain, 6 × 1,700 s.
        assert!((summary.pod_hours * 3_600.0 - (240.0 + 14_720.0 + 10_200.0)).abs() < 1e-6);
    }

    #[test]
    fn a_change_of_direction_is_flapping_for_ten_minutes() {
        let at = |seconds: u64, before: u32, after: u32| ScaleStep { at: Nanos::from_secs(seconds), before, after };
        assert_eq!(reversals(&[at(0, 4, 8), at(600, 8, 4)]), 1);
        assert_eq!(reversals(&[at(0, 4, 8), at(601, 8, 4)]), 0);
        assert_eq!(reversals(&[at(0, 4, 8), at(15, 8, 10), at(100, 10, 4), at(200, 4, 6)]), 2);
    }

    #[test]
    fn a_minute_with_exactly_as_many_late_ones_as_a_promise_leaves_is_not_lost() {
        use plimsoll_profiles::profile::SloMetric;

        use crate::temporal::Metric;

        let limit = Nanos::from_millis(100);
        let target = SloTarget { metric: SloMetric::Start, quantile: 0.9, limit };
        let lost = |late: u64| {
            let mut recorder = Recorder::new(Nanos::ZERO, Nanos::from_secs(6));
            for n in 0..10 {
                recorder.record(Nanos::from_secs(n), Metric::Start, if n < late { limit * 2 } else { limit });
            }
            minutes_lost(&recorder, Nanos::from_secs(6), &[target])
        };
        assert_eq!((lost(1), lost(2)), ((0, 1), (1, 1)), "one of ten is what p90 leaves");
    }
}
