//! Which rates to try.

use plimsoll_profiles::units::Rate;

/// The lowest rate tried: a machine that cannot do this cannot do anything.
const LEAST: f64 = 100.0;

/// Doubles from the first rate while it holds (halves while it does not), then bisects on the logarithm.
///
/// On a shared machine another program's burst fails a probe now and then: a rate has failed when it failed twice.
#[derive(Clone, Debug)]
pub struct Search {
    next: f64,
    most: f64,
    precision: f64,
    holds: Option<f64>,
    fails: Option<f64>,
    failed_once: bool,
}

impl Search {
    /// A search between 100/s and `most`, until the highest that holds and the lowest that fails are within `precision`.
    pub fn new(first: Rate, most: Rate, precision: f64) -> Self {
        let most = most.as_per_second().max(LEAST);
        let next = first.as_per_second().clamp(LEAST, most);
        Search { next, most, precision, holds: None, fails: None, failed_once: false }
    }

    /// The rate to try now; `None` when the search is over.
    pub fn next(&self) -> Option<Rate> {
        let over = match (self.holds, self.fails) {
            (Some(holds), Some(fails)) => fails / holds <= self.precision,
            (Some(holds), None) => holds >= self.most,
            (None, Some(fails)) => fails <= LEAST,
            (None, None) => false,
        };
        (!over).then(|| Rate::per_second(self.next.round()))
    }

    /// What came of the rate that [`Search::next`] gave.
    pub fn tell(&mut self, rate: Rate, held: bool) {
        let rate = rate.as_per_second();
        if !held && !self.failed_once {
            self.failed_once = true;
            return;
        }
        self.failed_once = false;
        if held {
            self.holds = Some(rate);
        } else {
            self.fails = Some(rate);
        }
        self.next = match (self.holds, self.fails) {
            (Some(holds), Some(fails)) => libm::sqrt(holds * fails),
            (Some(holds), None) => (holds * 2.0).min(self.most),
            (None, Some(fails)) => (fails / 2.0).max(LEAST),
            (None, None) => self.next,
        };
    }

    /// The highest rate that held.
    pub fn highest(&self) -> Option<Rate> {
        self.holds.map(Rate::per_second)
    }

    /// Whether a higher rate failed.
    pub fn bounded(&self) -> bool {
        self.fails.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(limit: f64, first: f64, most: f64) -> (Search, usize) {
        let mut search = Search::new(Rate::per_second(first), Rate::per_second(most), 1.05);
        let mut probes = 0;
        while let Some(rate) = search.next() {
            search.tell(rate, rate.as_per_second() <= limit);
            probes += 1;
            assert!(probes < 100, "the search does not end");
        }
        (search, probes)
    }

    proptest! {
        #[test]
        fn it_finds_a_machines_limit_within_its_precision(limit in 150.0f64..150_000.0, first in 100.0f64..50_000.0) {
            let (search, probes) = found(limit, first, 200_000.0);
            let highest = search.highest().map(Rate::as_per_second);
            prop_assert!(highest.is_some_and(|rate| rate <= limit && limit < rate * 1.06), "{highest:?}");
            prop_assert!(search.bounded());
            prop_assert!(probes <= 40, "{probes}");
        }
    }

    #[test]
    fn a_machine_that_holds_everything_is_not_bounded_and_one_that_holds_nothing_has_no_rate() {
        let (search, _) = found(1e9, 4_000.0, 50_000.0);
        assert_eq!((search.highest(), search.bounded()), (Some(Rate::per_second(50_000.0)), false));
        let (search, _) = found(1.0, 4_000.0, 50_000.0);
        assert_eq!((search.highest(), search.bounded()), (None, true));
    }

    #[test]
    fn one_disturbed_probe_does_not_end_it() {
        let mut search = Search::new(Rate::per_second(1_000.0), Rate::per_second(2_000.0), 1.05);
        search.tell(Rate::per_second(1_000.0), false);
        assert_eq!(search.next(), Some(Rate::per_second(1_000.0)));
        search.tell(Rate::per_second(1_000.0), true);
        search.tell(Rate::per_second(2_000.0), true);
        assert_eq!((search.next(), search.bounded()), (None, false));
    }
}
