//! Days of the week.

use super::Arrivals;
use crate::units::Nanos;

/// A day.
pub(crate) const DAY: Nanos = Nanos::from_secs(86_400);

impl Arrivals {
    /// A week of this schedule, which lasts a whole number of days: its days one after the other and again, each with its factor. `None`
    /// where it does not last whole days, or more than seven.
    pub fn week(&self, factors: &[f64; 7]) -> Option<Arrivals> {
        let total = self.duration();
        let days = total.0 / DAY.0;
        if !total.0.is_multiple_of(DAY.0) || !(1..=7).contains(&days) {
            return None;
        }
        let mut phases = Vec::new();
        for (day, factor) in (0..7).zip(factors) {
            let from = DAY * (day % days);
            phases.extend(self.window(from, from + DAY)?.scaled(*factor).phases);
        }
        Some(Arrivals { phases })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::arrivals::{Pattern, Phase, Process};
    use crate::units::Rate;

    fn constant(hours: u64, rate: f64) -> Phase {
        Phase {
            duration: Nanos::from_secs(hours * 3_600),
            pattern: Pattern::Constant(Rate::per_second(rate)),
            process: Process::Poisson,
        }
    }

    #[test]
    fn a_day_becomes_a_week_with_its_factors() {
        let day = Arrivals { phases: vec![constant(12, 10.0), constant(12, 20.0)] };
        let week = day.week(&[1.0, 1.0, 1.0, 1.0, 1.2, 0.5, 0.0]).unwrap();
        assert_eq!(week.duration(), DAY * 7);
        let at = |day: u64, hour: u64| week.rate_at(Nanos::from_secs(day * 86_400 + hour * 3_600)).as_per_second();
        assert_eq!([at(0, 1), at(0, 13), at(4, 13), at(5, 1), at(6, 13)], [10.0, 20.0, 24.0, 5.0, 0.0]);
        let all = week.expected_arrivals(week.duration());
        assert!((all - 15.0 * 86_400.0 * 5.7).abs() < 1e-3, "{all}");
        let last = week.schedule(7).last().unwrap();
        assert!(last < DAY * 6, "nothing arrives on a day without load");
    }

    #[test]
    fn what_is_not_whole_days_is_no_week() {
        assert!(Arrivals { phases: vec![constant(23, 1.0)] }.week(&[1.0; 7]).is_none());
        assert!(Arrivals { phases: vec![constant(24 * 8, 1.0)] }.week(&[1.0; 7]).is_none());
        assert!(Arrivals { phases: vec![constant(48, 1.0)] }.week(&[1.0; 7]).is_some());
    }
}
