//! The Temporal model: state, events, and the way of a chain through its visits.
//!
//! # Waits longer than a simulation
//! A wait longer than [`Settings::longest_wait`](super::Settings) (a timer of a month, a signal after two days) does not hold the
//! simulation up: its workflow goes on after a short random wait instead, with cache and mutable state as the long wait
//! would have left them, and the difference is added to its end-to-end latency. At a stationary rate that changes nothing: what leaves a
//! delay without servers is again a Poisson process of the same rate (Eick, Massey, Whitt 1993, "The physics of the Mt/G/∞ queue").

use plimsoll_profiles::calibration::{Calibration, SdkCosts};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::Nanos;

use super::caches::StateCache;
use super::ends::Lifecycle;
use super::failures::Failures;
use super::fleet::Fleet;
use super::fleet_versions::NewVersion;
use super::forwarding::Forwarders;
use super::hosts::PodTable;
use super::idle::Idling;
use super::limits::RateLimits;
use super::matching::{ActivityQueue, WorkerPod, WorkflowTaskQueue};
use super::outages::{LostSticky, PlannedOutage};
use super::pollers::WorkflowPollers;
use super::pools::Pools;
use super::postgres::{Checkpoints, Wal};
use super::program::Program;
use super::queries::Queries;
use super::record::{Counts, Metric, Work};
use super::recorder::Recorder;
use super::slab::Slab;
use super::state::{Chain, Run, RunningActivity, Signaller, Thread};
use super::steps::Steps;
use super::system::{Settings, SystemSize};
use super::timeouts::{Timeout, TimerReads};
use super::visits::VisitTable;
use crate::engine::{Model as EngineModel, Permit, Schedule, TimeSlicing};

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
    /// An activity heartbeats.
    Heartbeat {
        /// On which pod, in the low bits of its number: it is asked for its connections only.
        pod: u16,
        /// Of which run.
        run: u32,
    },
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
    pub(super) sdk_cpu: SdkCosts,

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
    /// Queries that wait for a workflow task.
    pub(super) queries: Queries,
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
            Event::Heartbeat { pod, run } => self.heartbeat_due(run, pod, schedule),
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
    /// A latency measured now.
    #[inline]
    pub(super) fn record(&mut self, metric: Metric, latency: Nanos, schedule: &Schedule<Event>) {
        self.recorder.record(schedule.now(), metric, latency);
    }
}
