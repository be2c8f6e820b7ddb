//! The workers' KEDA ScaledObject with the Temporal trigger (KEDA 2.17 and later; keda.sh/docs, "Temporal").

use plimsoll_profiles::profile::Keda;
use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::kubernetes::{Map, Object, TargetRef, map, worker_metadata, worker_reference};
use super::scaling::{Behaviour, CPU_PERCENT, Scaling, whole_seconds};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScaledObjectSpec {
    scale_target_ref: TargetRef,
    polling_interval: u64,
    cooldown_period: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_replica_count: Option<u32>,
    min_replica_count: u32,
    max_replica_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    advanced: Option<Advanced>,
    triggers: Vec<Trigger>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Advanced {
    horizontal_pod_autoscaler_config: HpaConfig,
}

#[derive(Serialize)]
struct HpaConfig {
    #[serde(rename = "behavior")]
    behaviour: Behaviour,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_type: Option<&'static str>,
    metadata: Map,
}

/// Seconds between two looks at the queue where the profile has no autoscaler: the period of the one below KEDA.
const POLLING: u64 = 15;
/// Seconds without tasks before the last pod goes: KEDA's default.
const COOLDOWN: u64 = 300;

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let scaling = Scaling::of(context)?;
    let asked = scaling.asked.keda.as_ref();
    // What a profile's autoscaler leaves out is KEDA's default: it was simulated with that.
    let (target, why) = match asked.map(|keda| keda.target_queue_size) {
        Some(Some(target)) => (target, "the profile's".to_owned()),
        Some(None) => (Keda::TARGET_QUEUE_SIZE, "KEDA's default, which the profile leaves as it is".to_owned()),
        None => (scaling.backlog_per_pod, scaling.backlog_why.clone()),
    };
    let polling = if asked.is_some() { whole_seconds(Keda::POLLING_INTERVAL) } else { POLLING };
    let activation = asked.and_then(|keda| keda.activation_target_queue_size).unwrap_or(0);
    let queues = match asked.and_then(|keda| keda.queues.as_deref()) {
        Some("workflow") => "workflow",
        Some("activity") => "activity",
        _ => "workflow,activity",
    };
    let mut triggers = vec![Trigger {
        r#type: "temporal",
        metric_type: None,
        metadata: map([
            ("endpoint", &context.address()),
            ("namespace", &context.settings.temporal_namespace),
            ("taskQueue", &context.task_queue),
            ("queueTypes", queues),
            ("targetQueueSize", &target.to_string()),
            ("activationTargetQueueSize", &activation.to_string()),
        ]),
    }];
    // The profile's scales on the queue alone; and a trigger of CPU keeps the last pod from going.
    if asked.is_none() {
        triggers.push(Trigger {
            r#type: "cpu",
            metric_type: Some("Utilization"),
            metadata: map([("value", &CPU_PERCENT.to_string())]),
        });
    }
    let mut about = vec![
        format!(
            "KEDA ScaledObject of the workers of \"{}\". Apply this or the HorizontalPodAutoscaler, not both.",
            context.plan.profile
        ),
        format!("targetQueueSize {target}: {why}."),
        scaling.bounds_why.clone(),
    ];
    about.extend(context.cloud_access("The trigger (authenticationRef to a TriggerAuthentication)"));
    let seconds = |span: Option<_>, default| span.map_or(default, whole_seconds);
    let object = Object {
        api_version: "keda.sh/v1alpha1",
        kind: "ScaledObject",
        metadata: worker_metadata(context),
        spec: ScaledObjectSpec {
            scale_target_ref: worker_reference(context),
            polling_interval: seconds(asked.and_then(|keda| keda.polling_interval), polling),
            cooldown_period: seconds(asked.and_then(|keda| keda.cooldown_period), COOLDOWN),
            idle_replica_count: asked.and_then(|keda| keda.idle_pods),
            min_replica_count: scaling.min,
            max_replica_count: scaling.max,
            advanced: scaling
                .behaviour
                .map(|behaviour| Advanced { horizontal_pod_autoscaler_config: HpaConfig { behaviour } }),
            triggers,
        },
    };
    Ok(vec![context.yaml(Kind::Keda, "kubernetes/autoscaling-keda/scaledobject.yaml", &about, &object)?])
}
