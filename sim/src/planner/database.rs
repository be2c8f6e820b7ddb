//! The database beside its cores: memory, I/O, connections.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Bytes, Nanos, Rate};

use super::demand::Demand;
use super::storage::Storage;
use crate::temporal::{Outcome, SystemSize};

/// What the database needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatabaseSize {
    /// Cores.
    pub vcpu: u32,
    /// Memory.
    pub memory: Bytes,
    /// Reads from disk per second.
    pub read_iops: f64,
    /// Writes to disk per second: WAL flushes, and pages that checkpoints write back.
    pub write_iops: f64,
    /// Bytes at the end of the retention.
    pub storage: Bytes,
    /// WAL bytes per second, full-page images included.
    pub wal_bytes_per_second: f64,
    /// Connections the services may open.
    pub connections: u32,
    /// Bytes touched often: live rows and the hot end of the visibility indexes.
    pub working_set: Bytes,
}

/// PostgreSQL's page.
const PAGE: f64 = 8192.0;
/// Managed PostgreSQL is sold with 4 GiB per core (general purpose) and more.
const MEMORY_PER_CORE: Bytes = Bytes::gib(4);
/// Part of memory that caches pages, `shared_buffers` and the operating system's cache together; the rest is connections and work memory.
const CACHE_SHARE: f64 = 0.75;
/// Upper levels of the indexes per row kept: 74 indexes on visibility, one inner entry of about 100 bytes per leaf page of 100 entries.
const INDEX_UPPER_BYTES: f64 = 74.0;
/// Pages of a workflow that was not touched for long: its execution row, side tables and history.
const COLD_PAGES: f64 = 6.0;

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
        let seconds = outcome.measured.as_secs_f64();
        let work = &outcome.measured_work;
        let retention = profile.growth.retention;
        let stored = storage.after(Nanos::FOREVER, mean_rate, retention, lifetime);
        let open = mean_rate.as_per_second() * lifetime.as_secs_f64();
        // What is touched again soon: everything of workflows that started or closed within the last hour (history's own cache
        // holds that long), and the upper levels of the visibility indexes.
        let hour = 3600.0_f64;
        let stored_rows = stored / storage.per_workflow().max(1.0);
        let working_set = mean_rate.as_per_second() * hour * storage.per_workflow() + stored_rows * INDEX_UPPER_BYTES;
        let vcpu = size.database.get().ceil() as u32;
        let by_cores = MEMORY_PER_CORE.0 * u64::from(vcpu);
        let by_set = Bytes::gib(((working_set / CACHE_SHARE) / Bytes::gib(1).0 as f64).ceil() as u64);
        let cap = MEMORY_PER_CORE.0 * 4 * u64::from(vcpu);
        let memory = profile.cluster.database.memory.unwrap_or(Bytes(by_cores.max(by_set.0).min(cap)));
        let starts = outcome.measured_offered as f64 / seconds;
        // What is left of the cache holds pages of workflows that wait; the rest of those is on disk when they go on.
        let visibility = storage.tables.last().map_or(0.0, |table| table.per_workflow);
        let waiting = open * (storage.per_workflow() - visibility);
        let spare = (memory.0 as f64 * CACHE_SHARE - working_set).max(0.0);
        let missed = 1.0 - (spare / waiting.max(1.0)).min(1.0);
        let cold_loads = demand.per_workflow(demand.work.cold_loads);
        let read_iops = starts * cold_loads * COLD_PAGES * missed;
        // A page that closed workflows fill is written back about twice: by the checkpoint that sees it half full, and full.
        let dirty = starts * storage.per_workflow() / PAGE * 2.0;
        let checkpoint = profile.cluster.database.checkpoint_interval.as_secs_f64().max(1.0);
        // Each page is written whole into the WAL once per checkpoint: at most the pages dirtied, at most the working set.
        let images = dirty.min(working_set / PAGE / checkpoint) * calibration.wal.full_page_image.0 as f64;
        let pods = |count: u32| count * (profile.cluster.max_connections + profile.cluster.visibility_max_connections);
        DatabaseSize {
            vcpu,
            memory,
            read_iops,
            write_iops: work.fsyncs as f64 / seconds + dirty,
            storage: Bytes(stored as u64),
            wal_bytes_per_second: work.wal_bytes as f64 / seconds + images,
            connections: pods(
                size.frontend.count + size.history.count + size.matching.count + size.worker_service.count,
            ),
            working_set: Bytes(working_set as u64),
        }
    }
}

impl Demand {
    /// A counter of the pilot per workflow.
    pub fn per_workflow(&self, counter: u64) -> f64 {
        counter as f64 / self.workflows.max(1.0)
    }
}
