//! Between the simulator, which knows no documents, and the documents, which know no simulator.

mod limits;
mod plan;
mod rules;
mod sensitivity;
mod simulate;
mod sizes;
mod words;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use hdrhistogram::Histogram;
use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;
use plimsoll_profiles::{Document, Problems, World};
use plimsoll_reports::plan_document::PlanDocument;
use plimsoll_reports::run_dir::{Phase, ResourceColumn};
use plimsoll_reports::run_document::RunDocument;

use plimsoll_sim::planner;

use crate::progress::Progress;

/// How a plan is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanSettings {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Threads; the answer does not depend on it.
    pub threads: NonZeroUsize,
}

/// How a simulation is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulateSettings {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Threads; the answer does not depend on it.
    pub threads: NonZeroUsize,
    /// The whole schedule, however long; else the peak of a long one.
    pub whole: bool,
}

/// Everything a simulation leaves: the document and what a run directory holds beside it.
#[derive(Clone, Debug)]
pub struct SimulatedRun {
    /// The results.
    pub document: RunDocument,
    /// Whether the profile's promises are kept; `None` where a tail has too few samples to say.
    pub slo_met: Option<bool>,
    /// Phases of the arrival schedule.
    pub phases: Vec<Phase>,
    /// Versions by component, e.g. "temporal"; "plimsoll" is added.
    pub versions: BTreeMap<String, String>,
    /// Histograms of nanoseconds, in order of time.
    pub intervals: Vec<RunInterval>,
    /// What the rows of `resources` hold, in order.
    pub resource_columns: Vec<ResourceColumn>,
    /// Resource values over time.
    pub resources: Vec<(Nanos, Vec<Option<f64>>)>,
}

/// One interval of a run.
#[derive(Clone, Debug)]
pub struct RunInterval {
    /// Begin, from the start of the run.
    pub start: Nanos,
    /// Length.
    pub length: Nanos,
    /// A histogram of nanoseconds per metric, e.g. `e2e.response`.
    pub metrics: Vec<(String, Histogram<u64>)>,
}

/// Why the model has no answer.
#[derive(Debug)]
pub enum ModelError {
    /// The profile is wrong in a way that only the model sees, shown in its place.
    Problems(Problems),
    /// The profile asks for what the model cannot do; says what to change.
    Unsupported(String),
    /// It was told to stop and has nothing to show.
    Cancelled,
}

/// The smallest capacity that meets the profile's SLO.
///
/// # Errors
/// See [`ModelError`].
pub fn plan(document: &Document, settings: &PlanSettings, progress: &Progress) -> Result<PlanDocument, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    let cancelled = || progress.is_cancelled();
    let say = |what: &str| progress.say(what);
    let plan_settings = planner::PlanSettings {
        seed: settings.seed,
        threads: settings.threads.get(),
        cancelled: &cancelled,
        progress: &say,
    };
    let plan = planner::plan(&profile, &calibration, &plan_settings).map_err(|error| match error {
        planner::PlanError::Cancelled => ModelError::Cancelled,
        other => ModelError::Unsupported(other.to_string()),
    })?;
    progress.say("what the uncertain inputs change");
    let sensitivity = sensitivity::of(document, &calibration, &plan, settings, progress)?;
    Ok(plan::document(&profile, &calibration, &plan, sensitivity, settings.seed))
}

/// One simulation of the profile's cluster.
///
/// # Errors
/// See [`ModelError`].
pub fn simulate(
    document: &Document,
    settings: &SimulateSettings,
    progress: &Progress,
) -> Result<SimulatedRun, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    progress.say("simulating");
    simulate::run(&profile, &calibration, settings, &|| progress.is_cancelled())
}

/// The costs the profile names; a file is looked for beside the profile.
fn calibration(document: &Document, profile: &Profile) -> Result<Calibration, ModelError> {
    let folder = document.sources().first().and_then(|source| Path::new(&source.name).parent());
    Calibration::load(&profile.calibration, folder.unwrap_or(Path::new(".")))
        .map_err(|error| ModelError::Unsupported(error.to_string()))
}
