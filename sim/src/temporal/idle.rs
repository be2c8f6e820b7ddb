//! What an empty cluster does: polls of queues that have nothing, and workers' polls that find nothing.
//!
//! Measured on 64 shards: 7 to 16 statements a second and 45 to 80 ms of CPU a second in all. What of it grows with the shards is not
//! measured; it follows from the server's intervals ([src] server 1.31, `common/dynamicconfig/constants.go`): each shard's transfer,
//! visibility and outbound queues look for tasks once a minute, its timer queue once in five minutes, and the shard's own row is
//! written (BEGIN, SELECT … FOR UPDATE, UPDATE, COMMIT) once in five minutes. So 512 shards ask 34 times a second for nothing, and 16 K shards
//! 1,100 times.
//!
//! A worker's long poll ends empty after a minute, and is made again: a request to the frontend and one to matching.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model, job};
use super::requests::QueueCall;
use super::visits::Process;
use crate::engine::Schedule;

/// Shards of the cluster whose idle load the calibration holds.
const MEASURED_SHARDS: f64 = 64.0;
/// Looks of one shard's queues per second: three once a minute, one in five minutes.
const LOOKS: f64 = 3.0 / 60.0 + 1.0 / 300.0;
/// Statements of one shard per second: a look is one, the shard's own row four in five minutes.
const STATEMENTS: f64 = LOOKS + 4.0 / 300.0;
/// Statements a second of the measured cluster: the middle of 7 to 16.
const MEASURED_STATEMENTS: f64 = 11.5;
/// How long a poll waits at its queue (`matching.longPollExpirationInterval`).
const LONG_POLL: Nanos = Nanos::from_secs(60);
/// Time between two portions of idle work.
const PORTION: Nanos = Nanos::from_millis(100);
/// The work of no chain.
pub(super) const IDLE_JOB: u32 = (1 << 29) - 1;

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
            // A look wakes the process, and is about as much work as serving a request.
            history: with(cpu.idle_history, LOOKS * (cpu.history_request + cpu.history_wake).as_secs_f64())
                + cpu.idle_worker,
            matching: cpu.idle_matching,
            database: with(cpu.idle_database, STATEMENTS * cpu.database_statement.as_secs_f64()),
            statements: (MEASURED_STATEMENTS + more * STATEMENTS).max(0.0),
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
            let hosts = &self.groups[process as usize].hosts;
            let host = hosts[self.random.background.below(hosts.len() as u64) as usize];
            let polling = per_poll * polls;
            self.work.cpu[process as usize] += polling;
            let demand = Nanos(per_second.0 * PORTION.0 / 1_000_000_000) + polling;
            self.hosts[host as usize].arrive(schedule.now(), job(IDLE_JOB, process), demand);
            self.wake_host(host, schedule);
        }
        schedule.after(PORTION, Event::Idle);
    }

    /// Long polls that end empty in this portion: those that wait, over the length of a poll. Counted as requests.
    fn empty_polls(&mut self) -> u64 {
        if self.provider.is_some() {
            return 0;
        }
        let waiting = [self.workflow_tasks.pollers(), self.activity_tasks.pollers()];
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
    use super::*;

    #[test]
    fn the_idle_load_of_the_measured_cluster_is_what_was_measured() {
        let load = IdleLoad::of(&Calibration::reference(), 64);
        assert!((7.0..=16.0).contains(&load.statements), "{load:?}");
        let milliseconds = load.cpu().as_secs_f64() * 1e3;
        assert!((45.0..=80.0).contains(&milliseconds), "{milliseconds} ms a second");
    }

    #[test]
    fn an_empty_cluster_asks_more_the_more_shards_it_has() {
        let statements = |shards| IdleLoad::of(&Calibration::reference(), shards).statements;
        // 3 looks a minute, a fifth of one for the timers, and four statements in five minutes.
        let per_shard = (statements(16_384) - statements(4)) / 16_380.0;
        assert!((per_shard * 60.0 - (3.0 + 0.2 + 0.8)).abs() < 1e-9, "{per_shard}");
        assert!(statements(4) > 5.0 && statements(4) < statements(64));
        assert!((1_050.0..1_150.0).contains(&statements(16_384)), "{}", statements(16_384));
    }
}
