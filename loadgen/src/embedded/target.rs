//! The state of a running target, and the times at which it answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use plimsoll_profiles::random::{Distribution, Stream, Streams};
use plimsoll_profiles::units::Nanos;
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use tokio::sync::Notify;
use tonic::Code;

use super::answer::{Answer, Answering};
use super::behaviour::Behaviour;
use super::counts::{Counters, Counts};
use super::error::Refusal;
use super::method::Method;
use super::workflows::Workflows;

/// No start was received yet.
const UNSET: u64 = u64::MAX;

/// Everything the requests of a target share.
pub(super) struct Target {
    pub behaviour: Behaviour,
    pub counters: Counters,
    origin: Instant,
    wall: SystemTime,
    /// When the first start arrived, in nanoseconds of the target's time.
    first_start: AtomicU64,
    /// Woken by the first start.
    pub first_start_seen: Notify,
    /// Until when it is frozen by hand.
    frozen_until: AtomicU64,
    state: Mutex<State>,
}

struct State {
    workflows: Workflows,
    /// When the one queue of a target with a capacity is empty again.
    free_at: f64,
    delays: Stream,
    errors: Stream,
    closes: Stream,
}

/// How a request is dealt with.
pub(super) struct Admission {
    /// When its answer is due, freezes apart.
    pub due: Nanos,
    /// The error that strikes it.
    pub error: Option<Code>,
}

impl Target {
    pub fn new(behaviour: Behaviour) -> Self {
        let streams = Streams::new(behaviour.seed);
        let stream = |purpose| streams.stream("embedded target", purpose, 0);
        let state = State {
            workflows: Workflows::default(),
            free_at: 0.0,
            delays: stream("delay"),
            errors: stream("error"),
            closes: stream("close"),
        };
        Target {
            behaviour,
            counters: Counters::default(),
            origin: Instant::now(),
            wall: SystemTime::now(),
            first_start: AtomicU64::new(UNSET),
            first_start_seen: Notify::new(),
            frozen_until: AtomicU64::new(0),
            state: Mutex::new(state),
        }
    }

    /// The time since the target was made.
    pub fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The instant of a time.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.origin + Duration::from_nanos(at.0)
    }

    /// When the first start arrived.
    pub fn first_start(&self) -> Option<Nanos> {
        let at = self.first_start.load(Ordering::Acquire);
        (at != UNSET).then_some(Nanos(at))
    }

    /// Takes a request in: says when its answer is due and which error strikes it.
    pub fn admit(&self, method: Method) -> Admission {
        let now = self.now();
        if method.starts_workflow() && self.first_start.load(Ordering::Relaxed) == UNSET {
            let first = self.first_start.compare_exchange(UNSET, now.0, Ordering::AcqRel, Ordering::Relaxed);
            if first.is_ok() {
                self.first_start_seen.notify_one();
            }
        }
        let delay = self.behaviour.delay_of(method);
        let capacity = self.behaviour.capacity.filter(|_| !method.is_handshake());
        if *delay == Distribution::Constant(Nanos::ZERO) && capacity.is_none() && self.behaviour.errors.is_empty() {
            return Admission { due: now, error: None };
        }
        let mut state = self.state.lock();
        let mut due = now;
        if let Some(capacity) = capacity {
            state.free_at = state.free_at.max(now.0 as f64) + 1e9 / capacity.as_per_second();
            due = Nanos(state.free_at as u64);
        }
        due += delay.sample(&mut state.delays);
        let rules = self.behaviour.errors.iter().filter(|rule| rule.strikes(method));
        let error = rules.filter(|rule| state.errors.chance(rule.probability)).map(|rule| rule.code).next();
        Admission { due, error }
    }

    /// The end of the freeze the target is in.
    pub fn frozen_until(&self, now: Nanos) -> Option<Nanos> {
        let by_hand = Nanos(self.frozen_until.load(Ordering::Acquire));
        let scheduled = self.first_start().and_then(|first| {
            let since = now.saturating_sub(first);
            let freezes = self.behaviour.freezes.iter().filter(|freeze| freeze.contains(since));
            freezes.map(|freeze| first + freeze.until()).max()
        });
        scheduled.into_iter().chain([by_hand]).max().filter(|&until| until > now)
    }

    /// Freezes it from now on.
    pub fn freeze(&self, length: Nanos) {
        self.frozen_until.fetch_max((self.now() + length).0, Ordering::AcqRel);
    }

    /// Answers a request now.
    pub fn answer(&self, method: Method, body: &Bytes) -> Result<Answer, Refusal> {
        let now = self.now();
        let mut state = self.state.lock();
        let closes = if method.starts_workflow() { self.close_of(&mut state.closes, now) } else { None };
        let mut answering =
            Answering { workflows: &mut state.workflows, now, namespaces: &self.behaviour.namespaces, wall: self.wall };
        answering.answer(method, body, closes)
    }

    fn close_of(&self, stream: &mut Stream, now: Nanos) -> Option<(Nanos, Status)> {
        let after = self.behaviour.close_after.as_ref()?;
        let failed = stream.chance(self.behaviour.close_failed);
        Some((now + after.sample(stream), if failed { Status::Failed } else { Status::Completed }))
    }

    /// What it saw.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counters.read();
        let state = self.state.lock();
        counts.workflows_started = state.workflows.started();
        counts.workflows_open = state.workflows.open(self.now());
        counts
    }
}
