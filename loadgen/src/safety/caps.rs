//! Hard caps: what a run may not exceed, whatever its profile says.

use plimsoll_profiles::arrivals::Arrivals;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::number;

use crate::failure::Failure;

/// Most that a run may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Workflows open at once.
    pub max_in_flight: u32,
    /// Workflows started.
    pub max_starts: u64,
    /// Length of the schedule.
    pub max_duration: Nanos,
}

impl Caps {
    /// How many workflows the schedule starts, counted, not expected.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::failure::Exit::Usage) when it starts more or lasts longer than the caps allow, or starts nothing.
    pub fn starts(&self, arrivals: &Arrivals, seed: u64) -> Result<u64, Failure> {
        if self.max_in_flight == 0 {
            return Err(Failure::usage("--max-in-flight 0 would start nothing: give at least 1"));
        }
        let duration = arrivals.duration();
        if duration > self.max_duration {
            return Err(Failure::usage(format!(
                "the run would last {}, longer than --max-duration {} allows: shorten it with --duration, or raise the cap",
                duration.brief(),
                self.max_duration.brief()
            )));
        }
        let limit = usize::try_from(self.max_starts).unwrap_or(usize::MAX).saturating_add(1);
        let starts = arrivals.schedule(seed).take(limit).count() as u64;
        if starts > self.max_starts {
            return Err(Failure::usage(format!(
                "the run would start about {} workflows, more than --max-starts {} allows: lower the rate or the duration, or raise the cap",
                number::large_count(arrivals.expected_arrivals(duration).max(starts as f64) as u64),
                number::count(self.max_starts)
            )));
        }
        if starts == 0 {
            return Err(Failure::usage("the schedule starts no workflow: raise the rate or the duration"));
        }
        Ok(starts)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use plimsoll_profiles::arrivals::{Pattern, Phase, Process};
    use plimsoll_profiles::units::Rate;

    use super::*;

    fn even(rate: f64, seconds: u64) -> Arrivals {
        let pattern = Pattern::Constant(Rate::per_second(rate));
        Arrivals { phases: vec![Phase { duration: Nanos::from_secs(seconds), pattern, process: Process::Even }] }
    }

    const CAPS: Caps = Caps { max_in_flight: 10, max_starts: 600, max_duration: Nanos::from_secs(60) };

    #[test]
    fn what_the_schedule_starts_is_counted_exactly() {
        assert_eq!(CAPS.starts(&even(10.0, 60), 1).unwrap(), 600);
    }

    #[test]
    fn one_start_or_one_second_too_many_is_refused_and_the_flag_is_named() {
        let more = CAPS.starts(&even(10.02, 60), 1).unwrap_err().to_string();
        assert!(more.contains("--max-starts 600"), "{more}");
        let longer = CAPS.starts(&even(1.0, 61), 1).unwrap_err().to_string();
        assert!(longer.contains("--max-duration"), "{longer}");
    }

    #[test]
    fn a_schedule_that_starts_nothing_is_refused() {
        assert!(CAPS.starts(&even(0.0, 10), 1).is_err());
    }
}
