//! The model held against a measured cluster: each number predicted and measured, its error beside the run-to-run spread.
//!
//! One simulated run and k measured ones of the same profile. What was measured is the median over the runs; the
//! spread is their range. A number passes when its error is within the tolerance, or the prediction lies within
//! the range of the runs: nobody can predict a cluster closer than it repeats itself. Runs during which the machine's
//! speed moved are marked and left out.

mod accuracy;
mod again;
mod backlog;
mod document;
#[cfg(test)]
pub(crate) mod fixture;
mod rows;
mod steps;

pub use accuracy::{AccuracyRow, AccuracyTable, MetricAccuracy};
pub use document::{
    CurveRange, MachineSpeed, Named, OfferedLoad, VALIDATION_SCHEMA_VERSION, ValidatedCurves, ValidatedRun, Validation,
    ValidationGroup, ValidationRow,
};
pub use steps::{STEPS_FILE, StepKey, StepSpan, StepTask, StepTimes};

pub(crate) use rows::{error_words, name};

use crate::number;
use crate::run_dir::{CheckOutcome, DISPATCH_LAG_CHECK, Run, Trust, WorkersKind, columns};

/// A run whose machine changed its speed by more than this share is left out (own choice: a tenth is what the other checks of a
/// run allow the machine, too).
pub const CANARY_LIMIT: f64 = 0.10;

/// A run that was late in sending, and nothing else, is used when the latest hundredth of its starts was late by at most this share of the shortest
/// median. Own choice: latencies count from the intended time, so that the lateness is in them, and nearly all of it in the tail. Where
/// the generator shares two busy cores with the cluster, few runs are under the millisecond that a run asks of itself.
const LATE_SHARE: f64 = 0.5;

/// Programs that are neither the cluster's nor the generator's may take this share of the machine's busy time (as in `calibrate`), and this many
/// cores, which is what sampling by the second cannot tell.
const OTHERS_SHARE: f64 = 0.2;
const OTHERS_CORES: f64 = 0.05;

/// The host may give this share of the busy time to other machines (own choice). On 2026-11-22 it was at most 0.1 % in 25 of 30 runs; eight small
/// workloads minutes before a fifth was stolen cost 1.6 to 2.6 times the CPU of a quarter of an hour earlier (`docs/calibration.md`).
pub const STOLEN_SHARE: f64 = 0.05;

/// Why a run's numbers are not compared with the model's, in words: what it says of itself, or what else ran on its machine. None where they are.
pub fn unusable(run: &Run) -> Option<String> {
    let verdict = &run.manifest.verdict;
    let word = || format!("{}: {}", verdict.verdict.word().to_lowercase(), verdict.reasons.join("; "));
    match verdict.verdict {
        Trust::Incomplete => Some(word()),
        Trust::Invalid if late_by(run).is_none() => Some(word()),
        _ => others(run)
            .map(|(others, busy)| {
                format!(
                    "other programs used {others:.1} of the {busy:.1} cores that were busy: stop them, and measure again"
                )
            })
            .or_else(|| {
                stolen(run).map(|share| {
                    format!(
                        "the host gave {} of the busy time to other machines: measure again when they are quiet",
                        number::percent(share)
                    )
                })
            }),
    }
}

/// Time that the host of a virtual machine took, as a share of the busy time in the measured window, where it is too much.
fn stolen(run: &Run) -> Option<f64> {
    let share = mean(run, "host_stolen_cpu")? / mean(run, "host_cpu")?;
    (share > STOLEN_SHARE).then_some(share)
}

/// Mean of a resource over the measured window.
fn mean(run: &Run, name: &str) -> Option<f64> {
    let (begin, end) = run.window();
    let within = |(at, _): &(f64, f64)| *at > begin.as_secs_f64() && *at <= end.as_secs_f64();
    let values: Vec<f64> = run.resources.column(name).into_iter().filter(within).map(|(_, cpu)| cpu).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Cores that other programs used in the measured window, and all that were busy, where it is too much. Nothing is said where a part of the
/// cluster or the workers is not seen.
fn others(run: &Run) -> Option<(f64, f64)> {
    if run.manifest.measurement.as_ref()?.workers != WorkersKind::InProcess {
        return None;
    }
    let busy = mean(run, "host_cpu")?;
    let known = ["database_cpu", "frontend_cpu", "history_cpu", "matching_cpu", columns::GENERATOR_CPU];
    let known: f64 = known.into_iter().map(|name| mean(run, name)).sum::<Option<f64>>()?
        + mean(run, "system_worker_cpu").unwrap_or(0.0);
    let others = busy - known;
    (others > OTHERS_SHARE * busy + OTHERS_CORES).then_some((others, busy))
}

/// By how many seconds the latest hundredth was late, of a run that is invalid for nothing else and can be used.
pub(crate) fn late_by(run: &Run) -> Option<f64> {
    let measurement = run.manifest.measurement.as_ref()?;
    let lag = measurement.dispatch_lag?.p99_seconds;
    let mut invalid = measurement.checks.iter().filter(|check| check.outcome == CheckOutcome::Invalid);
    let only_late = invalid.clone().count() == 1 && invalid.all(|check| check.check == DISPATCH_LAG_CHECK);
    let latency = &run.manifest.summary.as_ref()?.latency;
    let medians =
        [&latency.e2e, &latency.start].into_iter().flatten().filter_map(|quantiles| Some(quantiles.p50?.estimate));
    let shortest = medians.fold(f64::INFINITY, f64::min);
    (only_late && lag <= LATE_SHARE * shortest).then_some(lag)
}

/// The model's run.
#[derive(Clone, Debug)]
pub struct PredictedRun {
    /// What people call it: its directory.
    pub name: String,
    /// Its run directory.
    pub run: Run,
    /// Its times step by step; empty where they were not recorded.
    pub steps: StepTimes,
    /// The machine's speed that its CPU costs are for; absent where they are the calibration's as it is.
    pub speed: Option<MachineSpeed>,
}

/// A run of the cluster.
#[derive(Clone, Debug)]
pub struct MeasuredRun {
    /// What people call it: its directory.
    pub name: String,
    /// Its run directory.
    pub run: Run,
    /// Its times step by step, from the server's event times; empty where they were not read.
    pub steps: StepTimes,
    /// By which share the machine-speed canary moved during the run (0.12 is 12 %), whichever way; absent where there was none.
    /// Above [`CANARY_LIMIT`] the run is left out.
    pub canary_moved: Option<f64>,
    /// CPU seconds of the canary's computation, the mean over the measured window; absent where there was none.
    pub canary_seconds: Option<f64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::run_dir::{Measurement, ResourceSeries};

    fn measured(host_cpu: f64, workers: WorkersKind) -> Run {
        let summary = include_str!("../../tests/fixtures/run.json");
        let mut run = fixture::run_of(serde_json::from_str(summary).unwrap());
        run.manifest.measurement = Some(Measurement { workers, ..Measurement::default() });
        let cpu = [host_cpu, 0.3, 0.1, 0.4, 0.1, 0.1];
        let names = ["host_cpu", "database_cpu", "frontend_cpu", "history_cpu", "matching_cpu", columns::GENERATOR_CPU];
        let (begin, end) = run.window();
        let seconds = begin.as_secs_f64() as u32 + 1..=end.as_secs_f64() as u32;
        run.resources = ResourceSeries {
            columns: names.map(str::to_owned).to_vec(),
            rows: seconds.map(|at| (f64::from(at), cpu.map(Some).to_vec())).collect(),
        };
        run
    }

    #[test]
    fn a_run_beside_other_programs_is_not_compared_however_valid_it_is() {
        assert_eq!(unusable(&measured(1.05, WorkersKind::InProcess)), None);
        let why = unusable(&measured(1.9, WorkersKind::InProcess)).unwrap();
        assert!(why.contains("other programs used 0.9 of the 1.9 cores"), "{why}");
        // Workers elsewhere may be what the rest is.
        assert_eq!(unusable(&measured(1.9, WorkersKind::Processes)), None);
    }

    #[test]
    fn a_run_whose_host_gave_its_time_away_is_not_compared() {
        let with_stolen = |cores: f64| {
            let mut run = measured(1.05, WorkersKind::InProcess);
            run.resources.columns.push("host_stolen_cpu".to_owned());
            run.resources.rows.iter_mut().for_each(|(_, row)| row.push(Some(cores)));
            run
        };
        assert_eq!(unusable(&with_stolen(0.04)), None);
        let why = unusable(&with_stolen(0.21)).unwrap();
        assert!(why.contains("20 % of the busy time"), "{why}");
    }
}
