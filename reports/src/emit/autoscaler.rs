//! The autoscaler that a profile asks for, `[autoscaler.hpa]` or `[autoscaler.keda]`, as far as Kubernetes is told of it.

use plimsoll_profiles::units::{Bytes, Cores, Nanos};
use serde::Deserialize;

use super::context::Context;
use super::error::EmitError;

/// What is written under `[autoscaler]`; what only a simulation needs is passed over.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    pub hpa: Option<AskedHpa>,
    pub keda: Option<AskedKeda>,
    pub request: Option<AskedRequest>,
}

/// What a pod requests: utilisation is a share of it.
#[derive(Deserialize)]
pub(super) struct AskedRequest {
    pub cpu: Cores,
    pub memory: Bytes,
}

#[derive(Deserialize)]
pub(super) struct AskedHpa {
    pub min_pods: Option<u32>,
    pub max_pods: u32,
    pub metrics: Vec<AskedMetric>,
    pub behaviour: Option<AskedBehaviour>,
}

/// One of the first four, and one of the last three.
#[derive(Deserialize)]
pub(super) struct AskedMetric {
    pub resource: Option<String>,
    pub pods: Option<String>,
    pub object: Option<String>,
    pub external: Option<String>,
    pub utilisation: Option<u32>,
    pub average_value: Option<f64>,
    pub value: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct AskedKeda {
    pub min_pods: Option<u32>,
    pub max_pods: Option<u32>,
    pub idle_pods: Option<u32>,
    pub polling_interval: Option<Nanos>,
    pub cooldown_period: Option<Nanos>,
    pub target_queue_size: Option<u32>,
    pub activation_target_queue_size: Option<u32>,
    pub queues: Option<String>,
    pub behaviour: Option<AskedBehaviour>,
}

#[derive(Deserialize)]
pub(super) struct AskedBehaviour {
    pub scale_up: Option<AskedRules>,
    pub scale_down: Option<AskedRules>,
}

#[derive(Deserialize)]
pub(super) struct AskedRules {
    pub window: Option<Nanos>,
    pub select: Option<String>,
    pub policies: Option<Vec<AskedPolicy>>,
}

#[derive(Deserialize)]
pub(super) struct AskedPolicy {
    pub pods: Option<u32>,
    pub percent: Option<u32>,
    pub period: Nanos,
}

impl Asked {
    pub fn of(context: &Context<'_>) -> Result<Self, EmitError> {
        let Some(asked) = context.basis.profile.get("autoscaler") else {
            return Ok(Asked::default());
        };
        serde_json::from_value(asked.clone()).map_err(|error| EmitError::Profile(format!("autoscaler: {error}")))
    }

    /// Fewest and most pods, where they are asked for; Kubernetes' and KEDA's defaults where only one is.
    pub fn bounds(&self) -> Option<(u32, u32)> {
        let hpa = self.hpa.as_ref().map(|hpa| (hpa.min_pods.unwrap_or(1), hpa.max_pods));
        let keda = self.keda.as_ref().map(|keda| (keda.min_pods.unwrap_or(0), keda.max_pods.unwrap_or(100)));
        hpa.or(keda)
    }

    /// Whether no pod may be left: KEDA's minimum or its idle count is none.
    pub fn may_leave_none(&self) -> bool {
        self.keda.as_ref().is_some_and(|keda| keda.min_pods.unwrap_or(0) == 0 || keda.idle_pods == Some(0))
    }

    /// How fast it may change.
    pub fn behaviour(&self) -> Option<&AskedBehaviour> {
        let hpa = self.hpa.as_ref().and_then(|hpa| hpa.behaviour.as_ref());
        hpa.or_else(|| self.keda.as_ref().and_then(|keda| keda.behaviour.as_ref()))
    }

    /// Whether the profile says anything about autoscaling.
    pub fn is_something(&self) -> bool {
        self.hpa.is_some() || self.keda.is_some()
    }
}
