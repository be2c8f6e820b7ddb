//! The connection pools of all pods.

use super::state::Chain;
use super::visits::{Pool, Process};
use crate::engine::ConnectionPool;

/// Kinds of pool that pods have, in the order of [`Pool`].
const OF_PODS: usize = 3;

/// One pool per pod and kind, and PgBouncer's.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    pools: Vec<ConnectionPool>,
    /// By kind, where its pools begin; at the end, PgBouncer's.
    first: [usize; OF_PODS + 1],
}

impl Pools {
    /// So many pools of so many connections at most, of history's, matching's and visibility's, and PgBouncer's if there is one.
    pub(super) fn new(of_pods: [(u32, u32); OF_PODS], server: Option<u32>) -> Self {
        let mut table = Pools { pools: Vec::new(), first: [0; OF_PODS + 1] };
        for (kind, (count, max)) in of_pods.into_iter().enumerate() {
            table.pools.extend((0..count).map(|_| ConnectionPool::new(max)));
            table.first[kind + 1] = table.pools.len();
        }
        table.pools.extend(server.map(ConnectionPool::new));
        table
    }

    /// A chain's.
    #[inline]
    pub(super) fn of(&mut self, pool: Pool, chain: &Chain) -> &mut ConnectionPool {
        let pod = match pool {
            Pool::History | Pool::Visibility => Process::History,
            Pool::Matching => Process::Matching,
            Pool::Server => Process::Database,
        };
        &mut self.pools[self.first[pool as usize] + chain.pod(pod) as usize]
    }

    /// All of a kind.
    pub(super) fn all(&self, pool: Pool) -> &[ConnectionPool] {
        &self.pools[self.range(pool)]
    }

    /// All of a kind, for their reports.
    pub(super) fn all_mut(&mut self, pool: Pool) -> &mut [ConnectionPool] {
        let range = self.range(pool);
        &mut self.pools[range]
    }

    /// Every one.
    pub(super) fn every_mut(&mut self) -> &mut [ConnectionPool] {
        &mut self.pools
    }

    fn range(&self, pool: Pool) -> std::ops::Range<usize> {
        let end = self.first.get(pool as usize + 1).copied().unwrap_or(self.pools.len());
        self.first[pool as usize]..end
    }
}
