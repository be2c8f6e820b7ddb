//! What an empty cluster does: rounds of the shards' queues that find nothing, and workers' polls that find nothing.
//!
//! Measured on new clusters of 4, 64 and 512 shards (`sim/tests/data/idle_by_shards.json`): 3.8, 5.6 and 20.9 statements a second. Every
//! five minutes each shard reads its timer queue and its archival queue twice and deletes up to there once, and writes its own row
//! (BEGIN, SELECT … FOR UPDATE, UPDATE, COMMIT): ten statements. Its transfer and visibility queues, which know that nothing
//! was added, read nothing. What does not depend on shards are reads of namespaces, task queues and memberships.
//!
//! A worker's long poll ends empty after a minute, and is made again: a request to the frontend and one to matching.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::requests::QueueCall;
use super::visits::Process;
use crate::engine::Schedule;

/// Shards of the cluster whose idle load the calibration holds.
const MEASURED_SHARDS: f64 = 64.0;
/// Statements of one shard per second: ten in five minutes.
const STATEMENTS: f64 = 10.0 / 300.0;
/// Statements a second of a cluster apart from its shards (measured).
const OTHER_STATEMENTS: f64 = 3.65;
/// CPU of history per shard (measured: 6.2 ms a second with 4 shards, 32.9 with 512).
const HISTORY_CPU: f64 = 52.5e-6;
/// CPU of the database per shard (measured: 2.7 ms a second with 4 shards, 6.9 with 512).
const DATABASE_CPU: f64 = 8.3e-6;
/// How long a poll waits at its queue (`matching.longPollExpirationInterval`).
const LONG_POLL: Nanos = Nanos::from_secs(60);
/// Time between two portions of idle work.
const PORTION: Nanos = Nanos::from_millis(100);
/// The work of no chain.
pub(super) const IDLE_JOB: u32 = u32::MAX;

/// Load of a cluster without workflows, per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdleLoad {
    /// CPU of all frontend pods.
    pub frontend: Nanos,
    /// CPU of all history pods, and of the internal worker service.
    pub history: Nanos,
    /// CPU of all matching pods.
    pub matching: Nanos,
    /// CPU of the database.
    pub database: Nanos,
    /// Statements.
    pub statements: f64,
}

impl IdleLoad {
    /// Of a cluster with so many history shards.
    pub fn of(calibration: &Calibration, shards: u32) -> Self {
        let cpu = &calibration.cpu;
        let more = f64::from(shards) - MEASURED_SHARDS;
        let with = |measured: Nanos, per_shard: f64| {
            Nanos::from_secs_f64((measured.as_secs_f64() + more * per_shard).max(0.0))
        };
        IdleLoad {
            frontend: cpu.idle_frontend,
            history: with(cpu.idle_history, HISTORY_CPU) + cpu.idle_worker,
            matching: cpu.idle_matching,
            database: with(cpu.idle_database, DATABASE_CPU),
            statements: OTHER_STATEMENTS + f64::from(shards) * STATEMENTS,
        }
    }

    /// CPU of everything.
    pub fn cpu(&self) -> Nanos {
        self.frontend + self.history + self.matching + self.database
    }
}

/// What is left over between portions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idling {
    pub load: IdleLoad,
    /// Empty polls due and not yet made, of workflow tasks and of activities.
    polls: [f64; 2],
}

impl Idling {
    pub(super) fn new(load: IdleLoad) -> Self {
        Idling { load, polls: [0.0; 2] }
    }
}

impl Model {
    /// Every tenth of a second each service uses its share, on one of its pods.
    pub(super) fn idle_work(&mut self, schedule: &mut Schedule<Event>) {
        let polls = self.empty_polls();
        let load = self.idling.load;
        let shares = [
            (Process::Frontend, load.frontend, self.calibration.cpu.frontend_request),
            (Process::History, load.history, Nanos::ZERO),
            (Process::Matching, load.matching, self.calibration.cpu.matching_request),
            (Process::Database, load.database, Nanos::ZERO),
        ];
        for (process, per_second, per_poll) in shares {
            let pod = self.random.background.below(self.pods.of(process).len() as u64) as usize;
            let polling = per_poll * polls;
            let host = self.poll_in_vain(process, pod, polling);
            let demand = Nanos(per_second.0 * PORTION.0 / 1_000_000_000) + polling;
            self.run_idle_work(host, demand, schedule);
        }
        schedule.after(PORTION, Event::Idle);
    }

    /// Long polls that end empty in this portion: those that wait, over the length of a poll. Counted as requests.
    fn empty_polls(&mut self) -> u64 {
        if self.provider.is_some() {
            return 0;
        }
        let waiting = self.waiting_polls();
        let mut polls = 0;
        for (kind, call) in [QueueCall::PollWorkflowTask, QueueCall::PollActivityTask].into_iter().enumerate() {
            let due = &mut self.idling.polls[kind];
            *due += waiting[kind] as f64 * PORTION.0 as f64 / LONG_POLL.0 as f64;
            let whole = libm::floor(*due);
            *due -= whole;
            for _ in 0..whole as u64 {
                self.work.requests.poll(call);
                self.work.requests.forward(call, 0);
            }
            polls += whole as u64;
        }
        polls
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_idle_load_of_the_measured_cluster_is_what_was_measured() {
        let load = IdleLoad::of(&Calibration::reference(), 64);
        let milliseconds = load.cpu().as_secs_f64() * 1e3;
        assert!((45.0..=80.0).contains(&milliseconds), "{milliseconds} ms a second");
    }

    #[test]
    fn an_empty_cluster_asks_more_the_more_shards_it_has_as_measured() {
        let measured: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/idle_by_shards.json")).unwrap();
        let runs = measured["runs"].as_array().unwrap();
        // A minute shows nothing of what happens every five.
        let long = runs.iter().filter(|run| run["window_seconds"].as_f64().unwrap() > 300.0);
        let mut shown = Vec::new();
        for run in long {
            let shards = run["shards"].as_u64().unwrap() as u32;
            let statements = run["statements_per_second"]["temporal"].as_f64().unwrap();
            let load = IdleLoad::of(&Calibration::reference(), shards);
            assert!(
                (load.statements / statements - 1.0).abs() < 0.05,
                "{shards}: {} for {statements}",
                load.statements
            );
            shown.push((
                shards,
                run["cpu_seconds_per_second"]["history"].as_f64().unwrap(),
                load.history.as_secs_f64(),
            ));
        }
        shown.sort_by_key(|run| run.0);
        assert_eq!(shown.iter().map(|run| run.0).collect::<Vec<_>>(), [4, 64, 512]);
        // History's CPU grows by as much.
        let (first, last) = (shown[0], shown[2]);
        let (measured, modelled) = (last.1 - first.1, last.2 - first.2);
        assert!((modelled / measured - 1.0).abs() < 0.05, "{modelled} for {measured}");
        // 16 K shards: about 550 statements a second for nothing.
        assert!((540.0..560.0).contains(&IdleLoad::of(&Calibration::reference(), 16_384).statements));
    }
}
