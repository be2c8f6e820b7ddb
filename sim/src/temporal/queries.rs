//! Queries: answered by a worker from its cache or after a replay, nothing is written of them.
//!
//! A query that finds no workflow task at its run goes to a worker through matching, a task of its own. One that finds a task scheduled or
//! running is kept in history's memory; the next task that starts carries it, and its completion the answer (server,
//! `service/history/api/queryworkflow`, `respondworkflowtaskcompleted`).

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::state::{Chain, NONE, Purpose, WorkflowTask};
use crate::engine::Schedule;

/// Queries that wait, by run: for a workflow task that carries them, or to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries {
    of_runs: BTreeMap<u32, Vec<Held>>,
    /// How many one after the other, for each step that the code of a run's workflow task has come to; nobody knows before the task is answered.
    wanted: BTreeMap<u32, Vec<u32>>,
    /// Locks of runs; kept only where the profile has queries: nothing else of the model waits for one (a run's writes follow each other by
    /// its shard's permit).
    locks: Option<Locks>,
}

/// Which runs are locked. The server locks a run before it changes it, until the change is durable, and to look at it (server,
/// `service/history/api/consistency_checker.go`, `workflow/cache`).
#[derive(Clone, Debug, Default)]
struct Locks {
    /// The runs of the chains whose writes are under way.
    writes: BTreeMap<u32, u32>,
    runs: BTreeMap<u32, Lock>,
}

/// Of one run.
#[derive(Clone, Debug, Default)]
struct Lock {
    /// Writes that have it or wait for it.
    writes: u32,
    /// Chains that wait to look, each with the writes still before it.
    readers: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    chain: Chain,
    /// With the running task.
    carried: bool,
}

impl Queries {
    /// Of a profile with queries or without.
    pub(super) fn new(has_queries: bool) -> Self {
        Queries { locks: has_queries.then(Locks::default), ..Queries::default() }
    }

    /// The run is no more.
    #[inline]
    pub(super) fn forget(&mut self, run: u32) {
        if !self.wanted.is_empty() {
            self.wanted.remove(&run);
        }
    }

    #[inline]
    fn of(&mut self, run: u32) -> Option<&mut Vec<Held>> {
        if self.of_runs.is_empty() { None } else { self.of_runs.get_mut(&run) }
    }
}

impl Locks {
    fn begin_write(&mut self, chain: u32, run: u32) {
        self.writes.insert(chain, run);
        self.runs.entry(run).or_default().writes += 1;
    }

    /// The chains that looked out for nothing but this write's end.
    #[inline(never)]
    fn end_write(&mut self, chain: u32) -> Vec<u32> {
        let Some(run) = self.writes.remove(&chain) else { return Vec::new() };
        let Some(lock) = self.runs.get_mut(&run) else { return Vec::new() };
        lock.writes -= 1;
        for (_, before) in &mut lock.readers {
            *before -= 1;
        }
        let (free, waiting): (Vec<_>, Vec<_>) = lock.readers.drain(..).partition(|&(_, before)| before == 0);
        lock.readers = waiting;
        if lock.writes == 0 {
            debug_assert!(lock.readers.is_empty(), "a reader waits for a write that nobody makes");
            self.runs.remove(&run);
        }
        free.into_iter().map(|(reader, _)| reader).collect()
    }

    /// Whether a chain that wants to look at a run has to wait.
    fn look(&mut self, chain: u32, run: u32) -> bool {
        let Some(lock) = self.runs.get_mut(&run) else { return false };
        lock.readers.push((chain, lock.writes));
        true
    }
}

impl Model {
    /// A workflow's code has come to a step: its client is to send `count` queries, each when the one before is answered.
    pub(super) fn want_queries(&mut self, run: u32, count: u32) {
        if count > 0 {
            self.queries.wanted.entry(run).or_default().push(count);
        }
    }

    /// A worker has the answer to a workflow task that it completed, and with it clients send what they were to send (so does `plimsoll-load`).
    #[inline]
    pub(super) fn send_wanted_queries(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        if self.queries.wanted.is_empty() {
            return;
        }
        for count in self.queries.wanted.remove(&run).unwrap_or_default() {
            self.runs[run].references += 1;
            self.send_query(run, count - 1, schedule);
        }
    }

    fn send_query(&mut self, run: u32, more: u32, schedule: &mut Schedule<Event>) {
        self.work.actions += 1;
        let shard = self.runs[run].shard;
        let mut chain = self.chain(Purpose::Query, OperationKind::Query, run, shard);
        chain.run = more;
        self.launch(chain, schedule);
    }

    /// The client has its answer.
    fn query_answered(&mut self, chain: &Chain, schedule: &mut Schedule<Event>) {
        match chain.run {
            0 => self.release(chain.target),
            more => self.send_query(chain.target, more - 1, schedule),
        }
    }

    /// A chain begins a write and takes its run's lock, or waits for it with its shard's permit.
    #[inline]
    pub(super) fn lock_run(&mut self, id: u32) {
        if self.queries.locks.is_some() {
            self.begin_write(id);
        }
    }

    #[inline(never)]
    fn begin_write(&mut self, id: u32) {
        let run = self.run_of(&self.chains[id]);
        if let (Some(run), Some(locks)) = (run, &mut self.queries.locks) {
            locks.begin_write(id, run);
        }
    }

    /// The write is durable, or there was none to make.
    #[inline]
    pub(super) fn unlock_run(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        if let Some(locks) = &mut self.queries.locks {
            for reader in locks.end_write(id) {
                schedule.after(Nanos::ZERO, Event::Step(reader));
            }
        }
    }

    /// Whether a chain that wants to look at its run has to wait until the writes before it are durable.
    #[inline(never)]
    pub(super) fn waits_for_lock(&mut self, id: u32) -> bool {
        let run = self.chains[id].target;
        self.queries.locks.as_mut().is_some_and(|locks| locks.look(id, run))
    }

    /// History looks at the run: a query that comes while a workflow task is scheduled or running waits for it, so that its answer knows of
    /// all events before it. Whether it waits.
    #[inline(never)]
    pub(super) fn hold_query(&mut self, id: u32) -> bool {
        let chain = self.chains[id];
        let run = &self.runs[chain.target];
        if run.closed || run.task == WorkflowTask::None {
            return false;
        }
        self.chains.remove(id);
        self.queries.of_runs.entry(chain.target).or_default().push(Held { chain, carried: false });
        true
    }

    /// A workflow task starts: it carries the queries that wait.
    #[inline]
    pub(super) fn carry_queries(&mut self, run: u32) {
        if let Some(held) = self.queries.of(run) {
            held.iter_mut().for_each(|query| query.carried = true);
        }
    }

    /// The workflow task is completed, and with it the queries that it carried are answered. Those that came while it ran wait for the next
    /// (`carry_queries`), or go to a worker by themselves when there is none ([`Model::free_queries`]).
    #[inline]
    pub(super) fn answer_queries(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let Some(held) = self.queries.of(run) else { return };
        let (answered, waiting): (Vec<Held>, Vec<Held>) = held.drain(..).partition(|query| query.carried);
        *held = waiting;
        for query in answered {
            self.query_answered(&query.chain, schedule);
        }
    }

    /// No workflow task is there any more to carry them.
    #[inline]
    pub(super) fn free_queries(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        if self.queries.of_runs.is_empty() {
            return;
        }
        for query in self.queries.of_runs.remove(&run).unwrap_or_default() {
            self.launch(query.chain, schedule);
        }
    }

    /// A step of [`Purpose::Query`] is over. It is a task as any other for the worker: it takes a poller, and a slot until it is answered. (One that
    /// finds no poller waiting does not wait for one here.)
    pub(super) fn query_goes_on(&mut self, mut chain: Chain, schedule: &mut Schedule<Event>) {
        let run = chain.target;
        match chain.operation {
            OperationKind::Query => {
                let pod = self.runs[run].sticky_pod;
                let cached = pod != NONE && self.workers[pod as usize].cached <= self.size.workers.cached_workflows;
                // No worker holds the run: any may answer, after a replay of the whole history.
                chain.flag = !cached;
                chain.worker = match pod {
                    NONE => self.any_worker(),
                    pod => pod,
                };
                let queue = match cached {
                    true => self.workers[pod as usize].queue,
                    false => self.runs[run].queue,
                };
                let poller = self.workflow_queue(queue).take_poller(cached.then_some(chain.worker));
                chain.has_poller = poller.is_some();
                chain.worker = poller.unwrap_or(chain.worker);
                chain.operation = OperationKind::QueryStarted;
                chain.place = self.visits.start(OperationKind::QueryStarted);
            }
            OperationKind::QueryStarted if chain.flag => {
                chain.operation = OperationKind::HistoryRead;
                chain.place = self.visits.start(OperationKind::HistoryRead);
            }
            OperationKind::QueryStarted | OperationKind::HistoryRead => {
                if chain.has_poller {
                    self.workers[chain.worker as usize].workflow_tasks.add(schedule.now(), 1);
                    self.workflow_poll_returned(chain.worker, !chain.flag, schedule);
                }
                chain.operation = OperationKind::QueryAnswered;
                chain.work = self.sdk_cpu.workflow_task;
                if chain.flag {
                    chain.work += self.replay_cost(run);
                }
                chain.purpose = Purpose::RunQuery;
                chain.place = self.visits.worker();
            }
            _ if chain.purpose == Purpose::RunQuery => {
                chain.purpose = Purpose::Query;
                chain.place = self.visits.start(OperationKind::QueryAnswered);
            }
            _ => {
                if chain.has_poller {
                    self.leave_workflow_slot(chain.worker, schedule);
                }
                return self.query_answered(&chain, schedule);
            }
        }
        self.launch(chain, schedule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_at_a_run_waits_for_the_writes_before_and_for_none_after() {
        let mut locks = Locks::default();
        assert!(!locks.look(9, 1), "nobody writes");
        locks.begin_write(2, 1);
        locks.begin_write(3, 1);
        assert!(locks.look(10, 1));
        locks.begin_write(4, 1);
        assert!(!locks.look(11, 7), "another run");
        assert!(locks.look(12, 1));
        assert!(locks.end_write(2).is_empty());
        assert_eq!(locks.end_write(3), [10]);
        assert_eq!(locks.end_write(4), [12]);
        assert!(!locks.look(13, 1), "all writes are durable");
        assert!(locks.end_write(5).is_empty(), "a chain that writes to no run");
    }
}
