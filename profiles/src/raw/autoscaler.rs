//! The autoscaler as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::RawHostSize;
use crate::units::Nanos;

/// What changes the number of worker pods while the schedule lasts: one of `hpa` and `keda`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Autoscaler")]
pub(crate) struct RawAutoscaler {
    /// Kubernetes' horizontal pod autoscaler.
    pub hpa: Option<RawHpa>,
    /// KEDA's Temporal scaler, which starts and ends the last pod itself and leaves the rest to an HPA.
    pub keda: Option<RawKeda>,
    /// From a pod's creation until its worker polls: scheduling, image, start of the process. Default: 20s.
    pub pod_startup: Option<Nanos>,
    /// From then until the pod is ready. Default: 10s.
    pub readiness_delay: Option<Nanos>,
    /// CPU and memory request of a worker pod, which utilisation is a share of. Default: workers.pod.
    pub request: Option<RawHostSize>,
    /// Time between two looks of the HPA controller. Default: 15s.
    pub sync_period: Option<Nanos>,
    /// Age of the newest reading of a metric. Default: 30s; KEDA asks the server at each look.
    pub metric_delay: Option<Nanos>,
    /// What a reading of CPU is the mean over. Default: 15s, metrics-server's resolution.
    pub metric_window: Option<Nanos>,
}

/// A HorizontalPodAutoscaler (autoscaling/v2).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Hpa")]
pub(crate) struct RawHpa {
    /// Fewest pods (minReplicas). Default: 1.
    pub min_pods: Option<u32>,
    /// Most pods (maxReplicas).
    pub max_pods: u32,
    /// What is looked at; the metric that asks for most pods decides.
    pub metrics: Vec<RawMetric>,
    /// How fast it may change. Default: the controller's old rule, twice as many or 4 pods at once, down after 5 minutes.
    pub behaviour: Option<RawBehaviour>,
    /// A ratio this close to 1 changes nothing. Default: 0.1.
    pub tolerance: Option<f64>,
    /// So long after its start a pod's CPU counts only while it is ready. Default: 5m.
    pub cpu_initialisation_period: Option<Nanos>,
    /// A pod that became unready so soon after its start has never been ready. Default: 30s.
    pub initial_readiness_delay: Option<Nanos>,
    /// The scale-down window where the behaviour gives none. Default: 5m.
    pub downscale_stabilisation: Option<Nanos>,
}

/// A metric and the value wanted of it: one of `resource`, `pods`, `object` and `external`, and one of `utilisation`, `average_value` and `value`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Metric")]
pub(crate) struct RawMetric {
    /// CPU or memory of the pods (type Resource).
    pub resource: Option<RawResource>,
    /// A metric that each pod has (type Pods).
    pub pods: Option<RawWorkerMetric>,
    /// A number of another object (type Object).
    pub object: Option<RawWorkerMetric>,
    /// A number from outside of Kubernetes (type External).
    pub external: Option<RawWorkerMetric>,
    /// Per cent of the request, mean over the pods (averageUtilization); for `resource`.
    pub utilisation: Option<u32>,
    /// Mean over the pods (averageValue); cores or bytes for `resource`.
    pub average_value: Option<f64>,
    /// The number itself (value); for `object` and `external`.
    pub value: Option<f64>,
}

/// A resource of a pod.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Resource")]
pub(crate) enum RawResource {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
}

/// What the workers or their task queue can be asked.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WorkerMetric")]
pub(crate) enum RawWorkerMetric {
    /// Tasks that wait for a worker, workflow tasks and activities; as a metric of pods each has an equal share of it.
    Backlog,
    /// The same, but each pod reports the whole queue's.
    WholeBacklog,
    /// Workflow tasks that wait.
    WorkflowBacklog,
    /// Activities that wait.
    ActivityBacklog,
    /// Activity slots in use.
    ActivitySlotsUsed,
    /// Workflow task slots in use.
    WorkflowSlotsUsed,
}

/// How fast an autoscaler may change the number of pods (spec.behavior).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Behaviour")]
pub(crate) struct RawBehaviour {
    /// Upwards. Default: at once, by 4 pods or 100 % within 15 s.
    pub scale_up: Option<RawRules>,
    /// Downwards. Default: after 5 minutes, by 100 % within 15 s.
    pub scale_down: Option<RawRules>,
}

/// One direction.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScalingRules")]
pub(crate) struct RawRules {
    /// Recommendations of so long ago still count (stabilizationWindowSeconds). Default: 0s upwards, 5m downwards.
    pub window: Option<Nanos>,
    /// Which policy holds (selectPolicy). Default: max.
    pub select: Option<RawSelect>,
    /// At most so much within so long. Default: those of Kubernetes for the direction.
    pub policies: Option<Vec<RawPolicy>>,
}

/// Which of several policies holds.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SelectPolicy")]
pub(crate) enum RawSelect {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// At most so much within so long: one of `pods` and `percent`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScalingPolicy")]
pub(crate) struct RawPolicy {
    /// Pods.
    pub pods: Option<u32>,
    /// Per cent of the pods at the period's begin.
    pub percent: Option<u32>,
    /// Within how long (periodSeconds): at most 30m.
    pub period: Nanos,
}

/// A KEDA ScaledObject with the trigger `temporal`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Keda")]
pub(crate) struct RawKeda {
    /// Fewest pods (minReplicaCount). Default: 0.
    pub min_pods: Option<u32>,
    /// Most pods (maxReplicaCount). Default: 100.
    pub max_pods: Option<u32>,
    /// Pods while nothing waits (idleReplicaCount): 0, below min_pods. Default: none.
    pub idle_pods: Option<u32>,
    /// How often the queue is looked at to start the first pod and end the last. Default: 30s.
    pub polling_interval: Option<Nanos>,
    /// How long nothing may wait before the last pod goes. Default: 5m.
    pub cooldown_period: Option<Nanos>,
    /// Tasks that may wait per pod (targetQueueSize). Default: 5.
    pub target_queue_size: Option<u32>,
    /// More tasks than this start the first pod (activationTargetQueueSize). Default: 0.
    pub activation_target_queue_size: Option<u32>,
    /// Which task queues are counted (queueTypes). Default: both.
    pub queues: Option<RawQueues>,
    /// Behaviour of the HPA that KEDA makes.
    pub behaviour: Option<RawBehaviour>,
}

/// Task queues that KEDA counts.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Queues")]
pub(crate) enum RawQueues {
    /// Workflow tasks and activities.
    Both,
    /// Workflow tasks.
    Workflow,
    /// Activities.
    Activity,
}
