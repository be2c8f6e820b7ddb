//! What a model still holds, and what its stations measured: for the laws that every run has to obey.

use plimsoll_profiles::units::Nanos;

use super::model::Model;
use super::visits::Pool;
use crate::engine::Report;

/// What is left in a model. All of it is zero once every workflow is closed and every request answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Started workflows without a result.
    pub open_workflows: usize,
    /// Runs still known to something.
    pub runs: usize,
    /// Coroutines of workflows.
    pub threads: usize,
    /// Activities under way.
    pub activities: usize,
    /// Clients that send signals from the start on.
    pub signallers: usize,
    /// Ends from outside that are planned, open children of open parents, limits of waiting.
    pub lifecycle: usize,
    /// Requests, tasks and pieces of work on their way.
    pub chains: usize,
    /// History shards whose permit is held or waited for.
    pub shards: usize,
    /// Connections in use or waited for.
    pub connections: usize,
    /// Tasks that wait for a poller.
    pub backlog: usize,
    /// Workflows in worker caches.
    pub cached: usize,
    /// Slots neither free nor held by a waiting poller.
    pub slots: usize,
    /// Pollers that wait neither for a task nor for a slot.
    pub pollers: usize,
}

impl Model {
    /// What is left now.
    pub fn leftovers(&self) -> Leftovers {
        let fleet = &self.size.workers;
        let pools = [Pool::History, Pool::Matching, Pool::Visibility].into_iter().flat_map(|pool| self.pools.all(pool));
        let total = |each: u32| (fleet.pods.count * each) as usize;
        let sum =
            |of: fn(&super::matching::WorkerPod) -> u32| self.workers.iter().map(|w| of(w) as usize).sum::<usize>();
        let waiting = self.waiting_polls().iter().sum::<usize>();
        Leftovers {
            open_workflows: self.open_roots as usize,
            runs: self.runs.len(),
            threads: self.threads.len(),
            activities: self.activities.len(),
            signallers: self.signallers.len(),
            lifecycle: self.lifecycle.ends.len() + self.lifecycle.children.len() + self.lifecycle.queue_limits.len(),
            chains: self.chains.len(),
            shards: self.shards.iter().map(|shard| shard.held() as usize + shard.waiting()).sum(),
            connections: pools.map(|pool| pool.in_use() as usize + pool.waiting()).sum(),
            backlog: self.backlogs().iter().sum::<usize>() + self.lost_sticky.len(),
            cached: sum(|worker| worker.cached),
            slots: total(fleet.workflow_task_slots) + total(fleet.activity_slots)
                - sum(|worker| worker.workflow_slots + worker.activity_slots)
                - waiting,
            pollers: total(self.workflow_pollers.all())
                + total(fleet.activity_pollers)
                + sum(|worker| worker.added_pollers.iter().sum())
                - sum(|worker| worker.workflow_pollers + worker.activity_pollers)
                - waiting,
        }
    }

    /// The measurements of every station since the last reset, with their names.
    pub fn reports(&mut self, now: Nanos) -> Vec<(String, Report)> {
        let mut list = Vec::new();
        let mut add = |name: &str, index: usize, report: Report| list.push((format!("{name} {index}"), report));
        for (index, host) in self.hosts.iter_mut().enumerate() {
            add("host", index, host.report(now));
        }
        for (index, shard) in self.shards.iter_mut().enumerate() {
            add("shard", index, shard.report(now));
        }
        let pools = [
            ("history connections", Pool::History),
            ("matching connections", Pool::Matching),
            ("visibility connections", Pool::Visibility),
            ("server connections", Pool::Server),
        ];
        for (name, pool) in pools {
            for (index, pool) in self.pools.all_mut(pool).iter_mut().enumerate() {
                add(name, index, pool.report(now));
            }
        }
        for (index, wal) in self.wals.iter_mut().enumerate() {
            add("wal", index, wal.station.report(now).station);
        }
        add("activity queue", 0, self.activity_tasks.report(now));
        list
    }

    /// The work done so far.
    pub fn work(&self) -> &super::Work {
        &self.work
    }

    /// The workflows so far.
    pub fn counts(&self) -> super::Counts {
        self.counts
    }
}
