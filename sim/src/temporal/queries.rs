//! Queries: answered by a worker from its cache or after a replay, nothing is written of them.
//!
//! A query that finds no workflow task at its run goes to a worker through matching, a task of its own. One that finds a task scheduled or
//! running is kept in history's memory; the next task that starts carries it, and its completion the answer (server,
//! `service/history/api/queryworkflow`, `respondworkflowtaskcompleted`).

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::OperationKind;

use super::model::{Event, Model};
use super::state::{Chain, NONE, Purpose, WorkflowTask};
use crate::engine::Schedule;

/// Queries that wait, by run: for a workflow task that carries them, or to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Queries {
    of_runs: BTreeMap<u32, Vec<Held>>,
    /// How many one after the other, for each step that the code of a run's workflow task has come to; nobody knows before the task is answered.
    wanted: BTreeMap<u32, Vec<u32>>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    chain: Chain,
    /// With the running task.
    carried: bool,
}

impl Queries {
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
