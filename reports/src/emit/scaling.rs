//! How far the workers are scaled, and on what: shared by HPA and KEDA.

use super::context::Context;
use super::thresholds;

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
    /// Where `max` comes from.
    pub max_why: String,
}

impl Scaling {
    pub fn of(context: &Context<'_>) -> Self {
        let (pods, spare) = (context.sizes.workers.pods, context.spare());
        let needed = f64::from(pods.saturating_sub(spare).max(1));
        let mean_share = (context.mean() / context.peak().max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        let min = ((needed * mean_share).ceil() as u32 + spare).clamp(FEWEST.min(pods.max(1)), pods.max(FEWEST));
        // The horizon's system breaks there, whatever the number of workers.
        let breaks = context.plan.load.breaks_at_per_second.filter(|breaks| *breaks > context.planned());
        let (ratio, max_why) = match breaks {
            Some(breaks) => (
                breaks / context.planned().max(f64::MIN_POSITIVE),
                format!("at {} something else breaks first", crate::number::rate(breaks)),
            ),
            None => (1.0 + context.plan.load.headroom, "the plan's headroom once more".to_owned()),
        };
        let max = ((needed * ratio).ceil() as u32 + spare).max(pods + 1);
        let promise = thresholds::schedule_to_start(context);
        let tasks = context.workflow_tasks() + context.activity_tasks();
        let (backlog_per_pod, backlog_why) = match promise {
            Some(limit) => (
                ((tasks * limit / needed).floor() as u32).max(1),
                format!(
                    "what a pod works off within the promised schedule-to-start of {}: {} tasks/s over {needed} pods",
                    crate::number::seconds(limit),
                    crate::number::quantity(tasks)
                ),
            ),
            None => (SOURCE_BACKLOG, "no schedule-to-start is promised: the source documents' number".to_owned()),
        };
        Scaling { min, max, backlog_per_pod, backlog_why, max_why }
    }
}
