//! The database of a cluster as it is written: PostgreSQL, visibility, backups, archival.

use schemars::JsonSchema;
use serde::Deserialize;

use super::cluster::RawAuto;
use super::span::RawSpan;
use crate::units::{Bytes, Nanos, Probability};

/// The persistence store.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Database")]
pub(crate) struct RawDatabase {
    /// What and which version. Default: PostgreSQL 15.
    pub engine: Option<String>,
    /// Cores: a number that is fixed, or "auto". Default: auto.
    pub vcpu: Option<RawAuto>,
    /// Memory. Default: the planner chooses.
    pub memory: Option<Bytes>,
    /// Most cores the planner may answer with. Default: 128.
    pub max_vcpu: Option<u32>,
    /// Time of one WAL flush to stable storage. Default: on a local-ssd mean 0.58ms (measured) with cv 1, on a network-ssd mean 1.5ms with cv 0.5 (both assumed).
    pub fsync: Option<RawSpan>,
    /// I/O operations per second that the disk is provisioned for. Default: not a limit.
    pub iops: Option<u32>,
    /// Storage that is provisioned. Default: the planner chooses.
    pub storage: Option<Bytes>,
    /// `checkpoint_timeout`. Default: 5min, PostgreSQL's own.
    pub checkpoint_interval: Option<Nanos>,
    /// `checkpoint_completion_target`: the part of the interval over which a checkpoint writes its pages. Default: 0.9, PostgreSQL's own.
    pub checkpoint_completion_target: Option<f64>,
    /// `max_wal_size`: more WAL than this brings a checkpoint before its time. Default: 1GiB, PostgreSQL's own.
    pub max_wal_size: Option<Bytes>,
    /// `synchronous_commit`: what a commit waits for. Default: on.
    pub synchronous_commit: Option<RawSynchronousCommit>,
    /// `commit_delay`: a flush waits this long for more commits. Default: 0s, PostgreSQL's own.
    pub commit_delay: Option<Nanos>,
    /// `commit_siblings`: other transactions that must be open for `commit_delay` to be waited. Default: 5, PostgreSQL's own.
    pub commit_siblings: Option<u32>,
    /// What the disk is. Default: network-ssd.
    pub storage_class: Option<RawStorageClass>,
    /// Added to every commit for a synchronous replica. Default: 0s, no synchronous replica.
    pub replica_commit_delay: Option<Nanos>,
    /// Added to that where commits wait until the replica has applied them (`remote_apply`). Default: 1ms (assumed).
    pub replica_apply_delay: Option<Nanos>,
    /// Bytes that PostgreSQL's compression (TOAST) leaves of each byte of a payload above 2 kB; 1 for payloads that are encrypted or compressed already. Default: 1.
    pub toast_compression: Option<Probability>,
    /// `autovacuum_vacuum_scale_factor`: dead rows, as a part of all, that start a vacuum. Default: 0.2, PostgreSQL's own.
    pub autovacuum_scale_factor: Option<f64>,
    /// PgBouncer between the services and the database, in transaction pooling. Default: none.
    pub pgbouncer: Option<RawPgBouncer>,
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SynchronousCommit")]
pub(crate) enum RawSynchronousCommit {
    /// Nothing: the last transactions are lost in a crash.
    Off,
    /// The local flush.
    Local,
    /// The local flush and the synchronous replica's, where there is one.
    On,
    /// That, and the replica's having applied it.
    RemoteApply,
}

/// What the disk is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "StorageClass")]
pub(crate) enum RawStorageClass {
    /// A disk in the machine.
    LocalSsd,
    /// A network block device.
    NetworkSsd,
}

/// PgBouncer in transaction pooling: a transaction, or a statement outside one, holds a server connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PgBouncer")]
pub(crate) struct RawPgBouncer {
    /// Connections to PostgreSQL, all of them together (`default_pool_size` of one database and user).
    pub server_connections: u32,
    /// CPU of one statement, on the database's machine. Default: 20us (assumed).
    pub cpu_per_statement: Option<Nanos>,
    /// Added to each statement's round trip. Default: 0.1ms (assumed).
    pub hop: Option<Nanos>,
}

/// Where visibility is kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Visibility")]
pub(crate) struct RawVisibility {
    /// Which store. Default: database.
    pub store: Option<RawVisibilityStore>,
    /// Cores of a separate server: a number that is fixed, or "auto". Default: auto.
    pub vcpu: Option<RawAuto>,
    /// Time of one WAL flush of a separate server. Default: the database's.
    pub fsync: Option<RawSpan>,
    /// Elasticsearch: longest wait of a document before its bulk request is sent (`ESProcessorFlushInterval`). Default: 1s, the server's own.
    pub flush_interval: Option<Nanos>,
    /// Elasticsearch: bytes of one document with its part of the index. Default: 1.5KB (assumed).
    pub document_size: Option<Bytes>,
    /// Elasticsearch: copies beside the primary. Default: 1.
    pub replicas: Option<u32>,
}

/// Which store.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "VisibilityStore")]
pub(crate) enum RawVisibilityStore {
    /// The same PostgreSQL server as everything else.
    Database,
    /// A PostgreSQL server of its own.
    SeparateDatabase,
    /// Elasticsearch or OpenSearch.
    Elasticsearch,
}

/// Backups of the database, and what they promise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Backup")]
pub(crate) struct RawBackup {
    /// How long daily backups are kept. Default: 30d.
    pub keep: Option<Nanos>,
    /// Bytes of a compressed backup for each byte of tables and indexes. Default: 0.25 (assumed).
    pub compression: Option<Probability>,
    /// Bytes of archived WAL for each byte written. Default: 0.4 (assumed).
    pub wal_compression: Option<Probability>,
    /// How often WAL is archived; what was written since is lost with the disk. Default: 1h.
    pub wal_archive_interval: Option<Nanos>,
    /// Bytes of database that a restore brings back in a second. Default: 200MiB (assumed).
    pub restore_per_second: Option<Bytes>,
    /// Bytes of WAL that recovery replays in a second. Default: 50MiB (assumed).
    pub replay_per_second: Option<Bytes>,
    /// Longest time to be without a database (RTO). Default: 15min.
    pub rto: Option<Nanos>,
    /// Longest time whose writes may be lost (RPO). Default: 1h.
    pub rpo: Option<Nanos>,
}

/// Closed histories go to object storage when their retention is over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Archival")]
pub(crate) struct RawArchival {
    /// How long archived histories are kept. Default: for ever.
    pub keep: Option<Nanos>,
    /// Bytes of an archived history for each byte of its events in the database; archives are JSON, so more than 1 unless compressed. Default: 2 (assumed).
    pub expansion: Option<f64>,
}
