//! PostgreSQL's commits: the WAL device, what a commit waits for, and checkpoints.
//!
//! * Group commit: commits that come during a flush share the next one (`engine::BatchServer`). A flush takes a time drawn from
//!   the profile's distribution. With Poisson commits at rate λ and flush times S, the share of flushes after which nobody
//!   waits is E[e^(−λS)], so there are 1 / (E[S] + E[e^(−λS)]/λ) flushes a second.
//! * `commit_delay`: where at least `commit_siblings` other connections are in use, a flush begins so much later, and
//!   commits that come until then go with it.
//! * A synchronous replica adds its delay to each commit after the flush; flushes of others go on meanwhile.
//! * `synchronous_commit = off`: a commit waits for nothing; the WAL writer flushes every `wal_writer_delay`.
//! * Row locks need no station of their own: every row of a run belongs to one shard, and the shard's permit is held
//!   over the whole transaction. Visibility rows are written by one queue of one shard, in order.

use plimsoll_profiles::profile::{Database, Profile, Span, SynchronousCommit, Visibility};
use plimsoll_profiles::random::{Distribution, Stream};
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::program::distribution;
use super::visits::Pool;
use crate::engine::{BatchServer, Schedule};

/// `wal_writer_delay`, PostgreSQL's default.
const WAL_WRITER_DELAY: Nanos = Nanos::from_millis(200);

/// The WAL of one PostgreSQL server.
pub(super) struct Wal {
    /// Group commit.
    pub station: BatchServer,
    fsync: Distribution,
    /// How many times as long a flush takes while the disk is slow.
    pub slower: f64,
    delay: Nanos,
    siblings: u32,
    waits: bool,
    replica: Nanos,
    /// Until then commits go with the flush that is to begin.
    begins: Nanos,
    /// The WAL writer's next flush.
    writer: Nanos,
}

impl Wal {
    fn new(database: &Database, fsync: &Span) -> Self {
        Wal {
            station: BatchServer::new(None),
            fsync: distribution(fsync),
            slower: 1.0,
            delay: database.commit_delay,
            siblings: database.commit_siblings,
            waits: database.synchronous_commit != SynchronousCommit::Off,
            replica: database.commit_wait(),
            begins: Nanos::ZERO,
            writer: Nanos::ZERO,
        }
    }

    /// One for each PostgreSQL server of the profile: the main one, and visibility's own.
    pub fn of(profile: &Profile) -> Vec<Self> {
        let database = &profile.cluster.database;
        let mut list = vec![Wal::new(database, &database.fsync)];
        if let Visibility::SeparateDatabase { fsync, .. } = &profile.cluster.visibility {
            list.push(Wal::new(database, fsync));
        }
        list
    }

    /// A flush begins: how long until it ends.
    fn flush(&mut self, now: Nanos, busy: impl FnOnce() -> u32, stream: &mut Stream) -> Nanos {
        let delay = if self.delay > Nanos::ZERO && busy() > self.siblings { self.delay } else { Nanos::ZERO };
        self.begins = now + delay;
        let flush = self.fsync.sample(stream);
        delay + if self.slower > 1.0 { Nanos((flush.0 as f64 * self.slower) as u64) } else { flush }
    }
}

impl Model {
    /// A commit on a server's WAL. True when the chain goes on at once.
    pub(super) fn flush_commit(&mut self, server: usize, id: u32, schedule: &mut Schedule<Event>) -> bool {
        let now = schedule.now();
        let pools = self.pools.all(Pool::History);
        let busy = || pools.iter().map(|pool| pool.in_use()).sum();
        let wal = &mut self.wals[server];
        if !wal.waits {
            if now >= wal.writer {
                wal.writer = now + WAL_WRITER_DELAY;
                self.work.fsyncs += 1;
            }
            return true;
        }
        if now < wal.begins {
            wal.station.join(now, id);
            return false;
        }
        if wal.station.arrive(now, id) {
            self.work.fsyncs += 1;
            let takes = wal.flush(now, busy, &mut self.random.fsync);
            schedule.after(takes, Event::Flushed(server as u8));
        }
        false
    }

    #[inline(never)]
    pub(super) fn wal_flushed(&mut self, server: u8, schedule: &mut Schedule<Event>) {
        let mut flushed = std::mem::take(&mut self.flushed);
        flushed.clear();
        let now = schedule.now();
        let pools = self.pools.all(Pool::History);
        let busy = || pools.iter().map(|pool| pool.in_use()).sum();
        let wal = &mut self.wals[usize::from(server)];
        let (done, again) = wal.station.complete(now);
        flushed.extend_from_slice(done);
        if again {
            self.work.fsyncs += 1;
            let takes = wal.flush(now, busy, &mut self.random.fsync);
            schedule.after(takes, Event::Flushed(server));
        }
        let replica = wal.replica;
        for &id in &flushed {
            if replica > Nanos::ZERO {
                schedule.after(replica, Event::Step(id));
            } else {
                self.advance(id, schedule);
            }
        }
        self.flushed = flushed;
    }

    /// A run's first rows are written: full-page images, and the checkpoints between them.
    pub(super) fn run_written(&mut self, now: Nanos) {
        let image = self.calibration.wal.full_page_image.0;
        let written = self.work.wal_bytes + self.work.full_page_images * image;
        let state = &mut self.checkpoints;
        if now >= state.next || written >= state.full {
            state.next = now + state.interval;
            state.full = written + state.limit;
            state.images.checkpoint();
            self.work.checkpoints += 1;
        }
        self.work.full_page_images += state.images.run();
    }
}

/// When a checkpoint begins: after `checkpoint_timeout`, or as much WAL as `max_wal_size` allows between two.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    pub interval: Nanos,
    pub limit: u64,
    pub next: Nanos,
    pub full: u64,
    pub images: super::pages::PageImages,
}

/// WAL between the beginnings of two checkpoints, at most: the server aims at `max_wal_size` for one interval and the part of the
/// next that a checkpoint takes (server: `CalculateCheckpointSegments`).
pub fn wal_between_checkpoints(database: &Database) -> f64 {
    database.max_wal_size.0 as f64 / (1.0 + database.checkpoint_completion_target)
}

impl Checkpoints {
    pub fn new(database: &Database, pages: &super::pages::Pages) -> Self {
        let limit = wal_between_checkpoints(database) as u64;
        Checkpoints {
            interval: database.checkpoint_interval,
            limit,
            next: database.checkpoint_interval,
            full: limit,
            images: super::pages::PageImages::new(pages),
        }
    }
}
