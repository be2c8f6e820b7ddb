//! Filling a cluster with the workflows that it holds at a rate, before anything is measured.
//!
//! A profile whose workflows stay for minutes holds thousands of them, and a simulation that begins empty has to start as many before
//! what it sees is what it would always see. Until [`Settings::filled_at`](super::Settings) chains therefore meet no queue: each
//! does all it does to the state of the cluster (tasks, slots, pollers, caches, timers) at once and takes as long as its visits take
//! when nothing waits. After it everything is simulated as always, so that what queues has the rest of the warm-up to queue.

use plimsoll_profiles::units::Nanos;

use super::model::{Event, Model};
use super::visits::{Process, Visit};
use super::walk::nanoseconds;
use crate::engine::Schedule;

impl Model {
    /// Walks a chain to its end as if it were alone.
    #[inline(never)]
    pub(super) fn walk_alone(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let mut takes = Nanos::ZERO;
        loop {
            let place = self.chains[id].place;
            self.chains[id].place = place + 1;
            match self.visits.at(place) {
                Visit::Hop(trip) => takes += trip,
                Visit::Cpu(_, demand) | Visit::Dispatch(demand) => takes += demand,
                Visit::Answer(Process::Frontend, demand) => takes += demand + self.delivery(id, Process::Frontend),
                Visit::Answer(_, demand) => takes += demand,
                Visit::Deliver(process) => takes += self.delivery(id, process),
                Visit::Work => {
                    let chain = &mut self.chains[id];
                    takes += std::mem::take(&mut chain.work) + std::mem::take(&mut chain.wait);
                }
                Visit::Statements { statements, cpu, commands, transaction } => {
                    takes += self.statement_trip * self.count_statements(id, (statements, cpu), commands, transaction);
                }
                Visit::VisibilityUpsert => {
                    self.work.visibility_statements += 1;
                    self.chains[id].database = nanoseconds(self.calibration.cpu.database_visibility);
                    takes += self.statement_trip;
                }
                Visit::DatabaseCpu(_) => takes += Nanos(u64::from(std::mem::take(&mut self.chains[id].database))),
                Visit::Index => {
                    self.work.documents += 1;
                    takes += self.bulk_wait();
                }
                Visit::Commit { wal, commands, .. } => self.count_commit(id, wal, commands),
                Visit::Provider => takes += self.provider_latency(),
                Visit::Admit(..)
                | Visit::Poll
                | Visit::Asked(_)
                | Visit::Gate(_)
                | Visit::TakeShard
                | Visit::GiveShard
                | Visit::Look
                | Visit::Connect(_)
                | Visit::Disconnect(_) => {}
                Visit::Read => self.read_is_over(id, schedule),
                Visit::Dated => self.date(id, schedule.now()),
                Visit::Held => {
                    if self.hold_query(id) {
                        return;
                    }
                }
                Visit::Decide => self.decide_at(id, schedule),
                Visit::Committed => self.committed(id, schedule),
                Visit::End if takes > Nanos::ZERO => {
                    self.chains[id].place = place;
                    return schedule.after(takes, Event::Step(id));
                }
                Visit::End => return self.ended(id, schedule),
            }
        }
    }
}
