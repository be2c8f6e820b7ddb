//! A measured run, simulated: the same rate, the same number of workflows, the same window, several times over.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_sim::temporal::{Metric, Outcome, Settings, SystemSize, simulate};

use super::features::features;
use super::figures::{Figures, predicted};
use crate::temporal_support::on_measured_machine;
use crate::temporal_support::steps::MeasuredRun;

/// Replications of a shape: as many as make this many workflows, so that the model's own noise is small beside a measured run's.
const WORKFLOWS: f64 = 6_000.0;
/// And at least so many, so that there is a median of their quantiles.
const FEWEST: u32 = 9;

/// What the model says of a shape.
pub struct Prediction {
    /// Figures under the measured ones' names.
    pub figures: Figures,
    /// What its CPU follows from.
    pub features: Figures,
}

/// The prediction for a run.
pub fn prediction(run: &MeasuredRun, calibration: &Calibration) -> Prediction {
    let outcomes = replications(&run.shape, run, calibration);
    let mut figures = predicted(&outcomes, calibration);
    let features = features(&outcomes, calibration);
    if let Some(shape) = &run.unpadded {
        // Padding that PostgreSQL compresses takes next to no bytes: 48 KiB of it left 0.9 KB in `history_node`.
        let without = predicted(&replications(shape, run, calibration), calibration);
        for name in ["WAL bytes", "history_node bytes"] {
            let (with, without) = (figures[name], without[name]);
            figures.insert(name.to_owned(), without + (with - without) * COMPRESSED_TO);
        }
    }
    Prediction { figures, features }
}

/// What is left of padding in a compressed row: 901 B more `history_node` of 49,152 B, measured.
const COMPRESSED_TO: f64 = 0.018;

fn replications(shape: &str, run: &MeasuredRun, calibration: &Calibration) -> Vec<Outcome> {
    let mut profile = on_measured_machine(shape, run.rate_per_second);
    profile.cluster.eager_activities = run.eager_activities;
    let count = ((WORKFLOWS / run.workflows).ceil() as u32).max(FEWEST);
    (0..count)
        .map(|replication| simulated(&profile, calibration, run.rate_per_second, run.workflows, replication))
        .collect()
}

fn simulated(profile: &Profile, calibration: &Calibration, rate: f64, workflows: f64, replication: u32) -> Outcome {
    let counted = Settings::counted(Rate::per_second(rate), workflows, replication);
    let settings = Settings { interval: INTERVAL, ..counted };
    simulate(profile, calibration, SystemSize::of(profile), settings, &|| false)
}

/// Workflows completed per second when more are started than the machine can do, from the first start to the last result.
pub fn saturation(run: &MeasuredRun, calibration: &Calibration) -> f64 {
    let profile = on_measured_machine(&run.shape, OVERLOAD);
    let outcome = simulated(&profile, calibration, OVERLOAD, OVERLOAD * 60.0, 0);
    let seconds = outcome.recorder.intervals(Metric::EndToEnd).len() as f64 * INTERVAL.as_secs_f64();
    outcome.counts.completed as f64 / seconds
}

/// How exactly the time of the last result is known.
const INTERVAL: Nanos = Nanos::from_millis(100);

/// Starts per second in overload.
const OVERLOAD: f64 = 60.0;
