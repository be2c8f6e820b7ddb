//! What the Temporal model does at the sizes it is designed for: a simulated hour of ten million workflows, a hundred million open
//! ones, 16,384 shards, 200 pods.

use std::time::Instant;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Cores, Nanos, Rate};
use plimsoll_profiles::{Document, World};
use plimsoll_sim::planner::{Demand, Storage};
use plimsoll_sim::temporal::{Load, Outcome, Pods, Program, Settings, SystemSize, simulate};
use serde::Serialize;

use crate::interleave::processor_time;
use crate::temporal::{peak_memory, reset_peak_memory};

/// One run at scale, single-threaded.
#[derive(Clone, Debug, Serialize)]
pub struct ScaleRun {
    /// What it shows.
    pub name: &'static str,
    /// Started per simulated second.
    pub starts_per_second: f64,
    /// Simulated time in seconds, warm-up included.
    pub simulated_seconds: u64,
    /// Workflows simulated from start to close.
    pub workflows: u64,
    /// Started, but not closed when the run ended: wrong unless zero.
    pub unfinished: u64,
    /// History shards.
    pub history_shards: u32,
    /// Pods of all services and workers.
    pub pods: u32,
    /// Wall clock, in seconds.
    pub wall_seconds: f64,
    /// Processor time, in seconds.
    pub processor_seconds: f64,
    /// Workflows simulated per second of processor time.
    pub workflows_per_second_per_core: f64,
    /// Events.
    pub events: u64,
    /// Events simulated per second of processor time.
    pub events_per_second_per_core: f64,
    /// The largest resident set of the process while this ran, in bytes; 0 where the system does not tell it.
    pub peak_memory_bytes: u64,
    /// What waits, where the run is about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenWorkflows>,
}

/// Open workflows of a run.
#[derive(Clone, Debug, Serialize)]
pub struct OpenWorkflows {
    /// Rate of starts times mean time from start to close (Little's law).
    pub expected: f64,
    /// Mean number open in the run: those held one by one and those in long waits.
    pub simulated: f64,
    /// Of them, those that the simulation holds one by one, at its end.
    pub held: u32,
    /// Mutable state loaded again after the wait, per workflow.
    pub cold_loads_per_workflow: f64,
    /// Database bytes of the open workflows, as the planner counts them.
    pub database_bytes: f64,
    /// Memory of the run per workflow held, in bytes; 0 where few are held or the system does not tell.
    pub memory_per_held_workflow: f64,
}

/// Starts per second at which ten million workflows take an hour.
const HOUR_RATE: f64 = 10_000_000.0 / 3_600.0;

/// Runs everything; the quick form simulates a tenth of the hour.
pub fn scale(quick: bool) -> Option<Vec<ScaleRun>> {
    let seconds = if quick { 360 } else { 3_600 };
    let hour = Case {
        name: if quick { "a tenth of the hour of 10 M workflows" } else { "an hour of 10 M workflows" },
        ..Case::plain(seconds)
    };
    let wide = Case { name: "16,384 shards, 200 pods", shards: 16_384, pods: 200, ..Case::plain(36) };
    let long = Case {
        name: "100 M open workflows: a timer of 28 h",
        steps: "{ timer = \"28h\" }, { activity = \"after\", takes = \"0s\" }",
        rate: 1_000.0,
        ..Case::plain(60)
    };
    let held = Case {
        name: "workflows held one by one: a timer of 4 s",
        steps: "{ timer = \"4s\" }",
        rate: 15_000.0,
        pods: 500,
        ..Case::plain(10)
    };
    [wide, long, held, hour].iter().map(Case::run).collect()
}

struct Case {
    name: &'static str,
    steps: &'static str,
    rate: f64,
    seconds: u64,
    shards: u32,
    pods: u32,
}

impl Case {
    fn plain(seconds: u64) -> Self {
        let steps = "{ activity = \"empty\", takes = \"0s\", input = \"10B\", output = \"10B\" }";
        Case { name: "", steps, rate: HOUR_RATE, seconds, shards: 4_096, pods: 168 }
    }

    fn profile(&self) -> Option<Profile> {
        let text = format!(
            "name = \"scale\"\nsdk = \"go\"\n\
             [arrivals]\nphases = [{{ for = \"1min\", rate = \"{}/s\" }}]\n\
             [[workflow]]\ntype = \"Scale\"\ninput = \"10B\"\nresult = \"10B\"\nsteps = [ {} ]\n\
             [slo]\nstart = {{ p99 = \"1s\" }}\n\
             [workers]\npod = {{ cpu = 2, memory = \"4GiB\" }}\n\
             [growth]\nretention = \"1d\"\n\
             [cluster]\nuse = \"kubernetes-production\"\n",
            self.rate, self.steps
        );
        Document::parse(&text, "scale", &[]).ok()?.profile(&World::mid()).ok()
    }

    /// Pods of each kind in the shares that the load uses them; everything is about a third busy.
    fn size(&self, profile: &Profile) -> SystemSize {
        let pods = |twelfths: u32, cores: f64| Pods { count: self.pods * twelfths / 12, cores: Cores::new(cores) };
        let mut size = SystemSize::of(profile);
        size.frontend = pods(2, 4.0);
        size.history = pods(4, 4.0);
        size.matching = pods(2, 4.0);
        size.workers.pods = Pods { count: self.pods - self.pods * 8 / 12, cores: Cores::new(2.0) };
        size.workers.workflow_task_slots = 1_000;
        size.workers.workflow_task_pollers = 20;
        size.database = Cores::new(f64::from(self.pods) * 1.5);
        size.history_shards = self.shards;
        size
    }

    fn settings(&self) -> Settings {
        Settings {
            seed: 1,
            replication: 0,
            load: Load::Poisson(Rate::per_second(self.rate)),
            warmup: Nanos::from_secs(5),
            measured: Nanos::from_secs(self.seconds - 5),
            drain: Nanos::from_secs(60),
            interval: Nanos::from_secs(1),
            sample: false,
            filled_at: Nanos::ZERO,
            longest_wait: Nanos::from_secs(5),
            retention_deletes: false,
            max_events: u64::MAX,
            max_open: 10_000_000,
        }
    }

    fn run(&self) -> Option<ScaleRun> {
        let profile = self.profile()?;
        let calibration = Calibration::reference();
        let size = self.size(&profile);
        reset_peak_memory();
        let memory_before = peak_memory().unwrap_or(0);
        let (wall, processor) = (Instant::now(), processor_time());
        let outcome = simulate(&profile, &calibration, size, self.settings(), &|| false);
        let (wall, processor) = (wall.elapsed().as_secs_f64(), (processor_time() - processor).as_secs_f64());
        let peak = peak_memory().unwrap_or(0);
        Some(ScaleRun {
            name: self.name,
            starts_per_second: self.rate,
            simulated_seconds: self.seconds,
            workflows: outcome.counts.completed,
            unfinished: outcome.unfinished + outcome.counts.failed,
            history_shards: size.history_shards,
            pods: size.frontend.count + size.history.count + size.matching.count + size.workers.pods.count,
            wall_seconds: wall,
            processor_seconds: processor,
            workflows_per_second_per_core: outcome.counts.completed as f64 / processor,
            events: outcome.events,
            events_per_second_per_core: outcome.events as f64 / processor,
            peak_memory_bytes: peak,
            open: self
                .steps
                .contains("timer")
                .then(|| self.open(&profile, &calibration, &outcome, peak.saturating_sub(memory_before) as f64)),
        })
    }

    fn open(&self, profile: &Profile, calibration: &Calibration, outcome: &Outcome, memory: f64) -> OpenWorkflows {
        let workflows = outcome.counts.offered as f64;
        let held = outcome.populations.open_workflows;
        let simulated = outcome.populations.long_waits + f64::from(held);
        let lifetime = Program::of(profile).mean_lifetime(profile);
        let demand = Demand {
            cpu: outcome.work.cpu,
            activity_slots: Nanos::ZERO,
            workflow_task_slots: Nanos::ZERO,
            shard: Nanos::ZERO,
            connections: Nanos::ZERO,
            poll_cycle: Nanos::ZERO,
            tasks: 0.0,
            limits: [0.0; 3],
            work: outcome.work,
            workflows,
        };
        OpenWorkflows {
            expected: self.rate * lifetime.as_secs_f64(),
            simulated,
            held,
            cold_loads_per_workflow: outcome.work.cold_loads as f64 / workflows,
            database_bytes: Storage::of(profile, calibration, &demand).per_workflow() * simulated,
            memory_per_held_workflow: if held > 50_000 { memory / f64::from(held) } else { 0.0 },
        }
    }
}
