//! The server's rate limits: token buckets, and what a caller does when one is empty.
//!
//! Each frontend, history and matching pod admits requests at its rate, with a burst; one too many is answered with
//! `ResourceExhausted`. The SDK makes the call again after a second, then two, up to ten (Go: `internal_worker_base.go`, 1 s to 10 s; Java, Core:
//! 1 s for congestion), each within a fifth at random. The same is assumed of callers inside the server.

use std::collections::BTreeMap;

use plimsoll_profiles::profile::ServerSettings;
use plimsoll_profiles::random::Stream;
use plimsoll_profiles::units::{Nanos, Rate};

use super::system::SystemSize;
use super::visits::Process;

/// First back-off after `ResourceExhausted`.
const FIRST_BACKOFF: Nanos = Nanos::from_secs(1);
/// The longest.
const LONGEST_BACKOFF: Nanos = Nanos::from_secs(10);
/// Burst of the limits per pod, in seconds of their rate ([src] `common/quotas`: incoming burst ratio 2).
const HOST_BURST: f64 = 2.0;
/// Services with limits of their own.
const LIMITED: usize = 3;

/// A token bucket as a generic cell rate algorithm: exact in integers, and free of drift.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Time between two requests at the rate.
    gap: u64,
    /// How far ahead of the rate a burst may be.
    ahead: u64,
    /// When the bucket is full again.
    full_at: u64,
}

impl Bucket {
    fn new(rate: Rate, burst_seconds: f64) -> Self {
        let gap = 1e9 / rate.as_per_second();
        let tokens = libm::floor((rate.as_per_second() * burst_seconds).max(1.0));
        Bucket { gap: gap as u64, ahead: (gap * (tokens - 1.0)) as u64, full_at: 0 }
    }

    /// Admits so many requests at once, one at least, or none of them.
    #[inline]
    fn admits(&mut self, now: Nanos, requests: u32) -> bool {
        let full_at = self.full_at.max(now.0);
        let requests = u64::from(requests);
        let admitted = full_at - now.0 + self.gap * (requests - 1) <= self.ahead;
        if admitted {
            self.full_at = full_at + self.gap * requests;
        }
        admitted
    }
}

/// The buckets of every pod.
#[derive(Clone, Debug)]
pub(super) struct RateLimits {
    pods: [Vec<Bucket>; LIMITED],
    /// Calls turned away so far, of chains that wait to call again.
    refused: BTreeMap<u32, u32>,
}

impl RateLimits {
    pub(super) fn new(server: &ServerSettings, size: &SystemSize) -> Self {
        let buckets = |rate: Option<Rate>, burst: f64, pods: u32| match rate {
            Some(rate) => vec![Bucket::new(rate, burst); pods as usize],
            None => Vec::new(),
        };
        let frontend = server.frontend_limit();
        let burst = if frontend == server.namespace_rps { server.namespace_burst_ratio } else { HOST_BURST };
        RateLimits {
            pods: [
                buckets(frontend, burst, size.frontend.count),
                buckets(server.history_rps, HOST_BURST, size.history.count),
                buckets(server.matching_rps, HOST_BURST, size.matching.count),
            ],
            refused: BTreeMap::new(),
        }
    }

    /// Whether any pod of this process refuses calls.
    pub(super) fn limits(server: &ServerSettings, process: Process) -> bool {
        match process {
            Process::Frontend => server.frontend_limit().is_some(),
            Process::History => server.history_rps.is_some(),
            Process::Matching => server.matching_rps.is_some(),
            Process::Database | Process::Worker | Process::VisibilityDatabase => false,
        }
    }

    /// Asks a pod to serve so many requests of a chain: none, or the time after which to ask again.
    #[inline(always)]
    pub(super) fn ask(
        &mut self,
        process: Process,
        pod: usize,
        requests: u32,
        chain: u32,
        now: Nanos,
        random: &mut Stream,
    ) -> Option<Nanos> {
        if self.pods[process as usize][pod].admits(now, requests) {
            if !self.refused.is_empty() {
                self.forget(chain);
            }
            return None;
        }
        Some(self.back_off(chain, random))
    }

    /// A chain that may have been turned away is admitted.
    #[cold]
    fn forget(&mut self, chain: u32) {
        self.refused.remove(&chain);
    }

    /// How long a chain that was turned away waits before it asks again.
    #[cold]
    fn back_off(&mut self, chain: u32, random: &mut Stream) -> Nanos {
        let times = self.refused.entry(chain).or_insert(0);
        let wait = Nanos(FIRST_BACKOFF.0 << (*times).min(4)).min(LONGEST_BACKOFF);
        *times += 1;
        Nanos((wait.0 as f64 * (0.8 + 0.4 * random.uniform())) as u64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bucket_admits_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(Rate::per_second(100.0), 2.0);
        let at_once = (0..1_000).filter(|_| bucket.admits(Nanos::from_secs(5), 1)).count();
        assert_eq!(at_once, 200);
        // A thousand calls a second for ten seconds: a tenth of them.
        let later = (0..10_000).filter(|n| bucket.admits(Nanos::from_secs(5) + Nanos::from_millis(*n), 1)).count();
        assert!((later as i64 - 1_000).abs() <= 1, "{later}");
        // After two idle seconds the burst is back.
        assert_eq!((0..1_000).filter(|_| bucket.admits(Nanos::from_secs(60), 1)).count(), 200);
    }

    #[test]
    fn a_call_that_is_refused_waits_longer_each_time_up_to_ten_seconds() {
        let profile = ServerSettings { namespace_rps: Some(Rate::per_second(1.0)), ..ServerSettings::default() };
        let text = "name = \"t\"\n[arrivals]\nphases = [{ for = \"1min\", rate = \"1/s\" }]\n[[workflow]]\ntype = \"W\"\nsteps = [{ timer = \"1s\" }]\n";
        let document = plimsoll_profiles::Document::parse(text, "test.toml", &[]).unwrap();
        let size = SystemSize::of(&document.profile(&plimsoll_profiles::World::mid()).unwrap());
        let mut limits = RateLimits::new(&profile, &size);
        let mut random = plimsoll_profiles::random::Streams::new(1).stream("test", "backoff", 0);
        let mut ask = |now| limits.ask(Process::Frontend, 0, 1, 7, now, &mut random);
        assert_eq!((ask(Nanos::ZERO), ask(Nanos::ZERO)), (None, None), "the burst is two seconds of the rate");
        let waits: Vec<f64> = (0..6).map(|_| ask(Nanos::ZERO).unwrap().as_secs_f64()).collect();
        for (wait, middle) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 10.0, 10.0]) {
            assert!((0.8 * middle..=1.2 * middle).contains(wait), "{waits:?}");
        }
        // Once served it starts anew.
        assert_eq!(ask(Nanos::from_secs(100)), None);
    }
}
