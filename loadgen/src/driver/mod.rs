//! Sends what the dispatcher hands over, and keeps the books about it.
//!
//! | file | subject |
//! | --- | --- |
//! | [`operation`] | what is sent |
//! | [`gate`] | the in-flight cap: who may send now, and who waits, counted |
//! | [`retry`] | when a request is sent again, as Temporal's own client does it |
//! | [`call`] | one operation as gRPC requests |
//! | [`outcome`] | how a workflow ended, by long poll |
//!
//! # What is timed
//! `response` counts from the intended time, `service` from the moment the request is handed to its connection. Retries are
//! part of both: a client of the SDK would see one call. An operation that waits at the in-flight cap, or for the answer of
//! the start it follows, is sent later than intended: its response holds the wait, its service does not.

pub mod call;
pub mod gate;
pub mod operation;
pub mod outcome;
pub mod retry;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use plimsoll_profiles::units::Nanos;
use tokio::runtime::Handle;

use crate::clock::RunClock;
use crate::connect::Service;
use crate::dispatch::{Sink, Timed};
use crate::identity::RunId;
use crate::record::ledger::End;
use crate::record::{Errors, Ledger, Metric, Recorder};
use crate::workload::Workload;
use gate::{Entry, Gate};
use operation::{Answered, Operation};

/// Where the end of a workflow is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completions {
    /// The run's own workers tell.
    Hook,
    /// A long poll per workflow asks the server (GetWorkflowExecutionHistory for the closing event).
    LongPoll,
}

impl Completions {
    /// The word for it in flags and in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Completions::Hook => "hook",
            Completions::LongPoll => "long-poll",
        }
    }
}

/// What a driver needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Requests that may be without an answer at once; further ones wait, counted.
    pub max_in_flight: usize,
    /// Operations that may wait for one of those; further ones are not sent, counted.
    pub max_waiting: usize,
    /// Where completions are seen.
    pub completions: Completions,
}

/// Counts beside the [`Ledger`]'s.
#[derive(Debug, Default)]
pub struct Counters {
    /// Starts that waited at the in-flight cap before they were sent.
    pub starts_delayed: AtomicU64,
    /// The longest of these waits, nanoseconds.
    pub longest_delay: AtomicU64,
    /// Other operations that waited there.
    pub follow_ups_delayed: AtomicU64,
    /// Requests sent again after an error that a client retries.
    pub retries: AtomicU64,
    /// Signals, queries, updates, cancellations and terminations whose time came.
    pub follow_ups_offered: AtomicU64,
    /// Of those, answered.
    pub follow_ups_done: AtomicU64,
    /// Of those, refused or without an answer.
    pub follow_ups_failed: AtomicU64,
    /// Of those, without object: the workflow was never started, or has ended.
    pub follow_ups_moot: AtomicU64,
    /// Of those, never sent.
    pub follow_ups_unsent: AtomicU64,
    /// Updates that the workflow's validator rejected.
    pub updates_rejected: AtomicU64,
}

impl Counters {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends operations; cheap to clone.
#[derive(Clone)]
pub struct Driver {
    shared: Arc<Shared>,
    handle: Handle,
}

pub(crate) struct Shared {
    pub(crate) clock: RunClock,
    pub(crate) run: RunId,
    pub(crate) namespace: String,
    pub(crate) workload: Option<Workload>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) errors: Arc<Errors>,
    pub(crate) counters: Counters,
    pub(crate) settings: Settings,
    services: Vec<Service>,
    next_service: AtomicUsize,
    gate: Gate,
    aborted: AtomicBool,
    starts_done: AtomicBool,
}

/// Where a driver writes what it saw.
#[derive(Clone, Debug)]
pub struct Books {
    /// Latencies.
    pub recorder: Arc<Recorder>,
    /// Starts.
    pub ledger: Arc<Ledger>,
    /// Errors.
    pub errors: Arc<Errors>,
}

/// What a driver drives.
pub struct Target {
    /// Connections to the frontend; at least one. Operations go round.
    pub services: Vec<Service>,
    /// The namespace.
    pub namespace: String,
    /// The run.
    pub run: RunId,
    /// Makes the requests of follow-ups; without one there are none.
    pub workload: Option<Workload>,
}

impl Driver {
    /// A driver whose requests run on `handle`'s runtime: one of its own, so that nothing else of the program delays them.
    pub fn new(clock: RunClock, target: Target, books: Books, settings: Settings, handle: Handle) -> Driver {
        let gate = Gate::new(settings.max_in_flight, settings.max_waiting);
        let shared = Shared {
            clock,
            run: target.run,
            namespace: target.namespace,
            workload: target.workload,
            recorder: books.recorder,
            ledger: books.ledger,
            errors: books.errors,
            counters: Counters::default(),
            settings,
            services: target.services,
            next_service: AtomicUsize::new(0),
            gate,
            aborted: AtomicBool::new(false),
            starts_done: AtomicBool::new(false),
        };
        Driver { shared: Arc::new(shared), handle }
    }

    /// Counts beside the ledger's.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Requests without an answer now.
    pub fn in_flight(&self) -> usize {
        self.shared.gate.in_flight()
    }

    /// Operations that wait for the cap now.
    pub fn waiting(&self) -> usize {
        self.shared.gate.waiting()
    }

    /// Whether every start of the schedule has been handed over.
    pub fn starts_done(&self) -> bool {
        self.shared.starts_done.load(Ordering::Acquire)
    }

    /// Nothing more is sent: what waits is given up and counted, what is in flight goes on.
    pub fn close(&self) {
        for operation in self.shared.gate.close() {
            self.shared.give_up(&operation.what);
        }
    }

    /// Requests in flight are not sent again any more, and long polls end.
    pub fn abort(&self) {
        self.close();
        self.shared.aborted.store(true, Ordering::Release);
    }

    /// A worker saw a workflow end. Those of other runs, and children, are none of ours.
    pub fn ended(&self, workflow_id: &str, end: End, at: Instant) {
        self.shared.ended(workflow_id, end, self.shared.clock.at(at));
    }
}

impl Sink<Operation> for Driver {
    fn send(&mut self, operation: Timed<Operation>) {
        let shared = &self.shared;
        match &operation.what {
            Operation::Start(start) => shared.ledger.offer(start.ordinal, operation.at),
            Operation::FollowUp(follow_up) => {
                Counters::add(&shared.counters.follow_ups_offered);
                if let Some(answered) = follow_up.after.clone().filter(|answered| answered.known().is_none()) {
                    // Its start has not been answered: it would only be refused. The wait is part of its response.
                    let shared = Arc::clone(shared);
                    self.handle.spawn(async move {
                        answered.wait().await;
                        if let Some(ready) = shared.enter(operation) {
                            shared.serve(ready).await;
                        }
                    });
                    return;
                }
            }
        }
        if let Some(ready) = shared.enter(operation) {
            self.handle.spawn(Arc::clone(shared).serve(ready));
        }
    }

    fn unsent(&mut self, operation: Timed<Operation>) {
        match &operation.what {
            Operation::Start(start) => self.shared.ledger.offer(start.ordinal, operation.at),
            Operation::FollowUp(_) => Counters::add(&self.shared.counters.follow_ups_offered),
        }
        self.shared.give_up(&operation.what);
    }

    fn starts_done(&mut self) {
        self.shared.starts_done.store(true, Ordering::Release);
    }
}

/// An operation that may be sent.
pub(crate) struct Ready {
    operation: Timed<Operation>,
    /// It waited at the cap: its lag was recorded when it began to.
    delayed: bool,
}

impl Shared {
    /// Passes the cap, or waits there, or is given up where too many wait.
    fn enter(&self, operation: Timed<Operation>) -> Option<Ready> {
        let at = operation.at;
        match self.gate.enter(operation) {
            Entry::Free(operation) => Some(Ready { operation, delayed: false }),
            Entry::Waits => {
                self.lag(at);
                None
            }
            Entry::Refused(operation) => {
                self.lag(at);
                self.give_up(&operation.what);
                None
            }
        }
    }

    fn lag(&self, intended: Nanos) {
        self.recorder.record(Metric::DispatchLag, intended, self.clock.now().saturating_sub(intended));
    }

    /// Sends this one, and then those that wait, until none does.
    async fn serve(self: Arc<Self>, first: Ready) {
        let mut next = Some(first);
        while let Some(Ready { operation, delayed }) = next {
            self.perform(operation, delayed).await;
            next = self.gate.leave().map(|operation| Ready { operation, delayed: true });
        }
    }

    fn give_up(&self, operation: &Operation) {
        match operation {
            Operation::Start(start) => {
                self.ledger.unsent(start.ordinal);
                if let Some(answered) = &start.answered {
                    answered.set(false);
                }
            }
            Operation::FollowUp(_) => Counters::add(&self.counters.follow_ups_unsent),
        }
    }

    async fn perform(self: &Arc<Self>, operation: Timed<Operation>, delayed: bool) {
        let at = operation.at;
        match operation.what {
            Operation::Start(start) => {
                let sent = self.clock.now();
                self.ledger.sent(start.ordinal, sent);
                if delayed {
                    Counters::add(&self.counters.starts_delayed);
                    self.counters.longest_delay.fetch_max(sent.saturating_sub(at).0, Ordering::Relaxed);
                } else {
                    self.recorder.record(Metric::DispatchLag, at, sent.saturating_sub(at));
                }
                let watch = self.settings.completions == Completions::LongPoll || start.may_end_unseen;
                let accepted = self.start(&start, at, sent).await;
                if let Some(answered) = &start.answered {
                    answered.set(accepted);
                }
                if accepted && watch {
                    let shared = Arc::clone(self);
                    tokio::spawn(async move { shared.watch(start.ordinal).await });
                }
            }
            Operation::FollowUp(follow_up) => {
                let waited = follow_up.after.is_some();
                if follow_up.after.as_ref().and_then(Answered::known) == Some(false) {
                    Counters::add(&self.counters.follow_ups_moot);
                    return;
                }
                if delayed {
                    Counters::add(&self.counters.follow_ups_delayed);
                } else if !waited {
                    self.lag(at);
                }
                // Boxed for the same reason as a start's call.
                Box::pin(self.follow_up(&follow_up, at)).await;
            }
        }
    }

    pub(crate) fn service(&self) -> Service {
        let index = self.next_service.fetch_add(1, Ordering::Relaxed) % self.services.len().max(1);
        self.services[index].clone()
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    pub(crate) fn ended(&self, workflow_id: &str, end: End, at: Nanos) {
        let Some(ordinal) = self.ordinal(workflow_id) else { return };
        let Some(ended) = self.ledger.ended(ordinal, end) else { return };
        let response = at.saturating_sub(ended.intended);
        match end {
            End::Completed => {
                let service = at.saturating_sub(ended.sent);
                let latencies = [(Metric::EndToEndResponse, response), (Metric::EndToEndService, service)];
                self.recorder.record_many(ended.intended, &latencies);
            }
            End::Failed => self.recorder.record(Metric::EndToEndFailed, ended.intended, response),
        }
    }

    fn ordinal(&self, workflow_id: &str) -> Option<u64> {
        workflow_id.strip_prefix(self.run.as_str())?.strip_prefix('-')?.parse().ok()
    }
}
