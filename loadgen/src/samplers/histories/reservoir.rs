//! A fair choice of a few among many, while they come.

use rand::RngExt as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

/// Keeps at most `size` of what it is offered, each with the same probability (Vitter's algorithm R, ACM TOMS 11(1), 1985).
pub(super) struct Reservoir<T> {
    size: usize,
    kept: Vec<T>,
    offered: u64,
    random: Xoshiro256PlusPlus,
}

impl<T> Reservoir<T> {
    pub(super) fn new(size: usize, seed: u64) -> Reservoir<T> {
        Reservoir { size, kept: Vec::with_capacity(size), offered: 0, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// Offers one; it is only made when it is kept.
    pub(super) fn offer(&mut self, make: impl FnOnce() -> T) {
        self.offered += 1;
        if self.kept.len() < self.size {
            self.kept.push(make());
            return;
        }
        let at = self.random.random_range(0..self.offered);
        if let Some(place) = usize::try_from(at).ok().and_then(|at| self.kept.get_mut(at)) {
            *place = make();
        }
    }

    /// Gives the choice and begins anew.
    pub(super) fn take(&mut self) -> Vec<T> {
        self.offered = 0;
        std::mem::take(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_kept_with_the_same_probability() {
        const ROUNDS: usize = 20_000;
        let mut reservoir = Reservoir::new(3, 1);
        let mut kept = [0_usize; 10];
        for _ in 0..ROUNDS {
            (0..kept.len()).for_each(|item| reservoir.offer(|| item));
            let choice = reservoir.take();
            assert_eq!(choice.len(), 3);
            choice.into_iter().for_each(|item| kept[item] += 1);
        }
        // Binomial with p = 0.3: five standard deviations either way.
        let (mean, deviation) = (0.3 * ROUNDS as f64, (ROUNDS as f64 * 0.3 * 0.7).sqrt());
        assert!(kept.iter().all(|count| (*count as f64 - mean).abs() < 5.0 * deviation), "{kept:?}");
    }

    #[test]
    fn few_are_all_kept_and_a_size_of_zero_keeps_none() {
        let mut reservoir = Reservoir::new(5, 1);
        (0..4).for_each(|item| reservoir.offer(|| item));
        assert_eq!(reservoir.take(), [0, 1, 2, 3]);
        assert_eq!(reservoir.take(), [0; 0]);
        let mut none = Reservoir::new(0, 1);
        (0..4).for_each(|item| none.offer(|| item));
        assert_eq!(none.take(), [0; 0]);
    }
}
