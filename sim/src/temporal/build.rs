//! From a profile to a model ready to run.

use plimsoll_profiles::PollerSplit;
use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{ClusterKind, Profile, Visibility};
use plimsoll_profiles::random::{Distribution, Stream, Streams};
use plimsoll_profiles::units::{Cores, Nanos, Rate};

use super::backlog::Backlog;
use super::caches::StateCache;
use super::ends::Lifecycle;
use super::failures::{self, Failures};
use super::fleet::FleetPlan;
use super::forwarding::Forwarders;
use super::hosts::{PodTable, ProcessCosts, host};
use super::idle::{IdleLoad, Idling};
use super::limits::RateLimits;
use super::matching::{ActivityQueue, WorkerPod, WorkflowTaskQueue};
use super::model::{Event, Model, Provider, Random};
use super::outages::{LostSticky, Outage};
use super::pages::Pages;
use super::pollers::WorkflowPollers;
use super::pools::Pools;
use super::postgres::{Checkpoints, Wal};
use super::program::Program;
use super::queries::Queries;
use super::record::{Counts, Work};
use super::recorder::Recorder;
use super::slab::Slab;
use super::system::{Load, Pods, Settings, SystemSize, shares_one_machine};
use super::timeouts::TimerReads;
use super::visits::{Process, Trips, VisibilityWay, VisitTable};
use crate::engine::{Permit, Simulation, TimeSlicing};

/// Poisson starts of one rate, until an end.
struct PoissonStarts {
    stream: Stream,
    mean_gap: f64,
    at: f64,
    end: f64,
}

impl Iterator for PoissonStarts {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        self.at += self.stream.exponential() * self.mean_gap;
        (self.at < self.end).then_some(Nanos(self.at as u64))
    }
}

impl Model {
    /// A simulation of `profile` on a system of the given size. Its events happen where its schedule is simulated, not under a steady load.
    pub fn simulation(
        profile: &Profile,
        calibration: &Calibration,
        size: SystemSize,
        settings: Settings,
    ) -> Simulation<Model> {
        let outages = Self::outages_of(profile, &size, &settings);
        let plan = match settings.load {
            Load::Schedule => FleetPlan::of(profile, &size),
            Load::Poisson(_) => None,
        };
        Self::simulation_with_fleet(profile, calibration, size, settings, &outages, plan)
    }

    /// Those of the profile's events that stop workers, where its schedule is simulated.
    pub(super) fn outages_of(profile: &Profile, size: &SystemSize, settings: &Settings) -> Vec<Outage> {
        match settings.load {
            Load::Schedule => Outage::of_events(&profile.events, size),
            Load::Poisson(_) => Vec::new(),
        }
    }

    /// The same with workers that stop for a while.
    pub fn simulation_under(
        profile: &Profile,
        calibration: &Calibration,
        size: SystemSize,
        settings: Settings,
        outages: &[Outage],
    ) -> Simulation<Model> {
        Self::simulation_with_fleet(profile, calibration, size, settings, outages, None)
    }

    /// The same with worker pods that come and go; the fleet's first pods are those of `plan`, not of `size`.
    pub fn simulation_with_fleet(
        profile: &Profile,
        calibration: &Calibration,
        mut size: SystemSize,
        settings: Settings,
        outages: &[Outage],
        plan: Option<FleetPlan>,
    ) -> Simulation<Model> {
        if let Some(plan) = &plan {
            size.workers.pods.count = plan.most.max(plan.pods).max(1);
        }
        let mut simulation = Simulation::new(Model::new(profile, calibration, size, settings));
        let (model, schedule) = simulation.parts_mut();
        if let Some(plan) = plan {
            model.plan_fleet(profile, plan, schedule);
        }
        model.plan_arrival(schedule);
        model.plan_outages(outages, schedule);
        model.plan_failures(schedule);
        schedule.at(Nanos::ZERO, Event::Idle);
        if model.provider.is_none() {
            model.schedule_checkpoint(schedule);
        }
        simulation
    }

    fn new(profile: &Profile, calibration: &Calibration, mut size: SystemSize, settings: Settings) -> Self {
        let network = &profile.cluster.network;
        let bouncer = profile.cluster.database.pgbouncer;
        let server = &profile.cluster.server;
        let limited = [Process::Frontend, Process::History, Process::Matching];
        let limited = limited.map(|process| RateLimits::limits(server, process));
        let trips = Trips {
            limited,
            gated: failures::gated(profile, &settings),
            client: network.client_to_frontend,
            client_cpu: profile.workers.sdk_cpu.client_request,
            service: network.between_services,
            pgbouncer: bouncer.map(|bouncer| bouncer.cpu_per_statement),
            visibility: match profile.cluster.visibility {
                Visibility::Database => VisibilityWay::Main,
                Visibility::SeparateDatabase { .. } => VisibilityWay::Own,
                Visibility::Elasticsearch(_) => VisibilityWay::Document,
            },
        };
        let provider = match &profile.cluster.kind {
            ClusterKind::SelfHosted => None,
            ClusterKind::Cloud(limits) => {
                let points = [(0.5, limits.start_p50), (0.99, limits.start_p99)];
                let latency = Distribution::from_quantiles(&points).unwrap_or(Distribution::Constant(limits.start_p50));
                Some(Provider { latency })
            }
        };
        let visits = match provider {
            Some(_) => VisitTable::provider(calibration, trips),
            None => VisitTable::self_hosted(calibration, trips),
        };
        let (arrivals, start_rate) = starts(profile, &settings);
        let (hosts, pods_on) = place(profile, &size, calibration.runtime.time_slice);
        let database = &profile.cluster.database;
        let kept = profile.growth.retention.as_secs_f64() * start_rate;
        let on_main = profile.cluster.visibility == Visibility::Database;
        let pages = Pages::of(calibration, kept, size.history_shards, on_main);
        let of_pods = [
            (size.history.count, profile.cluster.max_connections),
            (size.matching.count, profile.cluster.max_connections),
            (size.history.count, profile.cluster.visibility_max_connections),
        ];
        let workflow_pollers = WorkflowPollers::of(profile, &size.workers);
        if workflow_pollers.sticky > 0 {
            // The SDKs refuse a single slot beside a sticky cache: two pollers would wait for it in turns.
            size.workers.workflow_task_slots = size.workers.workflow_task_slots.max(2);
        }
        let fleet = &size.workers;
        let streams = Streams::new(settings.seed);
        let partitions = profile.cluster.task_queue_partitions;
        let backlog = |purpose| Backlog::new(partitions, streams.stream("temporal", purpose, settings.replication));
        let statement_trip = network.service_to_database + bouncer.map_or(Nanos::ZERO, |bouncer| bouncer.hop);
        let failures = Failures::of(profile, &size, &settings, statement_trip);
        let permits = size.history_shards * profile.cluster.server.shard_io_concurrency;
        let program = Program::of(profile);
        let queries = Queries::new(program.has_queries());
        let mut model = Model {
            settings,
            size,
            calibration: Calibration {
                bytes: calibration.bytes.with_names(profile.workers.names),
                ..calibration.clone()
            },
            sticky_task_bytes: sticky_task_bytes(profile),
            program,
            visits,
            shares: shares(profile),
            arrivals,
            next_arrival: Nanos::ZERO,
            random: Random::new(&settings),
            provider,
            client_trip: network.client_to_frontend,
            statement_trip,
            bulk_flush: match &profile.cluster.visibility {
                Visibility::Elasticsearch(elasticsearch) => elasticsearch.flush_interval,
                _ => Nanos::ZERO,
            },
            toast_compression: database.toast_compression.get(),
            sdk_cpu: profile.workers.sdk_cpu,
            runs: Slab::new(),
            threads: Slab::new(),
            activities: Slab::new(),
            signallers: Slab::new(),
            lifecycle: Lifecycle::new(),
            chains: Slab::new(),
            forwarders: Forwarders::new(profile.cluster.task_queue_partitions),
            hosts,
            pods: PodTable::new(pods_on, ProcessCosts::of(calibration, profile.workers.sdk_cpu)),
            // Writes of one run exclude each other however many permits its shard has: each run has one of its shard's permits for good.
            shards: (0..permits).map(|_| Permit::new(1)).collect(),
            pools: Pools::new(of_pods, bouncer.map(|bouncer| bouncer.server_connections)),
            wals: Wal::of(profile),
            checkpoints: Checkpoints::new(database, &pages),
            flushed: Vec::new(),
            workflow_tasks: WorkflowTaskQueue::new(fleet.pods.count, backlog("workflow task partitions")),
            activity_tasks: ActivityQueue::new(backlog("activity partitions")),
            timer_reads: TimerReads::new(size.history_shards),
            workers: (0..fleet.pods.count)
                .map(|_| WorkerPod::new(fleet.workflow_task_slots, fleet.activity_slots))
                .collect(),
            rate_limits: RateLimits::new(server, &size),
            queries,
            idling: Idling::new(IdleLoad::of(calibration, size.history_shards)),
            state_cache: StateCache::new(server, size.history.count),
            runs_made: 0,
            outages: Vec::new(),
            fleet: None,
            new_version: None,
            failures,
            lost_sticky: LostSticky::default(),
            start_rate,
            poller_autoscaling: profile.workers.poller_autoscaling,
            workflow_pollers,
            eager_activities: profile.cluster.eager_activities,
            sticky_timeout: profile.sdk.defaults().sticky_timeout,
            work: Work::default(),
            counts: Counts::default(),
            recorder: Recorder::new(settings.warmup, settings.interval),
            open_roots: 0,
            most_open: 0,
            overloaded: false,
            steps: None,
        };
        model.begin_between_collections();
        model.open_pollers();
        model
    }
}

/// How much longer a workflow task scheduled on a sticky queue is than in the measured runs, whose queue was called `vm:` and a UUID:
/// Core puts 33 bytes behind the worker's identity (`temporalio-sdk-core`, `worker/mod.rs`), Go takes the host's name.
fn sticky_task_bytes(profile: &Profile) -> u64 {
    match profile.sdk.defaults().poller_split {
        PollerSplit::Fixed => (profile.workers.names.identity.0 + 33).saturating_sub(39),
        PollerSplit::Balanced => 0,
    }
}

/// Cumulative shares of the started types.
fn shares(profile: &Profile) -> Vec<(u32, f64)> {
    let mut total = 0.0;
    let mut shares = Vec::new();
    for (index, workflow) in profile.workflows.iter().enumerate() {
        if let Some(share) = workflow.share {
            total += share.get();
            shares.push((index as u32, total));
        }
    }
    shares
}

type Starts = Box<dyn Iterator<Item = Nanos> + Send>;

/// The intended start times, and their mean rate per second.
fn starts(profile: &Profile, settings: &Settings) -> (Starts, f64) {
    let stream = Streams::new(settings.seed).stream("temporal", "poisson starts", settings.replication);
    match settings.load {
        Load::Schedule => {
            let sent = profile.sent_arrivals(Nanos::ZERO);
            (Box::new(sent.schedule(settings.seed)), sent.mean_rate().as_per_second())
        }
        Load::Poisson(rate) if rate == Rate::ZERO => (Box::new(std::iter::empty()), 0.0),
        Load::Poisson(rate) => {
            let end = (settings.warmup + settings.measured).0 as f64;
            let starts = PoissonStarts { stream, mean_gap: 1e9 / rate.as_per_second(), at: 0.0, end };
            (Box::new(starts), rate.as_per_second())
        }
    }
}

/// Hosts, and which pod of which process runs on which.
fn place(profile: &Profile, size: &SystemSize, slice: Nanos) -> (Vec<TimeSlicing>, [Vec<u32>; Process::COUNT]) {
    let groups = [
        size.frontend,
        size.history,
        size.matching,
        Pods { count: 1, cores: size.database },
        size.workers.pods,
        Pods { count: 1, cores: size.visibility_database },
    ];
    if let Some(cores) = shares_one_machine(profile) {
        return (vec![host(cores, slice)], groups.map(|pods| vec![0; pods.count as usize]));
    }
    let mut hosts = Vec::new();
    let groups = groups.map(|pods| {
        let first = hosts.len() as u32;
        let cores = pods.cores.get().max(0.01);
        hosts.extend((0..pods.count).map(|_| host(Cores::new(cores), slice)));
        (first..first + pods.count).collect()
    });
    (hosts, groups)
}
