//! From which values on something is wrong, by the plan; where it has no number, the source documents' or the server's.

use plimsoll_profiles::profile::{SloMetric, SloTarget};

use super::context::Context;
use crate::number;

/// Tasks that may wait whatever the load: a few always do.
const FEW_TASKS: f64 = 10.0;
/// Age of a backlog from which on the server stops forwarding and matching at once (`matching.backlogNegligibleAge`, Temporal 1.31.2).
const NEGLIGIBLE_AGE: f64 = 5.0;
/// Where no schedule-to-start is promised: docs.temporal.io, "performance bottlenecks", p95 above one second.
pub(super) const DEFAULT_SCHEDULE_TO_START: (f64, f64) = (0.95, 1.0);
/// Where nothing is promised: a shard that writes wait a tenth of a second for.
const DEFAULT_SHARD_WAIT: f64 = 0.1;

/// The promise about a metric: the strictest where there are several.
pub(super) fn promise(context: &Context<'_>, metric: SloMetric) -> Option<SloTarget> {
    let targets = context.profile.slo.targets.iter().filter(|target| target.metric == metric);
    targets.min_by(|a, b| a.limit.cmp(&b.limit)).copied()
}

/// A quantile of a latency that an alert watches.
pub(super) struct Watched {
    pub quantile: f64,
    /// Seconds.
    pub limit: f64,
    /// What the alert's name ends with: the quantile where several are promised, so that each has an alert of its own.
    pub suffix: String,
}

/// What is promised about a metric, quantile by quantile.
pub(super) fn watched(context: &Context<'_>, metric: SloMetric) -> Vec<Watched> {
    let targets = context.profile.slo.targets.iter().filter(|target| target.metric == metric);
    let mut targets: Vec<SloTarget> = targets.copied().collect();
    // Of a quantile that is promised twice the stricter.
    targets.sort_by(|a, b| a.quantile.total_cmp(&b.quantile).then(a.limit.cmp(&b.limit)));
    targets.dedup_by(|next, first| next.quantile == first.quantile);
    let several = targets.len() > 1;
    let suffix = |quantile: f64| match several {
        true => number::quantile(quantile).to_uppercase().replace('.', ""),
        false => String::new(),
    };
    let watched = |target: SloTarget| Watched {
        quantile: target.quantile,
        limit: target.limit.as_secs_f64(),
        suffix: suffix(target.quantile),
    };
    targets.into_iter().map(watched).collect()
}

/// Quantile and limit in seconds for the schedule-to-start of workflow tasks or activities.
pub(super) fn schedule_to_start_of(context: &Context<'_>, metric: SloMetric) -> (f64, f64) {
    promise(context, metric).map_or(DEFAULT_SCHEDULE_TO_START, |target| (target.quantile, target.limit.as_secs_f64()))
}

/// The strictest limit of schedule-to-start, in seconds.
pub(super) fn schedule_to_start(context: &Context<'_>) -> Option<f64> {
    [SloMetric::ScheduleToStartWorkflow, SloMetric::ScheduleToStartActivity]
        .into_iter()
        .filter_map(|metric| promise(context, metric))
        .map(|target| target.limit.as_secs_f64())
        .reduce(f64::min)
}

/// Tasks that may wait: those that come in the time they are promised to wait at most (Little's law).
pub(super) fn backlog(tasks_per_second: f64, limit_seconds: f64) -> f64 {
    (tasks_per_second * limit_seconds).ceil().max(FEW_TASKS)
}

/// Seconds that the oldest task may have waited.
pub(super) fn backlog_age(limit_seconds: f64) -> f64 {
    limit_seconds.max(NEGLIGIBLE_AGE)
}

/// Seconds that writes may wait for their shard: half the strictest promise leaves no room to keep it.
pub(super) fn shard_wait(context: &Context<'_>) -> f64 {
    let start = promise(context, SloMetric::Start).map(|target| target.limit.as_secs_f64());
    let strictest = [start, schedule_to_start(context)].into_iter().flatten().reduce(f64::min);
    strictest.map_or(DEFAULT_SHARD_WAIT, |limit| limit / 2.0)
}

/// Share of the connections of a pool that may be in use: halfway from what the plan expects to all of them, four fifths at least.
pub(super) fn pool_share(context: &Context<'_>) -> f64 {
    let expected = context.plan.utilisation.iter().find(|one| one.resource.ends_with("connections"));
    let share = expected.map_or(0.0, |one| (1.0 + one.mean) / 2.0);
    (share.clamp(0.8, 0.95) * 100.0).round() / 100.0
}

/// Bytes of database that a day of the mean load adds, before retention takes any away.
pub(super) fn growth_per_day(context: &Context<'_>) -> f64 {
    let per_workflow: f64 = context.plan.storage.bytes_per_workflow.iter().map(|table| table.bytes).sum();
    per_workflow * context.mean() * 86_400.0
}
