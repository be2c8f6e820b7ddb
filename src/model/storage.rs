//! The plan's database beside its cores, its storage and its recovery, as documents and in words.

use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::number;
use plimsoll_reports::plan_document::{RecoveryPlan, StorageForecast, TableBytes};
use plimsoll_reports::quantity::CurvePoint;
use plimsoll_sim::planner::{Plan, TableSize};
use plimsoll_sim::temporal::is_cloud;

use super::plan::span_label;

/// What set the numbers of the database, by their path.
pub fn reasons(profile: &Profile, plan: &Plan) -> Vec<(&'static str, String)> {
    let horizon = &plan.horizon;
    let database = &horizon.database;
    let outcome = &horizon.verdict.outcome;
    let seconds = outcome.measured.as_secs_f64();
    let per_second = |count: u64| number::quantity(count as f64 / seconds);
    let visibility = plan.storage.visibility();
    let all: f64 = plan.storage.tables.iter().map(|table| table.per_workflow).sum();
    let cluster = &profile.cluster;
    let mut list = vec![
        ("database.memory_bytes", format!("working set {}", number::memory(database.working_set.0 as f64))),
        (
            "database.write_iops",
            format!(
                "{} fsyncs/s for {} commits/s (group commit); a checkpoint writes {} pages/s; vacuum uses {} cores",
                per_second(outcome.measured_work.fsyncs),
                per_second(outcome.measured_work.commits),
                number::quantity(database.checkpoint_pages_per_second),
                number::quantity(database.vacuum_cores),
            ),
        ),
        (
            "database.storage_bytes",
            format!(
                "{} kept; {} per workflow, {} of it visibility",
                span_label(profile.growth.retention),
                number::storage(all),
                number::percent(visibility / all.max(1.0))
            ),
        ),
        (
            "database.wal_bytes_per_second",
            format!(
                "{} of it full-page images; a checkpoint every {}",
                number::percent(database.full_page_share),
                number::seconds(database.checkpoint_interval.as_secs_f64().round())
            ),
        ),
    ];
    let most = outcome.populations.most_connections;
    list.push((
        "database.connections",
        match &cluster.database.pgbouncer {
            Some(_) => format!(
                "to PgBouncer, which opens {} to the database; at most {most} in use in a history pod",
                database.server_connections
            ),
            None => format!(
                "{} per pod (maxConns {} + {} visibility); at most {most} in use in a history pod",
                cluster.max_connections + cluster.visibility_max_connections,
                cluster.max_connections,
                cluster.visibility_max_connections,
            ),
        },
    ));
    if database.visibility_vcpu > 0 {
        list.push(("database.visibility_vcpu", "upserts at most 60 % busy at the horizon".to_owned()));
    }
    if database.documents_per_second > 0.0 {
        list.push((
            "database.documents_per_second",
            format!("bulk requests each {}", flush_interval(profile).map_or_else(String::new, seconds_of)),
        ));
    }
    list
}

fn seconds_of(span: Nanos) -> String {
    number::seconds(span.as_secs_f64())
}

fn flush_interval(profile: &Profile) -> Option<Nanos> {
    match &profile.cluster.visibility {
        plimsoll_profiles::profile::Visibility::Elasticsearch(elasticsearch) => Some(elasticsearch.flush_interval),
        _ => None,
    }
}

/// What an operator should change in PostgreSQL's configuration.
pub fn warnings(profile: &Profile, plan: &Plan) -> Vec<String> {
    if is_cloud(profile) {
        return Vec::new();
    }
    let database = &plan.horizon.database;
    let mut list = Vec::new();
    if database.checkpoint_interval < profile.cluster.database.checkpoint_interval {
        list.push(format!(
            "max_wal_size of {} brings a checkpoint every {} at the peak; {} would leave it at every {}",
            profile.cluster.database.max_wal_size,
            number::seconds(database.checkpoint_interval.as_secs_f64().round()),
            number::memory(database.max_wal_size_needed.0 as f64),
            seconds_of(profile.cluster.database.checkpoint_interval),
        ));
    }
    list
}

/// Storage from an empty database: load grows from today's to the horizon's, closed workflows go after the retention.
pub fn forecast(profile: &Profile, plan: &Plan) -> StorageForecast {
    if is_cloud(profile) {
        return StorageForecast {
            total: Vec::new(),
            bytes_per_workflow: Vec::new(),
            at_retention: Vec::new(),
            at_horizon: Vec::new(),
        };
    }
    let growth = &profile.growth;
    let horizon = growth.horizon.as_secs_f64().max(1.0);
    let points = 36;
    let mean = plan.now.mean_rate.as_per_second();
    let rate = |t: f64| mean * growth.factor.powf((t / horizon).clamp(0.0, 1.0));
    let kept = (growth.retention + plan.lifetime).as_secs_f64();
    let per_workflow = plan.storage.per_workflow();
    let total = (0..=points)
        .map(|index| {
            let t = horizon * f64::from(index) / f64::from(points);
            // Workflows started within the last `kept` seconds, by the trapezoid rule.
            let from = (t - kept).max(0.0);
            let started = 0.5 * (rate(from) + rate(t)) * (t - from);
            CurvePoint { x: t / 86_400.0, y: started * per_workflow }
        })
        .collect();
    let stored = |bytes: f64| bytes / per_workflow.max(1.0);
    let tables = |workflows: f64| {
        let table = |t: &TableSize| TableBytes {
            table: match t.elasticsearch {
                true => "visibility (Elasticsearch)".to_owned(),
                false => t.table.to_owned(),
            },
            bytes: t.per_workflow * workflows,
            indexes: t.indexes * workflows,
        };
        plan.storage.tables.iter().map(table).collect()
    };
    StorageForecast {
        total,
        bytes_per_workflow: tables(1.0),
        at_retention: tables(stored(plan.now.database.storage.0 as f64)),
        at_horizon: tables(stored(plan.horizon.database.storage.0 as f64)),
    }
}

/// Backups and what they promise at the horizon.
pub fn recovery(profile: &Profile, plan: &Plan) -> Option<RecoveryPlan> {
    if is_cloud(profile) {
        return None;
    }
    let backup = &profile.cluster.backup;
    let recovery = &plan.horizon.database.recovery;
    let per_second = |bytes: u64| format!("{}/s", number::storage(bytes as f64));
    Some(RecoveryPlan {
        backups_kept: recovery.backups_kept,
        backup_bytes: recovery.backups,
        wal_per_day_bytes: recovery.wal_per_day,
        wal_archive_bytes: recovery.wal_archive,
        archive_bytes: recovery.archive,
        restore_seconds: recovery.restore.as_secs_f64(),
        rto_seconds: backup.rto.as_secs_f64(),
        rto_met: recovery.restore <= backup.rto,
        lost_seconds: recovery.lost.as_secs_f64(),
        rpo_seconds: backup.rpo.as_secs_f64(),
        rpo_met: recovery.lost <= backup.rpo,
        assumptions: format!(
            "A physical backup restored at {} and up to a day of WAL replayed at {}; backups compressed to {} and WAL to \
             {} of their size. These are assumptions until the profile's cluster.backup says what was measured. A dump, \
             as the source documents make it, takes longer: it builds every index anew, and all since the dump is lost.",
            per_second(backup.restore_per_second.0),
            per_second(backup.replay_per_second.0),
            number::percent(backup.compression.get()),
            number::percent(backup.wal_compression.get()),
        ),
    })
}
