//! Services that are down or too few, slow or refusing; load beyond the mark.

use plimsoll_profiles::profile::SloMetric;

use super::series::{constant, counter, in_time, late, number, quiet};
use super::{Alert, Case, Series, Severity};
use crate::emit::context::Context;
use crate::emit::metrics::server;
use crate::emit::thresholds::{self, Watched};
use crate::number as readable;

/// The calls that start workflows.
pub(in crate::emit) const STARTS: &str =
    "service_name=\"frontend\",operation=~\"StartWorkflowExecution|SignalWithStartWorkflowExecution\"";
/// Refused requests a second that are no accident any more.
const REFUSED: f64 = 0.1;

pub(super) fn alerts(context: &Context<'_>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> =
        ["frontend", "history", "matching", "worker"].into_iter().map(|service| down(context, service)).collect();
    alerts.extend(context.services().into_iter().filter_map(|(service, plan)| missing(context, service, plan.pods)));
    alerts.extend(mark(context));
    alerts.extend(thresholds::watched(context, SloMetric::Start).iter().map(start_latency));
    alerts.push(refused());
    alerts
}

fn title(service: &str) -> &'static str {
    match service {
        "frontend" => "Frontend",
        "history" => "History",
        "matching" => "Matching",
        _ => "SystemWorker",
    }
}

/// Every process of a service has this metric, and whatever scrapes it the series ends with the process.
fn pods(service: &str) -> String {
    format!("(count({}{{service_name=\"{service}\"}}) or vector(0))", server("num_goroutines"))
}

fn running(service: &str, pods: u32) -> Vec<Series> {
    (0..pods)
        .map(|pod| {
            let series =
                format!("{}{{service_name=\"{service}\",instance=\"{service}-{pod}\"}}", server("num_goroutines"));
            constant(series, 1_000.0)
        })
        .collect()
}

fn down(context: &Context<'_>, service: &'static str) -> Alert {
    let planned = context.services().into_iter().find(|(name, _)| *name == service).map_or(1, |(_, plan)| plan.pods);
    Alert {
        name: format!("Temporal{}Down", title(service)),
        expr: format!("{} < 1", pods(service)),
        hold: "1m",
        severity: Severity::Critical,
        summary: format!("No pod of Temporal's {service} service answers"),
        description: format!("No process with service_name=\"{service}\" is scraped; the plan has {planned}."),
        fires: Case { series: running("another", 1), value: 0.0, labels: Vec::new() },
        quiet: quiet(running(service, 1)),
    }
}

fn missing(context: &Context<'_>, service: &'static str, planned: u32) -> Option<Alert> {
    let least = planned.checked_sub(context.spare()).filter(|least| *least > 1)?;
    Some(Alert {
        name: format!("Temporal{}PodsMissing", title(service)),
        expr: format!("{} < {least}", pods(service)),
        hold: "5m",
        severity: Severity::Warning,
        summary: format!("Fewer {service} pods than the plan needs"),
        description: format!("{{value}} pods run; the plan has {planned} and keeps its promises with {least}."),
        fires: Case { series: running(service, least - 1), value: f64::from(least - 1), labels: Vec::new() },
        quiet: quiet(running(service, least)),
    })
}

/// Load beyond what the sizes are for, and where the first promise breaks: the Plimsoll line.
fn mark(context: &Context<'_>) -> Vec<Alert> {
    let starts = format!("{}{{{STARTS}}}", server("service_requests"));
    let rounded = |rate: f64| (rate * 1_000.0).ceil() / 1_000.0;
    let one = format!(
        "{}{{service_name=\"frontend\",operation=\"StartWorkflowExecution\",namespace=\"default\"}}",
        server("service_requests")
    );
    let alert = |name: &str, limit: f64, hold, severity, summary: &str, why: String| Alert {
        name: name.to_owned(),
        expr: format!("sum(rate({starts}[5m])) > {}", number(limit)),
        hold,
        severity,
        summary: summary.to_owned(),
        description: format!("{{value}} workflows start a second; {why}."),
        fires: Case {
            series: vec![counter(&*one, (limit * 2.0).ceil())],
            value: (limit * 2.0).ceil(),
            labels: Vec::new(),
        },
        quiet: quiet(vec![counter(&*one, limit / 2.0)]),
    };
    let planned = rounded(context.planned());
    let mut alerts = vec![alert(
        "TemporalLoadAboveMark",
        planned,
        "10m",
        Severity::Warning,
        "More load than the sizes are planned for",
        format!("the plan is for {}, the peak and its headroom", readable::rate(planned)),
    )];
    // The knee is that of the horizon's system: smaller sizes break earlier.
    if let Some(breaks) = context.plan.load.breaks_at_per_second.map(rounded).filter(|breaks| *breaks > planned) {
        alerts.push(alert(
            "TemporalLoadAtBreakingPoint",
            breaks,
            "5m",
            Severity::Critical,
            "As much load as breaks the first promise",
            format!("by the plan the first promise breaks at {} at the latest", readable::rate(breaks)),
        ));
    }
    alerts
}

fn start_latency(watched: &Watched) -> Alert {
    let (quantile, limit) = (watched.quantile, watched.limit);
    let name = server("service_latency");
    let labels = "service_name=\"frontend\",operation=\"StartWorkflowExecution\"";
    let (series, value) = late(name, labels, limit, quantile, 1.0);
    Alert {
        name: format!("TemporalStartLatencyHigh{}", watched.suffix),
        expr: format!(
            "histogram_quantile({}, sum by (le) (rate({name}_bucket{{{STARTS}}}[5m]))) > {}",
            number(quantile),
            number(limit)
        ),
        hold: "5m",
        severity: Severity::Warning,
        summary: "Starting a workflow takes longer than promised".to_owned(),
        description: format!(
            "{} of start calls at the frontend is {{value}} s; promised are {}.",
            readable::quantile(quantile),
            readable::seconds(limit)
        ),
        fires: Case { series, value, labels: Vec::new() },
        quiet: quiet(in_time(name, labels, limit)),
    }
}

fn refused() -> Alert {
    let name = server("service_errors_resource_exhausted");
    let series = |rate| {
        let labels =
            "service_name=\"frontend\",operation=\"StartWorkflowExecution\",resource_exhausted_cause=\"RpsLimit\"";
        vec![counter(format!("{name}{{{labels}}}"), rate)]
    };
    Alert {
        name: "TemporalRequestsRefused".to_owned(),
        expr: format!("sum by (service_name, resource_exhausted_cause) (rate({name}[5m])) > {}", number(REFUSED)),
        hold: "5m",
        severity: Severity::Warning,
        summary: "A rate limit or a busy workflow refuses requests".to_owned(),
        description: "{value} requests a second are refused; the limits are those of the dynamic configuration."
            .to_owned(),
        fires: Case {
            series: series(2.0),
            value: 2.0,
            labels: vec![("service_name", "frontend".to_owned()), ("resource_exhausted_cause", "RpsLimit".to_owned())],
        },
        quiet: quiet(series(0.05)),
    }
}
