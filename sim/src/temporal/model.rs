//! The Temporal model: state, events, and the way of a chain through its visits.
//!
//! # Waits longer than a simulation
//! A wait longer than [`Settings::longest_wait`](super::Settings) (a timer of a month, a signal after two days) does not hold the
//! simulation up: its workflow goes on after a short random wait instead, with cache and mutable state as the long wait
//! would have left them, and the difference is added to its end-to-end latency. At a stationary rate that changes nothing: what leaves a
//! delay without servers is again a Poisson process of the same rate (Eick, Massey, Whitt 1993, "The physics of the Mt/G/∞ queue").

use plimsoll_profiles::calibration::{Calibration, OperationKind};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::Nanos;

use super::caches::StateCache;
use super::ends::Lifecycle;
use super::failures::Failures;
use super::fleet::Fleet;
use super::fleet_versions::NewVersion;
use super::forwarding::Forwarders;
use super::gates::Met;
use super::hosts::PodTable;
use super::idle::Idling;
use super::limits::RateLimits;
use super::matching::{ActivityQueue, WorkerPod, WorkflowTaskQueue};
use super::outages::{LostSticky, PlannedOutage};
use super::pollers::WorkflowPollers;
use super::pools::Pools;
use super::postgres::{Checkpoints, Wal};
use super::program::Program;
use super::record::{Counts, Metric, Work};
use super::recorder::Recorder;
use super::requests::QueueCall;
use super::slab::Slab;
use super::state::{Chain, NONE, Purpose, Run, RunningActivity, Signaller, Thread};
use super::steps::Steps;
use super::system::{Settings, SystemSize};
use super::timeouts::{Timeout, TimerReads};
use super::visits::{Process, Visit, VisitTable, to_worker};
use crate::engine::{Model as EngineModel, Permit, Priority, Schedule, TimeSlicing};

/// What happens at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
// One word, which goes through the queue in a register.
#[repr(u16)]
pub enum Event {
    /// The next intended start.
    Arrive,
    /// A chain goes on.
    Step(u32),
    /// A host's core may have finished a job.
    Host {
        /// Which of its cores.
        core: u16,
        /// Which host.
        host: u32,
    },
    /// The garbage collector of a process's pod goes on.
    Collect(u32),
    /// A server's WAL is flushed.
    Flushed(u8),
    /// A timer is due; the thread waits for it.
    Timer(u32),
    /// A client sends the signal or update the thread waits for.
    Message(u32),
    /// A client sends its next signal, whether or not the workflow waits for it yet.
    Signal(u32),
    /// A run may have to be ended from outside.
    End(u32),
    /// An activity may have waited too long for a worker.
    QueueLimit(u32),
    /// A workflow task may have waited too long on its sticky queue.
    StickyTimeout {
        /// Which of its tasks, in the low bits of the number: there are fewer within one time-out.
        task: u16,
        /// Of which run.
        run: u32,
    },
    /// A continued run's first workflow task is due.
    FirstTask(u32),
    /// A back-off is over.
    Retry(u32),
    /// The server gives up an attempt; the activity's worker has not answered.
    TimedOut(u32),
    /// An activity of this run heartbeats.
    Heartbeat(u32),
    /// A heartbeat time-out's timer.
    HeartbeatCheck(u32),
    /// A shard reads its timer queue for time-outs that no longer matter.
    TimerRead(u32),
    /// The earliest of the reads that come a constant time after their cause.
    TimerReads(Timeout),
    /// A shard deletes its finished tasks.
    Checkpoint,
    /// Workers stop.
    WorkersStop(u32),
    /// Workers are back.
    WorkersReturn(u32),
    /// A starting pod's process polls.
    PodPolls {
        /// Of which of its lives.
        life: u16,
        /// Which pod.
        pod: u32,
    },
    /// A starting pod is ready.
    PodReady {
        /// In which of its lives.
        life: u16,
        /// Which pod.
        pod: u32,
    },
    /// A draining pod has waited for its tasks for as long as it does.
    PodCut {
        /// In which of its lives.
        life: u16,
        /// Which pod.
        pod: u32,
    },
    /// A draining pod's grace is over.
    PodKilled {
        /// In which of its lives.
        life: u16,
        /// Which pod.
        pod: u32,
    },
    /// A planned event of the fleet.
    FleetEvent(u32),
    /// A controller of the fleet looks.
    FleetControl(u32),
    /// Pods have changed: the controllers that wait for that look.
    FleetChanged,
    /// A workflow task whose worker is no more times out.
    TaskLost(u32),
    /// A failure begins, is over, or goes on.
    Failure(u32),
    /// Tasks in the sticky queues of stopped workers time out.
    StickyTasksLost,
    /// A time-out's timer fires after its run has left history's cache.
    LateTimeout(u32),
    /// Work of an empty cluster.
    Idle,
    /// The past's workflows are deleted.
    Retention,
}

const _: () = assert!(size_of::<Event>() == 8);

/// Random streams, one per purpose.
pub(super) struct Random {
    pub kind: Stream,
    pub route: Stream,
    pub branch: Stream,
    pub activity: Stream,
    pub failure: Stream,
    pub span: Stream,
    pub skip: Stream,
    pub provider: Stream,
    pub background: Stream,
    pub fsync: Stream,
    pub ends: Stream,
}

/// Published latency of a provider's calls.
pub(super) struct Provider {
    pub latency: plimsoll_profiles::random::Distribution,
}

/// The state of a simulated Temporal cluster with its workers and clients.
pub struct Model {
    pub(super) settings: Settings,
    pub(super) size: SystemSize,
    pub(super) calibration: Calibration,
    /// What a task scheduled on a sticky queue has beside `event_task_started`.
    pub(super) sticky_task_bytes: u64,
    pub(super) program: Program,
    pub(super) visits: VisitTable,
    pub(super) shares: Vec<(u32, f64)>,
    pub(super) arrivals: Box<dyn Iterator<Item = Nanos> + Send>,
    pub(super) next_arrival: Nanos,
    pub(super) random: Random,
    pub(super) provider: Option<Provider>,
    pub(super) client_trip: Nanos,
    pub(super) statement_trip: Nanos,
    pub(super) bulk_flush: Nanos,
    pub(super) toast_compression: f64,
    pub(super) cpu_per_workflow_task: Nanos,

    pub(super) runs: Slab<Run>,
    pub(super) threads: Slab<Thread>,
    pub(super) activities: Slab<RunningActivity>,
    pub(super) signallers: Slab<Signaller>,
    pub(super) lifecycle: Lifecycle,
    pub(super) chains: Slab<Chain>,

    pub(super) forwarders: Forwarders,
    pub(super) hosts: Vec<TimeSlicing>,
    pub(super) pods: PodTable,
    pub(super) shards: Vec<Permit>,
    pub(super) pools: Pools,
    pub(super) wals: Vec<Wal>,
    pub(super) checkpoints: Checkpoints,
    pub(super) flushed: Vec<u32>,
    pub(super) workflow_tasks: WorkflowTaskQueue,
    pub(super) activity_tasks: ActivityQueue,
    pub(super) timer_reads: TimerReads,
    pub(super) workers: Vec<WorkerPod>,
    pub(super) rate_limits: RateLimits,
    pub(super) idling: Idling,
    pub(super) state_cache: StateCache,
    /// Runs created so far, children and further runs included.
    pub(super) runs_made: u64,
    pub(super) outages: Vec<PlannedOutage>,
    /// Worker pods that come and go; none where they are the same all the time.
    pub(super) fleet: Option<Box<Fleet>>,
    /// The task queues of a second worker version, where versions have queues of their own.
    pub(super) new_version: Option<Box<NewVersion>>,
    /// What is wrong at present; none where the profile has no such events.
    pub(super) failures: Option<Box<Failures>>,
    /// Runs whose workflow task waits in the sticky queue of a stopped worker.
    pub(super) lost_sticky: LostSticky,
    pub(super) start_rate: f64,
    pub(super) sticky_timeout: Nanos,
    pub(super) eager_activities: bool,
    /// Which queues workflow task pollers ask.
    pub(super) workflow_pollers: WorkflowPollers,
    pub(super) poller_autoscaling: bool,

    pub(super) work: Work,
    pub(super) counts: Counts,
    pub(super) recorder: Recorder,
    pub(super) open_roots: u32,
    pub(super) most_open: u32,
    pub(super) overloaded: bool,
    /// Times of single tasks, where they are asked for.
    pub(super) steps: Option<Box<Steps>>,
}

impl EngineModel for Model {
    type Event = Event;

    fn handle(&mut self, event: Event, schedule: &mut Schedule<Event>) {
        let chain = match event {
            Event::Step(chain) => chain,
            Event::Host { core, host } => match self.host_woken(host, core, schedule) {
                Some(chain) => chain,
                None => return,
            },
            Event::Flushed(server) => return self.wal_flushed(server, schedule),
            rare => return self.handle_rare(rare, schedule),
        };
        self.walk(chain, schedule);
    }
}

impl Model {
    /// What a workflow meets a few times at most: kept apart so that the two events of every visit need no large frame.
    #[inline(never)]
    fn handle_rare(&mut self, event: Event, schedule: &mut Schedule<Event>) {
        match event {
            // Handled before.
            Event::Step(_) | Event::Host { .. } | Event::Flushed(_) => {}
            Event::Collect(pod) => self.collector_due(pod, schedule),
            Event::Arrive => self.arrive(schedule),
            Event::Timer(thread) => self.timer_due(thread, schedule),
            Event::Message(thread) => self.message_due(thread, schedule),
            Event::Signal(signaller) => self.signal_due(signaller, schedule),
            Event::End(end) => self.end_due(end, schedule),
            Event::QueueLimit(limit) => self.queue_limit_due(limit, schedule),
            Event::StickyTimeout { task, run } => self.sticky_timeout_due(run, task, schedule),
            Event::FirstTask(run) => self.first_task_due(run, schedule),
            Event::Retry(activity) => self.retry_due(activity, schedule),
            Event::TimedOut(activity) => self.attempt_timed_out(activity, schedule),
            Event::Heartbeat(run) => self.heartbeat_due(run, schedule),
            Event::HeartbeatCheck(run) => self.heartbeat_check_due(run, schedule),
            Event::TimerRead(shard) => self.timer_read(shard, schedule),
            Event::TimerReads(timeout) => self.timer_reads_due(timeout, schedule),
            Event::Checkpoint => self.checkpoint(schedule),
            Event::WorkersStop(outage) => self.workers_stop(outage, schedule),
            Event::WorkersReturn(outage) => self.workers_return(outage, schedule),
            Event::PodPolls { life, pod } => self.pod_polls(pod, life, schedule),
            Event::PodReady { life, pod } => self.pod_ready(pod, life, schedule),
            Event::PodCut { life, pod } => self.pod_cut(pod, life, schedule),
            Event::PodKilled { life, pod } => self.pod_grace_over(pod, life, schedule),
            Event::FleetEvent(index) => self.fleet_event(index, schedule),
            Event::FleetControl(index) => self.fleet_control(index, schedule),
            Event::FleetChanged => self.fleet_changed(schedule),
            Event::TaskLost(run) => self.lost_task_timed_out(run, schedule),
            Event::Failure(step) => self.failure_due(step, schedule),
            Event::StickyTasksLost => self.sticky_tasks_lost(schedule),
            Event::LateTimeout(shard) => self.late_timeout_due(shard, schedule),
            Event::Idle => self.idle_work(schedule),
            Event::Retention => self.retention(schedule),
        }
    }
}

impl Random {
    pub(super) fn new(settings: &Settings) -> Self {
        let streams = Streams::new(settings.seed);
        let stream = |purpose: &str| streams.stream("temporal", purpose, settings.replication);
        Random {
            kind: stream("workflow type"),
            route: stream("route"),
            branch: stream("branch"),
            activity: stream("activity duration"),
            failure: stream("activity failure"),
            span: stream("timers and signals"),
            skip: stream("long waits"),
            provider: stream("provider latency"),
            background: stream("background"),
            fsync: stream("fsync"),
            ends: stream("ends from outside"),
        }
    }
}

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
    fn walk(&mut self, id: u32, schedule: &mut Schedule<Event>) {
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
                    if self.shards[chain.shard as usize].arrive(now, id, Priority::High).is_none() {
                        break Next::Nothing;
                    }
                }
                Visit::GiveShard => {
                    if let Some(next) = self.shards[chain.shard as usize].complete(now, id) {
                        schedule.after(Nanos::ZERO, Event::Step(next));
                    }
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

    /// Range deletes of shards that made progress: as one Poisson process over all shards.
    fn checkpoint(&mut self, schedule: &mut Schedule<Event>) {
        let shard = self.random.background.below(u64::from(self.size.history_shards)) as u32;
        self.background(OperationKind::Checkpoint, shard, schedule);
        self.schedule_checkpoint(schedule);
    }

    pub(super) fn schedule_checkpoint(&mut self, schedule: &mut Schedule<Event>) {
        self.look_at_cache(schedule.now());
        let interval = self.calibration.queues.checkpoint_interval.as_secs_f64();
        let shards = f64::from(self.size.history_shards);
        let elapsed = schedule.now().as_secs_f64().max(1.0);
        let per_shard = self.counts.offered as f64 / elapsed / shards;
        let busy_share = 1.0 - libm::exp(-per_shard * interval);
        let rate = (shards * busy_share / interval).max(0.1);
        let gap = self.random.background.exponential() / rate;
        schedule.after(Nanos::from_secs_f64(gap), Event::Checkpoint);
    }

    fn retention(&mut self, schedule: &mut Schedule<Event>) {
        let shard = self.random.background.below(u64::from(self.size.history_shards)) as u32;
        let chain = self.chain(Purpose::RetentionDelete, OperationKind::RetentionDelete, NONE, shard);
        self.launch(chain, schedule);
    }

    /// A stage of a deletion is over.
    pub(super) fn retention_goes_on(&mut self, mut chain: Chain, schedule: &mut Schedule<Event>) {
        chain.operation = match chain.operation {
            OperationKind::RetentionDelete => OperationKind::RetentionDeleteExecution,
            OperationKind::RetentionDeleteExecution => OperationKind::RetentionDeleteHistory,
            // The visibility record goes by a task of its own queue.
            _ => return self.background(OperationKind::Visibility, chain.shard, schedule),
        };
        chain.place = self.visits.start(chain.operation);
        self.launch(chain, schedule);
    }

    /// A latency measured now.
    #[inline]
    pub(super) fn record(&mut self, metric: Metric, latency: Nanos, schedule: &Schedule<Event>) {
        self.recorder.record(schedule.now(), metric, latency);
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
