//! A chain on its way through its visits.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::units::Nanos;

use super::gates::Met;
use super::model::{Event, Model};
use super::requests::QueueCall;
use super::state::{Chain, NONE, Purpose};
use super::visits::{Process, Visit, to_worker};
use crate::engine::{Priority, Schedule};

impl Model {
    /// A chain for an operation on a thread's run.
    pub(super) fn thread_chain(&mut self, purpose: Purpose, operation: OperationKind, thread: u32) -> Chain {
        let run = self.threads[thread].run;
        let mut chain = self.chain(purpose, operation, thread, self.runs[run].shard);
        chain.run = run;
        chain
    }

    /// Makes a chain and lets it go.
    #[inline]
    pub(super) fn launch(&mut self, chain: Chain, schedule: &mut Schedule<Event>) {
        let id = self.chains.insert(chain);
        self.advance(id, schedule);
    }

    /// A chain for an operation of a run's shard, on pods drawn for it.
    #[inline]
    pub(super) fn chain(&mut self, purpose: Purpose, operation: OperationKind, target: u32, shard: u32) -> Chain {
        let frontend = self.random.route.below(u64::from(self.size.frontend.count)) as u16;
        let matching = self.random.route.below(u64::from(self.size.matching.count)) as u16;
        Chain {
            place: self.visits.start(operation),
            purpose,
            operation,
            target,
            run: NONE,
            shard,
            pods: [frontend, (shard % self.size.history.count) as u16, matching, 0],
            worker: 0,
            extra_statements: 0,
            extra_writes: 0,
            payload: 0,
            forwards: 0,
            partition: 0,
            flag: false,
            has_poller: false,
            refused: false,
            work: Nanos::ZERO,
            wait: Nanos::ZERO,
            database: 0,
        }
    }

    /// Work that nobody waits for.
    pub(super) fn background(&mut self, operation: OperationKind, shard: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chain(Purpose::Background, operation, NONE, shard);
        self.launch(chain, schedule);
    }

    /// Walks a chain on until it has to wait for something.
    pub(super) fn advance(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        self.walk(id, schedule);
    }

    /// The same where an event brings it on: part of the event's own function.
    #[inline(always)]
    pub(super) fn walk(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        if now < self.settings.filled_at {
            return self.walk_alone(id, schedule);
        }
        let next = loop {
            let chain = &mut self.chains[id];
            let place = chain.place;
            chain.place = place + 1;
            match self.visits.at(place) {
                Visit::Hop(trip) => break Next::After(trip),
                Visit::Cpu(process, demand) => {
                    self.work.requests.visit(process, chain.operation);
                    break Next::Cpu(process, demand);
                }
                Visit::Admit(process, requests) => {
                    let pod = chain.pod(process) as usize;
                    let random = &mut self.random.background;
                    if let Some(wait) = self.rate_limits.ask(process, pod, u32::from(requests), id, now, random) {
                        self.work.throttled[process as usize] += 1;
                        chain.place = place;
                        break Next::After(wait);
                    }
                }
                Visit::Deliver(process) => {
                    if chain.payload >= SMALL_PAYLOAD {
                        return self.pass_on(id, process, schedule);
                    }
                }
                Visit::Gate(gate) => match self.at_gate(id, gate, now) {
                    Met::Open => {}
                    Met::Closed(wait) => {
                        self.chains[id].place = place;
                        break Next::After(wait);
                    }
                    Met::Opens(demand) => break Next::Cpu(Process::Database, demand),
                },
                Visit::Poll => self.work.requests.poll(QueueCall::of(chain.purpose)),
                Visit::Asked(process) => self.work.requests.visit(process, chain.operation),
                Visit::Answer(process, demand) => break Next::Cpu(process, demand),
                Visit::Dispatch(demand) => {
                    self.work.requests.forward(QueueCall::of(chain.purpose), chain.forwards);
                    let forwards = u64::from(chain.forwards);
                    let forwarding = self.calibration.cpu.matching_forward.0 * forwards / 256;
                    break Next::Cpu(Process::Matching, demand + Nanos(forwarding));
                }
                Visit::Work => {
                    if chain.work > Nanos::ZERO {
                        chain.place = place;
                        break Next::Cpu(Process::Worker, std::mem::take(&mut chain.work));
                    }
                    if chain.wait > Nanos::ZERO {
                        chain.place = place;
                        break Next::After(std::mem::take(&mut chain.wait));
                    }
                }
                Visit::TakeShard => {
                    self.lock_run(id);
                    let chain = &self.chains[id];
                    if self.shards[chain.shard as usize].arrive(now, id, Priority::High).is_none() {
                        break Next::Nothing;
                    }
                }
                Visit::GiveShard => {
                    if let Some(next) = self.shards[chain.shard as usize].complete(now, id) {
                        schedule.after(Nanos::ZERO, Event::Step(next));
                    }
                    self.unlock_run(id, schedule);
                }
                Visit::Connect(pool) => {
                    let pool = self.pools.of(pool, chain);
                    if pool.arrive(now, id).is_none() {
                        break Next::Nothing;
                    }
                }
                Visit::Disconnect(pool) => {
                    let pool = self.pools.of(pool, chain);
                    if let Some(next) = pool.complete(now, id) {
                        schedule.after(Nanos::ZERO, Event::Step(next));
                    }
                }
                Visit::Statements { statements, cpu, commands, transaction } => {
                    let statements = self.count_statements(id, (statements, cpu), commands, transaction);
                    if self.statement_trip > Nanos::ZERO {
                        break Next::After(self.statement_trip * statements);
                    }
                }
                Visit::VisibilityUpsert => {
                    self.work.visibility_statements += 1;
                    chain.database = nanoseconds(self.calibration.cpu.database_visibility);
                    if self.statement_trip > Nanos::ZERO {
                        break Next::After(self.statement_trip);
                    }
                }
                Visit::DatabaseCpu(process) => {
                    break Next::Cpu(process, Nanos(u64::from(std::mem::take(&mut chain.database))));
                }
                Visit::Index => {
                    self.work.documents += 1;
                    break Next::After(self.bulk_wait());
                }
                Visit::Commit { wal, commands, server } => {
                    self.count_commit(id, wal, commands);
                    if !self.flush_commit(usize::from(server), id, schedule) {
                        break Next::Nothing;
                    }
                }
                Visit::Provider => break Next::After(self.provider_latency()),
                Visit::Read => self.read_is_over(id, schedule),
                Visit::Dated => self.date(id, now),
                Visit::Look => {
                    if self.waits_for_lock(id) {
                        break Next::Nothing;
                    }
                }
                Visit::Held => {
                    if self.hold_query(id) {
                        break Next::Nothing;
                    }
                }
                Visit::Decide => self.decide_at(id, schedule),
                Visit::Committed => self.committed(id, schedule),
                Visit::End => return self.ended(id, schedule),
            }
        };
        match next {
            Next::After(wait) => schedule.at(now + wait, Event::Step(id)),
            Next::Cpu(process, demand) => self.use_cpu(id, process, demand, schedule),
            Next::Nothing => {}
        }
    }

    /// How long a document waits for the next bulk request, and the request's way.
    #[inline(never)]
    pub(super) fn bulk_wait(&mut self) -> Nanos {
        Nanos((self.random.background.uniform() * self.bulk_flush.0 as f64) as u64) + self.statement_trip
    }

    /// A provider's call, without the way there and back.
    #[inline(never)]
    pub(super) fn provider_latency(&mut self) -> Nanos {
        let latency = match &self.provider {
            Some(provider) => provider.latency.sample(&mut self.random.provider),
            None => Nanos::ZERO,
        };
        latency.saturating_sub(self.client_trip)
    }

    /// Counts statements, notes their CPU in the chain, and says how many they are.
    #[inline]
    pub(super) fn count_statements(
        &mut self,
        id: u32,
        (statements, cpu): (u16, Nanos),
        commands: bool,
        transaction: bool,
    ) -> u64 {
        let chain = &mut self.chains[id];
        let extra = u64::from(chain.extra_statements) * u64::from(commands);
        let statements = u64::from(statements) + extra;
        let written = if commands { u64::from(chain.payload) * u64::from(!to_worker(chain.operation)) } else { 0 };
        let payload = per_kib(self.calibration.cpu.database_payload, written);
        chain.database = nanoseconds(cpu + self.visits.command_cpu() * extra + payload);
        self.work.statements += statements;
        self.work.write_transactions += u64::from(transaction);
        statements
    }

    /// Counts a commit and its WAL.
    #[inline]
    pub(super) fn count_commit(&mut self, id: u32, wal: u32, commands: bool) {
        let chain = &self.chains[id];
        let carried = u64::from(commands);
        // What is delivered to a worker was written before.
        let payload = u64::from(chain.payload) * carried * u64::from(!to_worker(chain.operation));
        let mut bytes = u64::from(wal) + u64::from(chain.extra_writes) * carried * self.calibration.wal.task.0;
        if payload > LARGE_ROW {
            self.work.large_payload_bytes += payload;
            bytes += (payload as f64 * self.toast_compression) as u64;
        } else {
            bytes += payload;
        }
        self.work.wal_bytes += bytes;
        self.work.commits += 1;
    }
}

/// What a chain waits for.
enum Next {
    /// Another chain, or a flush, which brings it on.
    Nothing,
    /// That a time passes.
    After(Nanos),
    /// CPU of a process.
    Cpu(Process, Nanos),
}

/// A row above this is compressed (TOAST_TUPLE_THRESHOLD, 2,032 bytes, less what a row of `history_node` holds beside its payloads).
const LARGE_ROW: u64 = 1_800;

/// Payloads below this cost less CPU than a wake-up does (12 to 35 µs a KiB: benches/accuracy, "payload of 64 KiB"): nothing is simulated of
/// their delivery.
const SMALL_PAYLOAD: u32 = 1 << 10;

/// What a payload costs.
#[inline]
pub(super) fn per_kib(cost: Nanos, bytes: u64) -> Nanos {
    Nanos((cost.0 * bytes) >> 10)
}

/// CPU of the statements of one transaction, as a chain carries it.
pub(super) fn nanoseconds(cpu: Nanos) -> u32 {
    u32::try_from(cpu.0).unwrap_or(u32::MAX)
}
