//! Which history pod owns which shard, and from when on.

use plimsoll_profiles::units::Nanos;

use super::failures::LostPod;

/// Shards that a pod acquires at a time (`history.acquireShardConcurrency`, 10 by default).
const AT_A_TIME: u64 = 10;
/// Round trips of one acquisition: the shard's row is read, and written with a new range id in a transaction (`GetOrCreateShard`,
/// `UpdateShard`: a SELECT; BEGIN, SELECT … FOR UPDATE, UPDATE, COMMIT).
const ROUND_TRIPS: u64 = 5;

/// The owner of every shard. One with several permits is several here, which are acquired together.
#[derive(Clone, Debug)]
pub(super) struct ShardMoves {
    pods: u32,
    /// Permits of a shard.
    permits: u64,
    /// One acquisition.
    acquisition: Nanos,
    owner: Vec<u16>,
    /// From when on the owner serves it.
    from: Vec<Nanos>,
}

impl ShardMoves {
    /// Every shard with its own pod.
    pub(super) fn new(shards: u32, permits: u32, pods: u32, statement_trip: Nanos, flush: Nanos) -> Self {
        let shards = shards * permits;
        ShardMoves {
            pods,
            permits: permits.into(),
            acquisition: statement_trip * ROUND_TRIPS + flush,
            owner: (0..shards).map(|shard| (shard % pods) as u16).collect(),
            from: vec![Nanos::ZERO; shards as usize],
        }
    }

    /// A shard's pod, and from when on it serves the shard.
    #[inline]
    pub(super) fn of(&self, shard: u32) -> (u16, Nanos) {
        (self.owner[shard as usize], self.from[shard as usize])
    }

    /// How many shards moved, by what [`ShardMoves::assign`] says.
    pub(super) fn count(&self, moved: &[bool]) -> u64 {
        (moved.iter().filter(|moved| **moved).count() as u64).div_ceil(self.permits)
    }

    /// The pods are not those they were: shards of lost ones go to the others in turn, and go home when theirs is back. `takes` is the time
    /// before the acquisitions, and whether these come on top of it. Says of each shard whether it moved.
    pub(super) fn assign(&mut self, pods: &[LostPod], now: Nanos, takes: (Nanos, bool)) -> Vec<bool> {
        let left: Vec<u16> = (0..self.pods as u16).filter(|pod| pods[usize::from(*pod)].lost == 0).collect();
        let back = pods.iter().map(|pod| pod.back).min().unwrap_or(now);
        let mut acquired = vec![0_u64; self.pods as usize];
        let mut moved = vec![false; self.owner.len()];
        for shard in 0..self.owner.len() {
            let home = (shard as u32 % self.pods) as u16;
            let owner = match (pods[usize::from(home)].lost, left.len()) {
                (0, _) | (_, 0) => home,
                (_, others) => left[shard / self.pods as usize % others],
            };
            if owner == self.owner[shard] && !left.is_empty() {
                continue;
            }
            let turn = acquired[usize::from(owner)] / (AT_A_TIME * self.permits) + 1;
            acquired[usize::from(owner)] += 1;
            let (before, on_top) = takes;
            let acquisitions = if on_top { self.acquisition * turn } else { Nanos::ZERO };
            let begin = if left.is_empty() { back } else { now + before };
            moved[shard] = true;
            self.owner[shard] = owner;
            self.from[shard] = begin + acquisitions;
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(lost: &[u32]) -> Vec<LostPod> {
        let back = Nanos::from_secs(60);
        lost.iter().map(|lost| LostPod { lost: *lost, back, ..LostPod::default() }).collect()
    }

    #[test]
    fn the_shards_of_a_lost_pod_are_shared_evenly_and_come_home() {
        let mut moves = ShardMoves::new(60, 1, 3, Nanos::from_millis(1), Nanos::from_millis(5));
        let now = Nanos::from_secs(10);
        let moved = moves.assign(&pods(&[0, 1, 0]), now, (Nanos::from_secs(5), true));
        assert!((0..60).all(|shard| moved[shard] == (shard % 3 == 1)));
        let to = |pod| (0..60).filter(|shard| shard % 3 == 1 && moves.of(*shard).0 == pod).count();
        assert_eq!((to(0), to(2)), (10, 10));
        // Ten at a time, 10 ms each: all of a pod's ten at once.
        assert!((0..60).filter(|shard| shard % 3 == 1).all(|shard| moves.of(shard).1 == Nanos::from_millis(15_010)));
        let home = moves.assign(&pods(&[0, 0, 0]), Nanos::from_secs(60), (Nanos::ZERO, true));
        assert_eq!(home, moved);
        // Twenty come home to one pod.
        let last = (0..60).map(|shard| moves.of(shard)).max_by_key(|owned| owned.1);
        assert_eq!(last, Some((1, Nanos::from_millis(60_020))));
    }

    #[test]
    fn a_shard_with_several_permits_is_acquired_once() {
        let mut moves = ShardMoves::new(60, 4, 3, Nanos::from_millis(1), Nanos::from_millis(5));
        let moved = moves.assign(&pods(&[0, 1, 0]), Nanos::from_secs(10), (Nanos::from_secs(5), true));
        assert_eq!((moved.len(), moves.count(&moved)), (240, 20));
        let latest = (0..240).map(|permit| moves.of(permit).1).max();
        assert_eq!(latest, Some(Nanos::from_millis(15_010)), "ten shards of each of the two pods at once");
    }

    #[test]
    fn with_no_pod_left_shards_wait_for_the_first_that_is_back() {
        let mut moves = ShardMoves::new(4, 1, 1, Nanos::ZERO, Nanos::ZERO);
        let moved = moves.assign(&pods(&[1]), Nanos::from_secs(10), (Nanos::from_secs(5), true));
        assert_eq!(moved, [true; 4]);
        assert!((0..4).all(|shard| moves.of(shard) == (0, Nanos::from_secs(60))));
    }

    #[test]
    fn a_move_that_is_given_takes_exactly_as_long() {
        let mut moves = ShardMoves::new(512, 1, 4, Nanos::from_millis(1), Nanos::from_millis(5));
        moves.assign(&pods(&[1, 0, 0, 0]), Nanos::from_secs(10), (Nanos::from_secs(20), false));
        assert!((0..512).step_by(4).all(|shard| moves.of(shard).1 == Nanos::from_secs(30)));
    }
}
