//! What the simulator keeps of a running workflow, an activity, and a request on its way.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::profile::ParentClosePolicy;
use plimsoll_profiles::units::Nanos;

use super::visits::Process;

/// No index.
pub const NONE: u32 = u32::MAX;

/// Where a run's workflow task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowTask {
    /// There is none.
    None,
    /// Scheduled, not yet with a worker.
    Scheduled,
    /// With a worker: what happens meanwhile is buffered.
    Started,
}

/// What of a workflow task was done when the worker that had it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostTask {
    /// No worker was.
    No,
    /// None of it.
    BeforeItsCode,
    /// Its code was running or had run: what it commands is known.
    AfterItsCode,
}

/// How a run ends with its present workflow task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It does not.
    No,
    /// Completed.
    Completed,
    /// Failed.
    Failed,
    /// Continued as a new run.
    ContinuedAsNew,
    /// Cancelled: by its own workflow task, after a request.
    Cancelled,
    /// Terminated by the server, for a client or its parent.
    Terminated,
    /// Its run's or execution's time-out passed.
    TimedOut,
}

/// A running workflow.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Its type.
    pub workflow: u32,
    /// Its history shard; of shards with several permits, which of all permits is the run's.
    pub shard: u32,
    /// Intended start of the first run.
    pub intended: Nanos,
    /// Start of this run.
    pub started: Nanos,
    /// Long waits that did not hold the simulation up.
    pub skipped: Nanos,
    /// Those waits when this run of a chain of runs began.
    pub skipped_before: Nanos,
    /// Clients that send signals from the start on.
    pub signallers: u32,
    /// Waiting parent thread, if it is a child.
    pub parent: u32,
    /// Whether the parent waits for the end (else only for the start).
    pub parent_waits: bool,
    /// Its parent's run, which hears of its end.
    pub parent_run: u32,
    /// What becomes of it when its parent ends first.
    pub on_parent_close: ParentClosePolicy,
    /// Its open children.
    pub children: u32,
    /// Its place among its parent's children.
    pub link: u32,
    /// How it will end from outside, if it does.
    pub end: u32,
    /// State of the workflow task.
    pub task: WorkflowTask,
    /// When it was scheduled.
    pub task_scheduled: Nanos,
    /// When its first workflow task could be scheduled: its start, or the end of the wait after a run that lived less than the minimal interval.
    pub executes_from: Nanos,
    /// Which of its workflow tasks it is.
    pub task_number: u32,
    /// Nothing is written of the task before its completion.
    pub speculative: bool,
    /// The running task carries updates, and one at least was accepted.
    pub accepted: bool,
    /// The running task carries updates of clients that wait for its end to send more.
    pub carries: bool,
    /// Updates wait for a workflow task.
    pub has_updates: bool,
    /// Threads whose update waits for a workflow task.
    pub updates: u32,
    /// Upserts of search attributes that the running task carries.
    pub upserts: u16,
    /// Which version's task queues its tasks go to.
    pub queue: u8,
    /// The worker that had the task is no more.
    pub lost: LostTask,
    /// Waiting of its local activities beyond the task's next heartbeat.
    pub wait_left: Nanos,
    /// Payload bytes of its history that a workflow task has brought to a worker.
    pub payload_seen: u32,
    /// Those that the next workflow task will bring.
    pub payload_new: u32,
    /// Pod whose cache holds the run.
    pub sticky_pod: u32,
    /// Mutable state is not in history's cache.
    pub cold: bool,
    /// Whether its first workflow task is done.
    pub first_task_done: bool,
    /// Whether an activity time-out timer is set.
    pub activity_timer: bool,
    /// Activities started and not closed.
    pub activities_started: u32,
    /// Threads that the next workflow task advances.
    pub ready: u32,
    /// Events came while a task was running, whether or not a thread waits for them.
    pub has_buffered: bool,
    /// Threads that wait for the one after: their events came while a task was running.
    pub buffered: u32,
    /// Threads the running workflow task advances.
    pub visible: u32,
    /// Threads whose commands the running workflow task carries.
    pub commands: u32,
    /// How it ends.
    pub closing: Closing,
    /// Whether the close is durable.
    pub closed: bool,
    /// An activity failed for good.
    pub failed: bool,
    /// Its cancellation was requested.
    pub cancelled: bool,
    /// Further runs made.
    pub runs_made: u32,
    /// Things under way that know this run.
    pub references: u32,
    /// Events in the history of this run.
    pub events: u32,
    /// Whether it counts: started from outside.
    pub root: bool,
}

/// A coroutine of a workflow.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// Its run.
    pub run: u32,
    /// Its next instruction.
    pub place: u32,
    /// The thread that waits for it.
    pub parent: u32,
    /// Branches it waits for.
    pub branches: u32,
    /// Where in the running workflow task its local activities have brought it: branches' run at once.
    pub clock: Nanos,
    /// Next in a list of its run.
    pub next: u32,
    /// What it asks of the server.
    pub command: Command,
}

/// How far the update of a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentUpdate {
    /// There is none: it is yet to be sent, or the client sends signals.
    No,
    /// It waits for a workflow task.
    Admitted,
    /// The running workflow task carries it, and it was accepted.
    Accepted,
    /// The running workflow task carries it, and it was rejected.
    Rejected,
}

/// A client that sends the signals (or updates) of a `from_start` step one after the other, whether or not the workflow waits for them yet.
#[derive(Clone, Copy, Debug)]
pub struct Signaller {
    /// To which run.
    pub run: u32,
    /// Which span of the program it waits before each.
    pub span: u32,
    /// Signals not yet answered.
    pub left: u32,
    /// Signals the workflow's code has not taken yet.
    pub untaken: u32,
    /// Signals in the history that the code can take.
    pub arrived: u32,
    /// Its update, if it sends updates.
    pub update: SentUpdate,
    /// Signals that came while a workflow task was running: the code sees them in the next.
    pub buffered: u32,
    /// The thread that waits for the next, or none.
    pub thread: u32,
    /// The run is closed: nobody takes them.
    pub dismissed: bool,
    /// Next of the same run.
    pub next: u32,
}

/// A command of a workflow task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// None.
    None,
    /// Schedule this activity (an index of a running activity).
    Activity(u32),
    /// Wait for a signal or update that a client sends when it can know of that (an index of a span).
    Message(u32),
    /// Start a timer.
    Timer(Nanos),
    /// Start a child of this type.
    Child {
        /// Type.
        workflow: u32,
        /// Wait for its end.
        wait: bool,
        /// What becomes of it when the parent ends first.
        policy: ParentClosePolicy,
    },
}

/// An activity under way.
#[derive(Clone, Copy, Debug)]
pub struct RunningActivity {
    /// Its run.
    pub run: u32,
    /// The thread that waits.
    pub thread: u32,
    /// Its specification.
    pub spec: u32,
    /// Attempt, from 1.
    pub attempt: u32,
    /// When this attempt was put into its queue. The server dates a retry at the end of its back-off, and reads its timer up to a look-ahead later.
    pub scheduled: Nanos,
    /// When the first attempt was.
    pub first_scheduled: Nanos,
    /// The next activity that the same workflow task scheduled, until their transfer tasks are read.
    pub sibling: u32,
    /// Its limit of waiting, while it waits.
    pub limit: u32,
    /// No attempt runs: it waits for a worker.
    pub waiting: bool,
    /// The timer of this attempt's time-out is its own: the run's first running activity has one.
    pub has_timer: bool,
    /// Its limit of waiting passed; matching still holds its task.
    pub given_up: bool,
    /// Started with the answer of its workflow task.
    pub eager: bool,
    /// The pod that runs it.
    pub pod: u32,
    /// How this attempt ends.
    pub ending: Ending,
    /// When this attempt started on its worker.
    pub started: Nanos,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a result.
    Completes,
    /// With an error that may be retried.
    Fails,
    /// With an error that may not.
    FailsForGood,
    /// The server gives it up before it is done.
    TimesOut,
}

/// Why a chain of visits is under way, and so what its effects are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// StartWorkflowExecution by a client; target: run.
    Start,
    /// A workflow task from its transfer task to matching; target: run.
    ScheduleWorkflowTask,
    /// RecordWorkflowTaskStarted; target: run.
    StartWorkflowTask,
    /// Workflow code on a worker; target: run.
    RunWorkflowTask,
    /// RespondWorkflowTaskCompleted; target: run.
    CompleteWorkflowTask,
    /// The same of a speculative task that only rejected updates; target: run.
    RejectUpdate,
    /// The same as a heartbeat of long local activities; target: run.
    HeartbeatWorkflowTask,
    /// The timer of a continued run's first task; target: run.
    FirstTask,
    /// A load of the run before it; target: run.
    LoadRun,
    /// A worker asks for the whole history before it runs a task; target: run.
    FetchHistory,
    /// A sticky task waited too long; target: run.
    StickyTimeout,
    /// An activity from its transfer task to matching; target: activity.
    ScheduleActivity,
    /// RecordActivityTaskStarted; target: activity.
    StartActivity,
    /// The answer of a workflow task on its way to the worker, with an activity in it; target: activity.
    StartEagerActivity,
    /// An activity waited too long for a worker; target: activity.
    GiveUpActivity,
    /// Activity code on a worker; target: activity.
    RunActivity,
    /// The same after the server gave the attempt up: nobody waits for it.
    RunAbandonedActivity,
    /// RespondActivityTaskCompleted; target: activity.
    CompleteActivity,
    /// RespondActivityTaskFailed or the time-out of an attempt; target: activity.
    FailActivity,
    /// The back-off is over; target: activity.
    RetryActivity,
    /// RecordActivityTaskHeartbeat; target: run.
    Heartbeat,
    /// A heartbeat time-out's timer; target: run.
    HeartbeatCheck,
    /// A timer fires; target: thread.
    FireTimer,
    /// A signal; target: thread.
    Message,
    /// An update; target: thread.
    Update,
    /// A query; target: run. Its `run` is how many more its client will send.
    Query,
    /// The same on a worker; target: run.
    RunQuery,
    /// A request for cancellation; target: run.
    Cancel,
    /// The server closes a run; target: run.
    Terminate,
    /// The visibility task of a start; target: run.
    ShowStart,
    /// A schedule's own workflow; target: the run it starts.
    ScheduleFires,
    /// A signal that no thread may wait for yet; target: signaller.
    Signal,
    /// An update likewise; target: signaller.
    SentUpdate,
    /// The transfer task that starts a child; target: parent thread.
    StartChild,
    /// The child's start; target: child run.
    CreateChild,
    /// ChildWorkflowExecutionStarted on the parent; target: parent thread.
    ChildStarted,
    /// The child's first workflow task; target: child run.
    ChildFirstTask,
    /// The child's end recorded on the parent; target: parent thread.
    ChildCompleted,
    /// The client's long poll answers; target: run.
    Result,
    /// A poller of a pod asks for a workflow task; target: pod.
    PollWorkflow,
    /// A poller of a pod asks for an activity; target: pod.
    PollActivity,
    /// A task is written because no poller waited; target: run or activity by `flag`.
    SpoolWorkflow,
    /// Likewise for activities.
    SpoolActivity,
    /// The stages of a deletion.
    RetentionDelete,
    /// What a killed worker had in hand: nothing comes of it.
    Lost,
    /// Work nobody waits for.
    Background,
}

/// A request or task on its way through the visits: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Chain {
    /// The next visit.
    pub place: u32,
    /// Why.
    pub purpose: Purpose,
    /// What it is, as far as decided.
    pub operation: OperationKind,
    /// Run, thread, activity or pod: see [`Purpose`].
    pub target: u32,
    /// The run of a target that is a thread.
    pub run: u32,
    /// History shard.
    pub shard: u32,
    /// Frontend, history and matching pod, and the database.
    pub pods: [u16; 4],
    /// Worker pod.
    pub worker: u32,
    /// Statements its commands add to the transaction.
    pub extra_statements: u16,
    /// Rows they write.
    pub extra_writes: u16,
    /// Payload bytes it writes.
    pub payload: u32,
    /// Forwards of this call to other partitions of its task queue: in 1/256.
    pub forwards: u16,
    /// Partition whose forwarder waits for the task's start to be recorded; 0 for none.
    pub partition: u8,
    /// A flag of the purpose.
    pub flag: bool,
    /// A poller was taken for it before it comes to its queue.
    pub has_poller: bool,
    /// Its run was closed when the shard was its: nothing was written.
    pub refused: bool,
    /// CPU of its work on a worker.
    pub work: Nanos,
    /// Waiting after that work.
    pub wait: Nanos,
    /// CPU of the database for the statements under way, in nanoseconds: four seconds at most.
    pub database: u32,
}

const _: () = assert!(size_of::<Chain>() == 64);

impl Chain {
    /// Which pod of a process serves it.
    #[inline]
    pub fn pod(&self, process: Process) -> u32 {
        match self.pods.get(process as usize) {
            Some(pod) => u32::from(*pod),
            None if process == Process::Worker => self.worker,
            None => 0,
        }
    }
}
