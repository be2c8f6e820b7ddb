//! A long horizon at the cost of seconds: storage, load and "when does it no longer fit", hour by hour over a year.
//!
//! 1. The arrival schedule is repeated and grown, and cut into bins of an hour ([`arrivals`]).
//! 2. Bins are grouped by their load: a dozen load levels are simulated by the discrete-event model on a system of fixed size, each for a
//!    representative window, with common random numbers and in parallel (`levels`).
//! 3. What a bin has is interpolated between levels. What does not fit into a bin's capacity waits, and is carried from bin to bin as a fluid, as
//!    is what is stored (`hours`).
//!
//! This holds while a load changes slowly against the time a workflow task takes, so that each hour is a steady state: the pointwise
//! stationary approximation (Green and Kolesar 1991, Management Science 37(1)). Bursts shorter than a bin are not seen.
//! `sim/tests/forecast.rs` holds it against a simulation of every workflow of a day.

pub mod arrivals;
mod hours;
mod levels;
mod months;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Profile, SloTarget};
use plimsoll_profiles::units::{Nanos, Rate};

use crate::planner::{Evaluator, Storage};
use crate::temporal::{Program, SystemSize};

pub use arrivals::{BinLoad, bins};
pub use hours::Hour;
pub use levels::{Level, RESOURCES};
pub use months::{HOURS_PER_MONTH, Month};

/// How a forecast is made.
pub struct ForecastSettings<'a> {
    /// Seed of the common random numbers.
    pub seed: u64,
    /// Threads; the answer is the same for any number.
    pub threads: usize,
    /// How far ahead.
    pub horizon: Nanos,
    /// Length of a bin: an hour.
    pub bin: Nanos,
    /// Whether the database holds nothing at the begin; else it holds a whole retention of today's load.
    pub empty: bool,
    /// Asked now and then whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Told what is going on.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// Why there is no forecast.
#[derive(Debug, thiserror::Error)]
pub enum ForecastError {
    /// Asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The operating system refused threads.
    #[error("cannot start {threads} threads: {message}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What it said.
        message: String,
    },
    /// Nothing arrives.
    #[error("the arrival schedule starts no workflow, so there is nothing to look ahead to")]
    NoLoad,
    /// More bins than memory is for.
    #[error("the horizon has {bins} bins; at most {most} are looked at")]
    TooLong {
        /// How many.
        bins: u64,
        /// The most.
        most: u64,
    },
}

/// A year and more, at an hour a bin: a century.
pub const MOST_BINS: u64 = 900_000;

/// What lies ahead.
pub struct Forecast {
    /// The system that does not change.
    pub size: SystemSize,
    /// What was promised.
    pub targets: Vec<SloTarget>,
    /// Simulated loads, rising.
    pub levels: Vec<Level>,
    /// Starts per second that the system carries at most.
    pub capacity: Rate,
    /// What is full then.
    pub limit: &'static str,
    /// Bin by bin.
    pub hours: Vec<Hour>,
    /// By months of 730 hours.
    pub months: Vec<Month>,
    /// What one workflow leaves.
    pub storage: Storage,
    /// Mean time a workflow is open.
    pub lifetime: Nanos,
    /// Bytes of the history of one workflow.
    pub history_bytes: f64,
    /// Events simulated.
    pub events: u64,
    /// Simulations run.
    pub simulations: u32,
}

impl Forecast {
    /// When a promise is first broken or work is first left waiting.
    pub fn first_unfit(&self) -> Option<&Hour> {
        self.hours.iter().find(|hour| !hour.fits)
    }
}

/// Looks ahead on a system of a size.
///
/// # Errors
/// When interrupted, when nothing arrives, or when the horizon is too long.
pub fn forecast(
    profile: &Profile,
    calibration: &Calibration,
    size: SystemSize,
    settings: &ForecastSettings<'_>,
) -> Result<Forecast, ForecastError> {
    let count = settings.horizon.0.div_ceil(settings.bin.0.max(1));
    if count > MOST_BINS {
        return Err(ForecastError::TooLong { bins: count, most: MOST_BINS });
    }
    let loads = bins(&profile.arrivals, &profile.growth, settings.horizon, settings.bin);
    let highest = loads.iter().map(|load| load.rate).fold(0.0, f64::max);
    if highest <= 0.0 {
        return Err(ForecastError::NoLoad);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build()
        .map_err(|error| ForecastError::Threads { threads: settings.threads, message: error.to_string() })?;
    pool.install(|| {
        (settings.progress)("measuring what one workflow asks for");
        let mut evaluator = Evaluator::new(profile, calibration, settings.seed, settings.cancelled);
        // At today's mean: where everything shares one machine, a pilot at the peak is cut short when a promise breaks, and counts too little.
        let typical = profile.arrivals.mean_rate().as_per_second().min(highest);
        let (demand, pilot) = evaluator.pilot(size, Rate::per_second(typical));
        let started = pilot.outcome.measured_offered.max(1) as f64;
        evaluator.events_per_workflow = (pilot.outcome.measured_events as f64 / started).max(50.0);
        (settings.progress)("simulating load levels");
        let lowest = loads.iter().map(|load| load.rate).filter(|rate| *rate > 0.0).fold(highest, f64::min);
        let ladder = levels::simulate(&evaluator, &demand, size, lowest, highest);
        if (settings.cancelled)() {
            return Err(ForecastError::Cancelled);
        }
        let storage = Storage::of(profile, calibration, &demand);
        let lifetime = Program::of(profile).mean_lifetime(profile);
        let kept = profile.growth.retention + lifetime;
        let before = if settings.empty { 0.0 } else { profile.arrivals.mean_rate().as_per_second() };
        let hours =
            hours::walk(&loads, &ladder, &profile.slo.targets, settings.bin, kept, before, storage.per_workflow());
        let (events, simulations) = evaluator.spent();
        Ok(Forecast {
            size,
            targets: profile.slo.targets.clone(),
            months: months::of(&hours, settings.bin),
            hours,
            capacity: Rate::per_second(ladder.capacity),
            limit: ladder.limit,
            levels: ladder.levels,
            history_bytes: storage.events,
            storage,
            lifetime,
            events,
            simulations,
        })
    })
}
