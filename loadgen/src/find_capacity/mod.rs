//! The highest rate that meets a promise, by a bounded search over runs.
//!
//! First upwards from a sixteenth of the highest rate, doubling, until a run breaks the promise; then between the last that
//! kept it and the first that broke it, by bisection of the logarithm, until the two are within the wanted ratio; then both
//! ends again, because one run is not the truth: latencies at equal load differ between repeats (p99 by a factor of 1.5 to
//! 2.5 on a real cluster near saturation; measured with `loadgen/measure`). An end that turns out the other way moves, and
//! the search goes on while it has runs left.

mod promise;

use plimsoll_profiles::units::Rate;

pub use promise::{Kept, kept};

/// How the search is bounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// No run is faster.
    pub highest: Rate,
    /// It is precise enough when the lowest broken rate is at most so many times the highest kept one.
    pub ratio: f64,
    /// Runs that each end of the answer is to rest on.
    pub repeats: usize,
    /// Runs in all.
    pub most_runs: usize,
}

impl Bounds {
    /// Up to a rate: within 10 %, each end from three runs, sixteen runs in all.
    pub fn up_to(highest: Rate) -> Self {
        Bounds { highest, ratio: 1.1, repeats: 3, most_runs: 16 }
    }
}

/// All runs at one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tried {
    /// The rate.
    pub rate: Rate,
    /// Runs that kept the promise.
    pub kept: usize,
    /// Runs that broke it.
    pub broken: usize,
}

impl Tried {
    fn runs(&self) -> usize {
        self.kept + self.broken
    }

    /// In which share of cases a run at this rate keeps the promise: not fewer and not more than this, each at 95 % one-sided, by the runs
    /// made (Clopper and Pearson 1934): three of three say no more than "in 37 % of cases or more".
    pub fn keeps(&self) -> (f64, f64) {
        promise::clopper_pearson(self.kept as f64, self.runs() as f64, 0.05)
    }

    /// By the majority; of a tie, no.
    fn is_kept(&self) -> bool {
        self.kept > self.broken
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Capacity {
    /// The highest rate that kept the promise (by the majority of its runs); `None` when none did.
    pub kept: Option<Tried>,
    /// The lowest rate above it that broke the promise; `None` when even the highest allowed rate kept it.
    pub broken: Option<Tried>,
    /// Whether both ends rest on the wanted number of runs and are as close as wanted.
    pub settled: bool,
    /// Every rate tried, in ascending order.
    pub tried: Vec<Tried>,
}

/// A search under way: asks for runs and is told what came of them.
#[derive(Clone, Debug)]
pub struct Search {
    bounds: Bounds,
    /// Ascending.
    tried: Vec<Tried>,
}

impl Search {
    /// A search within these bounds.
    pub fn new(bounds: Bounds) -> Self {
        Search { bounds, tried: Vec::new() }
    }

    /// The rate of the next run; `None` when the answer is settled or the runs are used up.
    pub fn next_rate(&self) -> Option<Rate> {
        if self.runs() >= self.bounds.most_runs {
            return None;
        }
        // The highest one is tried as the user wrote it.
        self.wanted().map(|rate| if rate >= self.bounds.highest { self.bounds.highest } else { plain(rate) })
    }

    fn wanted(&self) -> Option<Rate> {
        let highest = self.bounds.highest.as_per_second();
        let (kept, broken) = self.ends();
        match (kept, broken) {
            (None, None) => Some(Rate::per_second(highest / 16.0)),
            (Some(kept), None) if kept.rate.as_per_second() < highest => {
                Some(Rate::per_second((kept.rate.as_per_second() * 2.0).min(highest)))
            }
            (Some(kept), None) => self.again(&[kept]),
            // Down to a thousandth of the highest rate: below that, nothing is to be found.
            (None, Some(broken)) if broken.rate.as_per_second() > highest / 1_000.0 => {
                Some(Rate::per_second(broken.rate.as_per_second() / 2.0))
            }
            (None, Some(broken)) => self.again(&[broken]),
            (Some(kept), Some(broken)) => {
                let (low, high) = (kept.rate.as_per_second(), broken.rate.as_per_second());
                if high / low > self.bounds.ratio {
                    return Some(Rate::per_second(libm::sqrt(low * high)));
                }
                self.again(&[kept, broken])
            }
        }
    }

    /// The end with the fewest runs, where it has too few.
    fn again(&self, ends: &[Tried]) -> Option<Rate> {
        let fewest = ends.iter().min_by_key(|tried| tried.runs())?;
        (fewest.runs() < self.bounds.repeats).then_some(fewest.rate)
    }

    /// What came of a run.
    pub fn record(&mut self, rate: Rate, kept: bool) {
        let index = self.tried.partition_point(|tried| tried.rate < rate);
        if self.tried.get(index).is_none_or(|tried| tried.rate != rate) {
            self.tried.insert(index, Tried { rate, kept: 0, broken: 0 });
        }
        match kept {
            true => self.tried[index].kept += 1,
            false => self.tried[index].broken += 1,
        }
    }

    /// Runs so far.
    pub fn runs(&self) -> usize {
        self.tried.iter().map(Tried::runs).sum()
    }

    /// The lowest broken rate, and the highest kept one below it.
    fn ends(&self) -> (Option<Tried>, Option<Tried>) {
        let first_broken = self.tried.iter().position(|tried| !tried.is_kept());
        let below = &self.tried[..first_broken.unwrap_or(self.tried.len())];
        (below.last().copied(), first_broken.map(|index| self.tried[index]))
    }

    /// What is known so far.
    pub fn answer(&self) -> Capacity {
        let (kept, broken) = self.ends();
        let enough = |tried: Option<Tried>| tried.is_none_or(|tried| tried.runs() >= self.bounds.repeats);
        let close = match (kept, broken) {
            (Some(kept), Some(broken)) => broken.rate.as_per_second() / kept.rate.as_per_second() <= self.bounds.ratio,
            (Some(kept), None) => kept.rate >= self.bounds.highest,
            (None, _) => false,
        };
        Capacity { kept, broken, settled: close && enough(kept) && enough(broken), tried: self.tried.clone() }
    }
}

/// A rate of three significant digits.
fn plain(rate: Rate) -> Rate {
    let value = rate.as_per_second();
    if value <= 0.0 {
        return rate;
    }
    let digits = 2 - libm::floor(libm::log10(value)) as i32;
    let power = libm::pow(10.0, f64::from(digits.abs()));
    let rounded = if digits >= 0 { libm::round(value * power) / power } else { libm::round(value / power) * power };
    Rate::per_second(rounded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: f64) -> Rate {
        Rate::per_second(per_second)
    }

    fn search(bounds: Bounds, mut kept: impl FnMut(f64) -> bool) -> Search {
        let mut search = Search::new(bounds);
        while let Some(rate) = search.next_rate() {
            assert!(rate <= bounds.highest, "{rate}");
            search.record(rate, kept(rate.as_per_second()));
        }
        search
    }

    #[test]
    fn a_system_that_keeps_every_rate_is_known_to_up_to_the_highest() {
        let answer = search(Bounds::up_to(rate(160.0)), |_| true).answer();
        assert_eq!(answer.kept, Some(Tried { rate: rate(160.0), kept: 3, broken: 0 }));
        assert_eq!((answer.broken, answer.settled), (None, true));
        assert_eq!(answer.tried.len(), 5);
    }

    #[test]
    fn a_system_that_keeps_none_is_known_not_to() {
        let search = search(Bounds::up_to(rate(160.0)), |_| false);
        let answer = search.answer();
        assert_eq!((answer.kept, answer.settled), (None, false));
        assert!(answer.broken.is_some_and(|tried| tried.rate < rate(0.2)), "{answer:?}");
    }

    #[test]
    fn an_end_that_was_luck_moves() {
        // 100/s keeps the promise once in its first run, and never again.
        let mut seen = 0;
        let mut lucky = |per_second: f64| match per_second {
            r if r < 99.0 => true,
            r if r < 101.0 => {
                seen += 1;
                seen == 1
            }
            _ => false,
        };
        let answer = search(Bounds { most_runs: 40, ..Bounds::up_to(rate(1_600.0)) }, &mut lucky).answer();
        assert!(answer.settled);
        let (kept, broken) = (answer.kept.expect("a kept rate"), answer.broken.expect("a broken rate"));
        assert!(kept.rate < rate(99.0) && broken.rate <= rate(100.0), "{answer:?}");
    }

    #[test]
    fn three_kept_runs_of_three_leave_more_than_a_third() {
        let (low, high) = Tried { rate: rate(1.0), kept: 3, broken: 0 }.keeps();
        assert!((low - 0.3684).abs() < 1e-3 && high == 1.0, "{low} to {high}");
    }

    #[test]
    fn rates_tried_are_easy_to_read() {
        for (exact, read) in [(11.313_708_5, "11.3/s"), (0.123_46, "0.123/s"), (1_234.5, "1230/s"), (64.0, "64/s")] {
            assert_eq!(plain(rate(exact)).to_string(), read);
        }
    }

    proptest! {
        /// Of a system with a sharp limit, the limit lies between the two ends, and no run is spent beyond the bound.
        #[test]
        fn the_limit_lies_between_the_ends(limit in 10.0f64..1_000.0) {
            let bounds = Bounds { most_runs: 40, ..Bounds::up_to(rate(1_000.0)) };
            let search = search(bounds, |per_second| per_second <= limit);
            let answer = search.answer();
            prop_assert!(search.runs() <= bounds.most_runs);
            prop_assert!(answer.settled, "{:?}", answer);
            prop_assert!(answer.kept.is_some_and(|kept| kept.rate.as_per_second() <= limit));
            prop_assert!(answer.broken.is_none_or(|broken| broken.rate.as_per_second() > limit));
        }

        /// However the runs come out, the search ends.
        #[test]
        fn the_search_is_bounded(results in prop::collection::vec(any::<bool>(), 64)) {
            let mut results = results.into_iter();
            let bounds = Bounds::up_to(rate(500.0));
            let search = search(bounds, |_| results.next().unwrap_or(false));
            prop_assert!(search.runs() <= bounds.most_runs);
        }
    }
}
