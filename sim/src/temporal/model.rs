//! The Temporal model: state, events, and the way of a chain through its visits.
//!
//! # Waits longer than a simulation
//! A wait longer than [`Settings::longest_wait`](super::Settings) (a timer of a month, a signal after two days) does not hold the
//! simulation up: its workflow goes on after a short random wait instead, with cache and mutable state as the long wait
//! would have left them, and the difference is added to its end-to-end latency. At a stationary rate that changes nothing: what leaves a
//! delay without servers is again a Poisson process of the same rate (Eick, Massey, Whitt 1993, "The physics of the Mt/G/∞ queue").

use plimsoll_profiles::calibration::{Calibration, OperationKind};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::{Cores, Nanos};

use super::caches::StateCache;
use super::coming::{Coming, ComingJobs};
use super::idle::{IDLE_JOB, Idling};
use super::limits::RateLimits;
use super::matching::{ActivityQueue, WorkerPod, WorkflowTaskQueue};
use super::outages::Outage;
use super::program::Program;
use super::record::{Counts, Metric, Work};
use super::recorder::Recorder;
use super::requests::QueueCall;
use super::slab::Slab;
use super::state::{Chain, NONE, Purpose, Run, RunningActivity, Signaller, Thread};
use super::system::{Settings, SystemSize};
use super::timeouts::{Timeout, TimerReads};
use super::visits::{Pool, Process, Visit, VisitTable};
use crate::engine::{BatchServer, ConnectionPool, Model as EngineModel, Permit, Priority, ProcessorSharing, Schedule};

/// What happens at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The next intended start.
    Arrive,
    /// A chain goes on.
    Step(u32),
    /// A host may have finished jobs.
    Host {
        /// Which.
        host: u32,
        /// Of its wake-ups.
        generation: u32,
    },
    /// The WAL is flushed.
    Flushed,
    /// A timer is due; the thread waits for it.
    Timer(u32),
    /// A client sends the signal or update the thread waits for.
    Message(u32),
    /// A client sends its next signal, whether or not the workflow waits for it yet.
    Signal(u32),
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
    /// Tasks in the sticky queues of stopped workers time out.
    StickyTasksLost,
    /// A time-out's timer fires after its run has left history's cache.
    LateTimeout(u32),
    /// Work of an empty cluster.
    Idle,
    /// The past's workflows are deleted.
    Retention,
}

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
}

/// Published latency of a provider's calls.
pub(super) struct Provider {
    pub latency: plimsoll_profiles::random::Distribution,
}

/// CPU that a job of a process costs more where nothing runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OnWaking {
    /// When none of the process's jobs is on a CPU.
    pub process: Nanos,
    /// When the host has an idle core.
    pub core: Nanos,
}

/// The pods of one process: their hosts, and how many of their jobs are on a CPU.
pub(super) struct PodGroup {
    pub hosts: Vec<u32>,
    pub running: Vec<u32>,
}

/// The state of a simulated Temporal cluster with its workers and clients.
pub struct Model {
    pub(super) settings: Settings,
    pub(super) size: SystemSize,
    pub(super) calibration: Calibration,
    pub(super) program: Program,
    pub(super) visits: VisitTable,
    pub(super) shares: Vec<(u32, f64)>,
    pub(super) arrivals: Box<dyn Iterator<Item = Nanos> + Send>,
    pub(super) next_arrival: Nanos,
    pub(super) random: Random,
    pub(super) provider: Option<Provider>,
    pub(super) client_trip: Nanos,
    pub(super) statement_trip: Nanos,
    pub(super) fsync: Nanos,
    pub(super) cpu_per_workflow_task: Nanos,

    pub(super) runs: Slab<Run>,
    pub(super) threads: Slab<Thread>,
    pub(super) activities: Slab<RunningActivity>,
    pub(super) signallers: Slab<Signaller>,
    pub(super) chains: Slab<Chain>,

    pub(super) hosts: Vec<ProcessorSharing>,
    /// By host: jobs that have not reached it yet.
    pub(super) coming: Vec<ComingJobs>,
    pub(super) groups: [PodGroup; Process::COUNT],
    /// By process.
    pub(super) on_waking: [OnWaking; Process::COUNT],
    pub(super) shards: Vec<Permit>,
    pub(super) history_pools: Vec<ConnectionPool>,
    pub(super) matching_pools: Vec<ConnectionPool>,
    pub(super) visibility_pools: Vec<ConnectionPool>,
    pub(super) wal: BatchServer,
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
    pub(super) outages: Vec<Outage>,
    /// Runs whose workflow task waits in the sticky queue of a stopped worker.
    pub(super) lost_sticky: Vec<u32>,
    pub(super) start_rate: f64,
    pub(super) sticky_timeout: Nanos,

    pub(super) work: Work,
    pub(super) counts: Counts,
    pub(super) recorder: Recorder,
    pub(super) open_roots: u32,
    pub(super) most_open: u32,
    pub(super) overloaded: bool,
}

impl EngineModel for Model {
    type Event = Event;

    fn handle(&mut self, event: Event, schedule: &mut Schedule<Event>) {
        match event {
            Event::Step(chain) => self.advance(chain, schedule),
            Event::Host { host, generation } => self.host_woken(host, generation, schedule),
            Event::Flushed => self.wal_flushed(schedule),
            Event::Arrive => self.arrive(schedule),
            Event::Timer(thread) => self.timer_due(thread, schedule),
            Event::Message(thread) => self.message_due(thread, schedule),
            Event::Signal(signaller) => self.signal_due(signaller, schedule),
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
        }
    }
}

impl PodGroup {
    pub(super) fn new(hosts: Vec<u32>) -> Self {
        PodGroup { running: vec![0; hosts.len()], hosts }
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
        let frontend = self.random.route.below(u64::from(self.size.frontend.count)) as u32;
        let matching = self.random.route.below(u64::from(self.size.matching.count)) as u32;
        Chain {
            place: self.visits.start(operation),
            purpose,
            operation,
            target,
            run: NONE,
            shard,
            frontend,
            matching,
            worker: 0,
            extra_statements: 0,
            extra_writes: 0,
            payload: 0,
            forwards: 0,
            flag: false,
            refused: false,
            work: Nanos::ZERO,
            wait: Nanos::ZERO,
            database: Nanos::ZERO,
        }
    }

    /// Work that nobody waits for.
    pub(super) fn background(&mut self, operation: OperationKind, shard: u32, schedule: &mut Schedule<Event>) {
        let chain = self.chain(Purpose::Background, operation, NONE, shard);
        self.launch(chain, schedule);
    }

    /// Walks a chain on until it has to wait for something.
    pub(super) fn advance(&mut self, id: u32, schedule: &mut Schedule<Event>) {
        loop {
            let place = self.chains[id].place;
            self.chains[id].place = place + 1;
            match self.visits.at(place) {
                Visit::Hop(trip) => return self.travel(id, trip, schedule),
                visit @ (Visit::Cpu(..) | Visit::Poll(_) | Visit::Dispatch(_)) => {
                    self.count_request(id, visit);
                    if let Some((process, demand)) = self.cpu_of(id, visit) {
                        return self.use_cpu(id, process, demand, schedule);
                    }
                }
                Visit::Admit(process, requests) => {
                    if let Some(wait) = self.refused(id, process, requests, schedule.now()) {
                        self.chains[id].place = place;
                        return schedule.after(wait, Event::Step(id));
                    }
                }
                Visit::Work => {
                    let chain = &mut self.chains[id];
                    if chain.work > Nanos::ZERO {
                        let demand = std::mem::take(&mut chain.work);
                        chain.place = place;
                        return self.use_cpu(id, Process::Worker, demand, schedule);
                    }
                    if chain.wait > Nanos::ZERO {
                        let wait = std::mem::take(&mut chain.wait);
                        chain.place = place;
                        return schedule.after(wait, Event::Step(id));
                    }
                }
                Visit::TakeShard => {
                    let shard = self.chains[id].shard as usize;
                    if self.shards[shard].arrive(schedule.now(), id, Priority::High).is_none() {
                        return;
                    }
                }
                Visit::GiveShard => {
                    let shard = self.chains[id].shard as usize;
                    if let Some(next) = self.shards[shard].complete(schedule.now(), id) {
                        schedule.after(Nanos::ZERO, Event::Step(next));
                    }
                }
                Visit::Connect(pool) => {
                    if self.pool(id, pool).arrive(schedule.now(), id).is_none() {
                        return;
                    }
                }
                Visit::Disconnect(pool) => {
                    if let Some(next) = self.pool(id, pool).complete(schedule.now(), id) {
                        schedule.after(Nanos::ZERO, Event::Step(next));
                    }
                }
                Visit::Statements { statements, commands, transaction } => {
                    if self.send_statements(id, statements, commands, transaction, schedule) {
                        return;
                    }
                }
                Visit::VisibilityUpsert => {
                    self.work.visibility_statements += 1;
                    self.chains[id].database = self.calibration.cpu.database_visibility;
                    if self.statement_trip > Nanos::ZERO {
                        return self.travel(id, self.statement_trip, schedule);
                    }
                }
                Visit::DatabaseCpu => {
                    let demand = std::mem::take(&mut self.chains[id].database);
                    return self.use_cpu(id, Process::Database, demand, schedule);
                }
                Visit::Commit { wal, commands } => {
                    self.commit(id, wal, commands, schedule);
                    return;
                }
                Visit::Provider => {
                    let latency = match &self.provider {
                        Some(provider) => provider.latency.sample(&mut self.random.provider),
                        None => Nanos::ZERO,
                    };
                    let trip = self.client_trip;
                    return schedule.after(latency.saturating_sub(trip), Event::Step(id));
                }
                Visit::Decide => self.decide(id),
                Visit::Committed => self.committed(id, schedule),
                Visit::End => return self.ended(id, schedule),
            }
        }
    }

    /// Whether a pod's rate limit turns a chain's requests away, and for how long.
    fn refused(&mut self, id: u32, process: Process, requests: u8, now: Nanos) -> Option<Nanos> {
        let pod = self.pod_of(id, process);
        let random = &mut self.random.background;
        let wait = self.rate_limits.ask(process, pod, u32::from(requests), id, now, random)?;
        self.work.throttled[process as usize] += 1;
        Some(wait)
    }

    fn pool(&mut self, id: u32, pool: Pool) -> &mut ConnectionPool {
        let chain = &self.chains[id];
        let history = (chain.shard % self.size.history.count) as usize;
        match pool {
            Pool::History => &mut self.history_pools[history],
            Pool::Visibility => &mut self.visibility_pools[history],
            Pool::Matching => &mut self.matching_pools[chain.matching as usize],
        }
    }

    /// Counts statements and starts their round trips. False when the chain can go on at once.
    fn send_statements(
        &mut self,
        id: u32,
        statements: u16,
        commands: bool,
        transaction: bool,
        schedule: &mut Schedule<Event>,
    ) -> bool {
        let chain = &mut self.chains[id];
        let statements = u64::from(statements) + if commands { u64::from(chain.extra_statements) } else { 0 };
        chain.database = self.calibration.cpu.database_statement * statements;
        self.work.statements += statements;
        self.work.write_transactions += u64::from(transaction);
        if self.statement_trip == Nanos::ZERO {
            return false;
        }
        self.travel(id, self.statement_trip * statements, schedule);
        true
    }

    /// The CPU time of a visit, if it is one for CPU time.
    #[inline]
    fn cpu_of(&self, id: u32, visit: Visit) -> Option<(Process, Nanos)> {
        match visit {
            Visit::Cpu(process, demand) => Some((process, demand)),
            Visit::Poll(demand) => Some((Process::Frontend, demand)),
            Visit::Dispatch(demand) => {
                let forwards = u64::from(self.chains[id].forwards);
                let forwarding = self.calibration.cpu.matching_forward.0 * forwards / 256;
                Some((Process::Matching, demand + Nanos(forwarding)))
            }
            Visit::DatabaseCpu => Some((Process::Database, self.chains[id].database)),
            _ => None,
        }
    }

    /// Counts the request that a visit for CPU time is.
    #[inline]
    fn count_request(&mut self, id: u32, visit: Visit) {
        let chain = &self.chains[id];
        match visit {
            Visit::Cpu(process, _) => self.work.requests.visit(process, chain.operation),
            Visit::Poll(_) => self.work.requests.poll(QueueCall::of(chain.purpose)),
            Visit::Dispatch(_) => self.work.requests.forward(QueueCall::of(chain.purpose), chain.forwards),
            _ => {}
        }
    }

    fn commit(&mut self, id: u32, wal: u32, commands: bool, schedule: &mut Schedule<Event>) {
        let mut bytes = u64::from(wal);
        if commands {
            let chain = &self.chains[id];
            bytes += u64::from(chain.extra_writes) * self.calibration.wal.write.0 + u64::from(chain.payload);
        }
        self.work.wal_bytes += bytes;
        self.work.commits += 1;
        if self.wal.arrive(schedule.now(), id) {
            self.work.fsyncs += 1;
            schedule.after(self.fsync, Event::Flushed);
        }
    }

    fn wal_flushed(&mut self, schedule: &mut Schedule<Event>) {
        let mut flushed = std::mem::take(&mut self.flushed);
        flushed.clear();
        let (done, again) = self.wal.complete(schedule.now());
        flushed.extend_from_slice(done);
        if again {
            self.work.fsyncs += 1;
            schedule.after(self.fsync, Event::Flushed);
        }
        for &id in &flushed {
            self.advance(id, schedule);
        }
        self.flushed = flushed;
    }

    /// Puts a chain's work on its process's host.
    fn use_cpu(&mut self, id: u32, process: Process, demand: Nanos, schedule: &mut Schedule<Event>) {
        let pod = self.pod_of(id, process);
        let host = self.groups[process as usize].hosts[pod];
        self.settle(host, schedule.now());
        let overtaken = self.coming[host as usize].overtaken(0, pod_key(process, pod));
        self.arrive_at_host(host, schedule.now(), job(id, process), pod_key(process, pod), demand);
        let overtaken = overtaken.min(self.fill(host, schedule.now()));
        let next = self.hosts[host as usize].next_completion().unwrap_or(Nanos::FOREVER).min(overtaken);
        if next < Nanos::FOREVER {
            self.wake_by(host, next, schedule);
        }
    }

    /// A trip to the next visit. If that is for CPU time the host is told of the job now, and the trip has no event at its end (see
    /// [`super::coming`]); a service's rate limit is asked now for then. A host whose cores may all be busy by then cannot say early when
    /// the job will be done: it is told when the job is there.
    fn travel(&mut self, id: u32, trip: Nanos, schedule: &mut Schedule<Event>) {
        let mut place = self.chains[id].place;
        let mut visit = self.visits.at(place);
        let mut limited = None;
        if let Visit::Admit(process, requests) = visit {
            limited = Some((process, requests));
            place += 1;
            visit = self.visits.at(place);
        }
        let Some((process, demand)) = self.cpu_of(id, visit) else { return schedule.after(trip, Event::Step(id)) };
        let pod = self.pod_of(id, process);
        let group = &self.groups[process as usize];
        let (host, idle) = (group.hosts[pod], group.running[pod] == 0);
        let before = self.coming[host as usize].len();
        if !self.hosts[host as usize].would_have_idle_core(before) {
            return schedule.after(trip, Event::Step(id));
        }
        if let Some((process, requests)) = limited
            && let Some(wait) = self.refused(id, process, requests, schedule.now() + trip)
        {
            return schedule.after(trip + wait, Event::Step(id));
        }
        self.chains[id].place = place + 1;
        self.count_request(id, visit);
        let on_waking = self.on_waking[process as usize];
        let job = Coming {
            at: schedule.now() + trip,
            demand,
            token: job(id, process),
            pod: pod_key(process, pod),
            wake: if idle { on_waking.process } else { Nanos::ZERO },
            idle_core: on_waking.core,
        };
        let end = self.coming[host as usize].add(job);
        let end = end.min(self.fill(host, schedule.now()));
        self.wake_by(host, end, schedule);
    }

    /// When a host may have no idle core left for one of those on their way, none of them counts on it any more. The answer is the
    /// earliest time at which one for which that is news may be done.
    #[inline]
    pub(super) fn fill(&mut self, host: u32, now: Nanos) -> Nanos {
        if self.coming[host as usize].counts_on_idle_cores() && !self.has_cores_for_all(host) {
            // Those that are there by now did find one.
            self.settle(host, now);
            return self.coming[host as usize].without_idle_cores();
        }
        Nanos::FOREVER
    }

    /// Whether each of those on their way to a host will find an idle core, whoever leaves before.
    #[inline]
    fn has_cores_for_all(&self, host: u32) -> bool {
        let others = self.coming[host as usize].len().saturating_sub(1);
        self.hosts[host as usize].would_have_idle_core(others)
    }

    /// Lets those on their way to a host arrive that have reached it by now. None of its jobs can have ended before: the host's
    /// wake-up would have come.
    pub(super) fn settle(&mut self, host: u32, now: Nanos) {
        while let Some(job) = self.coming[host as usize].arrived(now) {
            self.arrive_at_host(host, job.at, job.token, job.pod, job.demand);
        }
    }

    /// The same for all hosts: before anything is read off them, or off the CPU work done.
    pub(super) fn settle_all(&mut self, now: Nanos) {
        (0..self.hosts.len() as u32).for_each(|host| self.settle(host, now));
    }

    fn arrive_at_host(&mut self, host: u32, at: Nanos, token: u32, pod: u32, demand: Nanos) {
        let (process, pod) = (pod as usize % 8, pod as usize / 8);
        let running = &mut self.groups[process].running[pod];
        let mut demand = demand;
        if *running == 0 {
            demand += self.on_waking[process].process;
            self.work.wake_ups[process] += 1;
        }
        if self.hosts[host as usize].has_idle_core() {
            demand += self.on_waking[process].core;
            self.work.idle_cores[process] += 1;
        }
        *running += 1;
        self.work.cpu[process] += demand;
        self.hosts[host as usize].arrive(at, token, demand);
    }

    fn pod_of(&self, id: u32, process: Process) -> usize {
        let chain = &self.chains[id];
        let pod = match process {
            Process::Frontend => chain.frontend,
            Process::History => chain.shard % self.size.history.count,
            Process::Matching => chain.matching,
            Process::Database => 0,
            Process::Worker => chain.worker,
        };
        pod as usize
    }

    pub(super) fn wake_host(&mut self, host: u32, schedule: &mut Schedule<Event>) {
        let running = self.hosts[host as usize].next_completion();
        if let Some(next) = self.coming[host as usize].earliest_end(running) {
            self.wake_by(host, next, schedule);
        }
    }

    /// Wakes a host no later than at a time.
    #[inline]
    fn wake_by(&mut self, host: u32, time: Nanos, schedule: &mut Schedule<Event>) {
        if let Some(generation) = self.hosts[host as usize].wake_by(time) {
            schedule.at(time, Event::Host { host, generation });
        }
    }

    fn host_woken(&mut self, host: u32, generation: u32, schedule: &mut Schedule<Event>) {
        if !self.hosts[host as usize].woken(generation) {
            return;
        }
        self.settle(host, schedule.now());
        while let Some(token) = self.hosts[host as usize].complete(schedule.now()) {
            let (id, process) = chain_of(token);
            if id == IDLE_JOB {
                continue;
            }
            let pod = self.pod_of(id, process);
            self.groups[process as usize].running[pod] -= 1;
            self.advance(id, schedule);
        }
        self.wake_host(host, schedule);
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
        self.background(OperationKind::RetentionDelete, shard, schedule);
    }

    /// A latency measured now.
    #[inline]
    pub(super) fn record(&mut self, metric: Metric, latency: Nanos, schedule: &Schedule<Event>) {
        self.recorder.record(schedule.now(), metric, latency);
    }
}

/// A process's pod in one number.
fn pod_key(process: Process, pod: usize) -> u32 {
    (pod as u32) << 3 | process as u32
}

/// A host's token: the chain, and which of its processes is on the CPU.
pub(super) fn job(id: u32, process: Process) -> u32 {
    debug_assert!(id <= IDLE_JOB, "more than half a billion chains at once");
    id << 3 | process as u32
}

fn chain_of(token: u32) -> (u32, Process) {
    let process = match token & 7 {
        0 => Process::Frontend,
        1 => Process::History,
        2 => Process::Matching,
        3 => Process::Database,
        _ => Process::Worker,
    };
    (token >> 3, process)
}

/// A host of this many cores.
pub(super) fn host(cores: Cores) -> ProcessorSharing {
    ProcessorSharing::new(cores)
}
