//! The database of a cluster: PostgreSQL, visibility, backups, archival.

use super::Span;
use crate::units::{Bytes, Nanos, Probability};

/// The persistence store.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// What and which version, e.g. "PostgreSQL 15".
    pub engine: String,
    /// Cores; `None`: the planner chooses.
    pub vcpu: Option<u32>,
    /// Memory; `None`: the planner chooses.
    pub memory: Option<Bytes>,
    /// Most cores the planner may answer with.
    pub max_vcpu: u32,
    /// Time of one WAL flush to stable storage.
    pub fsync: Span,
    /// Provisioned I/O operations per second; `None`: not a limit.
    pub iops: Option<u32>,
    /// Provisioned storage; `None`: the planner chooses.
    pub storage: Option<Bytes>,
    /// `checkpoint_timeout`.
    pub checkpoint_interval: Nanos,
    /// `checkpoint_completion_target`, from 0 to 1.
    pub checkpoint_completion_target: f64,
    /// `max_wal_size`.
    pub max_wal_size: Bytes,
    /// What a commit waits for.
    pub synchronous_commit: SynchronousCommit,
    /// `commit_delay`.
    pub commit_delay: Nanos,
    /// `commit_siblings`.
    pub commit_siblings: u32,
    /// What the disk is, for the report.
    pub storage_class: StorageClass,
    /// Added to every commit for a synchronous replica; zero: there is none.
    pub replica_commit_delay: Nanos,
    /// Added to that under [`SynchronousCommit::RemoteApply`].
    pub replica_apply_delay: Nanos,
    /// Bytes left of each byte of a payload above 2 kB.
    pub toast_compression: Probability,
    /// `autovacuum_vacuum_scale_factor`, above 0.
    pub autovacuum_scale_factor: f64,
    /// PgBouncer in between.
    pub pgbouncer: Option<PgBouncer>,
}

impl Database {
    /// What a commit waits for beside the local flush.
    pub fn commit_wait(&self) -> Nanos {
        match self.synchronous_commit {
            SynchronousCommit::Off | SynchronousCommit::Local => Nanos::ZERO,
            SynchronousCommit::On => self.replica_commit_delay,
            SynchronousCommit::RemoteApply => self.replica_commit_delay + self.replica_apply_delay,
        }
    }
}

/// What a commit waits for: PostgreSQL's `synchronous_commit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynchronousCommit {
    /// Nothing; the WAL writer flushes every `wal_writer_delay`.
    Off,
    /// The local flush.
    Local,
    /// The local flush and the synchronous replica's.
    On,
    /// That, and the replica's having applied it.
    RemoteApply,
}

/// What the disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageClass {
    /// A disk in the machine.
    LocalSsd,
    /// A network block device.
    NetworkSsd,
}

/// PgBouncer in transaction pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PgBouncer {
    /// Connections to PostgreSQL, all together; at least one.
    pub server_connections: u32,
    /// CPU of one statement, on the database's machine.
    pub cpu_per_statement: Nanos,
    /// Added to each statement's round trip.
    pub hop: Nanos,
}

/// Where visibility is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Visibility {
    /// The same PostgreSQL server as everything else.
    Database,
    /// A PostgreSQL server of its own.
    SeparateDatabase {
        /// Cores; `None`: the planner chooses.
        vcpu: Option<u32>,
        /// Time of one WAL flush.
        fsync: Span,
    },
    /// Elasticsearch or OpenSearch.
    Elasticsearch(Elasticsearch),
}

/// Elasticsearch as Temporal's visibility store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elasticsearch {
    /// Longest wait of a document before its bulk request is sent.
    pub flush_interval: Nanos,
    /// Bytes of one document with its part of the index.
    pub document_size: Bytes,
    /// Copies beside the primary.
    pub replicas: u32,
}

/// Backups of the database, and what they promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backup {
    /// How long daily backups are kept.
    pub keep: Nanos,
    /// Bytes of a backup for each byte of tables and indexes.
    pub compression: Probability,
    /// Bytes of archived WAL for each byte written.
    pub wal_compression: Probability,
    /// How often WAL is archived.
    pub wal_archive_interval: Nanos,
    /// Bytes of database that a restore brings back in a second; above 0.
    pub restore_per_second: Bytes,
    /// Bytes of WAL that recovery replays in a second; above 0.
    pub replay_per_second: Bytes,
    /// Longest time to be without a database.
    pub rto: Nanos,
    /// Longest time whose writes may be lost.
    pub rpo: Nanos,
}

/// Closed histories go to object storage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Archival {
    /// How long they are kept there; `None`: for ever.
    pub keep: Option<Nanos>,
    /// Bytes there for each byte of events in the database.
    pub expansion: f64,
}
