//! History's cache of mutable state: how long a run stays in it that nothing touches.
//!
//! Each history pod keeps the runs touched last, up to its number of entries, for at most an hour. By Che's approximation (Che, Tung, Wang 2002,
//! "Hierarchical Web caching systems") a run falls out of such a cache one characteristic time after its last touch: the time in which
//! as many other runs come into the cache as it has entries. New entries are runs that start and runs that are loaded again; a run is
//! touched in bursts, a step and its tasks, so that one burst is one entry. No object per workflow is kept.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::profile::ServerSettings;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use crate::engine::Schedule;

/// The cache of all history pods together.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateCache {
    /// Entries of all pods.
    entries: f64,
    longest: Nanos,
    /// How long a run stays after its last touch.
    pub stays: Nanos,
}

/// Fewest new entries from which their rate is told.
const FEWEST: u64 = 100;

impl StateCache {
    pub(super) fn new(server: &ServerSettings, history_pods: u32) -> Self {
        StateCache {
            entries: f64::from(server.history_cache_entries) * f64::from(history_pods),
            longest: server.history_cache_ttl,
            stays: server.history_cache_ttl,
        }
    }

    /// Looks at how many entries came within a time.
    fn look(&mut self, came: u64, within: Nanos) {
        if came >= FEWEST {
            let characteristic = within.as_secs_f64() * self.entries / came as f64;
            self.stays = Nanos::from_secs_f64(characteristic.min(self.longest.as_secs_f64()));
        }
    }
}

impl Model {
    /// Whether a run that nothing touched for so long has left the cache. Counts it.
    pub(super) fn left_the_cache(&mut self, wait: Nanos) -> bool {
        let cold = wait > self.state_cache.stays;
        self.work.cold_loads += u64::from(cold);
        cold
    }

    /// Follows the rate at which runs come into the cache.
    pub(super) fn look_at_cache(&mut self, now: Nanos) {
        self.state_cache.look(self.runs_made + self.work.cold_loads, now);
    }

    /// The timer of a time-out that comes when its run has left the cache: the run is loaded, and found to need nothing. In the
    /// simulation it comes a little after its cause, as many as come in the long run (see [`Model`]).
    pub(super) fn late_timeout(&mut self, shard: u32, timeout: Nanos, schedule: &mut Schedule<Event>) {
        if timeout > self.state_cache.stays && timeout < Nanos::FOREVER {
            self.work.cold_loads += 1;
            let delay = Nanos((self.random.skip.uniform() * 1e9) as u64);
            schedule.after(delay, Event::LateTimeout(shard));
        }
    }

    /// Its time has come.
    pub(super) fn late_timeout_due(&mut self, shard: u32, schedule: &mut Schedule<Event>) {
        self.background(OperationKind::ColdLoad, shard, schedule);
        self.background(OperationKind::TimeoutNoop, shard, schedule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stays_until_as_many_others_came_as_there_are_entries() {
        let mut cache = StateCache::new(&ServerSettings { history_cache_entries: 500, ..ServerSettings::default() }, 2);
        assert_eq!(cache.stays, Nanos::from_secs(3_600));
        cache.look(99, Nanos::from_secs(1));
        assert_eq!(cache.stays, Nanos::from_secs(3_600), "too few to tell a rate");
        // 50 a second come, 1,000 have room.
        cache.look(5_000, Nanos::from_secs(100));
        assert_eq!(cache.stays, Nanos::from_secs(20));
        cache.look(100, Nanos::from_secs(100_000));
        assert_eq!(cache.stays, Nanos::from_secs(3_600), "never longer than the server keeps them");
    }
}
