//! How far the workers are scaled, on what, and how fast: shared by HPA and KEDA. The profile's autoscaler where it has one, else the plan and
//! the source documents' example.

use plimsoll_profiles::units::Nanos;
use serde::Serialize;

use super::autoscaler::{Asked, AskedBehaviour, AskedRules};
use super::context::Context;
use super::error::EmitError;
use super::thresholds;
use crate::number;

/// CPU in use beyond which pods are added, as a share of what they request: the source documents' number.
pub(super) const CPU_PERCENT: u32 = 70;
/// Memory likewise.
pub(super) const MEMORY_PERCENT: u32 = 80;
/// Tasks that may wait for each pod where no promise says more: the source documents' number.
const SOURCE_BACKLOG: u32 = 100;
/// Fewest workers for high availability: the production checklist.
const FEWEST: u32 = 2;

/// The bounds and the aim of an autoscaler.
pub(super) struct Scaling {
    pub min: u32,
    pub max: u32,
    /// Tasks that may wait for each pod.
    pub backlog_per_pod: u32,
    /// Where `backlog_per_pod` comes from.
    pub backlog_why: String,
    /// Where the bounds come from.
    pub bounds_why: String,
    /// How fast it may change; `None`: Kubernetes' defaults.
    pub behaviour: Option<Behaviour>,
    /// The autoscaler that the profile asks for.
    pub asked: Asked,
}

impl Scaling {
    pub fn of(context: &Context<'_>) -> Result<Self, EmitError> {
        let asked = Asked::of(context)?;
        let (pods, spare) = (context.sizes.workers.pods, context.spare());
        let needed = f64::from(pods.saturating_sub(spare).max(1));
        let (min, max, bounds_why) = match asked.bounds() {
            Some((min, max)) => (min, max, "Fewest and most pods are the profile's.".to_owned()),
            None => bounds(context, needed),
        };
        let tasks = context.workflow_tasks() + context.activity_tasks();
        let (backlog_per_pod, backlog_why) = match thresholds::schedule_to_start(context) {
            Some(limit) => (
                ((tasks * limit / needed).floor() as u32).max(1),
                format!(
                    "what a pod works off within the promised schedule-to-start of {}: {} tasks/s over {needed} pods",
                    number::seconds(limit),
                    number::quantity(tasks)
                ),
            ),
            None => (SOURCE_BACKLOG, "no schedule-to-start is promised: the source documents' number".to_owned()),
        };
        let behaviour = match asked.is_something() {
            true => asked.behaviour().map(Behaviour::of),
            false => Some(Behaviour::of_the_sources()),
        };
        Ok(Scaling { min, max, backlog_per_pod, backlog_why, bounds_why, behaviour, asked })
    }
}

fn bounds(context: &Context<'_>, needed: f64) -> (u32, u32, String) {
    let (pods, spare) = (context.sizes.workers.pods, context.spare());
    let mean_share = (context.mean() / context.peak().max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    let min = ((needed * mean_share).ceil() as u32 + spare).clamp(FEWEST.min(pods.max(1)), pods.max(FEWEST));
    // The horizon's system breaks there, whatever the number of workers.
    let breaks = context.plan.load.breaks_at_per_second.filter(|breaks| *breaks > context.planned());
    let (ratio, why) = match breaks {
        Some(breaks) => (
            breaks / context.planned().max(f64::MIN_POSITIVE),
            format!("at {} something else breaks first", number::rate(breaks)),
        ),
        None => (1.0 + context.plan.load.headroom, "the plan's headroom once more".to_owned()),
    };
    let max = ((needed * ratio).ceil() as u32 + spare).max(pods + 1);
    (min, max, format!("The fewest pods carry the mean load, the most are as many as help: {why}."))
}

/// How fast pods come and go (`spec.behavior`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Behaviour {
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_down: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_up: Option<Direction>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Direction {
    #[serde(skip_serializing_if = "Option::is_none")]
    stabilization_window_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    select_policy: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    r#type: &'static str,
    value: u32,
    period_seconds: u64,
}

impl Behaviour {
    /// The source documents' numbers.
    fn of_the_sources() -> Self {
        let policy = |r#type, value, period_seconds| Policy { r#type, value, period_seconds };
        Behaviour {
            scale_down: Some(Direction {
                stabilization_window_seconds: Some(300),
                policies: vec![policy("Percent", 50, 60)],
                select_policy: None,
            }),
            scale_up: Some(Direction {
                stabilization_window_seconds: Some(0),
                policies: vec![policy("Percent", 100, 15), policy("Pods", 5, 15)],
                select_policy: Some("Max"),
            }),
        }
    }

    fn of(asked: &AskedBehaviour) -> Self {
        Behaviour {
            scale_down: asked.scale_down.as_ref().map(direction),
            scale_up: asked.scale_up.as_ref().map(direction),
        }
    }
}

fn direction(asked: &AskedRules) -> Direction {
    let policies = asked.policies.iter().flatten().filter_map(|policy| {
        let (r#type, value) =
            policy.percent.map(|percent| ("Percent", percent)).or(policy.pods.map(|pods| ("Pods", pods)))?;
        Some(Policy { r#type, value, period_seconds: whole_seconds(policy.period).max(1) })
    });
    Direction {
        stabilization_window_seconds: asked.window.map(whole_seconds),
        policies: policies.collect(),
        select_policy: asked.select.as_deref().and_then(|select| match select {
            "max" => Some("Max"),
            "min" => Some("Min"),
            "disabled" => Some("Disabled"),
            _ => None,
        }),
    }
}

/// Kubernetes counts in whole seconds.
pub(super) fn whole_seconds(span: Nanos) -> u64 {
    span.as_secs_f64().round() as u64
}
