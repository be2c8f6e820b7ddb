//! A schedule in one line, for the command line: `30s@50/s, 1m@200/s, 5m@50/s..200/s`.

use std::str::FromStr;

use super::{Arrivals, Pattern, Phase, Process};
use crate::units::{Nanos, Rate, quoted};

/// Why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; expected phases as duration@rate, e.g. \"30s@50/s, 1m@200/s\" or a ramp \"5m@50/s..200/s\"")]
pub struct ShortFormError {
    /// What is wrong with the text.
    pub reason: String,
}

impl FromStr for Arrivals {
    type Err = ShortFormError;

    /// Phases with commas between; each `duration@rate`, or `duration@from..to` for a ramp. Arrivals are Poisson.
    fn from_str(text: &str) -> Result<Self, ShortFormError> {
        let phases = text.split(',').map(|part| phase(part.trim())).collect::<Result<Vec<_>, _>>()?;
        let total = phases.iter().try_fold(0u64, |sum, phase| sum.checked_add(phase.duration.0));
        if total.is_none_or(|total| total > Nanos::MAX_INPUT.0) {
            return Err(ShortFormError { reason: "the schedule is longer than 100 years".to_owned() });
        }
        let arrivals = Arrivals { phases };
        if arrivals.expected_arrivals(arrivals.duration()) <= 0.0 {
            return Err(ShortFormError { reason: "nothing ever arrives".to_owned() });
        }
        Ok(arrivals)
    }
}

fn phase(part: &str) -> Result<Phase, ShortFormError> {
    let wrong = |reason: String| ShortFormError { reason };
    let (duration, rates) = part.split_once('@').ok_or_else(|| wrong(format!("{} has no `@`", quoted(part))))?;
    let duration: Nanos = duration.parse().map_err(|error: crate::units::UnitError| wrong(error.reason))?;
    if duration == Nanos::ZERO {
        return Err(wrong(format!("{} is a phase of no length", quoted(part))));
    }
    let rate = |text: &str| text.parse::<Rate>().map_err(|error| wrong(error.reason));
    let pattern = match rates.split_once("..") {
        Some((from, to)) => Pattern::Ramp { from: rate(from)?, to: rate(to)? },
        None => Pattern::Constant(rate(rates)?),
    };
    Ok(Phase { duration, pattern, process: Process::Poisson })
}
