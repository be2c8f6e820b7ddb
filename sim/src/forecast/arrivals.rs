//! The load of every bin: the schedule again and again, grown.

use plimsoll_profiles::arrivals::Arrivals;
use plimsoll_profiles::profile::Growth;
use plimsoll_profiles::units::Nanos;

/// The load of one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinLoad {
    /// Its begin.
    pub at: Nanos,
    /// Mean starts per second.
    pub rate: f64,
}

/// Bins from now until the one that the horizon falls into, all whole. The schedule repeats as it is (one of a day is every day alike, one with `weekly` factors is a week); the
/// load grows by the same factor in equal times, so that it is `growth.factor` times as high after `growth.horizon`, and goes on growing after it.
pub fn bins(arrivals: &Arrivals, growth: &Growth, horizon: Nanos, bin: Nanos) -> Vec<BinLoad> {
    let cycle = arrivals.duration().0.max(1);
    let whole = arrivals.expected_arrivals(arrivals.duration());
    let until = |at: u64| (at / cycle) as f64 * whole + arrivals.expected_arrivals(Nanos(at % cycle));
    let grown = |middle: f64| {
        let part = middle / growth.horizon.as_secs_f64().max(1.0);
        libm::pow(growth.factor.max(1e-9), part)
    };
    let count = horizon.0.div_ceil(bin.0.max(1));
    let mut before = 0.0;
    (0..count)
        .map(|index| {
            let at = index * bin.0;
            let after = until(at + bin.0);
            let seconds = bin.as_secs_f64();
            let rate = (after - before) / seconds * grown(Nanos(at).as_secs_f64() + seconds / 2.0);
            before = after;
            BinLoad { at: Nanos(at), rate: rate.max(0.0) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::arrivals::{Pattern, Phase, Process};
    use plimsoll_profiles::units::Rate;

    fn growth(factor: f64) -> Growth {
        let day = 86_400;
        Growth {
            horizon: Nanos::from_secs(365 * day),
            factor,
            retention: Nanos::from_secs(7 * day),
            headroom: 0.25,
            survive_pod_loss: true,
        }
    }

    #[test]
    fn a_day_repeats_and_grows_to_the_factor() {
        let phase = |hours: u64, rate: f64| Phase {
            duration: Nanos::from_secs(hours * 3_600),
            pattern: Pattern::Constant(Rate::per_second(rate)),
            process: Process::Poisson,
        };
        let arrivals = Arrivals { phases: vec![phase(6, 10.0), phase(18, 30.0)] };
        let (year, hour) = (Nanos::from_secs(365 * 86_400), Nanos::from_secs(3_600));
        let same = bins(&arrivals, &growth(1.0), year, hour);
        assert_eq!(same.len(), 8_760);
        for (index, bin) in same.iter().enumerate() {
            let expected = if index % 24 < 6 { 10.0 } else { 30.0 };
            assert!((bin.rate - expected).abs() < 1e-6, "hour {index}: {}", bin.rate);
        }
        let tripled = bins(&arrivals, &growth(3.0), year, hour);
        assert!((tripled[8_759].rate / 30.0 - 3.0).abs() < 0.001);
        assert!((tripled[4_380 + 6].rate / 30.0 - 3f64.sqrt()).abs() < 0.01);
        // A horizon within an hour has all of it.
        assert_eq!(bins(&arrivals, &growth(3.0), Nanos::from_secs(5_400), hour), tripled[..2]);
        // Starts are conserved: the bins' sum is the schedule's.
        let sum: f64 = same.iter().map(|bin| bin.rate * 3_600.0).sum();
        assert!((sum / (365.0 * (6.0 * 10.0 + 18.0 * 30.0) * 3_600.0) - 1.0).abs() < 1e-9);
    }
}
