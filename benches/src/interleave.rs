//! Interleaved measurement: every contender runs once per round, so that a slow minute of the machine slows all alike.
//!
//! Measured is the processor time of the whole process, all its threads together: on a machine with other work, wall clock
//! would count the pauses in which somebody else ran, and the longer of two runs catches more of them.

use std::time::Duration;

/// One thing to be timed.
pub struct Contender<'a, T> {
    /// Its name in the report.
    pub name: &'static str,
    /// How many units (customers, holds) one call of `run` does; times are given per unit.
    pub units: u64,
    /// One run. What it returns goes to the correctness checks, unmeasured.
    pub run: Box<dyn FnMut() -> T + 'a>,
}

/// What was measured of one contender.
pub struct Measured<T> {
    /// Its name.
    pub name: &'static str,
    /// Units per run.
    pub units: u64,
    /// Nanoseconds of processor time per unit, one value per round, in the order of the rounds.
    pub nanos_per_unit: Vec<f64>,
    /// What the runs returned: the warm-up round first, then the measured rounds.
    pub outcomes: Vec<T>,
}

impl<T> Measured<T> {
    /// The median over the rounds; the mean of the middle two when their number is even.
    pub fn median(&self) -> f64 {
        median(&self.nanos_per_unit)
    }

    /// How many times longer than `other` it takes: the median over the rounds of the ratio within a round, which a
    /// slow minute that hits both leaves as it is. Both must come from the same call of [`interleave`].
    pub fn times(&self, other: &Measured<T>) -> f64 {
        let rounds = self.nanos_per_unit.iter().zip(&other.nanos_per_unit);
        median(&rounds.map(|(mine, theirs)| mine / theirs).collect::<Vec<_>>())
    }

    /// The fastest round.
    pub fn min(&self) -> f64 {
        self.nanos_per_unit.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The slowest round.
    pub fn max(&self) -> f64 {
        self.nanos_per_unit.iter().copied().fold(0.0, f64::max)
    }
}

/// Runs all contenders in turn: one round that is not timed, then `rounds` that are.
///
/// The first of a round moves on by one each round, so that nobody always runs after the same neighbour's cache state.
pub fn interleave<T>(contenders: Vec<Contender<'_, T>>, rounds: usize) -> Vec<Measured<T>> {
    let mut runs = Vec::with_capacity(contenders.len());
    let mut measured = Vec::with_capacity(contenders.len());
    for contender in contenders {
        runs.push(contender.run);
        measured.push(Measured {
            name: contender.name,
            units: contender.units,
            nanos_per_unit: Vec::with_capacity(rounds),
            outcomes: Vec::with_capacity(rounds + 1),
        });
    }
    let count = runs.len();
    for round in 0..=rounds {
        for offset in 0..count {
            let index = (round + offset) % count;
            let start = processor_time();
            let outcome = std::hint::black_box(runs[index]());
            let elapsed = processor_time() - start;
            let entry = &mut measured[index];
            entry.outcomes.push(outcome);
            if round > 0 {
                entry.nanos_per_unit.push(elapsed.as_nanos() as f64 / entry.units as f64);
            }
        }
    }
    measured
}

/// Processor time used by this process so far.
#[cfg(unix)]
pub(crate) fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Wall clock, where there is no portable clock of processor time.
#[cfg(not(unix))]
pub(crate) fn processor_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_runs_once_per_round_and_once_to_warm_up() {
        let log = std::cell::RefCell::new(Vec::new());
        let log = &log;
        let contender = |name: &'static str| Contender {
            name,
            units: 1,
            run: Box::new(move || {
                log.borrow_mut().push(name);
                log.borrow().len()
            }) as Box<dyn FnMut() -> usize>,
        };
        let measured = interleave(vec![contender("a"), contender("b"), contender("c")], 2);
        assert_eq!(*log.borrow(), ["a", "b", "c", "b", "c", "a", "c", "a", "b"]);
        assert_eq!(measured[0].outcomes, [1, 6, 8]);
        assert!(measured.iter().all(|m| m.nanos_per_unit.len() == 2));
    }

    #[test]
    fn a_ratio_is_taken_within_rounds() {
        let measured =
            |nanos: &[f64]| Measured { name: "", units: 1, nanos_per_unit: nanos.to_vec(), outcomes: vec![()] };
        // The machine slowed down threefold after the first round; the medians themselves are 4 and 3.
        assert_eq!(measured(&[2.0, 6.0, 4.0]).times(&measured(&[1.0, 3.0, 3.0])), 2.0);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[9.0, 1.0, 3.0]), 3.0);
        assert!(median(&[]).is_nan());
    }
}
