//! What changes the number of worker pods while the schedule lasts: Kubernetes' HPA, or KEDA on top of it.
//!
//! Names, defaults and bounds are those of Kubernetes `autoscaling/v2` (`staging/src/k8s.io/api/autoscaling/v2/types.go`, defaults in
//! `pkg/apis/autoscaling/v2/defaults.go`, controller flags in `pkg/controller/podautoscaler/config/v1alpha1/defaults.go`) and of KEDA's
//! `ScaledObject` (`apis/keda/v1alpha1/scaledobject_types.go`, `pkg/scalers/temporal.go`).

use super::HostSize;
use crate::units::Nanos;

/// An autoscaler of the worker fleet, and how fast its pods and its metrics are.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscaler {
    /// Who decides.
    pub scaler: Scaler,
    /// From a pod's creation until its worker polls: scheduling, image, start of the process.
    pub pod_startup: Nanos,
    /// From there until its readiness probe passes. A worker polls before it is ready: readiness is for services only.
    pub readiness_delay: Nanos,
    /// What utilisation is measured against.
    pub request: HostSize,
    /// Time between two looks of the HPA controller (`--horizontal-pod-autoscaler-sync-period`).
    pub sync_period: Nanos,
    /// Age of the newest reading of a metric.
    pub metric_delay: Nanos,
    /// What a reading of CPU is the mean over (metrics-server's `--metric-resolution`).
    pub metric_window: Nanos,
}

/// Who decides how many worker pods there are.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaler {
    /// Kubernetes' horizontal pod autoscaler.
    Hpa(Hpa),
    /// KEDA's Temporal scaler.
    Keda(Keda),
}

/// A `HorizontalPodAutoscaler` of `autoscaling/v2`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hpa {
    /// Never fewer.
    pub min_pods: u32,
    /// Never more.
    pub max_pods: u32,
    /// The metrics; the one that asks for most pods decides.
    pub metrics: Vec<ScalingMetric>,
    /// How fast it may change; without it the controller's old rule holds: at most twice as many or 4 at once.
    pub behaviour: Option<ScalingBehaviour>,
    /// A ratio this close to 1 changes nothing (`--horizontal-pod-autoscaler-tolerance`, 0.1).
    pub tolerance: f64,
    /// So long after its start a pod's CPU counts only while it is ready (`--horizontal-pod-autoscaler-cpu-initialization-period`).
    pub cpu_initialisation_period: Nanos,
    /// A pod that became unready so soon after its start has never been ready (`--horizontal-pod-autoscaler-initial-readiness-delay`).
    pub initial_readiness_delay: Nanos,
    /// The scale-down window where `behaviour` gives none (`--horizontal-pod-autoscaler-downscale-stabilization`).
    pub downscale_stabilisation: Nanos,
}

/// A thousandth: the metrics APIs count in thousandths, and divide them as integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milli(pub i64);

impl Milli {
    /// Whole units.
    pub const fn whole(number: i64) -> Self {
        Milli(number * 1_000)
    }
}

/// What an HPA looks at, and which value it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalingMetric {
    /// CPU or memory of the pods (`type: Resource`).
    Resource {
        /// Which.
        resource: ResourceName,
        /// The value wanted.
        target: ResourceTarget,
    },
    /// A metric that each pod has (`type: Pods`); the target is its mean.
    Pods {
        /// Which.
        metric: WorkerMetric,
        /// The mean wanted.
        average: Milli,
    },
    /// One number for all pods: of another object, or from outside of Kubernetes (`type: Object` and `type: External`, computed alike).
    Queue {
        /// Which.
        metric: WorkerMetric,
        /// The value wanted.
        target: QueueTarget,
    },
}

/// A resource of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceName {
    /// Processor time.
    Cpu,
    /// Working set.
    Memory,
}

/// The wanted value of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceTarget {
    /// Per cent of the request, mean over the pods.
    Utilisation(u32),
    /// Cores or bytes of one pod, mean.
    Average(Milli),
}

/// The wanted value of a number that all pods share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueTarget {
    /// The number itself.
    Value(Milli),
    /// The number divided by the pods.
    Average(Milli),
}

/// What a worker fleet or its task queue can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerMetric {
    /// Tasks that wait for a worker, workflow tasks and activities (`temporal_task_queue_backlog` of the sources,
    /// `approximate_backlog_count` of the server). As a metric of pods each has an equal share of it.
    Backlog,
    /// The same where every pod reports the whole queue's: what `avg(…)` in an adapter's rule makes of it.
    WholeBacklog,
    /// Workflow tasks that wait.
    WorkflowBacklog,
    /// Activities that wait.
    ActivityBacklog,
    /// Activity slots in use (`temporal_worker_task_slots_used`).
    ActivitySlotsUsed,
    /// Workflow task slots in use.
    WorkflowSlotsUsed,
}

/// How fast an HPA may change the number of pods (`spec.behavior`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingBehaviour {
    /// Upwards.
    pub scale_up: ScalingRules,
    /// Downwards.
    pub scale_down: ScalingRules,
}

impl ScalingBehaviour {
    /// What Kubernetes fills in where a direction is not given: up at once, by 4 pods or 100 % within 15 s; down after 5 minutes, by
    /// 100 % within 15 s.
    pub fn default_of_kubernetes() -> Self {
        let period = Nanos::from_secs(15);
        let (all, four) = (ScalingAmount::Percent(100), ScalingAmount::Pods(4));
        let rules = |window, amounts: &[ScalingAmount]| ScalingRules {
            window,
            select: SelectPolicy::Max,
            policies: amounts.iter().map(|amount| ScalingPolicy { amount: *amount, period }).collect(),
        };
        ScalingBehaviour {
            scale_up: rules(Nanos::ZERO, &[four, all]),
            scale_down: rules(Hpa::DOWNSCALE_STABILISATION, &[all]),
        }
    }
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingRules {
    /// Recommendations of so long ago still count: the lowest of them upwards, the highest downwards (`stabilizationWindowSeconds`).
    pub window: Nanos,
    /// Which of the policies holds.
    pub select: SelectPolicy,
    /// At most so much within so long.
    pub policies: Vec<ScalingPolicy>,
}

/// Which of several policies holds (`selectPolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: there is no change in this direction.
    Disabled,
}

/// At most this change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalingPolicy {
    /// How much.
    pub amount: ScalingAmount,
    /// Within how long (`periodSeconds`, up to 30 minutes).
    pub period: Nanos,
}

/// How much the number of pods may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalingAmount {
    /// By so many.
    Pods(u32),
    /// By so many per cent of what there was at the period's begin.
    Percent(u32),
}

impl Hpa {
    /// `--horizontal-pod-autoscaler-tolerance`.
    pub const TOLERANCE: f64 = 0.1;
    /// `--horizontal-pod-autoscaler-cpu-initialization-period`.
    pub const CPU_INITIALISATION_PERIOD: Nanos = Nanos::from_secs(300);
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`.
    pub const INITIAL_READINESS_DELAY: Nanos = Nanos::from_secs(30);
    /// `--horizontal-pod-autoscaler-downscale-stabilization`.
    pub const DOWNSCALE_STABILISATION: Nanos = Nanos::from_secs(300);
    /// `--horizontal-pod-autoscaler-sync-period`.
    pub const SYNC_PERIOD: Nanos = Nanos::from_secs(15);
}

/// A KEDA `ScaledObject` with the trigger `temporal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keda {
    /// `minReplicaCount`, 0.
    pub min_pods: u32,
    /// `maxReplicaCount`, 100.
    pub max_pods: u32,
    /// `idleReplicaCount`: the count while nothing waits, below `min_pods`; KEDA supports 0 only.
    pub idle_pods: Option<u32>,
    /// `pollingInterval`, 30 s: how often the queue is looked at to go from 0 to 1 and back.
    pub polling_interval: Nanos,
    /// `cooldownPeriod`, 300 s: how long nothing may wait before the last pod goes.
    pub cooldown_period: Nanos,
    /// `targetQueueSize`, 5: tasks that may wait per pod.
    pub target_queue_size: u32,
    /// `activationTargetQueueSize`, 0: more tasks than this start the first pod.
    pub activation_target_queue_size: u32,
    /// Which task queues are counted (`queueTypes`).
    pub queues: KedaQueues,
    /// `advanced.horizontalPodAutoscalerConfig.behavior`, for the HPA that KEDA makes.
    pub behaviour: Option<ScalingBehaviour>,
}

/// Task queues that KEDA counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KedaQueues {
    /// Workflow tasks and activities.
    Both,
    /// Workflow tasks.
    Workflow,
    /// Activities.
    Activity,
}

impl Keda {
    /// `maxReplicaCount`.
    pub const MAX_PODS: u32 = 100;
    /// `pollingInterval`.
    pub const POLLING_INTERVAL: Nanos = Nanos::from_secs(30);
    /// `cooldownPeriod`.
    pub const COOLDOWN_PERIOD: Nanos = Nanos::from_secs(300);
    /// `targetQueueSize`.
    pub const TARGET_QUEUE_SIZE: u32 = 5;
}

impl Autoscaler {
    /// The fewest and the most pods it can ask for.
    pub fn bounds(&self) -> (u32, u32) {
        match &self.scaler {
            Scaler::Hpa(hpa) => (hpa.min_pods, hpa.max_pods),
            Scaler::Keda(keda) => (keda.idle_pods.unwrap_or(keda.min_pods), keda.max_pods),
        }
    }
}
