//! One load, from its first intended start to the last answer: the dispatcher's thread, the driver's runtime, and the end.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plimsoll_profiles::arrivals::Arrivals;
use plimsoll_profiles::units::Nanos;
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::clock::RunClock;
use crate::dispatch::{Ended, Followed, Inbox, RealTime, Timed, dispatch};
use crate::driver::operation::{Answered, FollowUpOperation, Operation, StartOperation};
use crate::driver::{Books, Driver, Settings, Target};
use crate::failure::Failure;
use crate::workload::{FollowUp, Workload};

/// What is to be sent, and how.
#[derive(Clone, Debug)]
pub struct Load {
    /// When.
    pub arrivals: Arrivals,
    /// Seed of the schedule.
    pub seed: u64,
    /// Starts intended from here on are not offered, even where the arrivals go on.
    pub until: Nanos,
    /// The driver's bounds, and how it sees completions.
    pub settings: Settings,
    /// Wake so long before each start and yield in a loop until it is due; zero sleeps all the way.
    pub spin: Duration,
}

impl Load {
    /// The intended starts.
    pub fn schedule(&self) -> impl Iterator<Item = Nanos> + Send + 'static {
        let until = self.until;
        self.arrivals.schedule(self.seed).take_while(move |at| *at < until)
    }
}

/// The runtime on which requests are sent: nothing else runs there, so that workers and samplers of this process do not
/// stand between an operation and its connection. Dropped, it is left behind instead of waited for: most of its owners end
/// in async code, which must not wait.
#[derive(Debug)]
pub struct DriverRuntime {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl DriverRuntime {
    /// To run something on it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for DriverRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes it.
///
/// # Errors
/// When the system gives no thread.
pub fn driver_runtime(threads: usize) -> Result<DriverRuntime, Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .thread_name("driver")
        .on_thread_start(ask_for_priority)
        // What the dispatcher hands over goes before answers that have come. Answers that wait are read many at a time, which costs less
        // for each; by tokio's default, some 60 of them would be dealt with before the next start.
        .global_queue_interval(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::io(format!("cannot start the driver's threads: {error}")))?;
    Ok(DriverRuntime { handle: runtime.handle().clone(), runtime: Some(runtime) })
}

/// Asks the system to run this thread before others that want to run at the same time: a generator that shares its machine
/// with the target or with its own workers must not be slowed by the load it makes. It needs little time itself.
///
/// In real time (`SCHED_FIFO`), because a low niceness does not interrupt what runs: with −15, on two cores that a cluster kept busy, one send in
/// a hundred was 12 ms late. Where that is not allowed (sched(7): CAP_SYS_NICE or RLIMIT_RTPRIO), by niceness; where that is not
/// either, the lag tells what it costs.
pub fn ask_for_priority() {
    const NICENESS: i32 = -15;
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let lowest = ThreadPriorityValue::try_from(1).map(ThreadPriority::Crossplatform);
    let real_time =
        lowest.is_ok_and(|lowest| set_thread_priority_and_policy(thread_native_id(), lowest, policy).is_ok());
    if !real_time {
        // On Linux a niceness belongs to a thread; no process id is this one.
        let _ = rustix::process::setpriority_process(None, NICENESS);
    }
}

/// A load under way.
pub struct Engine {
    clock: RunClock,
    driver: Driver,
    inbox: Inbox<Operation>,
    books: Books,
    dispatcher: Option<JoinHandle<Ended>>,
    stopped_at: Option<Nanos>,
}

impl Engine {
    /// Begins: the first start goes out at its time on `clock`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        load: &Load,
        workload: &Workload,
        target: Target,
        books: Books,
        clock: RunClock,
        runtime: &DriverRuntime,
    ) -> Result<Engine, Failure> {
        let driver = Driver::new(clock, target, books.clone(), load.settings.clone(), runtime.handle().clone());
        let inbox = Inbox::default();
        let (schedule, spin) = (load.schedule(), load.spin);
        let mut sink = driver.clone();
        let (mail, workload) = (inbox.clone(), workload.clone());
        let dispatcher = std::thread::Builder::new()
            .name("dispatcher".to_owned())
            .spawn(move || {
                ask_for_priority();
                let pace = RealTime::spinning(clock, spin);
                dispatch(schedule, |ordinal, _| made(&workload, ordinal), &mail, &pace, &mut sink)
            })
            .map_err(|error| Failure::io(format!("cannot start the dispatcher's thread: {error}")))?;
        Ok(Engine { clock, driver, inbox, books, dispatcher: Some(dispatcher), stopped_at: None })
    }

    /// The driver.
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// A handle with which others add what follows; cheap to clone.
    pub fn follower(&self) -> Follower {
        Follower { clock: self.clock, inbox: self.inbox.clone() }
    }

    /// Whether all starts went out, and everything that can be waited for has come.
    pub fn is_done(&self) -> bool {
        self.driver.starts_done()
            && self.books.ledger.awaited() == 0
            && self.driver.in_flight() == 0
            && self.driver.waiting() == 0
    }

    /// Nothing more is sent; what waits at the cap is given up and counted. Answers and completions still come in.
    pub fn stop_sending(&mut self) {
        self.inbox.stop();
        if let Some(Ok(Ended::Stopped(at))) = self.dispatcher.take().map(JoinHandle::join) {
            self.stopped_at = Some(at);
        }
        self.driver.close();
    }

    /// When the dispatcher was stopped: starts intended later were not offered.
    pub fn stopped_at(&self) -> Option<Nanos> {
        self.stopped_at
    }

    /// Requests are not sent again any more, and nobody asks for completions.
    pub fn abort(&mut self) {
        self.stop_sending();
        self.driver.abort();
    }
}

/// Adds what a worker says a workflow waits for.
#[derive(Clone)]
pub struct Follower {
    clock: RunClock,
    inbox: Inbox<Operation>,
}

impl Follower {
    /// The workflow has come to a step at which this is sent to it, after its delay from `at`.
    pub fn add(&self, workflow_id: &str, follow_up: FollowUp, at: Instant) {
        let at = self.clock.at(at) + follow_up.after;
        let what = FollowUpOperation { workflow_id: workflow_id.to_owned(), follow_up, after: None };
        self.inbox.add(Timed { at, what: Operation::FollowUp(Box::new(what)) });
    }
}

fn made(workload: &Workload, ordinal: u64) -> Followed<Operation> {
    let start = workload.start(ordinal);
    let answered = (!start.follow_ups.is_empty()).then(Answered::default);
    let followers = start.follow_ups.into_iter().map(|follow_up| {
        let after = follow_up.after;
        let operation =
            FollowUpOperation { workflow_id: start.workflow_id.clone(), follow_up, after: answered.clone() };
        (after, Operation::FollowUp(Box::new(operation)))
    });
    let followers = followers.collect();
    let operation = StartOperation { ordinal, request: start.request, answered, may_end_unseen: start.may_end_unseen };
    Followed { start: Operation::Start(Box::new(operation)), followers }
}
