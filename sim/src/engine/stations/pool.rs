//! Connection pools.

use super::{Fcfs, Report};
use plimsoll_profiles::units::Nanos;

/// A pool of at most so many connections; those who find none free wait in order.
///
/// Go's `database/sql` with `SetMaxOpenConns` behaves so, and its `DBStats.WaitCount` and `WaitDuration` are
/// [`Report::waited`] and [`Report::waiting_time`].
#[derive(Clone, Debug)]
pub struct ConnectionPool {
    connections: Fcfs,
}

impl ConnectionPool {
    /// A pool of at most `max_connections`.
    pub fn new(max_connections: u32) -> Self {
        ConnectionPool { connections: Fcfs::new(max_connections) }
    }

    /// A task asks for a connection. The answer is the task that gets one now, which is this one or none.
    #[inline(always)]
    pub fn arrive(&mut self, now: Nanos, token: u32) -> Option<u32> {
        self.connections.arrive(now, token)
    }

    /// A task gives its connection back. The answer is the task that gets it now, if any waits.
    #[inline]
    pub fn complete(&mut self, now: Nanos, token: u32) -> Option<u32> {
        self.connections.complete(now, token)
    }

    /// Connections in use.
    pub fn in_use(&self) -> u32 {
        self.connections.busy()
    }

    /// Tasks waiting for a connection.
    pub fn waiting(&self) -> usize {
        self.connections.waiting()
    }

    /// The most connections in use at once since the last reset: what the pool has opened.
    pub fn high_water(&mut self, now: Nanos) -> u64 {
        self.report(now).max_busy
    }

    /// Forgets the measurements so far, at the end of the warm-up; the tasks stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.connections.reset_statistics(now);
    }

    /// The measurements since the last reset; servers are connections.
    pub fn report(&mut self, now: Nanos) -> Report {
        self.connections.report(now)
    }
}
