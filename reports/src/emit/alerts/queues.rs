//! Tasks that wait: backlog, schedule-to-start, workers and their slots.

use plimsoll_profiles::profile::SloMetric;

use super::series::{constant, in_time, late, number, quiet, quoted};
use super::{Alert, Case, Series, Severity};
use crate::emit::context::Context;
use crate::emit::metrics::{sdk, sdk_units_per_second, server};
use crate::emit::scaling::Scaling;
use crate::emit::thresholds::{self, Watched};
use crate::number as readable;

/// Whose tasks wait: not the server's own queues.
pub(in crate::emit) const USERS: &str = "namespace!=\"temporal_system\",taskqueue!~\"temporal.sys.*\"";

/// Whose workers: not the server's own. Its worker service is a worker of the Go SDK and exposes that SDK's metrics, gauges under the names that all SDKs give
/// them and the others under Core's (`common/sdk/metrics_handler.go`), for its namespace and for its task queue in each other one.
pub(in crate::emit) const WORKERS: &str = "namespace!=\"temporal_system\",task_queue!~\"temporal.sys.*\"";

/// One of the two kinds of tasks.
struct Tasks {
    title: &'static str,
    words: &'static str,
    task_type: &'static str,
    metric: SloMetric,
    latency: &'static str,
    per_second: f64,
}

pub(super) fn alerts(context: &Context<'_>, scaling: &Scaling) -> Vec<Alert> {
    let kinds = [
        Tasks {
            title: "Activity",
            words: "activities",
            task_type: "Activity",
            metric: SloMetric::ScheduleToStartActivity,
            latency: "temporal_activity_schedule_to_start_latency",
            per_second: context.activity_tasks(),
        },
        Tasks {
            title: "WorkflowTask",
            words: "workflow tasks",
            task_type: "Workflow",
            metric: SloMetric::ScheduleToStartWorkflow,
            latency: "temporal_workflow_task_schedule_to_start_latency",
            per_second: context.workflow_tasks(),
        },
    ];
    let mut alerts = Vec::new();
    // A profile without activities has none that could wait.
    for tasks in kinds.into_iter().filter(|tasks| tasks.per_second > 0.0) {
        if !context.is_cloud() {
            alerts.push(backlog(context, &tasks));
            alerts.push(backlog_age(context, &tasks));
        }
        let mut watched = thresholds::watched(context, tasks.metric);
        if watched.is_empty() {
            let (quantile, limit) = thresholds::DEFAULT_SCHEDULE_TO_START;
            watched.push(Watched { quantile, limit, suffix: String::new() });
        }
        alerts.extend(watched.iter().map(|watched| schedule_to_start(context, &tasks, watched)));
    }
    alerts.push(slots(context));
    // Where no worker may be left, none missing is nothing to wake anybody for: the backlog is.
    if !scaling.asked.may_leave_none() {
        alerts.push(workers(context, scaling));
    }
    alerts
}

fn queue_labels(context: &Context<'_>, task_type: &str) -> String {
    let queue = context.task_queue.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("namespace=\"default\",taskqueue=\"{queue}\",task_type=\"{task_type}\",partition=\"0\"")
}

fn of_queue(context: &Context<'_>, task_type: &str) -> Vec<(&'static str, String)> {
    let queue = context.task_queue.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    vec![("taskqueue", queue), ("task_type", task_type.to_owned())]
}

fn backlog(context: &Context<'_>, tasks: &Tasks) -> Alert {
    let (_, limit) = thresholds::schedule_to_start_of(context, tasks.metric);
    let most = thresholds::backlog(tasks.per_second, limit);
    let name = server("approximate_backlog_count");
    let series = |value| vec![constant(format!("{name}{{{}}}", queue_labels(context, tasks.task_type)), value)];
    Alert {
        name: format!("Temporal{}Backlog", tasks.title),
        expr: format!(
            "sum by (taskqueue, task_type) ({name}{{{USERS},task_type=\"{}\"}}) > {}",
            tasks.task_type,
            number(most)
        ),
        hold: "5m",
        severity: Severity::Warning,
        summary: format!("More {} wait than can be worked off in time", tasks.words),
        description: format!(
            "{{value}} {} wait; {} come within the {} that they may wait, at the planned {} a second.",
            tasks.words,
            number(most),
            readable::seconds(limit),
            readable::quantity(tasks.per_second)
        ),
        fires: Case { series: series(most * 2.0), value: most * 2.0, labels: of_queue(context, tasks.task_type) },
        quiet: quiet(series((most / 2.0).floor())),
    }
}

fn backlog_age(context: &Context<'_>, tasks: &Tasks) -> Alert {
    let (_, limit) = thresholds::schedule_to_start_of(context, tasks.metric);
    let oldest = thresholds::backlog_age(limit);
    let name = server("approximate_backlog_age_seconds");
    let series = |value| vec![constant(format!("{name}{{{}}}", queue_labels(context, tasks.task_type)), value)];
    Alert {
        name: format!("Temporal{}BacklogOld", tasks.title),
        expr: format!(
            "max by (taskqueue, task_type) ({name}{{{USERS},task_type=\"{}\"}}) > {}",
            tasks.task_type,
            number(oldest)
        ),
        hold: "2m",
        severity: Severity::Critical,
        summary: format!("The oldest of the waiting {} is older than they may be", tasks.words),
        description: format!("It has waited {{value}} s; more than {} is too long.", readable::seconds(oldest)),
        fires: Case { series: series(oldest * 2.0), value: oldest * 2.0, labels: of_queue(context, tasks.task_type) },
        quiet: quiet(series(oldest / 2.0)),
    }
}

fn schedule_to_start(context: &Context<'_>, tasks: &Tasks, watched: &Watched) -> Alert {
    let (quantile, limit) = (watched.quantile, watched.limit);
    let name = sdk(context, tasks.latency);
    let unit = sdk_units_per_second(context);
    let labels = format!("namespace=\"default\",task_queue={}", quoted(&context.task_queue));
    let (series, value) = late(&name, &labels, limit * unit, quantile, unit);
    Alert {
        name: format!("Temporal{}ScheduleToStartHigh{}", tasks.title, watched.suffix),
        expr: format!(
            "histogram_quantile({}, sum by (le, task_queue) (rate({name}_bucket{{{WORKERS}}}[5m]))){} > {}",
            number(quantile),
            in_seconds(unit),
            number(limit)
        ),
        hold: "5m",
        severity: Severity::Warning,
        summary: format!("Workers start {} later than promised", tasks.words),
        description: format!(
            "{} of schedule-to-start is {{value}} s; {} is the limit: more pods, slots or pollers.",
            readable::quantile(quantile),
            readable::seconds(limit)
        ),
        fires: Case { series, value, labels: vec![("task_queue", context.task_queue.clone())] },
        quiet: quiet(in_time(&name, &labels, limit * unit)),
    }
}

/// What makes seconds of an SDK's unit of time.
pub(in crate::emit) fn in_seconds(units_per_second: f64) -> String {
    if units_per_second == 1.0 { String::new() } else { format!(" / {}", number(units_per_second)) }
}

fn slot_series(context: &Context<'_>, pod: u32, worker_type: &str) -> String {
    format!(
        "{}{{task_queue={},worker_type=\"{worker_type}\",instance=\"worker-{pod}\"}}",
        sdk(context, "temporal_worker_task_slots_available"),
        quoted(&context.task_queue)
    )
}

fn slots(context: &Context<'_>) -> Alert {
    let name = sdk(context, "temporal_worker_task_slots_available");
    let series = |free| vec![constant(slot_series(context, 0, "ActivityWorker"), free)];
    Alert {
        name: "TemporalWorkerSlotsExhausted".to_owned(),
        expr: format!(
            "sum by (task_queue, worker_type) ({name}{{{WORKERS},worker_type=~\"WorkflowWorker|ActivityWorker\"}}) < 1"
        ),
        hold: "5m",
        severity: Severity::Warning,
        summary: "No worker has a free slot".to_owned(),
        description: format!(
            "{{value}} slots are free on all pods; the plan has {} activity slots and {} workflow task slots on each of {}.",
            context.sizes.workers.activity_slots, context.sizes.workers.workflow_task_slots, context.sizes.workers.pods
        ),
        fires: Case {
            series: series(0.0),
            value: 0.0,
            labels: vec![("task_queue", context.task_queue.clone()), ("worker_type", "ActivityWorker".to_owned())],
        },
        quiet: quiet(series(5.0)),
    }
}

fn workers(context: &Context<'_>, scaling: &Scaling) -> Alert {
    let least = scaling.min.max(1);
    let name = sdk(context, "temporal_worker_task_slots_available");
    let running = |pods| -> Vec<Series> {
        let pods = (0..pods).map(|pod| slot_series(context, pod, "WorkflowWorker"));
        // The server's own, which are there all the time.
        let system = [("temporal_system", "default_worker_tq"), ("default", "temporal_sys_per_ns_tq")].map(
            |(namespace, queue)| {
                format!("{name}{{namespace=\"{namespace}\",task_queue=\"{queue}\",worker_type=\"WorkflowWorker\"}}")
            },
        );
        pods.chain(system).map(|series| constant(series, 10.0)).collect()
    };
    Alert {
        name: "TemporalWorkersMissing".to_owned(),
        expr: format!("(count({name}{{{WORKERS},worker_type=\"WorkflowWorker\"}}) or vector(0)) < {least}"),
        hold: "5m",
        severity: Severity::Critical,
        summary: "Fewer workers than an autoscaler may leave".to_owned(),
        description: format!(
            "{{value}} workers run; {least} carry the mean load, and {} the peak.",
            context.sizes.workers.pods
        ),
        fires: Case { series: running(least - 1), value: f64::from(least - 1), labels: Vec::new() },
        quiet: quiet(running(least)),
    }
}
