//! A load test never steps from nothing to full load by itself.

use plimsoll_profiles::arrivals::{Arrivals, Pattern, Phase, Process};
use plimsoll_profiles::units::{Nanos, Rate};

/// Rate up to which a run begins at once.
pub const AT_ONCE: f64 = 20.0;
/// How fast the rate rises otherwise: 10/s more each second, in five seconds to a minute.
const RISE_PER_SECOND: f64 = 10.0;
const SHORTEST: f64 = 5.0;
const LONGEST: f64 = 60.0;

/// The schedule with its ramp before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramped {
    /// What to send. The random streams of the profile's phases are those of a schedule with one more phase before.
    pub arrivals: Arrivals,
    /// Length of the ramp, to be treated as warm-up; zero without one.
    pub ramp: Nanos,
}

/// Puts a ramp before a schedule whose first rate is above 20/s; `asked` gives its length, zero for none.
///
/// A recorded trace is replayed as it is: a ramp before it is made only when asked for.
pub fn ramped(arrivals: &Arrivals, asked: Option<Nanos>) -> Ramped {
    let first = arrivals.rate_at(Nanos::ZERO).as_per_second();
    let trace = matches!(arrivals.phases.first().map(|phase| &phase.pattern), Some(Pattern::Trace(_)) | None);
    let length = match asked {
        Some(length) => length,
        None if first <= AT_ONCE || trace => Nanos::ZERO,
        None => Nanos::from_secs_f64(libm::round((first - AT_ONCE) / RISE_PER_SECOND).clamp(SHORTEST, LONGEST)),
    };
    if length == Nanos::ZERO || first <= 0.0 {
        return Ramped { arrivals: arrivals.clone(), ramp: Nanos::ZERO };
    }
    let process = match arrivals.phases.first().map(|phase| phase.process) {
        Some(Process::Even) => Process::Even,
        _ => Process::Poisson,
    };
    let from = Rate::per_second(if first > AT_ONCE { AT_ONCE } else { first / 10.0 });
    let ramp = Phase { duration: length, pattern: Pattern::Ramp { from, to: Rate::per_second(first) }, process };
    let phases = std::iter::once(ramp).chain(arrivals.phases.iter().cloned()).collect();
    Ramped { arrivals: Arrivals { phases }, ramp: length }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(rate: f64) -> Arrivals {
        let pattern = Pattern::Constant(Rate::per_second(rate));
        Arrivals { phases: vec![Phase { duration: Nanos::from_secs(60), pattern, process: Process::Poisson }] }
    }

    #[test]
    fn a_low_rate_begins_at_once() {
        assert_eq!(ramped(&constant(20.0), None), Ramped { arrivals: constant(20.0), ramp: Nanos::ZERO });
    }

    #[test]
    fn a_high_rate_is_reached_without_a_step() {
        for rate in [21.0, 200.0, 5_000.0] {
            let Ramped { arrivals, ramp } = ramped(&constant(rate), None);
            assert!(ramp >= Nanos::from_secs(5) && ramp <= Nanos::from_secs(60), "{rate}: {ramp}");
            assert!(arrivals.rate_at(Nanos::ZERO).as_per_second() <= AT_ONCE);
            let before = arrivals.rate_at(ramp.saturating_sub(Nanos(1))).as_per_second();
            assert!((before - rate).abs() < rate * 1e-6, "{rate}: {before} just before the profile begins");
            assert_eq!(arrivals.duration(), Nanos::from_secs(60) + ramp);
        }
    }

    #[test]
    fn the_user_decides_when_the_user_says() {
        assert_eq!(ramped(&constant(500.0), Some(Nanos::ZERO)).ramp, Nanos::ZERO);
        assert_eq!(ramped(&constant(5.0), Some(Nanos::from_secs(3))).ramp, Nanos::from_secs(3));
    }

    #[test]
    fn a_trace_is_replayed_as_it_is() {
        let times: Vec<Nanos> = (0..1_000).map(|i| Nanos::from_micros(i * 100)).collect();
        let trace =
            Phase { duration: Nanos::from_secs(1), pattern: Pattern::Trace(times.into()), process: Process::Poisson };
        assert_eq!(ramped(&Arrivals { phases: vec![trace] }, None).ramp, Nanos::ZERO);
    }
}
