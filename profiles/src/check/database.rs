//! Checks of the database, visibility, backups and archival, and their defaults.

use super::Checker;
use crate::profile::{
    Archival, Backup, Database, Elasticsearch, PgBouncer, Span, StorageClass, SynchronousCommit, Visibility,
};
use crate::raw::cluster::RawAuto;
use crate::raw::database::{
    RawArchival, RawBackup, RawDatabase, RawPgBouncer, RawStorageClass, RawSynchronousCommit, RawVisibility,
    RawVisibilityStore,
};
use crate::units::{Bytes, Nanos, Probability};

/// PostgreSQL's largest `commit_delay`.
const MAX_COMMIT_DELAY: Nanos = Nanos::from_millis(100);

impl Checker {
    pub(super) fn database(&mut self, raw: RawDatabase) -> Database {
        let storage_class = match raw.storage_class {
            Some(RawStorageClass::LocalSsd) => StorageClass::LocalSsd,
            Some(RawStorageClass::NetworkSsd) | None => StorageClass::NetworkSsd,
        };
        let vcpu = self.not_zero("vcpu", raw.vcpu.and_then(RawAuto::fixed), "cores");
        let max_vcpu = self.not_zero("max_vcpu", raw.max_vcpu, "cores").unwrap_or(vcpu.unwrap_or(1).max(128));
        if vcpu.is_some_and(|vcpu| vcpu > max_vcpu) {
            self.note("vcpu", "more cores than max_vcpu allows", "above max_vcpu", "raise max_vcpu, or lower vcpu");
        }
        self.not_zero("iops", raw.iops, "I/O operations per second");
        for (key, size) in [("memory", raw.memory), ("storage", raw.storage)] {
            if size == Some(Bytes(0)) {
                let help = format!("give the {key}, or leave it out and the planner chooses");
                self.note(key, format!("zero {key}"), "zero", help);
            }
        }
        let replica_commit_delay = raw.replica_commit_delay.unwrap_or(Nanos::ZERO);
        Database {
            engine: self.name("engine", raw.engine.unwrap_or_else(|| "PostgreSQL 15".to_owned())),
            vcpu,
            memory: raw.memory,
            max_vcpu,
            fsync: raw.fsync.map_or_else(|| flush(storage_class), |span| self.span("fsync", span)),
            iops: raw.iops,
            storage: raw.storage,
            checkpoint_interval: self.checkpoint_interval(raw.checkpoint_interval),
            checkpoint_completion_target: self.number(
                "checkpoint_completion_target",
                raw.checkpoint_completion_target.unwrap_or(0.9),
                0.0,
                1.0,
            ),
            max_wal_size: self.max_wal_size(raw.max_wal_size),
            synchronous_commit: self.synchronous_commit(raw.synchronous_commit, replica_commit_delay),
            commit_delay: self.commit_delay(raw.commit_delay),
            commit_siblings: raw.commit_siblings.unwrap_or(5),
            storage_class,
            replica_commit_delay,
            replica_apply_delay: raw.replica_apply_delay.unwrap_or(Nanos::from_millis(1)),
            toast_compression: raw.toast_compression.unwrap_or(Probability::ONE),
            autovacuum_scale_factor: self.number(
                "autovacuum_scale_factor",
                raw.autovacuum_scale_factor.unwrap_or(0.2),
                0.001,
                1.0,
            ),
            pgbouncer: raw.pgbouncer.map(|raw| self.under("pgbouncer", |c| c.pgbouncer(&raw))),
        }
    }

    /// PostgreSQL's own bounds of `checkpoint_timeout`: 30 s to 1 day.
    fn checkpoint_interval(&mut self, raw: Option<Nanos>) -> Nanos {
        let interval = raw.unwrap_or(Nanos::from_secs(300));
        if interval < Nanos::from_secs(30) || interval > Nanos::from_secs(86_400) {
            let message = format!("PostgreSQL refuses a checkpoint interval of {interval}");
            self.note("checkpoint_interval", message, "out of range", "give 30s to 1d");
        }
        interval
    }

    /// PostgreSQL wants two WAL segments of 16 MB at least.
    fn max_wal_size(&mut self, raw: Option<Bytes>) -> Bytes {
        let size = raw.unwrap_or(Bytes::gib(1));
        if size < Bytes::mib(32) {
            let message = format!("PostgreSQL refuses a max_wal_size of {size}");
            self.note("max_wal_size", message, "too small", "give 32MiB or more; 1GiB is the default");
        }
        size
    }

    fn commit_delay(&mut self, raw: Option<Nanos>) -> Nanos {
        let delay = raw.unwrap_or(Nanos::ZERO);
        if delay > MAX_COMMIT_DELAY {
            let message = format!("PostgreSQL refuses a commit_delay of {delay}");
            self.note("commit_delay", message, "above 100ms", "give 0s to 100ms; half a flush is a good start");
        }
        delay
    }

    fn synchronous_commit(&mut self, raw: Option<RawSynchronousCommit>, replica: Nanos) -> SynchronousCommit {
        let level = match raw {
            Some(RawSynchronousCommit::Off) => SynchronousCommit::Off,
            Some(RawSynchronousCommit::Local) => SynchronousCommit::Local,
            Some(RawSynchronousCommit::On) | None => SynchronousCommit::On,
            Some(RawSynchronousCommit::RemoteApply) => SynchronousCommit::RemoteApply,
        };
        if level == SynchronousCommit::RemoteApply && replica == Nanos::ZERO {
            self.note(
                "synchronous_commit",
                "remote_apply waits for a synchronous replica, and there is none",
                "no replica",
                "say what the replica adds to a commit, e.g. replica_commit_delay = \"1ms\"; or leave this out",
            );
        }
        level
    }

    fn pgbouncer(&mut self, raw: &RawPgBouncer) -> PgBouncer {
        if raw.server_connections == 0 {
            let help = "give 1 or more, e.g. four for each core of the database";
            self.note("server_connections", "zero server connections", "must be at least 1", help);
        }
        PgBouncer {
            server_connections: raw.server_connections.max(1),
            // Assumed: a PgBouncer process forwards some 50,000 statements a second on its one core.
            cpu_per_statement: raw.cpu_per_statement.unwrap_or(Nanos::from_micros(20)),
            // Assumed: one more process on the way, in the same zone.
            hop: raw.hop.unwrap_or(Nanos::from_micros(100)),
        }
    }

    pub(super) fn visibility(&mut self, raw: RawVisibility, fsync: &Span) -> Visibility {
        let store = raw.store.unwrap_or(RawVisibilityStore::Database);
        let separate = matches!(store, RawVisibilityStore::SeparateDatabase);
        let elasticsearch = matches!(store, RawVisibilityStore::Elasticsearch);
        let given = [
            ("vcpu", raw.vcpu.is_some(), separate, "separate_database"),
            ("fsync", raw.fsync.is_some(), separate, "separate_database"),
            ("flush_interval", raw.flush_interval.is_some(), elasticsearch, "elasticsearch"),
            ("document_size", raw.document_size.is_some(), elasticsearch, "elasticsearch"),
            ("replicas", raw.replicas.is_some(), elasticsearch, "elasticsearch"),
        ];
        for (key, present, wanted, store) in given {
            if present && !wanted {
                let message = format!("{key} belongs to store = \"{store}\"");
                self.note(key, message, "of another store", format!("say store = \"{store}\", or leave {key} out"));
            }
        }
        match store {
            RawVisibilityStore::Database => Visibility::Database,
            RawVisibilityStore::SeparateDatabase => Visibility::SeparateDatabase {
                vcpu: self.not_zero("vcpu", raw.vcpu.and_then(RawAuto::fixed), "cores"),
                fsync: raw.fsync.map_or_else(|| fsync.clone(), |span| self.span("fsync", span)),
            },
            RawVisibilityStore::Elasticsearch => Visibility::Elasticsearch(Elasticsearch {
                flush_interval: raw.flush_interval.unwrap_or(Nanos::from_secs(1)),
                document_size: self.above_zero("document_size", raw.document_size.unwrap_or(Bytes(1_500))),
                replicas: raw.replicas.unwrap_or(1),
            }),
        }
    }

    fn above_zero(&mut self, key: &str, size: Bytes) -> Bytes {
        if size == Bytes(0) {
            self.note(key, format!("{key} is zero"), "zero", "give a size above zero, e.g. \"200MiB\"");
        }
        Bytes(size.0.max(1))
    }

    pub(super) fn backup(&mut self, raw: &RawBackup) -> Backup {
        let hour = Nanos::from_secs(3600);
        let backup = Backup {
            // Daily backups, 30 days of them, WAL hourly, RTO 15 minutes, RPO 1 hour: the source document's section on
            // backup and recovery.
            keep: raw.keep.unwrap_or(Nanos::from_secs(30 * 86_400)),
            // Assumed: indexes, four fifths of it, compress well; payloads that are compressed already do not.
            compression: raw.compression.unwrap_or(Probability::new(0.25)),
            wal_compression: raw.wal_compression.unwrap_or(Probability::new(0.4)),
            wal_archive_interval: raw.wal_archive_interval.unwrap_or(hour),
            // Assumed: object storage onto a network disk of 250 MB/s.
            restore_per_second: self
                .above_zero("restore_per_second", raw.restore_per_second.unwrap_or(Bytes::mib(200))),
            // Assumed: recovery is one process.
            replay_per_second: self.above_zero("replay_per_second", raw.replay_per_second.unwrap_or(Bytes::mib(50))),
            rto: raw.rto.unwrap_or(Nanos::from_secs(900)),
            rpo: raw.rpo.unwrap_or(hour),
        };
        if backup.keep < Nanos::from_secs(86_400) {
            let message = format!("daily backups are kept for {}", backup.keep);
            self.note("keep", message, "below 1d", "keep at least one daily backup: 1d or more");
        }
        for (key, span) in
            [("wal_archive_interval", backup.wal_archive_interval), ("rto", backup.rto), ("rpo", backup.rpo)]
        {
            if span == Nanos::ZERO {
                self.note(key, format!("{key} is zero"), "zero", "give a duration above zero, e.g. \"5min\"");
            }
        }
        backup
    }

    pub(super) fn archival(&mut self, raw: &RawArchival) -> Archival {
        // Assumed: an archive is the events as JSON with payloads in base64.
        Archival { keep: raw.keep, expansion: self.number("expansion", raw.expansion.unwrap_or(2.0), 0.01, 100.0) }
    }
}

/// One WAL flush where the profile does not say.
fn flush(class: StorageClass) -> Span {
    match class {
        // The mean is measured on the calibration machine. An idle flush there takes half of it, so its spread is wide: cv 1 assumed.
        StorageClass::LocalSsd => Span::MeanCv { mean: Nanos::from_micros(580), cv: 1.0 },
        // Assumed: a replicated network block device acknowledges a write in 1 to 2 ms.
        StorageClass::NetworkSsd => Span::MeanCv { mean: Nanos::from_micros(1_500), cv: 0.5 },
    }
}
