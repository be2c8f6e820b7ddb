//! The database: its pool, its errors, the shards' permits, and storage.

use super::series::{constant, counter, hourly, in_time, late, number, quiet};
use super::{Alert, Case, Severity};
use crate::emit::context::Context;
use crate::emit::metrics::server;
use crate::emit::thresholds;
use crate::number as readable;

const GB: f64 = 1e9;
/// How far ahead storage must suffice, in days: time to buy some.
const AHEAD_DAYS: f64 = 30.0;
/// Growth beyond the plan's that is no accident of a day.
const FASTER: f64 = 1.5;
/// Errors in five minutes: the source documents' number.
const ERRORS: f64 = 10.0;
const DATABASES: &str = "{datname=~\"temporal.*\"}";

pub(super) fn alerts(context: &Context<'_>) -> Vec<Alert> {
    let mut alerts = vec![pool(context), errors(), shards(context)];
    if context.sizes.database.storage_bytes > 0 {
        alerts.extend([full(context), full_soon(context), growth(context)]);
    }
    alerts
}

fn pool(context: &Context<'_>) -> Alert {
    let limit = thresholds::pool_share(context);
    let (used, most) = (server("persistence_sql_in_use"), server("persistence_sql_max_open_conn"));
    let labels = "{service_name=\"history\",db_kind=\"main\",instance=\"history-0\"}";
    let series = |in_use| vec![constant(format!("{used}{labels}"), in_use), constant(format!("{most}{labels}"), 20.0)];
    Alert {
        name: "TemporalDatabasePoolExhausted".to_owned(),
        expr: format!("max by (service_name, db_kind) ({used} / {most}) > {}", number(limit)),
        hold: "5m",
        severity: Severity::Critical,
        summary: "Connections to the database run out".to_owned(),
        description: format!(
            "A share of {{value}} of a pod's connections is in use; {} is the limit, maxConns is {}.",
            number(limit),
            context.profile.cluster.max_connections
        ),
        fires: Case {
            series: series(20.0),
            value: 1.0,
            labels: vec![("service_name", "history".to_owned()), ("db_kind", "main".to_owned())],
        },
        quiet: quiet(series(10.0)),
    }
}

fn errors() -> Alert {
    let name = server("persistence_errors");
    let series = |per_second| {
        vec![counter(format!("{name}{{service_name=\"history\",operation=\"UpdateWorkflowExecution\"}}"), per_second)]
    };
    Alert {
        name: "DatabaseConnectionIssue".to_owned(),
        expr: format!("sum by (service_name) (increase({name}[5m])) > {}", number(ERRORS)),
        hold: "2m",
        severity: Severity::Critical,
        summary: "The database answers with errors".to_owned(),
        description: "{value} errors in five minutes; 10 is the source documents' limit.".to_owned(),
        fires: Case { series: series(1.0), value: 300.0, labels: vec![("service_name", "history".to_owned())] },
        quiet: quiet(series(0.01)),
    }
}

fn shards(context: &Context<'_>) -> Alert {
    let limit = thresholds::shard_wait(context);
    let name = server("semaphore_latency");
    let labels = "service_name=\"history\",operation=\"ShardInfo\"";
    let (series, value) = late(name, labels, limit, 0.99, 1.0);
    Alert {
        name: "TemporalShardLatencyHigh".to_owned(),
        expr: format!(
            "histogram_quantile(0.99, sum by (le) (rate({name}_bucket{{operation=\"ShardInfo\"}}[5m]))) > {}",
            number(limit)
        ),
        hold: "5m",
        severity: Severity::Warning,
        summary: "Writes wait long for their history shard".to_owned(),
        description: format!(
            "p99 of the wait is {{value}} s; {} is half the strictest promise. {} shards: a slow database, or too few of them.",
            readable::seconds(limit),
            context.plan.history_shards
        ),
        fires: Case { series, value, labels: Vec::new() },
        quiet: quiet(in_time(name, labels, limit)),
    }
}

fn size() -> &'static str {
    server("pg_database_size_bytes")
}

/// Whole megabytes, so that the value has three digits after the gigabytes' point.
fn whole(bytes: f64) -> f64 {
    ((bytes / 1e6).ceil() * 1e6).max(1e6)
}

fn storage(context: &Context<'_>) -> f64 {
    context.sizes.database.storage_bytes as f64
}

fn full(context: &Context<'_>) -> Alert {
    let limit = whole(storage(context) * 0.9);
    let series = |bytes| vec![constant(format!("{}{{datname=\"temporal\"}}", size()), bytes)];
    let value = whole(storage(context));
    Alert {
        name: "TemporalStorageNearlyFull".to_owned(),
        expr: format!("sum({}{DATABASES}) / 1e9 > {}", size(), number(limit / GB)),
        hold: "10m",
        severity: Severity::Critical,
        summary: "The databases fill the planned storage".to_owned(),
        description: format!("{{value}} GB are used; the plan has {}.", readable::storage(storage(context))),
        fires: Case { series: series(value), value: value / GB, labels: Vec::new() },
        quiet: quiet(series(whole(limit / 2.0))),
    }
}

fn full_soon(context: &Context<'_>) -> Alert {
    let limit = whole(storage(context));
    let name = format!("{}{{datname=\"temporal\"}}", size());
    // From half full: 2/3 of the storage more, or 1/6, in the days ahead.
    let start = whole(limit / 2.0);
    let per_hour = |part: f64| whole(limit * part / (AHEAD_DAYS * 24.0));
    let (fast, slow) = (per_hour(2.0 / 3.0), per_hour(1.0 / 6.0));
    let hours = 40.0 + AHEAD_DAYS * 24.0;
    Alert {
        name: "TemporalStorageFullSoon".to_owned(),
        expr: format!(
            "sum(predict_linear({}{DATABASES}[1d], {} * 86400)) / 1e9 > {}",
            size(),
            number(AHEAD_DAYS),
            number(limit / GB)
        ),
        hold: "1h",
        severity: Severity::Warning,
        summary: "At today's growth the planned storage is full within a month".to_owned(),
        description: format!(
            "In {AHEAD_DAYS} days it would be {{value}} GB; the plan has {}.",
            readable::storage(limit)
        ),
        fires: Case {
            series: vec![hourly(&*name, start, fast)],
            value: (start + fast * hours) / GB,
            labels: Vec::new(),
        },
        // Small storage grows by whole megabytes an hour: not at all where that would fill it.
        quiet: quiet(vec![hourly(&*name, start, if start + slow * hours < limit { slow } else { 0.0 })]),
    }
}

fn growth(context: &Context<'_>) -> Alert {
    let planned = thresholds::growth_per_day(context);
    let limit = whole(planned * FASTER);
    let name = format!("{}{{datname=\"temporal\"}}", size());
    let fast = whole(limit * 2.0 / 24.0);
    Alert {
        name: "TemporalStorageGrowth".to_owned(),
        expr: format!("sum(deriv({}{DATABASES}[1d])) * 86400 / 1e9 > {}", size(), number(limit / GB)),
        hold: "1h",
        severity: Severity::Warning,
        summary: "The databases grow faster than planned".to_owned(),
        description: format!(
            "{{value}} GB a day; planned are {} at the mean load before retention takes any away.",
            readable::storage(planned)
        ),
        fires: Case { series: vec![hourly(&*name, 1e9, fast)], value: fast * 24.0 / GB, labels: Vec::new() },
        quiet: quiet(vec![hourly(&*name, 1e9, limit / 100.0)]),
    }
}
