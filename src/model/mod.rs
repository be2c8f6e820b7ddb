//! Between the simulator, which knows no documents, and the documents, which know no simulator.

mod autoscale;
mod cost;
mod cost_row;
mod forecast;
mod limits;
mod plan;
mod rollout;
mod rules;
mod run_directory;
mod scenarios;
mod sensitivity;
mod series;
mod simulate;
pub(crate) mod sizes;
mod steps;
mod storage;
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
use plimsoll_reports::run_dir::{Phase, ResourceColumn, Scenario};
use plimsoll_reports::run_document::RunDocument;
use plimsoll_reports::scaling_document::AutoscaleDocument;
use plimsoll_reports::scenario_document::ScenariosDocument;

use plimsoll_sim::planner;
use plimsoll_sim::temporal::StepTimes;

pub use cost::{CostSettings, cost, known_plan};
pub use cost_row::monthly_cost;
pub use forecast::{LookAhead, forecast};
pub use rollout::rollouts;
pub use run_directory::{in_memory, write as write_run_directory};
pub use steps::step_times;

/// Who waits for an answer: hears how far it is, and may have had enough.
pub trait Watcher: Sync {
    /// Whether long work must stop and hand back what it has.
    fn is_cancelled(&self) -> bool;

    /// Hears what is being done now, e.g. "history pods: trying 4".
    fn say(&self, what: &str);
}

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

/// How failures are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScenarioSettings {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Threads; the answer does not depend on it.
    pub threads: NonZeroUsize,
    /// How long each is watched after its end.
    pub after: Nanos,
    /// Whether what might have prevented each is simulated, too.
    pub prevention: bool,
}

/// The load that a load generator sends, of which a part is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadWindow {
    /// Seed of the schedule and of all other random numbers.
    pub seed: u64,
    /// Operations intended from here on are measured, counted from the first instant of the schedule.
    pub measured_from: Nanos,
    /// No start is intended from here on.
    pub until: Nanos,
    /// What the canary took on the machine, where it was measured; else as the profile's cluster says.
    pub canary_cpu: Option<Nanos>,
    /// Whether the load generator's own workers do the work: their CPU is the calibration's, where it says.
    pub own_workers: bool,
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
    /// Where the profile's schedule begins in the run, and what happened beside its events.
    pub scenario: Scenario,
    /// How long each workflow task and activity waited and took, by its place in the workflow.
    pub steps: StepTimes,
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
pub fn plan(document: &Document, settings: &PlanSettings, watcher: &dyn Watcher) -> Result<PlanDocument, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    let cancelled = || watcher.is_cancelled();
    let say = |what: &str| watcher.say(what);
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
    watcher.say("what the uncertain inputs change");
    let sensitivity = sensitivity::of(document, &calibration, &plan, settings, watcher)?;
    let basis = plan::basis(document, &plan);
    Ok(PlanDocument { basis: Some(basis), ..plan::document(&profile, &calibration, &plan, sensitivity, settings.seed) })
}

/// Settings of the profile's autoscaler with the least pod-hours that keep the SLO over the arrival curve.
///
/// # Errors
/// See [`ModelError`].
pub fn plan_autoscale(
    document: &Document,
    settings: &PlanSettings,
    watcher: &dyn Watcher,
) -> Result<AutoscaleDocument, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    autoscale::plan(&profile, &calibration, settings, watcher)
}

/// One simulation of the profile's cluster.
///
/// # Errors
/// See [`ModelError`].
pub fn simulate(
    document: &Document,
    settings: &SimulateSettings,
    watcher: &dyn Watcher,
) -> Result<SimulatedRun, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    watcher.say("simulating");
    simulate::run(&profile, &calibration, settings, watcher)
}

/// The standard set of failures, each tried alone on the profile's cluster.
///
/// # Errors
/// See [`ModelError`].
pub fn scenarios(
    document: &Document,
    settings: &ScenarioSettings,
    watcher: &dyn Watcher,
) -> Result<ScenariosDocument, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let calibration = calibration(document, &profile)?;
    scenarios::standard(&profile, &calibration, settings, watcher)
}

/// The load that a load generator sends on this profile, simulated with the same seed and the same intended times: nothing of the schedule
/// is cut, and every wait is waited for.
///
/// # Errors
/// See [`ModelError`].
pub fn simulate_load(
    document: &Document,
    window: &LoadWindow,
    watcher: &dyn Watcher,
) -> Result<SimulatedRun, ModelError> {
    let mut profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    profile.cluster.canary_cpu = window.canary_cpu.or(profile.cluster.canary_cpu);
    let calibration = calibration(document, &profile)?;
    if let Some(costs) = calibration.generator.filter(|_| window.own_workers) {
        profile.workers.sdk_cpu = costs;
    }
    watcher.say("simulating");
    simulate::load(&profile, &calibration, window, &|| watcher.is_cancelled())
}

/// The costs the profile names, on machines as fast as its cluster's; a file is looked for beside the profile.
pub(crate) fn calibration(document: &Document, profile: &Profile) -> Result<Calibration, ModelError> {
    let folder = document.sources().first().and_then(|source| Path::new(&source.name).parent());
    Calibration::load(&profile.calibration, folder.unwrap_or(Path::new(".")))
        .and_then(|calibration| calibration.on_machine(profile.cluster.canary_cpu))
        .map_err(|error| ModelError::Unsupported(error.to_string()))
}
