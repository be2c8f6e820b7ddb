//! What the target saw: nothing a client says it sent may be missing here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::method::Method;

/// The requests of one method. `received = answered + refused + abandoned + waiting`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodCounts {
    /// Requests whose whole body arrived.
    pub received: u64,
    /// Requests answered with success.
    pub answered: u64,
    /// Requests answered with an error, set or deserved.
    pub refused: u64,
    /// Requests whose client or connection went away before the answer.
    pub abandoned: u64,
}

impl MethodCounts {
    /// Requests not answered yet.
    pub fn waiting(&self) -> u64 {
        self.received - self.answered - self.refused - self.abandoned
    }
}

/// What the target saw since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests by method; a method nobody called is not in it.
    pub methods: BTreeMap<String, MethodCounts>,
    /// Requests for methods the target does not speak.
    pub unknown_methods: u64,
    /// Workflows made.
    pub workflows_started: u64,
    /// Of these, workflows that are not closed.
    pub workflows_open: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections the target reset.
    pub connections_reset: u64,
}

impl Counts {
    /// The requests of one method.
    pub fn of(&self, method: Method) -> MethodCounts {
        self.methods.get(method.name()).copied().unwrap_or_default()
    }
}

#[derive(Default)]
pub(super) struct MethodCounters {
    pub received: AtomicU64,
    pub answered: AtomicU64,
    pub refused: AtomicU64,
    pub abandoned: AtomicU64,
}

impl MethodCounters {
    /// An answer counted as success did not get out.
    pub fn unanswer(&self) {
        self.answered.fetch_sub(1, Ordering::Release);
        count(&self.abandoned);
    }

    /// An answer counted as error did not get out.
    pub fn unrefuse(&self) {
        self.refused.fetch_sub(1, Ordering::Release);
        count(&self.abandoned);
    }
}

/// Counters of a running target.
#[derive(Default)]
pub(super) struct Counters {
    methods: [MethodCounters; Method::ALL.len()],
    pub unknown_methods: AtomicU64,
    pub connections: AtomicU64,
    pub connections_reset: AtomicU64,
}

impl Counters {
    pub fn of(&self, method: Method) -> &MethodCounters {
        &self.methods[method.index()]
    }

    /// A copy of them. Parts are read before `received`, so that a method's parts never exceed it.
    pub fn read(&self) -> Counts {
        let mut counts = Counts {
            unknown_methods: self.unknown_methods.load(Ordering::Acquire),
            connections: self.connections.load(Ordering::Acquire),
            connections_reset: self.connections_reset.load(Ordering::Acquire),
            ..Counts::default()
        };
        for &method in Method::ALL {
            let counters = self.of(method);
            let answered = counters.answered.load(Ordering::Acquire);
            let refused = counters.refused.load(Ordering::Acquire);
            let abandoned = counters.abandoned.load(Ordering::Acquire);
            let received = counters.received.load(Ordering::Acquire);
            if received > 0 {
                let seen = MethodCounts { received, answered, refused, abandoned };
                counts.methods.insert(method.name().to_owned(), seen);
            }
        }
        counts
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Release);
}
