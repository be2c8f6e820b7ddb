//! PostgreSQL settings, and PgBouncer's where it stands in between.

use plimsoll_profiles::profile::SynchronousCommit;
use plimsoll_profiles::units::Nanos;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::provenance;
use crate::number;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Connections beside those of Temporal: three reserved for superusers, and exporter, backup, administrators.
const OTHER_CONNECTIONS: u32 = 13;

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    context.self_hosted(Kind::Postgres)?;
    let cluster = &context.profile.cluster;
    if !context.is_postgresql() {
        return Err(EmitError::OtherDatabase(cluster.database.engine.clone()));
    }
    let mut files = vec![EmittedFile { path: "database/postgresql.conf".to_owned(), text: postgresql(context) }];
    if let Some(pgbouncer) = cluster.database.pgbouncer {
        files.push(EmittedFile {
            path: "database/pgbouncer.ini".to_owned(),
            text: pgbouncer_ini(context, pgbouncer.server_connections),
        });
    }
    Ok(files)
}

fn postgresql(context: &Context<'_>) -> String {
    let (size, cluster) = (&context.sizes.database, &context.profile.cluster);
    let database = &cluster.database;
    let about = [
        format!("{} settings for Temporal: include this file in postgresql.conf.", database.engine),
        format!(
            "Sized for {} cores, {} of memory and {} of storage; {} read and {} write IOPS at the peak.",
            size.vcpu,
            number::memory(size.memory_bytes as f64),
            number::storage(size.storage_bytes as f64),
            number::quantity(size.read_iops),
            number::quantity(size.write_iops)
        ),
    ];
    let mut text = provenance::comment(context, Kind::Postgres, &about, "#");
    let mut set = |name: &str, value: &str, why: &str| {
        text.push_str(&format!("\n# {why}\n{name} = {value}\n"));
    };

    let temporal = if size.server_connections > 0 { size.server_connections } else { size.connections };
    let surge = match database.pgbouncer {
        Some(_) => 0,
        None => cluster.max_connections + cluster.visibility_max_connections,
    };
    let connections = (temporal + surge + OTHER_CONNECTIONS).div_ceil(10) * 10;
    set(
        "max_connections",
        &connections.to_string(),
        &format!(
            "{temporal} of Temporal, {surge} of a pod more during a rollout, {OTHER_CONNECTIONS} of others, rounded up to ten"
        ),
    );
    set(
        "shared_buffers",
        &memory(size.memory_bytes / 4),
        "a quarter of the memory, as PostgreSQL's documentation advises",
    );
    set(
        "effective_cache_size",
        &memory(size.memory_bytes / 4 * 3),
        "three quarters: what the operating system caches included",
    );
    set("random_page_cost", "1.1", "solid-state storage: random reads cost little more than sequential ones");
    set(
        "checkpoint_timeout",
        &interval(database.checkpoint_interval),
        &format!("as planned; between two checkpoints at the peak: {}", number::seconds(size.checkpoint_seconds)),
    );
    set("checkpoint_completion_target", &database.checkpoint_completion_target.to_string(), "as planned");
    let wal = database.max_wal_size.0.max(size.max_wal_size_needed_bytes).div_ceil(GIB).max(1);
    set(
        "max_wal_size",
        &format!("{wal}GB"),
        &format!(
            "so that checkpoints come by time and not by size: {} of WAL at the peak",
            number::throughput(size.wal_bytes_per_second)
        ),
    );
    set(
        "synchronous_commit",
        match database.synchronous_commit {
            SynchronousCommit::Off => "off",
            SynchronousCommit::Local => "local",
            SynchronousCommit::On => "on",
            SynchronousCommit::RemoteApply => "remote_apply",
        },
        "as planned: what a commit waits for",
    );
    set(
        "commit_delay",
        &(database.commit_delay.0 / 1_000).to_string(),
        "as planned, microseconds: waits for others to flush with",
    );
    set("commit_siblings", &database.commit_siblings.to_string(), "as planned");
    set(
        "autovacuum_vacuum_scale_factor",
        &database.autovacuum_scale_factor.to_string(),
        &format!("as planned; autovacuum takes {:.2} cores at the peak", size.vacuum_cores),
    );
    set(
        "archive_timeout",
        &interval(cluster.backup.wal_archive_interval),
        &format!(
            "at most {} of writes may be lost; archive_mode and archive_command are yours",
            number::seconds(cluster.backup.rpo.as_secs_f64())
        ),
    );
    set("shared_preload_libraries", "'pg_stat_statements'", "statements can be counted, and held against the plan");
    set("track_io_timing", "on", "reads and writes are timed: one system call each");
    text
}

fn pgbouncer_ini(context: &Context<'_>, server_connections: u32) -> String {
    let about =
        ["PgBouncer between Temporal's services and PostgreSQL; databases, users and TLS are yours.".to_owned()];
    let comment = provenance::comment(context, Kind::Postgres, &about, ";");
    let clients = context.sizes.database.connections;
    // Statements prepared by lib/pq live for one transaction; PgBouncer 1.21 on keeps track of them.
    format!(
        "{comment}\n[pgbouncer]\npool_mode = transaction\nmax_client_conn = {}\nmax_db_connections = {server_connections}\ndefault_pool_size = {server_connections}\nmax_prepared_statements = 100\n",
        clients.max(100)
    )
}

/// Bytes in a unit PostgreSQL knows, rounded down.
fn memory(bytes: u64) -> String {
    if bytes >= GIB && bytes.is_multiple_of(GIB) {
        format!("{}GB", bytes / GIB)
    } else {
        format!("{}MB", (bytes / MIB).max(1))
    }
}

/// A span in whole seconds, at least one.
fn interval(span: Nanos) -> String {
    let seconds = (span.as_secs_f64().round() as u64).max(1);
    if seconds.is_multiple_of(60) { format!("{}min", seconds / 60) } else { format!("{seconds}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_in_postgresqls_units() {
        assert_eq!([memory(16 * GIB), memory(GIB / 2), memory(GIB + MIB)], ["16GB", "512MB", "1025MB"]);
        assert_eq!([interval(Nanos::from_secs(300)), interval(Nanos::from_secs(90))], ["5min", "90s"]);
    }
}
