//! Gaps between sends: a sample of them, and how far their distribution is from that of the intended gaps.

use plimsoll_profiles::arrivals::{Arrivals, Pattern, Process};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::{Nanos, Rate};

use super::anderson_darling::Exponential;
use super::limits;

/// Gaps that are kept: enough that chance moves a distance by 0.02 at most (Kolmogorov's 1 % limit, 1.63/√n).
const CAPACITY: usize = 8_192;

/// A gap between two sends, one after the other in the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Between the intended times.
    pub intended: Nanos,
    /// Between the sends.
    pub sent: Nanos,
    /// The arrivals that the schedule's rate expects between the sends, where it is a Poisson process: exponential with
    /// mean 1 whatever the rate (Çinlar 1975, ch. 4.7).
    pub expected: Option<f64>,
}

/// A uniform sample of the gaps of a run in constant memory (algorithm R, Vitter 1985), chosen by the seed.
#[derive(Clone, Debug)]
pub struct GapReservoir {
    arrivals: Option<Arrivals>,
    last: Option<(Nanos, Nanos)>,
    seen: u64,
    kept: Vec<Gap>,
    stream: Stream,
}

impl GapReservoir {
    /// For a whole schedule, in its order. The gaps of Poisson phases are also held against the exponential distribution.
    pub fn new(arrivals: Arrivals, seed: u64) -> Self {
        GapReservoir { arrivals: Some(arrivals), ..GapReservoir::of_a_share(seed) }
    }

    /// For one agent's share of a schedule, whose gaps are of no process with a name.
    pub fn of_a_share(seed: u64) -> Self {
        let stream = Streams::new(seed).stream("verdict", "gaps", 0);
        GapReservoir { arrivals: None, last: None, seen: 0, kept: Vec::new(), stream }
    }

    /// Notes a send, in the order of the schedule.
    pub fn record(&mut self, intended: Nanos, sent: Nanos) {
        let Some((last_intended, last_sent)) = self.last.replace((intended, sent)) else { return };
        self.seen += 1;
        let place = if self.kept.len() < CAPACITY {
            self.kept.push(Gap { intended: Nanos::ZERO, sent: Nanos::ZERO, expected: None });
            self.kept.len() - 1
        } else {
            match usize::try_from(self.stream.below(self.seen)) {
                Ok(place) if place < CAPACITY => place,
                _ => return,
            }
        };
        self.kept[place] = Gap {
            intended: intended.saturating_sub(last_intended),
            sent: sent.saturating_sub(last_sent),
            expected: self.expected(last_sent, sent),
        };
    }

    /// The sample.
    pub fn gaps(&self) -> &[Gap] {
        &self.kept
    }

    /// Expected arrivals between two times, where both are in one Poisson phase.
    fn expected(&self, from: Nanos, to: Nanos) -> Option<f64> {
        let arrivals = self.arrivals.as_ref()?;
        let mut begin = Nanos::ZERO;
        for phase in &arrivals.phases {
            let end = begin + phase.duration;
            if from < end {
                let poisson = phase.process == Process::Poisson
                    && !matches!(phase.pattern, Pattern::Trace(_) | Pattern::Mmpp { .. });
                let within = poisson && from >= begin && to < end && to >= from;
                return within.then(|| phase.expected_arrivals(to - begin) - phase.expected_arrivals(from - begin));
            }
            begin = end;
        }
        None
    }
}

/// How far the gaps of the sends are from the intended ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GapFidelity {
    /// Gaps in the sample.
    pub samples: usize,
    /// Largest distance of the two distribution functions.
    pub distance: f64,
    /// The same, where gaps may differ by the tolerance without being different.
    pub beyond_tolerance: f64,
    /// The gaps of Poisson phases held against the exponential distribution; absent where there are too few.
    pub exponential: Option<ExponentialFit>,
}

/// Gaps of Poisson phases held against the exponential distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialFit {
    /// Anderson–Darling and Kolmogorov.
    pub test: Exponential,
    /// Kolmogorov's distance where gaps may differ by the tolerance.
    pub beyond_tolerance: f64,
}

/// Compares gaps; differences in time up to `tolerance` count as none. `None` below [`limits::FEWEST_GAPS`].
pub fn fidelity(gaps: &[Gap], tolerance: Nanos) -> Option<GapFidelity> {
    if gaps.len() < limits::FEWEST_GAPS {
        return None;
    }
    let sorted = |of: &dyn Fn(&Gap) -> u64| {
        let mut values: Vec<f64> = gaps.iter().map(|gap| of(gap) as f64).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (intended, sent) = (sorted(&|gap| gap.intended.0), sorted(&|gap| gap.sent.0));
    let empirical = |x: f64| share_at_most(&intended, x);
    let just_below = |x: f64| share_below(&intended, x);
    Some(GapFidelity {
        samples: gaps.len(),
        distance: distance(&sent, &empirical, &just_below, 0.0),
        beyond_tolerance: distance(&sent, &empirical, &just_below, tolerance.0 as f64),
        exponential: exponential(gaps, tolerance),
    })
}

fn exponential(gaps: &[Gap], tolerance: Nanos) -> Option<ExponentialFit> {
    let mut expected: Vec<f64> = gaps.iter().filter_map(|gap| gap.expected).collect();
    if expected.len() < limits::FEWEST_GAPS {
        return None;
    }
    expected.sort_unstable_by(f64::total_cmp);
    // The tolerance in arrivals, at the mean rate of these gaps.
    let seconds: f64 = gaps.iter().filter(|gap| gap.expected.is_some()).map(|gap| gap.sent.as_secs_f64()).sum();
    let rate = Rate::per_second(expected.iter().sum::<f64>() / seconds.max(1e-9));
    let tolerance = rate.as_per_second() * tolerance.as_secs_f64();
    let share = |x: f64| -libm::expm1(-x.max(0.0));
    Some(ExponentialFit {
        test: Exponential::of(&expected)?,
        beyond_tolerance: distance(&expected, &share, &share, tolerance),
    })
}

/// The largest vertical distance of a sorted sample from a distribution function that may be moved by `tolerance` to
/// either side at every point.
fn distance(sorted: &[f64], at: &dyn Fn(f64) -> f64, below: &dyn Fn(f64) -> f64, tolerance: f64) -> f64 {
    let count = sorted.len() as f64;
    let mut largest = 0.0f64;
    for (index, value) in sorted.iter().enumerate() {
        // Of equal values, only the first is the foot of the step and only the last its head.
        if index == 0 || sorted[index - 1] < *value {
            largest = largest.max(below(value - tolerance) - index as f64 / count);
        }
        if sorted.get(index + 1).is_none_or(|next| next > value) {
            largest = largest.max((index + 1) as f64 / count - at(value + tolerance));
        }
    }
    largest
}

fn share_at_most(sorted: &[f64], x: f64) -> f64 {
    sorted.partition_point(|value| *value <= x) as f64 / sorted.len() as f64
}

fn share_below(sorted: &[f64], x: f64) -> f64 {
    sorted.partition_point(|value| *value < x) as f64 / sorted.len() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::arrivals::Phase;

    fn arrivals(rate: f64, process: Process) -> Arrivals {
        let pattern = Pattern::Constant(Rate::per_second(rate));
        Arrivals { phases: vec![Phase { duration: Nanos::from_secs(60), pattern, process }] }
    }

    /// The sample of a schedule whose sends are moved by `late`.
    fn sent(arrivals: &Arrivals, late: impl Fn(usize, Nanos) -> Nanos) -> GapReservoir {
        let mut reservoir = GapReservoir::new(arrivals.clone(), 3);
        let mut last = Nanos::ZERO;
        for (index, intended) in arrivals.schedule(3).enumerate() {
            last = last.max(late(index, intended));
            reservoir.record(intended, last);
        }
        reservoir
    }

    const TOLERANCE: Nanos = Nanos::from_millis(1);

    #[test]
    fn sends_on_time_are_as_intended() {
        for process in [Process::Poisson, Process::Even] {
            let arrivals = arrivals(50.0, process);
            let exact = fidelity(sent(&arrivals, |_, at| at).gaps(), TOLERANCE).unwrap();
            assert_eq!((exact.distance, exact.beyond_tolerance), (0.0, 0.0));
            assert_eq!(exact.exponential.is_some(), process == Process::Poisson);
        }
        let fit = fidelity(sent(&arrivals(50.0, Process::Poisson), |_, at| at).gaps(), TOLERANCE).unwrap();
        let fit = fit.exponential.unwrap();
        assert!(!fit.test.rejected_at(0.01) && fit.beyond_tolerance < 0.05, "{fit:?}");
    }

    #[test]
    fn noise_below_the_tolerance_is_seen_but_does_not_count() {
        let evenly = arrivals(50.0, Process::Even);
        let noisy = sent(&evenly, |index, at| at + Nanos::from_micros((index as u64 * 7_919) % 400));
        let noisy = fidelity(noisy.gaps(), TOLERANCE).unwrap();
        assert!(noisy.distance > 0.4, "every gap differs from 20 ms: {noisy:?}");
        assert_eq!(noisy.beyond_tolerance, 0.0);
    }

    #[test]
    fn sends_in_bunches_are_found() {
        // A timer that fires every 100 ms.
        let poisson = arrivals(50.0, Process::Poisson);
        let bunched = sent(&poisson, |_, at| Nanos((at.0 / 100_000_000 + 1) * 100_000_000));
        let bunched = fidelity(bunched.gaps(), TOLERANCE).unwrap();
        assert!(bunched.beyond_tolerance > 0.5, "{bunched:?}");
        let fit = bunched.exponential.unwrap();
        assert!(fit.test.rejected_at(0.001) && fit.beyond_tolerance > 0.5, "{fit:?}");
    }

    #[test]
    fn a_ramp_of_poisson_arrivals_is_exponential_in_its_own_time() {
        let pattern = Pattern::Ramp { from: Rate::per_second(5.0), to: Rate::per_second(200.0) };
        let phase = Phase { duration: Nanos::from_secs(60), pattern, process: Process::Poisson };
        let ramp = Arrivals { phases: vec![phase] };
        let fit = fidelity(sent(&ramp, |_, at| at).gaps(), TOLERANCE).unwrap().exponential.unwrap();
        assert!(!fit.test.rejected_at(0.01), "{fit:?}");
    }

    #[test]
    fn a_reservoir_keeps_a_uniform_sample_in_constant_memory() {
        let mut reservoir = GapReservoir::of_a_share(1);
        // Gaps grow: a uniform sample has the mean of all, the first ones or the last ones have not.
        let (mut at, count) = (0u64, 100_000u64);
        for index in 0..=count {
            at += index;
            reservoir.record(Nanos(at), Nanos(at));
        }
        assert_eq!(reservoir.gaps().len(), CAPACITY);
        let mean = reservoir.gaps().iter().map(|gap| gap.sent.0 as f64).sum::<f64>() / CAPACITY as f64;
        assert!((mean / (count as f64 / 2.0) - 1.0).abs() < 0.03, "{mean}");
        assert_eq!(fidelity(&reservoir.gaps()[..50], TOLERANCE), None, "too few to judge");
    }
}
