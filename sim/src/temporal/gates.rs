//! Where a chain meets what has failed: a gate before a call to a service, before statements, and after a commit.
//!
//! Behind a gate everything works. Before it a caller is refused and tries again, each as it does: an SDK's client by its policy, a queue
//! task of the server by its own, and what holds a shard or waits for a shard's new owner goes on in the instant it can. When a wait ends is
//! known when it begins, so that only the last try is an event; the others are counted.

use std::collections::BTreeMap;

use plimsoll_profiles::random::Stream;
use plimsoll_profiles::units::Nanos;

use super::failures::{CONNECTION_AGE, Failures, LostPod};
use super::model::Model;
use super::state::{Chain, Purpose};
use super::visits::Process;

/// A place where a chain may be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// A call to the frontend.
    Frontend,
    /// A call to matching.
    Matching,
    /// A call to the owner of the chain's shard, or a task of its queues.
    History,
    /// Statements, before a shard is taken for them.
    Database,
    /// Statements of a chain that holds a shard or a request in its hands.
    Connection,
    /// A commit's answer.
    Durable,
}

/// What a chain finds there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Nothing.
    Open,
    /// It comes again after this time.
    Closed(Nanos),
    /// It opens a connection, which costs the database this.
    Opens(Nanos),
}

/// CPU of a new connection in the database: a process is forked and the password hashed. Assumed.
const CONNECTION_CPU: Nanos = Nanos::from_millis(5);
/// A call to a machine that is gone ends with its deadline (Go SDK: `defaultRPCTimeout`).
const CALL_TIMEOUT: Nanos = Nanos::from_secs(10);
/// An SDK tries a call again for so long (Go SDK: `retryServiceOperationExpirationInterval`).
const TRIED_FOR: Nanos = Nanos::from_secs(60);

/// A retry policy.
#[derive(Clone, Copy, Debug)]
struct Backoff {
    initial: Nanos,
    factor: f64,
    maximum: Nanos,
}

/// Clients and answers of workers (Go SDK: `grpc_dialer.go`, 200 ms, doubled, a tenth of 60 s at most).
const CALL: Backoff = Backoff { initial: Nanos::from_millis(200), factor: 2.0, maximum: Nanos::from_secs(6) };
/// Polls (Go SDK: `internal_worker_base.go`).
const POLL: Backoff = Backoff { initial: Nanos::from_millis(200), factor: 2.0, maximum: Nanos::from_secs(10) };
/// Tasks of the server's queues (server: `common/util.go`, `taskReschedule…`).
const TASK: Backoff = Backoff { initial: Nanos::from_secs(1), factor: 1.1, maximum: Nanos::from_secs(180) };

impl Backoff {
    /// The first try that comes `until` or later, of a call that fails now; and how many tries that makes. Each wait is a fifth shorter at most
    /// (the jitter of `ExponentialRetryPolicy`, the same in server and SDK).
    fn first_after(&self, now: Nanos, until: Nanos, random: &mut Stream) -> (Nanos, u64) {
        let (mut at, mut wait, mut tries) = (now, self.initial, 0);
        while at < until || tries == 0 {
            at += Nanos((wait.0 as f64 * (0.8 + 0.2 * random.uniform())) as u64);
            wait = Nanos((wait.0 as f64 * self.factor) as u64).min(self.maximum);
            tries += 1;
        }
        (at, tries)
    }
}

/// Chains that wait before a gate.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// Since when.
    since: BTreeMap<u32, Nanos>,
}

impl Waiting {
    /// How many.
    pub fn len(&self) -> usize {
        self.since.len()
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// A client outside.
    Client,
    /// A worker that answers.
    Worker,
    /// A worker that polls.
    Poller,
    /// A task of the server.
    Server,
}

impl Caller {
    fn of(chain: &Chain, frontend: bool) -> Caller {
        match chain.purpose {
            Purpose::PollWorkflow | Purpose::PollActivity => Caller::Poller,
            Purpose::Start
            | Purpose::Message
            | Purpose::Update
            | Purpose::Signal
            | Purpose::SentUpdate
            | Purpose::Query
            | Purpose::Cancel
            | Purpose::Result
                if frontend =>
            {
                Caller::Client
            }
            _ if frontend => Caller::Worker,
            _ => Caller::Server,
        }
    }

    fn policy(self) -> Backoff {
        match self {
            Caller::Client | Caller::Worker => CALL,
            Caller::Poller => POLL,
            Caller::Server => TASK,
        }
    }
}

impl Model {
    /// A chain comes to a gate.
    #[cold]
    #[inline(never)]
    pub(super) fn at_gate(&mut self, id: u32, gate: Gate, now: Nanos) -> Met {
        let Some(failures) = &mut self.failures else { return Met::Open };
        let chain = &mut self.chains[id];
        let caller = Caller::of(chain, self.calibration.operation(chain.operation).frontend > 0);
        let wait = match gate {
            Gate::Frontend => failures.before_frontend(chain, caller, now),
            Gate::Matching => failures.before_matching(chain, caller, now),
            Gate::History => failures.before_history(chain, caller, now),
            Gate::Database if now < failures.database_back => Some(failures.tries(caller, now, failures.database_back)),
            Gate::Connection | Gate::Durable if now < failures.database_back => Some((failures.database_back, 1)),
            Gate::Connection if failures.to_open > 0 => {
                failures.to_open -= 1;
                failures.counts.connections_opened += 1;
                failures.passes(id, caller, now);
                return Met::Opens(CONNECTION_CPU);
            }
            Gate::Database | Gate::Connection | Gate::Durable => None,
        };
        let Some((at, tries)) = wait else {
            failures.passes(id, caller, now);
            return Met::Open;
        };
        failures.counts.retries += tries;
        let counts = &mut failures.counts;
        failures.waiting.since.entry(id).or_insert_with(|| {
            counts.failed_calls += 1;
            now
        });
        Met::Closed(at - now)
    }
}

impl Failures {
    fn tries(&mut self, caller: Caller, now: Nanos, until: Nanos) -> (Nanos, u64) {
        caller.policy().first_after(now, until, &mut self.random)
    }

    /// A chain that may have waited goes on.
    fn passes(&mut self, id: u32, caller: Caller, now: Nanos) {
        let Some(since) = self.waiting.since.remove(&id) else { return };
        let waited = now - since;
        self.counts.longest_wait = self.counts.longest_wait.max(waited);
        self.counts.given_up += u64::from(waited > TRIED_FOR && matches!(caller, Caller::Client | Caller::Worker));
    }

    fn before_frontend(&mut self, chain: &mut Chain, caller: Caller, now: Nanos) -> Option<(Nanos, u64)> {
        if caller == Caller::Poller && (now < self.region_back || self.cut[chain.worker_of_poll()]) {
            // Its worker has ended it: it is parked where it would have waited.
            return None;
        }
        let until = self.region_back.max(self.refused_until(chain, caller, now));
        if now < until {
            return Some(self.tries(caller, now, until));
        }
        let pods = &self.services[Process::Frontend as usize];
        let pod = pods[usize::from(chain.pods[0])];
        if pod.lost == 0 {
            return None;
        }
        if now >= pod.known {
            return match another(pods, &mut self.random) {
                Some(other) => {
                    chain.pods[0] = other;
                    None
                }
                None if caller == Caller::Poller => None,
                None => {
                    let back = first_back(pods);
                    Some(self.tries(caller, now, back))
                }
            };
        }
        // Refused, or never answered; the next try goes to any pod.
        chain.pods[0] = self.random.below(pods.len() as u64) as u16;
        let failed = if pod.hangs { now + CALL_TIMEOUT } else { now };
        let (at, tries) = caller.policy().first_after(failed, failed, &mut self.random);
        Some((at, tries))
    }

    /// Until when a caller without a connection is refused one; zero for one that has a connection.
    fn refused_until(&mut self, chain: &Chain, caller: Caller, now: Nanos) -> Nanos {
        let (from, until) = self.certificate;
        if now < from || now >= until {
            return Nanos::ZERO;
        }
        let refused = match caller {
            Caller::Worker => self.cut[chain.worker as usize],
            // Clients are many, and their connections of any age.
            Caller::Client => self.random.uniform() * CONNECTION_AGE.as_secs_f64() < (now - from).as_secs_f64(),
            Caller::Poller | Caller::Server => false,
        };
        if refused { until } else { Nanos::ZERO }
    }

    fn before_matching(&mut self, chain: &mut Chain, caller: Caller, now: Nanos) -> Option<(Nanos, u64)> {
        let pods = &self.services[Process::Matching as usize];
        let pod = pods[usize::from(chain.pods[2])];
        if pod.lost == 0 {
            return None;
        }
        let until = match another(pods, &mut self.random) {
            Some(other) if now >= pod.known => {
                chain.pods[2] = other;
                return None;
            }
            Some(_) => pod.known,
            None => first_back(pods),
        };
        Some(self.tries(caller, now, until))
    }

    fn before_history(&mut self, chain: &mut Chain, caller: Caller, now: Nanos) -> Option<(Nanos, u64)> {
        let (owner, from) = self.shards.of(chain.shard);
        if now >= from {
            chain.pods[1] = owner;
            return None;
        }
        match caller {
            // A shard's queues begin with its new owner.
            Caller::Server | Caller::Poller => Some((from, 1)),
            Caller::Client | Caller::Worker => Some(self.tries(caller, now, from)),
        }
    }
}

impl Chain {
    fn worker_of_poll(&self) -> usize {
        self.target as usize
    }
}

/// Any pod that is not lost.
fn another(pods: &[LostPod], random: &mut Stream) -> Option<u16> {
    let left = pods.iter().filter(|pod| pod.lost == 0).count() as u64;
    if left == 0 {
        return None;
    }
    let nth = random.below(left) as usize;
    pods.iter().enumerate().filter(|(_, pod)| pod.lost == 0).nth(nth).map(|(index, _)| index as u16)
}

fn first_back(pods: &[LostPod]) -> Nanos {
    pods.iter().map(|pod| pod.back).min().unwrap_or(Nanos::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_profiles::random::Streams;

    #[test]
    fn a_call_is_tried_again_as_its_policy_says() {
        let mut random = Streams::new(1).stream("test", "backoff", 0);
        for until in [0, 150, 400, 5_000, 60_000] {
            let (at, tries) = CALL.first_after(Nanos::ZERO, Nanos::from_millis(until), &mut random);
            // 200, 400, 800, … 6,000 ms, each up to a fifth shorter.
            let longest: u64 = (0..tries as u32).map(|n| (200_u64 << n.min(5)).min(6_000)).sum();
            assert!(at >= Nanos::from_millis(until));
            assert!(at.0 <= longest * 1_000_000 && at.0 >= longest * 800_000, "{until}: {at} of {longest} ms, {tries}");
            assert!(at <= Nanos::from_millis(until.max(200)) + CALL.maximum);
        }
        assert_eq!(CALL.first_after(Nanos::ZERO, Nanos::ZERO, &mut random).1, 1);
    }
}
