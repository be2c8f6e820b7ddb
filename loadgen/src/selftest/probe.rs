//! One rate for a moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_profiles::arrivals::{Arrivals, Pattern, Phase, Process};
use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_profiles::{Document, World, shipped};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::LAG_LIMIT;
use super::machine::stolen;
use crate::clock::RunClock;
use crate::connect::{Endpoint, Service};
use crate::driver::{Books, Completions, Settings, Target};
use crate::engine::{DriverRuntime, Engine, Load, driver_runtime};
use crate::failure::Failure;
use crate::identity::RunId;
use crate::record::recorder::{add, empty};
use crate::record::{Errors, Ledger, Metric, Recorder};
use crate::workload::Workload;

/// From the making of the threads to the first start.
const LEAD: Duration = Duration::from_millis(20);
/// How long after the last start an answer may come.
const PATIENCE: Duration = Duration::from_secs(2);
/// Connections, as many as a run has.
const CONNECTIONS: usize = 4;
/// The in-flight cap of a run that says nothing.
const MAX_IN_FLIGHT: usize = 10_000;
/// Far more than a probe offers.
const MAX_WAITING: usize = 1_000_000;
const NAMESPACE: &str = "default";

/// What one rate came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The rate offered.
    pub rate: Rate,
    /// Starts offered.
    pub offered: u64,
    /// Of these, answered with success.
    pub accepted: u64,
    /// Dispatch lag that half the starts stayed under, in seconds.
    pub lag_p50_seconds: f64,
    /// Dispatch lag that 99 % of the starts stayed under, in seconds.
    pub lag_p99_seconds: f64,
    /// Half the answers came within this time of the send, in seconds.
    pub service_p50_seconds: f64,
    /// 99 % of the answers came within this time of the send, in seconds.
    pub service_p99_seconds: f64,
    /// CPU time of this process per answered start, user and system, in seconds: dispatcher, driver, connections, books.
    pub cpu_seconds_per_start: f64,
    /// CPU time that the hypervisor gave to other machines meanwhile, over all cores, in seconds: at 80 % of a core, 10 ms of it are 50 ms in
    /// which starts are late.
    #[serde(default)]
    pub stolen_seconds: f64,
    /// Whether every start was sent and answered, none was delayed, and the lag stayed under [`LAG_LIMIT`].
    pub held: bool,
}

/// Makes probes over connections that stay.
pub struct Prober {
    runtime: DriverRuntime,
    services: Vec<Service>,
    document: Document,
}

impl Prober {
    /// Connects to a target.
    ///
    /// # Errors
    /// When it is not reached.
    pub fn connect(target: SocketAddr) -> Result<Prober, Failure> {
        let runtime = driver_runtime(1)?;
        let endpoint = Endpoint::plain(target, NAMESPACE);
        let services = runtime.handle().block_on(async {
            let connected = endpoint.connect("plimsoll-selftest").await?;
            // A connection's task runs where it is made.
            tokio::spawn(async move { connected.channels(CONNECTIONS).await })
                .await
                .map_err(|error| Failure::io(format!("cannot connect: {error}")))?
        })?;
        let profile =
            shipped::profile(PROFILE).ok_or_else(|| Failure::io(format!("no shipped profile '{PROFILE}'")))?;
        let document = Document::parse(profile.text, PROFILE, &[]).map_err(Failure::Problems)?;
        Ok(Prober { runtime, services, document })
    }

    /// Offers a rate for a time; the arrivals are Poisson, as a run's are.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn probe(&self, rate: Rate, length: Nanos) -> Result<Probe, Failure> {
        let run = RunId::new();
        let profile = self.document.profile(&World::mid()).map_err(Failure::Problems)?;
        let workload = Workload::new(&profile, 0, &run, NAMESPACE, &run.task_queue())?;
        let books = Books {
            recorder: Arc::new(Recorder::default()),
            ledger: Arc::new(Ledger::new(Nanos::ZERO)),
            errors: Arc::new(Errors::default()),
        };
        let load = Load {
            arrivals: Arrivals {
                phases: vec![Phase { duration: length, pattern: Pattern::Constant(rate), process: Process::Poisson }],
            },
            seed: 0,
            until: length,
            // Nobody executes the workflows and nobody asks for their ends: starts alone are measured.
            settings: Settings {
                max_in_flight: MAX_IN_FLIGHT,
                max_waiting: MAX_WAITING,
                completions: Completions::Hook,
            },
            spin: Duration::ZERO,
        };
        let target = Target { services: self.services.clone(), namespace: NAMESPACE.to_owned(), run, workload: None };
        let (cpu_before, stolen_before) = (process_cpu(), stolen());
        let clock = RunClock::starting_in(LEAD);
        let mut engine = Engine::start(&load, &workload, target, books.clone(), clock, &self.runtime)?;
        let deadline = Instant::now() + LEAD + Duration::from_nanos(length.0) + PATIENCE;
        while !settled(&engine) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        engine.abort();
        let cpu = process_cpu().saturating_sub(cpu_before);
        let stolen_seconds = (stolen() - stolen_before).max(0.0);

        let (mut lag, mut service) = (empty(), empty());
        for recording in books.recorder.take() {
            match recording.metric {
                Metric::DispatchLag => add(&mut lag, &recording.histogram),
                Metric::StartService => add(&mut service, &recording.histogram),
                _ => {}
            }
        }
        let tally = books.ledger.whole();
        let delayed = engine.driver().counters().starts_delayed.load(std::sync::atomic::Ordering::Acquire);
        let seconds = |nanos: u64| Nanos(nanos).as_secs_f64();
        let lag_p99 = Nanos(lag.value_at_quantile(0.99));
        Ok(Probe {
            rate,
            offered: tally.offered,
            accepted: tally.accepted,
            lag_p50_seconds: seconds(lag.value_at_quantile(0.5)),
            lag_p99_seconds: lag_p99.as_secs_f64(),
            service_p50_seconds: seconds(service.value_at_quantile(0.5)),
            service_p99_seconds: seconds(service.value_at_quantile(0.99)),
            cpu_seconds_per_start: cpu.as_secs_f64() / tally.accepted.max(1) as f64,
            stolen_seconds,
            held: tally.accepted == tally.offered && delayed == 0 && tally.offered > 0 && lag_p99 < LAG_LIMIT,
        })
    }
}

/// The shipped profile whose starts are sent: the smallest workflow there is.
const PROFILE: &str = "one-activity";

fn settled(engine: &Engine) -> bool {
    let driver = engine.driver();
    driver.starts_done() && driver.in_flight() == 0 && driver.waiting() == 0
}

/// User and system time of this process.
fn process_cpu() -> Nanos {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Nanos(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
}
