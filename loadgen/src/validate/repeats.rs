//! Which runs count, and whether another one is needed.

use plimsoll_reports::validation::CANARY_LIMIT;

use super::machine::{Speed, median};

/// A measured run, as far as it matters whether it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Try {
    /// Its verdict about itself lets its numbers be used.
    pub usable: bool,
    /// The machine's speed in it, where it was measured.
    pub speed: Option<Speed>,
}

/// The runs so far.
#[derive(Clone, Debug)]
pub struct Repeats {
    wanted: usize,
    tries: Vec<Try>,
}

impl Repeats {
    /// So many runs are to count.
    pub fn new(wanted: usize) -> Repeats {
        Repeats { wanted, tries: Vec::new() }
    }

    /// A run has ended.
    pub fn record(&mut self, one: Try) {
        self.tries.push(one);
    }

    /// How many there were.
    pub fn tries(&self) -> usize {
        self.tries.len()
    }

    /// How many are to count.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// By which share the machine's speed moved in each run, in their order. The usual speed is the median of the usable runs' means,
    /// so that one slow run among fast ones is the one that moved, whichever came first.
    pub fn moved(&self) -> Vec<Option<f64>> {
        let means: Vec<f64> =
            self.tries.iter().filter(|one| one.usable).filter_map(|one| Some(one.speed?.mean)).collect();
        let usual = median(&means);
        let moved = |one: &Try| {
            let speed = one.speed?;
            Some(speed.moved(usual.unwrap_or(speed.mean)))
        };
        self.tries.iter().map(moved).collect()
    }

    /// The canary's CPU seconds in the runs that count, their median.
    pub fn canary(&self) -> Option<f64> {
        median(&self.that_count().filter_map(|one| Some(one.speed?.mean)).collect::<Vec<f64>>())
    }

    /// How many count.
    pub fn counting(&self) -> usize {
        self.that_count().count()
    }

    fn that_count(&self) -> impl Iterator<Item = &Try> {
        let steady = |moved: &Option<f64>| moved.is_none_or(|moved| moved <= CANARY_LIMIT);
        let all = self.tries.iter().zip(self.moved());
        all.filter(move |(one, moved)| one.usable && steady(moved)).map(|(one, _)| one)
    }

    /// Whether another run is to be made: too few count, and there were not twice as many as wanted yet.
    pub fn needs_another(&self) -> bool {
        self.counting() < self.wanted && self.tries.len() < 2 * self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(mean: f64) -> Try {
        Try { usable: true, speed: Some(Speed { mean, spell: 0.0 }) }
    }

    fn runs(tries: &[Try]) -> Repeats {
        let mut repeats = Repeats::new(3);
        tries.iter().for_each(|one| repeats.record(*one));
        repeats
    }

    #[test]
    fn three_steady_runs_are_enough() {
        let repeats = runs(&[steady(1.0), steady(1.05), steady(0.97)]);
        assert_eq!((repeats.counting(), repeats.needs_another()), (3, false));
        assert!(runs(&[steady(1.0), steady(1.0)]).needs_another());
    }

    #[test]
    fn a_slow_run_is_repeated_even_if_it_came_first() {
        let repeats = runs(&[steady(1.3), steady(1.0), steady(1.0)]);
        assert_eq!((repeats.counting(), repeats.needs_another()), (2, true));
        assert!(repeats.moved()[0].is_some_and(|moved| moved > 0.29));
        assert!(!runs(&[steady(1.3), steady(1.0), steady(1.0), steady(1.01)]).needs_another());
    }

    #[test]
    fn the_canary_is_that_of_the_runs_that_count() {
        let repeats = runs(&[steady(1.3), steady(1.0), steady(1.02), steady(0.99)]);
        assert_eq!((repeats.counting(), repeats.canary()), (3, Some(1.0)));
        assert_eq!(runs(&[]).canary(), None);
    }

    #[test]
    fn a_run_with_a_slow_spell_does_not_count() {
        let spell = Try { usable: true, speed: Some(Speed { mean: 1.0, spell: 0.2 }) };
        assert_eq!(runs(&[steady(1.0), spell, steady(1.0)]).counting(), 2);
    }

    #[test]
    fn an_invalid_run_does_not_count_nor_say_what_is_usual() {
        let invalid = Try { usable: false, ..steady(5.0) };
        let repeats = runs(&[invalid, invalid, steady(1.0), steady(1.0)]);
        assert_eq!((repeats.counting(), repeats.needs_another()), (2, true));
    }

    #[test]
    fn it_gives_up_after_twice_as_many_as_wanted() {
        let invalid = Try { usable: false, speed: None };
        assert!(runs(&[invalid; 5]).needs_another());
        assert!(!runs(&[invalid; 6]).needs_another());
    }

    #[test]
    fn without_a_canary_usable_runs_count() {
        let unknown = Try { usable: true, speed: None };
        assert_eq!(runs(&[unknown; 3]).counting(), 3);
    }
}
