//! Runs small workloads on the cluster one after the other, and counts what each cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Nanos, Rate};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::costs::GENERATOR;
use super::counters::Counters;
use super::reader::Reader;
use super::shape::{Shape, length};
use super::speed::Idle;
use crate::canary::{Canary, CanarySummary};
use crate::clock::RunClock;
use crate::connect::Connected;
use crate::driver::{Books, Completions, Settings, Target};
use crate::engine::{Engine, Follower, Load, driver_runtime};
use crate::failure::Failure;
use crate::identity::RunId;
use crate::record::recorder::{add, empty};
use crate::record::{Errors, Ledger, Metric, Recorder};
use crate::samplers::SamplerSettings;
use crate::worker::{WorkerEvent, WorkerSet, WorkerSettings};
use crate::workload::Workload;

/// From the moment everything is ready to the first start.
const LEAD: Duration = Duration::from_millis(200);
/// The worker's first polls have come to all partitions of the task queue by then.
const POLLERS_SPREAD: Duration = Duration::from_millis(1_500);
/// The services' metrics lag by up to a second.
const LAG: Duration = Duration::from_secs(1);
/// Open workflows are waited for no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was counted of one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Workflows that ended as they should.
    pub workflows: u32,
    /// Workflows that did not: failed to start, or still open when the patience was over.
    pub lost: u32,
    /// From the first start to the end of the last workflow, seconds.
    pub busy_seconds: f64,
    /// Everything counted in the window, for all workflows.
    pub counters: Counters,
    /// Response from intended start to completion, milliseconds: p50, p90, p99.
    pub latency_ms: [f64; 3],
    /// Processors in use on this machine in the window, whoever used them, and those of the cluster and of this program alone.
    pub busy_cores: f64,
    /// See `busy_cores`.
    pub own_cores: f64,
    /// Processors that the host of a virtual machine gave to others while there was work for them.
    #[serde(default)]
    pub stolen_cores: f64,
    /// CPU seconds of the canary's computation while there was load, the mean: how fast the machine was.
    #[serde(default)]
    pub canary: Option<f64>,
}

/// A cluster that small workloads are run on.
pub struct Bench {
    connected: Connected,
    reader: Reader,
    task_queue: String,
    overrides: Vec<String>,
    settle: Duration,
}

impl Bench {
    /// Makes one. After each workload it waits `settle`, so that time-out timers and queues have done what the workload left to do.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub async fn new(
        connected: Connected,
        settings: &SamplerSettings,
        overrides: &[String],
        settle: Nanos,
    ) -> Result<Bench, Failure> {
        let reader = Reader::open(settings).await?;
        // One task queue for all: its partitions are loaded once.
        let task_queue = RunId::new().task_queue();
        let settle = Duration::from_nanos(settle.0);
        Ok(Bench { connected, reader, task_queue, overrides: overrides.to_vec(), settle })
    }

    /// The cluster's history shards; the reference's where it does not say.
    pub fn shards(&self) -> u32 {
        match self.connected.server.history_shards {
            0 => 64,
            shards => shards,
        }
    }

    /// The reader of counters.
    pub fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// The profile of a shape as this cluster runs it.
    ///
    /// # Errors
    /// As [`Shape::profile`].
    pub fn profile(&self, shape: &Shape, rate: Rate, workflows: u32) -> Result<Profile, Failure> {
        shape.profile(rate, workflows, self.shards(), &self.overrides)
    }

    /// What the cluster does without workflows, a worker polling.
    ///
    /// # Errors
    /// When something does not answer.
    pub async fn idle(&mut self, length: Duration) -> Result<Idle, Failure> {
        let shape = Shape::of("idle", super::shape::NOTHING);
        let profile = self.profile(&shape, Rate::per_second(1.0), 1)?;
        let workload = self.workload(&profile, &RunId::new())?;
        let (sender, _events) = unbounded_channel();
        let workers = WorkerSet::start(&self.connected, &workload, &WorkerSettings::of(&profile), sender).await?;
        tokio::time::sleep(POLLERS_SPREAD + LAG).await;
        let before = self.reader.read().await?;
        let machine = MachineCpu::now();
        let (canary, window_began) = (Canary::start()?, Instant::now());
        tokio::time::sleep(length).await;
        let mut counters = self.reader.read().await?.since(&before);
        let sung = canary.summary_since(window_began);
        drop(canary);
        counters.cpu.insert(GENERATOR.to_owned(), without_canary(machine.used_since().own, sung));
        workers.shutdown().await;
        Ok(Idle { counters, canary: sung.map(|sung| sung.mean_cpu.as_secs_f64()) })
    }

    /// Runs a workload and counts.
    ///
    /// # Errors
    /// When something does not answer, or hardly a workflow ended.
    pub async fn run(&mut self, shape: &Shape, rate: Rate, count: u32, seed: u64) -> Result<Measured, Failure> {
        let profile = self.profile(shape, rate, count)?;
        let run = RunId::new();
        let workload = self.workload(&profile, &run)?;
        let (sender, events) = unbounded_channel();
        let settings = WorkerSettings::of(&profile);
        let workers = WorkerSet::start(&self.connected, &workload, &settings, sender).await?;
        tokio::time::sleep(POLLERS_SPREAD + LAG).await;
        let before = self.reader.read().await?;
        let machine = MachineCpu::now();
        let (canary, window_began) = (Canary::start()?, Instant::now());

        let runtime = driver_runtime(1)?;
        let connected = self.connected.clone();
        let services = runtime.handle().spawn(async move { connected.channels(1).await }).await;
        let services = services.map_err(|error| Failure::io(format!("cannot connect: {error}")))??;
        let namespace = self.connected.endpoint.namespace().to_owned();
        let target = Target { services, namespace, run, workload: Some(workload.clone()) };
        let books = Books {
            recorder: Arc::new(Recorder::default()),
            ledger: Arc::new(Ledger::new(Nanos::ZERO)),
            errors: Arc::new(Errors::default()),
        };
        let clock = RunClock::starting_in(LEAD);
        // A client that waits for its workflow: the long poll is one of the operations that cost.
        let settings = Settings { max_in_flight: 10_000, max_waiting: 100_000, completions: Completions::LongPoll };
        let load = Load {
            arrivals: profile.arrivals.clone(),
            seed,
            until: length(rate, count),
            settings,
            spin: Duration::ZERO,
        };
        let mut engine = Engine::start(&load, &workload, target, books.clone(), clock, &runtime)?;
        let heard = tokio::spawn(listen(events, engine.follower(), Arc::clone(&books.errors)));
        let last = clock.instant(load.until) + PATIENCE;
        while !engine.is_done() && Instant::now() < last {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let busy_seconds = clock.now().as_secs_f64();
        // The wait that follows hardly costs anything at any speed.
        let speed = canary.summary_since(window_began);
        engine.stop_sending();
        tokio::time::sleep(self.settle.max(LAG)).await;
        let after = self.reader.read().await?;
        let mut counters = after.since(&before);
        let cluster: f64 = counters.cpu.values().sum();
        let MachineCpu { busy, own, stolen } = machine.used_since();
        let sung = canary.summary_since(window_began);
        drop(canary);
        counters.cpu.insert(GENERATOR.to_owned(), without_canary(own, sung));
        engine.abort();
        heard.abort();
        workers.shutdown().await;
        drop(runtime);

        let tally = books.ledger.whole();
        let mut latencies = empty();
        for recording in books.recorder.take() {
            if matches!(recording.metric, Metric::EndToEndResponse | Metric::EndToEndFailed) {
                add(&mut latencies, &recording.histogram);
            }
        }
        let quantile = |q: f64| latencies.value_at_quantile(q) as f64 / 1e6;
        let ended = tally.completed + tally.failed.saturating_sub(tally.refused);
        if ended * 2 < u64::from(count) {
            return Err(Failure::io(format!(
                "{}: only {ended} of {} workflows ended within {} s of the last start; is the cluster overloaded?",
                shape.name,
                tally.offered,
                PATIENCE.as_secs()
            )));
        }
        let window = counters.seconds;
        Ok(Measured {
            workflows: u32::try_from(ended).unwrap_or(u32::MAX),
            lost: u32::try_from(tally.offered - ended.min(tally.offered)).unwrap_or(u32::MAX),
            busy_seconds,
            counters,
            latency_ms: [0.5, 0.9, 0.99].map(quantile),
            busy_cores: busy / window,
            own_cores: (cluster + own) / window,
            stolen_cores: stolen / window,
            canary: speed.map(|speed| speed.mean_cpu.as_secs_f64()),
        })
    }

    fn workload(&self, profile: &Profile, run: &RunId) -> Result<Workload, Failure> {
        Workload::new(profile, 1, run, self.connected.endpoint.namespace(), &self.task_queue)
    }
}

/// This program's CPU seconds without those of its canary.
fn without_canary(own: f64, sung: Option<CanarySummary>) -> f64 {
    (own - sung.map_or(0.0, |sung| sung.cpu_spent().as_secs_f64())).max(0.0)
}

async fn listen(mut events: UnboundedReceiver<WorkerEvent>, follower: Follower, errors: Arc<Errors>) {
    while let Some(event) = events.recv().await {
        match event {
            // The long poll sees them end.
            WorkerEvent::Completed(_) | WorkerEvent::Started { .. } => {}
            WorkerEvent::Wants { workflow_id, follow_up, at } => follower.add(&workflow_id, follow_up, at),
            WorkerEvent::Stopped { reason } => errors.count("worker", "stopped", &reason),
        }
    }
}

/// Processor time of the whole machine, of this program, and what the host took, seconds.
struct MachineCpu {
    busy: f64,
    own: f64,
    stolen: f64,
}

impl MachineCpu {
    fn now() -> MachineCpu {
        let ticks = procfs::ticks_per_second() as f64;
        use procfs::CurrentSI;
        let (busy, stolen) = procfs::KernelStats::current().map_or((0.0, 0.0), |stat| {
            let total = stat.total;
            let parts = [Some(total.user), Some(total.nice), Some(total.system), total.irq, total.softirq];
            (parts.into_iter().flatten().sum::<u64>() as f64 / ticks, total.steal.unwrap_or(0) as f64 / ticks)
        });
        let own = procfs::process::Process::myself().and_then(|own| own.stat());
        let own = own.map_or(0.0, |stat| (stat.utime + stat.stime) as f64 / ticks);
        MachineCpu { busy, own, stolen }
    }

    fn used_since(&self) -> MachineCpu {
        let now = MachineCpu::now();
        MachineCpu { busy: now.busy - self.busy, own: now.own - self.own, stolen: now.stolen - self.stolen }
    }
}
