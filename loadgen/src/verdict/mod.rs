//! A run judges itself: VALID, SUSPECT or INVALID, with reasons.
//!
//! [`judge`] is a pure function of the [`Evidence`] that a run has collected. What it holds against the run is the
//! generator's own conduct: was the schedule sent as intended, was the machine fast enough, was everything counted. A
//! target that does not keep up is not the generator's fault: such a run is a valid measurement of an overload, but
//! its latencies have no quantiles, and the verdict says so.
//!
//! | module | subject |
//! | --- | --- |
//! | [`limits`] | every threshold, with its source |
//! | [`evidence`] | what is judged |
//! | [`gaps`] | gaps between sends: a sample of them, and how far they are from the intended ones |
//! | [`anderson_darling`] | is a sample exponential |
//! | [`trend`] | has a series a trend |
//! | [`steady`] | is the measured window a steady state |
//! | `checks` | each check's number, limit and sentence |

pub mod anderson_darling;
mod checks;
pub mod evidence;
pub mod gaps;
pub mod limits;
pub mod steady;
pub mod trend;

#[cfg(test)]
mod tests;

use plimsoll_reports::run_dir::{
    CanarySummary, CheckOutcome, CheckResult, DispatchLag, GeneratorCpu, Measurement, RunVerdict, Trust,
};
use plimsoll_reports::run_document::SteadyState;

pub use evidence::{Ended, Evidence, GeneratorUse, Second};
pub use gaps::GapReservoir;

/// What a run thinks of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict with its reasons: the worst first.
    pub verdict: RunVerdict,
    /// Whether the measured window is a steady state.
    pub steady_state: SteadyState,
    /// Every check, in the order they were made.
    pub checks: Vec<CheckResult>,
    /// How late starts were sent in the measured window.
    pub dispatch_lag: Option<DispatchLag>,
    /// The generator's own CPU in the measured window.
    pub generator_cpu: Option<GeneratorCpu>,
    /// How even the machine's speed was.
    pub canary: Option<CanarySummary>,
}

impl Judgement {
    /// Puts what was found into the manifest's measurement.
    pub fn record(&self, measurement: &mut Measurement) {
        measurement.checks.clone_from(&self.checks);
        measurement.dispatch_lag = self.dispatch_lag;
        measurement.generator_cpu = self.generator_cpu;
        measurement.canary = self.canary;
    }
}

/// Judges a run by its evidence.
pub fn judge(evidence: &Evidence) -> Judgement {
    let steady = steady::assess(evidence);
    let checks = checks::all(evidence, &steady);
    let any = |wanted: CheckOutcome| checks.iter().any(|check| check.outcome == wanted);
    let trust = if any(CheckOutcome::Invalid) {
        Trust::Invalid
    } else if any(CheckOutcome::Suspect) {
        Trust::Suspect
    } else {
        Trust::Valid
    };
    let of = |wanted: CheckOutcome| checks.iter().filter(move |check| check.outcome == wanted);
    let reasons = [CheckOutcome::Invalid, CheckOutcome::Suspect, CheckOutcome::Remark].into_iter().flat_map(of);
    let reasons = reasons.map(|check| check.sentence.clone()).collect();
    Judgement {
        verdict: RunVerdict { verdict: trust, reasons },
        steady_state: steady.state,
        checks,
        dispatch_lag: evidence.dispatch_lag(),
        generator_cpu: evidence.generator_cpu(),
        canary: evidence.canary(),
    }
}
