//! Workflows and activities that fail or time out, and results that come late.

use plimsoll_profiles::profile::SloMetric;

use super::series::{counter, in_time, late, number, quiet, quoted};
use super::{Alert, Case, Series, Severity};
use crate::emit::alerts::queues::{WORKERS, in_seconds};
use crate::emit::context::Context;
use crate::emit::metrics::{sdk, sdk_units_per_second, server};
use crate::emit::thresholds::{self, Watched};
use crate::number as readable;

/// Share of workflows that may fail: the source documents' 10 %.
const FAILED: f64 = 0.1;
/// Share that may time out: no source has a number; a workflow's timeout is a safety net.
const TIMED_OUT: f64 = 0.01;

/// How workflows end on the server.
const ENDS: [&str; 5] =
    ["workflow_success", "workflow_failed", "workflow_timeout", "workflow_terminate", "workflow_cancel"];
/// How activities time out.
const TIMEOUTS: [&str; 4] =
    ["schedule_to_start_timeout", "start_to_close_timeout", "schedule_to_close_timeout", "heartbeat_timeout"];
/// The server's timer task of activities: workflow tasks time out under the same names.
const OF_ACTIVITIES: &str = "operation=\"TimerActiveTaskActivityTimeout\"";

pub(super) fn alerts(context: &Context<'_>) -> Vec<Alert> {
    let mut alerts = vec![failures(context)];
    if !context.is_cloud() {
        alerts.push(timeouts());
        alerts.extend(activity_timeouts(context));
    }
    let promised = thresholds::watched(context, SloMetric::EndToEnd);
    alerts.extend(promised.iter().map(|watched| end_to_end(context, watched)));
    alerts
}

/// A rate that is zero as long as there is no series: workflows that never failed have no counter of failures.
pub(in crate::emit) fn rate(metric: &str, selector: &str) -> String {
    format!("(sum(rate({metric}{selector}[5m])) or vector(0))")
}

fn sum(metrics: &[String], selector: &str) -> String {
    metrics.iter().map(|metric| rate(metric, selector)).collect::<Vec<_>>().join(" + ")
}

fn share(of: &str, all: &[String], selector: &str, limit: f64) -> String {
    format!("{} / ({}) > {}", rate(of, selector), sum(all, selector), number(limit))
}

const USERS: &str = "{namespace!=\"temporal_system\"}";

fn ended(metric: &str, rate: f64) -> Series {
    counter(format!("{metric}{{namespace=\"default\"}}"), rate)
}

fn failures(context: &Context<'_>) -> Alert {
    let (good, bad, all): (String, String, Vec<String>) = if context.is_cloud() {
        let (good, bad) = (sdk(context, "temporal_workflow_completed"), sdk(context, "temporal_workflow_failed"));
        (good.clone(), bad.clone(), vec![good, bad])
    } else {
        let all = ENDS.map(|metric| server(metric).to_owned()).to_vec();
        (server("workflow_success").to_owned(), server("workflow_failed").to_owned(), all)
    };
    let series = |failed: f64| vec![ended(&good, 1.0 - failed), ended(&bad, failed)];
    Alert {
        name: "HighWorkflowFailureRate".to_owned(),
        expr: share(&bad, &all, USERS, FAILED),
        hold: "5m",
        severity: Severity::Warning,
        summary: "More than a tenth of the workflows fail".to_owned(),
        description:
            "A share of {value} of the workflows that ended in five minutes failed; 0.1 is the source documents' limit."
                .to_owned(),
        fires: Case { series: series(0.25), value: 0.25, labels: Vec::new() },
        quiet: quiet(series(0.05)),
    }
}

fn timeouts() -> Alert {
    let all = ENDS.map(|metric| server(metric).to_owned());
    let (good, bad) = (server("workflow_success"), server("workflow_timeout"));
    let series = |late: f64| vec![ended(good, 1.0 - late), ended(bad, late)];
    Alert {
        name: "WorkflowExecutionTimeout".to_owned(),
        expr: share(bad, &all, USERS, TIMED_OUT),
        hold: "5m",
        severity: Severity::Warning,
        summary: "Workflows time out".to_owned(),
        description: "A share of {value} of the workflows that ended in five minutes timed out; 0.01 is the limit."
            .to_owned(),
        fires: Case { series: series(0.25), value: 0.25, labels: Vec::new() },
        quiet: quiet(series(0.005)),
    }
}

fn activity_timeouts(context: &Context<'_>) -> Option<Alert> {
    let planned = context.activity_tasks();
    if planned <= 0.0 {
        return None;
    }
    let limit = (planned * TIMED_OUT * 1_000.0).ceil() / 1_000.0;
    let selector = format!("{{{OF_ACTIVITIES}}}");
    let names = TIMEOUTS.map(|metric| server(metric).to_owned());
    let series = |rate| vec![counter(format!("{}{{namespace=\"default\",{OF_ACTIVITIES}}}", names[1]), rate)];
    Some(Alert {
        name: "TemporalActivityTimeouts".to_owned(),
        expr: format!("{} > {}", sum(&names, &selector), number(limit)),
        hold: "5m",
        severity: Severity::Warning,
        summary: "Activities time out".to_owned(),
        description: format!(
            "{{value}} activities a second time out; {} is a hundredth of those planned.",
            number(limit)
        ),
        fires: Case { series: series(limit * 2.0), value: limit * 2.0, labels: Vec::new() },
        quiet: quiet(series(limit / 2.0)),
    })
}

fn end_to_end(context: &Context<'_>, watched: &Watched) -> Alert {
    let (quantile, limit) = (watched.quantile, watched.limit);
    let name = sdk(context, "temporal_workflow_endtoend_latency");
    let unit = sdk_units_per_second(context);
    let labels = format!("namespace=\"default\",task_queue={}", quoted(&context.task_queue));
    let (series, value) = late(&name, &labels, limit * unit, quantile, unit);
    Alert {
        name: format!("TemporalEndToEndLatencyHigh{}", watched.suffix),
        expr: format!(
            "histogram_quantile({}, sum by (le) (rate({name}_bucket{{{WORKERS}}}[5m]))){} > {}",
            number(quantile),
            in_seconds(unit),
            number(limit)
        ),
        hold: "5m",
        severity: Severity::Warning,
        summary: "Workflows take longer than promised".to_owned(),
        description: format!(
            "{} from start to end is {{value}} s; promised are {}.",
            readable::quantile(quantile),
            readable::seconds(limit)
        ),
        fires: Case { series, value, labels: Vec::new() },
        quiet: quiet(in_time(&name, &labels, limit * unit)),
    }
}
