//! The database beside its cores: memory, I/O, checkpoints, vacuum, connections.
//!
//! # Equations
//! λ starts per second, `k` runs each, `n` runs kept, P = 8 KiB. `D(x)` is the distinct pages that `x` runs touch
//! (`temporal::Pages`), I the bytes of a full-page image, w the WAL bytes of a workflow without images.
//! * Time between checkpoints T: `checkpoint_timeout`, or less where w λ T + I D(k λ T) reaches
//!   `max_wal_size` / (1 + `checkpoint_completion_target`).
//! * WAL = w λ + I D(k λ T) / T.
//! * Pages written = (D(k λ T) + λ T · bytes grown / P) / T, over the part of T that `checkpoint_completion_target` gives.
//! * Write IOPS = WAL flushes + pages written + pages that vacuum cleans: it dirties each page that workflows grew once more.
//! * Reads of vacuum: a table with `d` dead rows per run is passed over each time they are the scale factor s of its rows:
//!   k λ d / s per second times the index bytes of a row / P, read in 128 KiB, as far as they are not cached.
//! * Read IOPS = loads of runs that waited, as far as their pages are not cached, + vacuum's.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{Profile, SynchronousCommit, Visibility};
use plimsoll_profiles::units::{Bytes, Nanos, Rate};

use super::demand::Demand;
use super::storage::{Recovery, Storage};
use crate::temporal::{Outcome, PAGE, Pages, SystemSize, TOUCHED_AGAIN, wal_between_checkpoints};

/// What the database needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatabaseSize {
    /// Cores.
    pub vcpu: u32,
    /// Cores of visibility's own server; 0 where there is none.
    pub visibility_vcpu: u32,
    /// Memory.
    pub memory: Bytes,
    /// Reads from disk per second.
    pub read_iops: f64,
    /// Writes to disk per second: WAL flushes, pages that checkpoints write back, vacuum.
    pub write_iops: f64,
    /// Of these, pages that a checkpoint writes while it is at it.
    pub checkpoint_pages_per_second: f64,
    /// Time between two checkpoints at this rate.
    pub checkpoint_interval: Nanos,
    /// `max_wal_size` with which checkpoints come by time.
    pub max_wal_size_needed: Bytes,
    /// Of the WAL, full-page images: from 0 to 1.
    pub full_page_share: f64,
    /// Cores that vacuum uses.
    pub vacuum_cores: f64,
    /// Bytes at the end of the retention.
    pub storage: Bytes,
    /// WAL bytes per second, full-page images included.
    pub wal_bytes_per_second: f64,
    /// Connections that the services may open.
    pub connections: u32,
    /// Connections that PostgreSQL sees: PgBouncer's where there is one.
    pub server_connections: u32,
    /// Bytes touched often: live rows and the hot end of the visibility indexes.
    pub working_set: Bytes,
    /// Documents to Elasticsearch per second.
    pub documents_per_second: f64,
    /// Backups and what they promise, at the mean rate.
    pub recovery: Recovery,
}

/// Managed PostgreSQL is sold with 4 GiB per core (general purpose) and more.
const MEMORY_PER_CORE: Bytes = Bytes::gib(4);
/// Part of memory that caches pages, `shared_buffers` and the operating system's cache together; the rest is connections and work memory. Assumed.
const CACHE_SHARE: f64 = 0.75;
/// Upper levels of the indexes per row kept: 74 indexes on visibility, one inner entry of about 100 bytes per leaf page of 100 entries. Derived.
const INDEX_UPPER_BYTES: f64 = 74.0;
/// Pages of a workflow that was not touched for long: its execution row, side tables and history. Derived from the nine SELECTs of a load.
const COLD_PAGES: f64 = 6.0;
/// Pages that one read of vacuum brings: Linux reads ahead 128 KiB.
const READ_AHEAD_PAGES: f64 = 16.0;
/// CPU of vacuum per index page. Assumed.
const VACUUM_PAGE: Nanos = Nanos::from_micros(10);
/// Dead rows that vacuum finds per run: two versions and the deleted row of visibility; the deleted row and a fifth of its
/// updates in `executions` and `current_executions` (four fifths are heap-only and pruned in passing: replayed).
const DEAD_VISIBILITY: f64 = 3.0;
const DEAD_EXECUTIONS: f64 = 2.4;

/// Checkpoints at a rate.
struct Checkpoint {
    interval: f64,
    pages: f64,
    wal_needed: f64,
}

impl Checkpoint {
    /// `wal` bytes per second without images, `touched` distinct pages after so many seconds.
    fn of(profile: &Profile, wal: f64, image: f64, touched: impl Fn(f64) -> f64) -> Self {
        let database = &profile.cluster.database;
        let timeout = database.checkpoint_interval.as_secs_f64().max(1.0);
        let written = |seconds: f64| wal * seconds + image * touched(seconds);
        let limit = wal_between_checkpoints(database);
        let interval = if written(timeout) <= limit {
            timeout
        } else {
            // `written` rises with time.
            let (mut low, mut high) = (0.0, timeout);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if written(middle) < limit { low = middle } else { high = middle }
            }
            high.max(1.0)
        };
        let wal_needed = written(timeout) * (1.0 + database.checkpoint_completion_target);
        Checkpoint { interval, pages: touched(interval), wal_needed }
    }
}

impl DatabaseSize {
    /// Sizes the database for a simulated peak.
    ///
    /// `rate` is the planned peak, `mean_rate` the mean over the schedule at the same time, `lifetime` the mean time a workflow is open.
    pub fn of(
        profile: &Profile,
        calibration: &Calibration,
        storage: &Storage,
        demand: &Demand,
        (size, outcome): (&SystemSize, &Outcome),
        mean_rate: Rate,
        lifetime: Nanos,
    ) -> Self {
        let database = &profile.cluster.database;
        let seconds = outcome.measured.as_secs_f64();
        let work = &outcome.measured_work;
        let retention = profile.growth.retention;
        let mean = mean_rate.as_per_second();
        let stored = storage.after(Nanos::FOREVER, mean_rate, retention, lifetime);
        let open = mean * lifetime.as_secs_f64();
        let starts = outcome.measured_offered as f64 / seconds;
        let runs = demand.per_workflow(demand.work.closed_runs).max(1.0);

        // What is touched again soon: everything of workflows that started or closed within the last hour (history's own cache
        // holds that long), and the upper levels of the visibility indexes.
        let hour = 3600.0_f64;
        let stored_rows = stored / storage.per_workflow().max(1.0);
        let working_set = mean * hour * storage.per_workflow() + stored_rows * INDEX_UPPER_BYTES;
        let vcpu = size.database.get().ceil() as u32;
        let by_cores = MEMORY_PER_CORE.0 * u64::from(vcpu);
        let by_set = Bytes::gib(((working_set / CACHE_SHARE) / Bytes::gib(1).0 as f64).ceil() as u64);
        let cap = MEMORY_PER_CORE.0 * 4 * u64::from(vcpu);
        let memory = database.memory.unwrap_or(Bytes(by_cores.max(by_set.0).min(cap)));
        let cache = memory.0 as f64 * CACHE_SHARE;

        let own_visibility = matches!(profile.cluster.visibility, Visibility::SeparateDatabase { .. });
        let main_visibility = profile.cluster.visibility == Visibility::Database;
        let pages = Pages::of(calibration, stored_rows * runs, size.history_shards, !is_elasticsearch(profile));
        let cold = demand.per_workflow(demand.work.cold_loads);
        let touched = |rate: f64| {
            let pages = &pages;
            move |seconds: f64| pages.touched((runs + cold * TOUCHED_AGAIN / 10.0) * rate * seconds)
        };
        let image = calibration.wal.full_page_image.0 as f64;
        let wal = work.wal_bytes as f64 / seconds;
        let checkpoint = Checkpoint::of(profile, wal, image, touched(starts));
        let images = image * checkpoint.pages / checkpoint.interval;
        let grown = starts * storage.per_workflow() / PAGE;
        let pages_written = checkpoint.pages / checkpoint.interval + grown;

        let waiting = open * (storage.per_workflow() - if main_visibility { storage.visibility() } else { 0.0 });
        let spare = (cache - working_set).max(0.0);
        let missed = 1.0 - (spare / waiting.max(1.0)).min(1.0);
        let uncached = (1.0 - cache / stored.max(1.0)).clamp(0.0, 1.0);
        let passes = vacuum_pages(profile, storage, starts * runs, runs);
        let fsyncs = match database.synchronous_commit {
            // What the WAL does not flush for commits it writes in pieces of a megabyte (`wal_writer_flush_after`).
            SynchronousCommit::Off => (work.fsyncs as f64 / seconds).max(wal / Bytes::mib(1).0 as f64),
            _ => work.fsyncs as f64 / seconds,
        };
        // The mean day's WAL: images as of the mean rate.
        let mean_wal = mean * wal / starts.max(1e-9);
        let quiet = Checkpoint::of(profile, mean_wal, image, touched(mean));
        let mean_wal = mean_wal + image * quiet.pages / quiet.interval;

        let cluster = &profile.cluster;
        let per_pod = cluster.max_connections + visibility_connections(profile);
        let pods = size.frontend.count + size.history.count + size.matching.count + size.worker_service.count;
        let separate = if own_visibility { visibility_connections(profile) } else { 0 };
        let direct = pods * (per_pod - separate);
        let archived = mean * profile.growth.horizon.as_secs_f64() * storage.events;
        DatabaseSize {
            vcpu,
            visibility_vcpu: if own_visibility { size.visibility_database.get().ceil() as u32 } else { 0 },
            memory,
            read_iops: starts * cold * COLD_PAGES * missed + passes / READ_AHEAD_PAGES * uncached,
            write_iops: fsyncs + pages_written + grown,
            checkpoint_pages_per_second: pages_written / database.checkpoint_completion_target.max(0.05),
            checkpoint_interval: Nanos::from_secs_f64(checkpoint.interval),
            max_wal_size_needed: Bytes(checkpoint.wal_needed as u64),
            full_page_share: images / (wal + images).max(1.0),
            vacuum_cores: passes * VACUUM_PAGE.as_secs_f64(),
            storage: Bytes(stored as u64),
            wal_bytes_per_second: wal + images,
            connections: pods * per_pod,
            server_connections: database.pgbouncer.map_or(direct, |bouncer| bouncer.server_connections),
            working_set: Bytes(working_set as u64),
            documents_per_second: work.documents as f64 / seconds,
            recovery: Recovery::of(profile, stored, mean_wal, archived),
        }
    }
}

fn is_elasticsearch(profile: &Profile) -> bool {
    matches!(profile.cluster.visibility, Visibility::Elasticsearch(_))
}

/// Connections of one pod to a visibility store in PostgreSQL.
fn visibility_connections(profile: &Profile) -> u32 {
    if is_elasticsearch(profile) { 0 } else { profile.cluster.visibility_max_connections }
}

/// Pages that vacuum reads per second, all tables, at so many closed runs per second.
fn vacuum_pages(profile: &Profile, storage: &Storage, closed: f64, runs: f64) -> f64 {
    let scale = profile.cluster.database.autovacuum_scale_factor;
    let pages: f64 = storage
        .tables
        .iter()
        .filter(|table| !table.elasticsearch)
        .map(|table| {
            let dead = match table.table {
                "executions_visibility" => DEAD_VISIBILITY,
                "executions" | "current_executions" => DEAD_EXECUTIONS,
                // Only what the retention deletes.
                _ => 1.0,
            };
            dead * table.indexes / runs / PAGE
        })
        .sum();
    closed * pages / scale
}

impl Demand {
    /// A counter of the pilot per workflow.
    pub fn per_workflow(&self, counter: u64) -> f64 {
        counter as f64 / self.workflows.max(1.0)
    }
}
