//! Requests counted by service and method, under the names of the services' own `service_requests` metric.

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::{Calibration, OperationKind};

use super::state::Purpose;
use super::visits::Process;

const OPERATIONS: usize = OperationKind::ALL.len();

/// A call at a task queue. Polls come through the frontend; tasks come from history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueCall {
    /// AddWorkflowTask.
    AddWorkflowTask,
    /// AddActivityTask.
    AddActivityTask,
    /// PollWorkflowTaskQueue.
    PollWorkflowTask,
    /// PollActivityTaskQueue.
    PollActivityTask,
}

impl QueueCall {
    /// All of them, in order.
    pub const ALL: [QueueCall; 4] = {
        use QueueCall::*;
        [AddWorkflowTask, AddActivityTask, PollWorkflowTask, PollActivityTask]
    };

    /// The gRPC method.
    pub fn method(self) -> &'static str {
        match self {
            QueueCall::AddWorkflowTask => "AddWorkflowTask",
            QueueCall::AddActivityTask => "AddActivityTask",
            QueueCall::PollWorkflowTask => "PollWorkflowTaskQueue",
            QueueCall::PollActivityTask => "PollActivityTaskQueue",
        }
    }

    /// The call that a chain of this purpose makes at its task queue.
    #[inline]
    pub(super) fn of(purpose: Purpose) -> QueueCall {
        match purpose {
            Purpose::PollWorkflow => QueueCall::PollWorkflowTask,
            Purpose::PollActivity => QueueCall::PollActivityTask,
            Purpose::ScheduleActivity | Purpose::RetryActivity => QueueCall::AddActivityTask,
            _ => QueueCall::AddWorkflowTask,
        }
    }
}

/// Requests served, and visits of server tasks to a service's CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requests {
    visits: [[u64; OPERATIONS]; Process::COUNT],
    polls: [u64; QueueCall::ALL.len()],
    queue: [u64; QueueCall::ALL.len()],
    /// Forwards to other partitions, in 1/256: see [`Requests::forward`].
    forwards: [u64; QueueCall::ALL.len()],
}

impl Default for Requests {
    fn default() -> Self {
        Requests {
            visits: [[0; OPERATIONS]; Process::COUNT],
            polls: [0; QueueCall::ALL.len()],
            queue: [0; QueueCall::ALL.len()],
            forwards: [0; QueueCall::ALL.len()],
        }
    }
}

impl Requests {
    /// An operation comes to the CPU of a process.
    #[inline]
    pub(super) fn visit(&mut self, process: Process, operation: OperationKind) {
        self.visits[process as usize][operation as usize] += 1;
    }

    /// A poll comes to the frontend.
    #[inline]
    pub(super) fn poll(&mut self, call: QueueCall) {
        self.polls[call as usize] += 1;
    }

    /// A call comes to matching, which passes it on to other partitions so often (in 1/256).
    #[inline]
    pub(super) fn forward(&mut self, call: QueueCall, forwards: u16) {
        self.queue[call as usize] += 1;
        self.forwards[call as usize] += u64::from(forwards);
    }

    /// How often an operation came to the CPU of a process: requests and server tasks.
    pub fn visits(&self, process: Process, operation: OperationKind) -> u64 {
        self.visits[process as usize][operation as usize]
    }

    /// Calls passed on to another partition of their task queue.
    pub fn forwarded(&self) -> f64 {
        self.forwards.iter().sum::<u64>() as f64 / 256.0
    }

    /// Requests served by a process.
    pub fn served(&self, process: Process, calibration: &Calibration) -> f64 {
        self.by_method(process, calibration).values().sum()
    }

    /// Requests served by a process, by method.
    pub fn by_method(&self, process: Process, calibration: &Calibration) -> BTreeMap<String, f64> {
        let mut methods = BTreeMap::new();
        let mut add = |method: &str, count: f64| {
            if count > 0.0 {
                *methods.entry(method.to_owned()).or_insert(0.0) += count;
            }
        };
        for kind in OperationKind::ALL {
            let operation = calibration.operation(kind);
            let each = match process {
                Process::Frontend => operation.frontend,
                Process::History => operation.history,
                Process::Matching => operation.matching,
                Process::Database | Process::Worker | Process::VisibilityDatabase => 0,
            };
            add(&operation.method(), self.visits(process, kind) as f64 * f64::from(each));
        }
        for call in QueueCall::ALL {
            let index = call as usize;
            match process {
                Process::Frontend => add(call.method(), self.polls[index] as f64),
                Process::Matching => {
                    add(call.method(), self.queue[index] as f64 + self.forwards[index] as f64 / 256.0);
                }
                _ => {}
            }
        }
        methods
    }

    /// Each count of two readings made one.
    pub(super) fn with(&self, other: &Requests, each: fn(u64, u64) -> u64) -> Requests {
        let mut result = *self;
        for (row, others) in result.visits.iter_mut().zip(&other.visits) {
            row.iter_mut().zip(others).for_each(|(count, other)| *count = each(*count, *other));
        }
        let lists = [
            (&mut result.polls, &other.polls),
            (&mut result.queue, &other.queue),
            (&mut result.forwards, &other.forwards),
        ];
        for (list, others) in lists {
            list.iter_mut().zip(others).for_each(|(count, other)| *count = each(*count, *other));
        }
        result
    }
}
