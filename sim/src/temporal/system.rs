//! What is simulated: the sizes of everything, and how long.

use plimsoll_profiles::PollerAutoscaling;
use plimsoll_profiles::profile::{ClusterKind, Placement, Profile, Visibility};
use plimsoll_profiles::units::{Cores, Nanos, Rate};

/// Pods of one service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pods {
    /// How many.
    pub count: u32,
    /// Cores of each.
    pub cores: Cores,
}

/// The worker fleet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerFleet {
    /// Pods.
    pub pods: Pods,
    /// Activity slots per pod.
    pub activity_slots: u32,
    /// Workflow task slots per pod.
    pub workflow_task_slots: u32,
    /// Activity pollers per pod.
    pub activity_pollers: u32,
    /// Workflow task pollers per pod.
    pub workflow_task_pollers: u32,
    /// Sticky cache per pod, in workflows.
    pub cached_workflows: u32,
}

/// Every size the planner chooses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SystemSize {
    /// Workers.
    pub workers: WorkerFleet,
    /// Frontend pods.
    pub frontend: Pods,
    /// History pods.
    pub history: Pods,
    /// Matching pods.
    pub matching: Pods,
    /// Pods of the internal worker service.
    pub worker_service: Pods,
    /// History shards.
    pub history_shards: u32,
    /// Database cores.
    pub database: Cores,
    /// Cores of visibility's own database, where it has one.
    pub visibility_database: Cores,
}

impl SystemSize {
    /// The sizes a profile gives, the SDK's and the smallest sensible ones where it leaves them open.
    pub fn of(profile: &Profile) -> Self {
        let defaults = profile.sdk.defaults();
        let workers = &profile.workers;
        let services = &profile.cluster.services;
        let pollers = |fixed: u32| match workers.poller_autoscaling {
            true => PollerAutoscaling::DEFAULT.initial,
            false => fixed,
        };
        let pods = |service: &plimsoll_profiles::profile::Service| Pods {
            count: service.pods.unwrap_or(service.min_pods).max(1),
            cores: service.limit.cpu,
        };
        SystemSize {
            workers: WorkerFleet {
                pods: Pods { count: workers.pods.unwrap_or(1), cores: workers.pod.cpu },
                activity_slots: workers.activity_slots.unwrap_or(defaults.activity_slots),
                workflow_task_slots: workers.workflow_task_slots.unwrap_or(defaults.workflow_task_slots),
                activity_pollers: workers.activity_pollers.unwrap_or(pollers(defaults.activity_pollers)),
                workflow_task_pollers: workers.workflow_task_pollers.unwrap_or(pollers(defaults.workflow_task_pollers)),
                cached_workflows: workers.cached_workflows.unwrap_or(defaults.cached_workflows),
            },
            frontend: pods(&services.frontend),
            history: pods(&services.history),
            matching: pods(&services.matching),
            worker_service: pods(&services.worker),
            history_shards: profile.cluster.history_shards.unwrap_or(512),
            database: Cores::new(f64::from(profile.cluster.database.vcpu.unwrap_or(4))),
            visibility_database: Cores::new(match &profile.cluster.visibility {
                Visibility::SeparateDatabase { vcpu, .. } => f64::from(vcpu.unwrap_or(4)),
                _ => 1.0,
            }),
        }
    }

    /// The same with one pod of each kind lost, where there is more than one.
    pub fn with_one_pod_of_each_lost(mut self) -> Self {
        for pods in [&mut self.workers.pods, &mut self.frontend, &mut self.history, &mut self.matching] {
            pods.count = pods.count.saturating_sub(1).max(1);
        }
        self
    }
}

/// Where the intended start times come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// The profile's own arrival schedule, whole.
    Schedule,
    /// A Poisson process of this rate, for as long as the simulation lasts: what the planner uses.
    Poisson(Rate),
}

/// How one simulation is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Seed of every random stream.
    pub seed: u64,
    /// Replication number: other streams, same seed.
    pub replication: u32,
    /// Start times.
    pub load: Load,
    /// Removed from latencies, utilisation and throughput.
    pub warmup: Nanos,
    /// Until then, within the warm-up, nothing queues: see `filling.rs`. Zero where everything is to be simulated.
    pub filled_at: Nanos,
    /// Measured after the warm-up; the schedule's own length when `load` is the schedule.
    pub measured: Nanos,
    /// After the last start, how long running workflows may take to finish. Zero: the run ends with the measured window.
    pub drain: Nanos,
    /// Intervals the measured window is cut into for interval statistics.
    pub interval: Nanos,
    /// Whether a sample is taken at the end of each interval.
    pub sample: bool,
    /// Waits longer than this do not hold the simulation up: see [`super::Model`].
    pub longest_wait: Nanos,
    /// Closed workflows of the past are deleted at the rate they were started: a cluster older than its retention.
    pub retention_deletes: bool,
    /// A run that would handle more events than this ends early, and says so.
    pub max_events: u64,
    /// A run that would hold more open workflows than this is overloaded; it ends early, and says so.
    pub max_open: u32,
}

impl Settings {
    /// A measured run as it was counted: from its first start on, `workflows` started at `rate`, all of them awaited, no wait cut short.
    pub fn counted(rate: Rate, workflows: f64, replication: u32) -> Self {
        Settings {
            seed: 1,
            replication,
            load: Load::Poisson(rate),
            warmup: Nanos::ZERO,
            filled_at: Nanos::ZERO,
            measured: Nanos::from_secs_f64(workflows / rate.as_per_second()),
            drain: Nanos::from_secs(1_800),
            interval: Nanos::from_secs(1),
            sample: false,
            longest_wait: Nanos::from_secs(3_600),
            retention_deletes: false,
            max_events: u64::MAX,
            max_open: 2_000_000,
        }
    }
}

/// Whether everything shares the cores of one machine.
pub fn shares_one_machine(profile: &Profile) -> Option<Cores> {
    match &profile.cluster.placement {
        Placement::Separate => None,
        Placement::Shared(host) => Some(host.size.cpu),
    }
}

/// Whether the server is somebody else's.
pub fn is_cloud(profile: &Profile) -> bool {
    matches!(profile.cluster.kind, ClusterKind::Cloud(_))
}
