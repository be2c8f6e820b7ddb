//! The workers' KEDA ScaledObject with the Temporal trigger (KEDA 2.17 and later; keda.sh/docs, "Temporal").

use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::hpa::Behavior;
use super::kind::Kind;
use super::kubernetes::{Map, Object, TargetRef, map, worker_metadata, worker_reference};
use super::scaling::{CPU_PERCENT, Scaling};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScaledObjectSpec {
    scale_target_ref: TargetRef,
    polling_interval: u32,
    cooldown_period: u32,
    min_replica_count: u32,
    max_replica_count: u32,
    advanced: Advanced,
    triggers: Vec<Trigger>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Advanced {
    horizontal_pod_autoscaler_config: HpaConfig,
}

#[derive(Serialize)]
struct HpaConfig {
    behavior: Behavior,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_type: Option<&'static str>,
    metadata: Map,
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let scaling = Scaling::of(context);
    let queue = |queue_type: &str| Trigger {
        r#type: "temporal",
        metric_type: None,
        metadata: map([
            ("endpoint", &context.settings.address),
            ("namespace", &context.settings.temporal_namespace),
            ("taskQueue", &context.task_queue),
            ("queueTypes", queue_type),
            ("targetQueueSize", &scaling.backlog_per_pod.to_string()),
            ("activationTargetQueueSize", "0"),
        ]),
    };
    let object = Object {
        api_version: "keda.sh/v1alpha1",
        kind: "ScaledObject",
        metadata: worker_metadata(context),
        spec: ScaledObjectSpec {
            scale_target_ref: worker_reference(context),
            polling_interval: 15,
            cooldown_period: 300,
            min_replica_count: scaling.min,
            max_replica_count: scaling.max,
            advanced: Advanced {
                horizontal_pod_autoscaler_config: HpaConfig { behavior: Behavior::of_the_sources() },
            },
            triggers: vec![
                queue("workflow,activity"),
                Trigger {
                    r#type: "cpu",
                    metric_type: Some("Utilization"),
                    metadata: map([("value", &CPU_PERCENT.to_string())]),
                },
            ],
        },
    };
    let about = [
        format!("KEDA ScaledObject of the workers of \"{}\". Apply this or the HorizontalPodAutoscaler, not both.", context.plan.profile),
        format!("targetQueueSize {}: {}.", scaling.backlog_per_pod, scaling.backlog_why),
        format!("minReplicaCount carries the mean load, maxReplicaCount is as far as workers help: {}.", scaling.max_why),
        "pollingInterval is the period of the autoscaler below it; the behaviour is that of the source documents' HPA.".to_owned(),
    ];
    Ok(vec![context.yaml(Kind::Keda, "kubernetes/autoscaling-keda/scaledobject.yaml", &about, &object)?])
}
