//! How fast this machine can generate before it is itself the bottleneck.
//!
//! | module | subject |
//! | --- | --- |
//! | [`probe`] | one rate for a moment: how late were the starts sent? |
//! | [`search`] | which rates to try, within a bound of time |
//! | `machine` | cores, and the target in a process of its own |
//! | [`cache`] | what was found since the machine was booted |
//!
//! The probes use the same dispatcher, driver and connections as a run, against the embedded target in another process,
//! which answers at once. What is found is therefore the rate of starts alone: workers in the same process need CPU too.

pub mod cache;
mod machine;
pub mod probe;
pub mod search;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::run_dir::SelfTest;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use machine::{CpuPlan, TargetProcess};
use probe::{Probe, Prober};
use search::Search;

/// The dispatch lag that 99 % of the starts must stay under: that of the verdict.
pub const LAG_LIMIT: Nanos = Nanos::from_millis(1);

/// How a self-test is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The `plimsoll-load` program, which serves as the target.
    pub program: PathBuf,
    /// A target that runs already, on loopback; `None`: one is made.
    pub target: Option<SocketAddr>,
    /// Whether the generator gets one core alone, and the target the others.
    pub one_core: bool,
    /// Length of a probe.
    pub probe: Nanos,
    /// The first rate tried.
    pub first: Rate,
    /// No rate above this is tried.
    pub most: Rate,
    /// Rates closer together than this ratio are not told apart.
    pub precision: f64,
    /// No probe begins after this time.
    pub budget: Nanos,
}

impl Settings {
    /// What a run does at its begin: within three seconds, to a third.
    pub fn quick(program: &Path) -> Self {
        Settings {
            program: program.to_owned(),
            target: None,
            one_core: false,
            probe: Nanos::from_millis(200),
            first: Rate::per_second(4_000.0),
            most: Rate::per_second(200_000.0),
            precision: 1.35,
            budget: Nanos::from_millis(2_200),
        }
    }

    /// What the command does: within half a minute, to a twentieth.
    pub fn thorough(program: &Path) -> Self {
        Settings {
            probe: Nanos::from_millis(1_500),
            precision: 1.05,
            budget: Nanos::from_secs(28),
            ..Settings::quick(program)
        }
    }

    /// One rate alone, for so long.
    pub fn only(self, rate: Rate, length: Nanos) -> Self {
        Settings { first: rate, most: rate, probe: length, budget: Nanos::from_millis(1), ..self }
    }
}

/// What a self-test found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The highest rate tried at which the lag stayed under [`LAG_LIMIT`]; absent when it did at none.
    pub highest: Option<Rate>,
    /// Whether a rate above it was tried and failed. If not, the machine may do more.
    pub bounded: bool,
    /// Cores of the generator.
    pub cores: u32,
    /// Cores of the target, which are the same ones where there are no others.
    pub target_cores: u32,
    /// All probes, in their order.
    pub probes: Vec<Probe>,
    /// When it was made.
    pub made_at: String,
}

impl Outcome {
    /// As a run's manifest holds it; zero starts per second where no rate tried was kept on time.
    pub fn summary(&self) -> SelfTest {
        let lag = self.best().or(self.probes.last()).map_or(0.0, |probe| probe.lag_p99_seconds);
        SelfTest {
            starts_per_second: self.highest.map_or(0.0, Rate::as_per_second),
            lag_p99_seconds: lag,
            measured_at: self.made_at.clone(),
        }
    }

    /// The probe of the highest rate.
    pub fn best(&self) -> Option<&Probe> {
        self.probes.iter().rfind(|probe| probe.held && Some(probe.rate) == self.highest)
    }
}

/// Makes a self-test. Takes as long as its budget and a probe; blocks.
///
/// # Errors
/// When the target cannot be started or reached. A slow machine is an answer, not an error.
pub fn run(settings: &Settings) -> Result<Outcome, Failure> {
    // A thread of its own: its children inherit the cores it is bound to, and the caller keeps its own.
    std::thread::scope(|scope| {
        let made = std::thread::Builder::new().name("selftest".to_owned()).spawn_scoped(scope, || make(settings));
        let made = made.map_err(|error| Failure::io(format!("cannot start the self-test's thread: {error}")))?;
        made.join().unwrap_or_else(|_| Err(Failure::io("the self-test's thread ended by a panic")))
    })
}

fn make(settings: &Settings) -> Result<Outcome, Failure> {
    let cpus = CpuPlan::of_this_machine(settings.one_core);
    cpus.bind_to_target();
    let made = match settings.target {
        Some(_) => None,
        None => Some(TargetProcess::start(&settings.program)?),
    };
    let Some(address) = settings.target.or(made.as_ref().map(TargetProcess::address)) else {
        return Err(Failure::io("the self-test has no target"));
    };
    cpus.bind_to_generator();
    let prober = Prober::connect(address)?;
    // Connections, allocator and caches warm up at a low rate.
    prober.probe(Rate::per_second(1_000.0), Nanos::from_millis(100))?;

    let begun = Instant::now();
    let budget = Duration::from_nanos(settings.budget.0);
    let mut search = Search::new(settings.first, settings.most, settings.precision);
    let mut probes = Vec::new();
    while let Some(rate) = search.next().filter(|_| begun.elapsed() < budget) {
        let probe = prober.probe(rate, settings.probe)?;
        search.tell(rate, probe.held);
        probes.push(probe);
    }
    Ok(Outcome {
        highest: search.highest(),
        bounded: search.bounded(),
        cores: cpus.generator(),
        target_cores: cpus.target(),
        probes,
        made_at: jiff::Timestamp::now().to_string(),
    })
}
