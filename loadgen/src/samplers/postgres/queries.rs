//! The statements, by the server's version. Only what every role with `pg_monitor` may see; no table of Temporal's is read.

/// Sums over Temporal's databases ($1), from counters that any session sees.
pub(super) const DATABASES: &str = "SELECT coalesce(sum(xact_commit), 0)::float8, coalesce(sum(xact_rollback), 0)::float8, coalesce(sum(blks_read), 0)::float8, coalesce(sum(blks_hit), 0)::float8, \
     coalesce(sum(temp_bytes), 0)::float8, coalesce(sum(deadlocks), 0)::float8 FROM pg_stat_database WHERE datname = ANY($1)";

/// Sessions of others in Temporal's databases ($1), except those with our name ($2): all, those in a statement or transaction, those waiting for a lock.
pub(super) const SESSIONS: &str = "SELECT count(*)::float8, (count(*) FILTER (WHERE state <> 'idle'))::float8, \
     (count(*) FILTER (WHERE wait_event_type = 'Lock'))::float8 FROM pg_stat_activity WHERE datname = ANY($1) AND application_name <> $2";

/// Size of a database ($1).
pub(super) const SIZE: &str = "SELECT pg_database_size($1::text::name)::float8";

/// Rows changed in, and dead rows of, all tables of the database of the session.
pub(super) const TABLES: &str = "SELECT coalesce(sum(n_tup_ins), 0)::float8, coalesce(sum(n_tup_upd), 0)::float8, coalesce(sum(n_tup_del), 0)::float8, \
     coalesce(sum(n_dead_tup), 0)::float8 FROM pg_stat_user_tables";

/// Size with indexes and TOAST of each table of the database of the session, and its rows inserted and deleted.
pub(super) const TABLE_SIZES: &str = "SELECT relname::text, pg_total_relation_size(relid)::float8, n_tup_ins::float8, n_tup_del::float8 FROM pg_stat_user_tables";

/// Entries of Temporal's databases ($1). Without their texts: those are in a file that would be read each second.
pub(super) const STATEMENTS: &str = "SELECT d.datname::text, s.queryid, sum(s.calls)::float8, sum(s.rows)::float8, sum(s.total_exec_time)::float8 / 1000 \
     FROM pg_stat_statements(false) s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = ANY($1) AND s.queryid IS NOT NULL GROUP BY 1, 2";

/// The beginning of the texts of some entries ($1).
pub(super) const TEXTS: &str =
    "SELECT queryid, left(query, 2000) FROM pg_stat_statements(true) WHERE queryid = ANY($1)";

/// Whether the extension is in this database, whether we may see others' statements, and the server's version.
pub(super) const ABOUT: &str = "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'), \
     pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), current_setting('server_version_num')::int4";

/// Which of some names ($1) are databases.
pub(super) const WHICH: &str = "SELECT datname::text FROM pg_database WHERE datname = ANY($1)";

/// WAL records, full-page images, bytes, fsyncs and milliseconds of fsync (0 where `track_wal_io_timing` is off).
///
/// Version 14 has the view; in 18 the fsyncs moved to `pg_stat_io`.
pub(super) fn wal(version: i32) -> Option<&'static str> {
    match version {
        180_000.. => Some(
            "SELECT w.wal_records::float8, w.wal_fpi::float8, w.wal_bytes::float8, i.fsyncs::float8, i.fsync_time::float8 FROM pg_stat_wal w, \
             (SELECT coalesce(sum(fsyncs), 0) AS fsyncs, coalesce(sum(fsync_time), 0) AS fsync_time FROM pg_stat_io WHERE object = 'wal') i",
        ),
        140_000.. => Some(
            "SELECT wal_records::float8, wal_fpi::float8, wal_bytes::float8, wal_sync::float8, wal_sync_time::float8 FROM pg_stat_wal",
        ),
        _ => None,
    }
}

/// Checkpoints begun, and buffers they wrote.
pub(super) fn checkpoints(version: i32) -> &'static str {
    match version {
        170_000.. => "SELECT (num_timed + num_requested)::float8, buffers_written::float8 FROM pg_stat_checkpointer",
        _ => "SELECT (checkpoints_timed + checkpoints_req)::float8, buffers_checkpoint::float8 FROM pg_stat_bgwriter",
    }
}

/// Reads, writes and fsyncs of relation files by all processes; from version 16 on.
pub(super) fn io(version: i32) -> Option<&'static str> {
    (version >= 160_000).then_some(
        "SELECT sum(reads)::float8, sum(writes)::float8, sum(fsyncs)::float8 FROM pg_stat_io WHERE object = 'relation'",
    )
}
