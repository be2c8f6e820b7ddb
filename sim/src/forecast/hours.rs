//! From bin to bin: what is carried over.
//!
//! # Equations
//! λ starts per second in a bin of Δ, capacity μ, B workflows waiting, K the time a workflow is kept (lifetime and retention):
//! * B' = max(0, B + (λ − μ) Δ): a fluid;
//! * load of the bin = λ, or μ while B > 0; the wait that B adds = its mean over the bin / μ; between the highest simulated level and μ waits grow
//!   as 1 / (1 − λ/μ);
//! * stored = bytes per workflow · starts within the last K.

use plimsoll_profiles::profile::{SloMetric, SloTarget};
use plimsoll_profiles::units::Nanos;

use super::arrivals::BinLoad;
use super::levels::{Ladder, RESOURCES};

/// One bin.
#[derive(Clone, Debug)]
pub struct Hour {
    /// Its begin.
    pub at: Nanos,
    /// Starts per second that come.
    pub offered: f64,
    /// Starts per second that are worked on.
    pub served: f64,
    /// Workflows that wait at its end because the system is full.
    pub backlog: f64,
    /// How busy each of [`RESOURCES`] is.
    pub busy: [f64; RESOURCES.len()],
    /// The promised quantiles in seconds, what waits included.
    pub latencies: Vec<Option<f64>>,
    /// Whether every promise is kept and nothing waits.
    pub fits: bool,
    /// Bytes in PostgreSQL at its end.
    pub stored: f64,
}

impl Hour {
    /// The busiest resource, and how busy.
    pub fn busiest(&self) -> (&'static str, f64) {
        let all = RESOURCES.iter().zip(self.busy);
        all.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(("", 0.0), |(name, busy)| (name, busy))
    }
}

/// Walks over all bins. `kept` is how long a started workflow stays, `before` today's mean rate if the database is full of it.
pub(super) fn walk(
    loads: &[BinLoad],
    ladder: &Ladder,
    targets: &[SloTarget],
    bin: Nanos,
    kept: Nanos,
    before: f64,
    per_workflow: f64,
) -> Vec<Hour> {
    let seconds = bin.as_secs_f64();
    let mut started = Vec::with_capacity(loads.len() + 1);
    started.push(0.0);
    let mut backlog = 0.0_f64;
    let mut hours = Vec::with_capacity(loads.len());
    for (index, load) in loads.iter().enumerate() {
        started.push(started[index] + load.rate * seconds);
        let waiting = backlog;
        backlog = (backlog + (load.rate - ladder.capacity) * seconds).max(0.0);
        let served = load.rate + (waiting - backlog) / seconds;
        let full = backlog > 0.0 || waiting > 0.0;
        let at = ladder.at(if full { ladder.capacity.min(served.max(load.rate)) } else { load.rate });
        let wait = 0.5 * (waiting + backlog) / ladder.capacity.max(1e-9);
        let latencies: Vec<Option<f64>> = targets
            .iter()
            .zip(&at.latencies)
            // Starts stay fast while work waits: what comes in is taken before what is there is done (measured at saturation).
            .map(|(target, latency)| {
                latency.map(|l| if target.metric == SloMetric::Start { l } else { l * at.strain + wait })
            })
            .collect();
        let late =
            |(target, latency): (&SloTarget, &Option<f64>)| latency.is_some_and(|l| l > target.limit.as_secs_f64());
        let fits = backlog <= 0.0 && !targets.iter().zip(&latencies).any(late);
        let stored = stored(&started, index + 1, bin, kept, before) * per_workflow;
        hours.push(Hour { at: load.at, offered: load.rate, served, backlog, busy: at.busy, latencies, fits, stored });
    }
    hours
}

/// Workflows started within the last `kept` before the begin of bin `now`; what began before the first bin came at `before` per second.
fn stored(started: &[f64], now: usize, bin: Nanos, kept: Nanos, before: f64) -> f64 {
    let bins = kept.as_secs_f64() / bin.as_secs_f64();
    let from = now as f64 - bins;
    if from < 0.0 {
        return started[now] - from * bin.as_secs_f64() * before;
    }
    let whole = from.floor() as usize;
    let part = from - from.floor();
    let then = started[whole] + (started[(whole + 1).min(started.len() - 1)] - started[whole]) * part;
    started[now] - then
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::levels::Level;

    fn ladder(capacity: f64) -> Ladder {
        let level = |rate: f64| Level {
            rate,
            busy: [rate / capacity; RESOURCES.len()],
            latencies: vec![Some(0.05)],
            keeps_up: true,
        };
        Ladder { levels: vec![level(0.1 * capacity), level(0.9 * capacity)], capacity, limit: "history CPU" }
    }

    fn loads(rates: &[f64]) -> Vec<BinLoad> {
        let at = |index: usize| Nanos::from_secs(index as u64 * 3_600);
        rates.iter().enumerate().map(|(index, rate)| BinLoad { at: at(index), rate: *rate }).collect()
    }

    const HOUR: Nanos = Nanos::from_secs(3_600);

    fn target() -> SloTarget {
        SloTarget { metric: SloMetric::ScheduleToStartActivity, quantile: 0.99, limit: Nanos::from_millis(200) }
    }

    #[test]
    fn what_does_not_fit_waits_and_is_worked_off_and_none_is_lost() {
        let rates = [50.0, 120.0, 130.0, 80.0, 60.0, 60.0, 10.0];
        let hours = walk(&loads(&rates), &ladder(100.0), &[target()], HOUR, HOUR, 0.0, 1.0);
        let backlogs: Vec<f64> = hours.iter().map(|hour| (hour.backlog / 3_600.0).round()).collect();
        assert_eq!(backlogs, [0.0, 20.0, 50.0, 30.0, 0.0, 0.0, 0.0]);
        let (offered, served): (f64, f64) =
            (hours.iter().map(|hour| hour.offered).sum(), hours.iter().map(|hour| hour.served).sum());
        assert!((offered - served).abs() < 1e-9);
        assert_eq!(
            hours.iter().map(|hour| hour.fits).collect::<Vec<_>>(),
            [true, false, false, false, false, true, true]
        );
        // On average 35 × 3,600 wait in the third hour; at its limit the system is twenty times as slow as at nine tenths.
        let wait = hours[2].latencies[0].unwrap_or(0.0) - 20.0 * 0.05;
        assert!((wait - 0.5 * (20.0 + 50.0) * 3_600.0 / 100.0).abs() < 1e-6, "{wait}");
    }

    #[test]
    fn stored_is_what_was_started_within_the_time_it_is_kept() {
        let constant = loads(&[10.0; 48]);
        let day = Nanos::from_secs(86_400);
        let empty = walk(&constant, &ladder(100.0), &[], HOUR, day, 0.0, 7.0);
        assert!((empty[11].stored - 7.0 * 10.0 * 12.0 * 3_600.0).abs() < 1e-6);
        assert!((empty[40].stored - 7.0 * 10.0 * 86_400.0).abs() < 1e-6);
        let full = walk(&constant, &ladder(100.0), &[], HOUR, day, 10.0, 7.0);
        assert!(full.iter().all(|hour| (hour.stored - 7.0 * 10.0 * 86_400.0).abs() < 1e-3));
    }
}
