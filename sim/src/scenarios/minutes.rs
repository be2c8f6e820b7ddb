//! Promises minute by minute.

use plimsoll_profiles::profile::Slo;
use plimsoll_profiles::units::Nanos;

use crate::planner::{is_beyond, metric};
use crate::temporal::{Latencies, Outcome, Settings};

const MINUTE: Nanos = Nanos::from_secs(60);

/// One minute of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minute {
    /// Its begin.
    pub from: Nanos,
    /// Its end; the last may be shorter.
    pub until: Nanos,
    /// Whether a promised quantile over this minute is beyond its limit, or nothing ended although something waited.
    pub missed: bool,
}

/// The minutes of a run's measured window, from the end of the warm-up on.
///
/// A quantile q of the latencies that ended in a minute is beyond its limit where more than the share 1 − q of them is. A minute in which none
/// ended is missed where tasks or calls waited at its end: what is kept waiting has no latency yet.
pub fn minutes(outcome: &Outcome, slo: &Slo, settings: &Settings) -> Vec<Minute> {
    let each = (MINUTE.0 / settings.interval.0.max(1)).max(1) as usize;
    let length = settings.interval * each as u64;
    let end = settings.warmup + outcome.measured.min(settings.measured);
    let mut list = Vec::new();
    let mut from = settings.warmup;
    while from < end {
        let until = (from + length).min(end);
        let first = ((from - settings.warmup).0 / settings.interval.0) as usize;
        let waited = outcome
            .samples
            .iter()
            .rev()
            .find(|sample| sample.at <= until)
            .is_some_and(|sample| sample.at > from && sample.backlog + sample.held_up > 0);
        let missed = slo.targets.iter().any(|target| {
            let latencies = outcome.recorder.intervals(metric(target.metric)).skip(first).take(each);
            match late(latencies, target.limit) {
                (_, 0) => waited,
                (late, all) => is_beyond(target.quantile, late, all),
            }
        });
        list.push(Minute { from, until, missed });
        from = until;
    }
    list
}

/// How many latencies are beyond a limit, and how many there are.
fn late<'a>(intervals: impl Iterator<Item = &'a Latencies>, limit: Nanos) -> (u64, u64) {
    let (mut late, mut all) = (0, 0);
    for (value, count) in intervals.flat_map(Latencies::counts) {
        late += if value > limit.0 { count } else { 0 };
        all += count;
    }
    (late, all)
}
