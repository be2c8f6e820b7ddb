//! Bytes on disk.
//!
//! # Equations
//! Per started workflow, from what the pilot counted (runs `r`, rows of `history_node` `n`, event bytes `e`, of these `p` in
//! payloads of rows above 2 kB, of which PostgreSQL leaves the part `c`):
//! * `history_node` = n · row + (e − p) + p · c; every other table = r · its bytes (`[bytes]` of the calibration, as grown);
//! * stored after `t` of starts at λ with retention R and lifetime L: λ · min(t, R + L) · the sum (Little's law);
//! * tasks of the queues are deleted about every 20 s: they keep their tables at what a checkpoint interval leaves.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Profile, Visibility};
use plimsoll_profiles::units::{Bytes, Nanos, Rate};

use super::demand::Demand;
use crate::temporal::Work;

/// One table with its indexes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableSize {
    /// Its name.
    pub table: &'static str,
    /// Bytes that one started workflow leaves there when it is closed, indexes included.
    pub per_workflow: f64,
    /// Of these, indexes.
    pub indexes: f64,
    /// Whether it is in Elasticsearch and not in PostgreSQL.
    pub elasticsearch: bool,
}

/// What closed workflows leave in the database.
#[derive(Clone, Debug)]
pub struct Storage {
    /// By table; visibility is the last.
    pub tables: Vec<TableSize>,
    /// Bytes of events per workflow, payloads uncompressed: what archival writes.
    pub events: f64,
}

/// Part of a table's bytes that is index, as grown on the replayed schema (7,800 runs; visibility has its own two numbers).
const HISTORY_NODE_INDEX: f64 = 102.0;
const EXECUTIONS_INDEX: f64 = 157.0;
const CURRENT_INDEX: f64 = 130.0;
const TREE_INDEX: f64 = 79.0;
const TIMER_INDEX: f64 = 60.0;

/// Bytes by table of one started workflow, from the work that `workflows` of them made: the counterpart of
/// `pg_total_relation_size` before and after, divided by workflows. PostgreSQL grows in pages of 8 KiB and fills free space first,
/// so one measured table may be off by a few pages over all workflows of a run.
pub fn per_workflow(profile: &Profile, calibration: &Calibration, work: &Work, workflows: f64) -> Storage {
    let bytes = &calibration.bytes;
    let per = |count: u64| count as f64 / workflows.max(1.0);
    let runs = per(work.closed_runs);
    let rows = per(work.history_rows);
    let large = per(work.large_payload_bytes);
    let events = per(work.history_bytes).max(large);
    let kept = events - large * (1.0 - profile.cluster.database.toast_compression.get());
    let per_run = |size: Bytes| runs * size.0 as f64;
    let table = |table, per_workflow, indexes: f64| TableSize { table, per_workflow, indexes, elasticsearch: false };
    let mut tables = vec![
        table("history_node", rows * bytes.history_node_row.0 as f64 + kept, rows * HISTORY_NODE_INDEX),
        table("executions", per_run(bytes.executions), runs * EXECUTIONS_INDEX),
        table("current_executions", bytes.current_executions.0 as f64, CURRENT_INDEX),
        table("history_tree", per_run(bytes.history_tree), runs * TREE_INDEX),
        table("timer_tasks", per_run(bytes.timer_tasks), runs * TIMER_INDEX),
    ];
    tables.push(match &profile.cluster.visibility {
        Visibility::Elasticsearch(elasticsearch) => {
            let copies = f64::from(elasticsearch.replicas + 1);
            let size = runs * elasticsearch.document_size.0 as f64 * copies;
            TableSize { table: "executions_visibility", per_workflow: size, indexes: 0.0, elasticsearch: true }
        }
        _ => {
            let indexes = per_run(bytes.visibility_indexes);
            table("executions_visibility", per_run(bytes.visibility_heap) + indexes, indexes)
        }
    });
    Storage { tables, events }
}

impl Storage {
    /// From what the pilot wrote per workflow.
    pub fn of(profile: &Profile, calibration: &Calibration, demand: &Demand) -> Self {
        per_workflow(profile, calibration, &demand.work, demand.workflows)
    }

    /// Bytes per workflow, all tables of PostgreSQL.
    pub fn per_workflow(&self) -> f64 {
        self.tables.iter().filter(|table| !table.elasticsearch).map(|table| table.per_workflow).sum()
    }

    /// Bytes per workflow of visibility, wherever it is.
    pub fn visibility(&self) -> f64 {
        self.tables.last().map_or(0.0, |table| table.per_workflow)
    }

    /// Bytes of PostgreSQL after `age` of starts at `rate`, with workflows kept for `retention` after their close and open
    /// for `lifetime` before.
    pub fn after(&self, age: Nanos, rate: Rate, retention: Nanos, lifetime: Nanos) -> f64 {
        let kept = age.min(retention + lifetime).as_secs_f64();
        rate.as_per_second() * kept * self.per_workflow()
    }
}

/// Backups, WAL archive and what they promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// Bytes of all daily backups kept.
    pub backups: f64,
    /// How many.
    pub backups_kept: f64,
    /// WAL written in a day, at the mean rate.
    pub wal_per_day: f64,
    /// Archived WAL kept: as far back as the backups go.
    pub wal_archive: f64,
    /// Longest time to restore: the newest backup, and the WAL of a whole day.
    pub restore: Nanos,
    /// Longest time whose writes are lost.
    pub lost: Nanos,
    /// Bytes of archived histories at the horizon, all that were started until then; 0 without archival.
    pub archive: f64,
}

impl Recovery {
    /// Restore = stored / restore rate + a day's WAL / replay rate: a physical backup, the newest almost a day old. (A dump as the
    /// sources make it has no WAL to replay, and builds every index anew: slower, and all since the dump is lost.)
    pub fn of(profile: &Profile, storage: f64, wal_per_second: f64, archived_events: f64) -> Self {
        const DAY: f64 = 86_400.0;
        let backup = &profile.cluster.backup;
        let days = (backup.keep.as_secs_f64() / DAY).max(1.0);
        let wal_per_day = wal_per_second * DAY;
        let seconds = storage / backup.restore_per_second.0 as f64 + wal_per_day / backup.replay_per_second.0 as f64;
        let archive = profile.cluster.archival.map_or(0.0, |archival| archival.expansion * archived_events);
        Recovery {
            backups: days * storage * backup.compression.get(),
            backups_kept: days,
            wal_per_day,
            wal_archive: days * wal_per_day * backup.wal_compression.get(),
            restore: Nanos::from_secs_f64(seconds.min(1e9)),
            lost: backup.wal_archive_interval,
            archive,
        }
    }
}
