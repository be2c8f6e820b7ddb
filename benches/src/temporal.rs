//! Speed of the Temporal model: workflows simulated per second and core, and peak memory.

use std::fs;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Cores, Nanos, Rate};
use plimsoll_profiles::{Document, World, shipped};
use plimsoll_sim::temporal::{Load, Outcome, Pods, Settings, SystemSize, simulate};
use serde::Serialize;

use crate::interleave::processor_time;

/// The profile that is simulated.
const PROFILE: &str = "one-activity";
/// Workflows a round.
const WORKFLOWS: f64 = 40_000.0;

/// On what the workflows are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cluster {
    /// The profile as it is shipped: the measured machine, on whose two cores everything runs, at its 10 workflows a second.
    AsShipped,
    /// Pods of each service, a database of its own and the network between them, at 200 workflows a second, about a third busy. Nearly
    /// twice the events: each way through the network is one.
    Kubernetes,
}

/// What one run of the Temporal model cost.
#[derive(Clone, Debug, Serialize)]
pub struct TemporalSpeed {
    /// The profile that was simulated.
    pub profile: String,
    /// On which cluster.
    pub cluster: String,
    /// Starts per second.
    pub rate: f64,
    /// Workflows simulated from start to close, per round.
    pub workflows: u64,
    /// Workflows simulated per second of processor time: median of the rounds.
    pub workflows_per_second_per_core: f64,
    /// Events simulated per second of processor time: median of the rounds.
    pub events_per_second_per_core: f64,
    /// Events of one workflow, from start to close.
    pub events_per_workflow: f64,
    /// Processor time per event, in nanoseconds: median of the rounds.
    pub nanoseconds_per_event: f64,
    /// The largest resident set of the process while only this model ran, in bytes; 0 where the system does not tell it.
    pub peak_memory_bytes: u64,
}

impl Cluster {
    /// Both.
    pub const ALL: [Cluster; 2] = [Cluster::AsShipped, Cluster::Kubernetes];

    fn name(self) -> &'static str {
        match self {
            Cluster::AsShipped => "measured-2-core",
            Cluster::Kubernetes => "kubernetes-production",
        }
    }

    fn rate(self) -> Rate {
        match self {
            Cluster::AsShipped => Rate::per_second(10.0),
            Cluster::Kubernetes => Rate::per_second(200.0),
        }
    }

    fn size(self, profile: &Profile) -> SystemSize {
        match self {
            Cluster::AsShipped => SystemSize::of(profile),
            Cluster::Kubernetes => generous(profile),
        }
    }
}

/// Measures the Temporal model over `rounds` rounds, single-threaded: one-activity workflows on a system on which little
/// queues, as the planner's evaluations run.
///
/// `None` when the shipped profile cannot be read, or without rounds.
pub fn temporal_model(cluster: Cluster, rounds: usize) -> Option<TemporalSpeed> {
    let profile = profile(cluster)?;
    let calibration = Calibration::reference();
    reset_peak_memory();
    let mut seconds = Vec::new();
    let mut last: Option<Outcome> = None;
    for _ in 0..rounds {
        drop(last.take());
        let start = processor_time();
        let outcome = simulate(&profile, &calibration, cluster.size(&profile), settings(cluster), &|| false);
        seconds.push((processor_time() - start).as_secs_f64());
        last = Some(outcome);
    }
    let outcome = last?;
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let workflows = outcome.counts.completed;
    Some(TemporalSpeed {
        profile: PROFILE.to_owned(),
        cluster: cluster.name().to_owned(),
        rate: cluster.rate().as_per_second(),
        workflows,
        workflows_per_second_per_core: workflows as f64 / median,
        events_per_second_per_core: outcome.events as f64 / median,
        events_per_workflow: outcome.events as f64 / workflows as f64,
        nanoseconds_per_event: median * 1e9 / outcome.events as f64,
        peak_memory_bytes: peak_memory().unwrap_or(0),
    })
}

fn profile(cluster: Cluster) -> Option<Profile> {
    let text = shipped::profile(PROFILE)?.text;
    let document = Document::parse(text, PROFILE, &[format!("cluster.use={}", cluster.name())]).ok()?;
    document.profile(&World::mid()).ok()
}

/// Sizes at which everything is about a third busy.
fn generous(profile: &Profile) -> SystemSize {
    let pods = |count: u32, cores: f64| Pods { count, cores: Cores::new(cores) };
    let mut size = SystemSize::of(profile);
    size.frontend = pods(2, 4.0);
    size.history = pods(4, 4.0);
    size.matching = pods(2, 4.0);
    size.workers.pods = pods(4, 2.0);
    size.database = Cores::new(16.0);
    size.history_shards = 512;
    size
}

fn settings(cluster: Cluster) -> Settings {
    let warmup = Nanos::from_secs(5);
    Settings {
        seed: 1,
        replication: 0,
        load: Load::Poisson(cluster.rate()),
        warmup,
        measured: Nanos::from_secs_f64(WORKFLOWS / cluster.rate().as_per_second()).saturating_sub(warmup),
        drain: Nanos::from_secs(60),
        interval: Nanos::from_secs(1),
        sample: false,
        filled_at: Nanos::ZERO,
        longest_wait: Nanos::from_secs(5),
        retention_deletes: false,
        max_events: u64::MAX,
        max_open: 1_000_000,
    }
}

/// Linux forgets the largest resident set so far.
pub(crate) fn reset_peak_memory() {
    // Where it cannot be reset, the peak of what ran before is reported: too much rather than too little.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The largest resident set since the reset.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024)
}
