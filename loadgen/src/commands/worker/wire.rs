//! What a worker process tells its run, a line each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use plimsoll_profiles::units::Nanos;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::worker::{Completion, Outcome, TaskKind, WorkerEvent};
use crate::workload::FollowUp;

/// A line. Times are nanoseconds of the machine's monotonic clock, which all its processes share (clock_gettime(2),
/// CLOCK_MONOTONIC); it is what [`Instant`] reads on Linux.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Line {
    /// It polls, and serves the SDK's metrics there.
    Ready { sdk_metrics: Option<SocketAddr> },
    /// A workflow closed.
    Completed { workflow_id: String, outcome: Outcome, at: u64 },
    /// A workflow waits for a message.
    Wants { workflow_id: String, follow_up: FollowUp, at: u64 },
    /// A task started.
    Started { task: TaskKind, schedule_to_start: u64, at: u64 },
    /// The worker ended.
    Stopped { reason: String },
}

impl Line {
    /// The line for an event.
    pub fn of(event: WorkerEvent) -> Line {
        match event {
            WorkerEvent::Completed(Completion { workflow_id, outcome, at }) => {
                Line::Completed { workflow_id, outcome, at: nanos(at) }
            }
            WorkerEvent::Wants { workflow_id, follow_up, at } => Line::Wants { workflow_id, follow_up, at: nanos(at) },
            WorkerEvent::Started { task, schedule_to_start, at } => {
                Line::Started { task, schedule_to_start: schedule_to_start.0, at: nanos(at) }
            }
            WorkerEvent::Stopped { reason } => Line::Stopped { reason },
        }
    }

    /// The event of a line; `None` of [`Line::Ready`], which only the start of a process reads.
    pub fn event(self) -> Option<WorkerEvent> {
        Some(match self {
            Line::Ready { .. } => return None,
            Line::Completed { workflow_id, outcome, at } => {
                WorkerEvent::Completed(Completion { workflow_id, outcome, at: instant(at) })
            }
            Line::Wants { workflow_id, follow_up, at } => {
                WorkerEvent::Wants { workflow_id, follow_up, at: instant(at) }
            }
            Line::Started { task, schedule_to_start, at } => {
                WorkerEvent::Started { task, schedule_to_start: Nanos(schedule_to_start), at: instant(at) }
            }
            Line::Stopped { reason } => WorkerEvent::Stopped { reason },
        })
    }
}

fn now() -> (Instant, u64) {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    (Instant::now(), seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn nanos(at: Instant) -> u64 {
    let (instant, nanos) = now();
    match at.checked_duration_since(instant) {
        Some(ahead) => nanos + u64::try_from(ahead.as_nanos()).unwrap_or(0),
        None => nanos.saturating_sub(u64::try_from(instant.saturating_duration_since(at).as_nanos()).unwrap_or(0)),
    }
}

fn instant(at: u64) -> Instant {
    let (instant, nanos) = now();
    match nanos.checked_sub(at) {
        Some(ago) => instant.checked_sub(Duration::from_nanos(ago)).unwrap_or(instant),
        None => instant + Duration::from_nanos(at - nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_the_way_between_processes() {
        let at = Instant::now() - Duration::from_secs(3);
        let event = WorkerEvent::Completed(Completion {
            workflow_id: "plimsoll-20261121T000000Z-abcdef-7".to_owned(),
            outcome: Outcome::Completed,
            at,
        });
        let text = serde_json::to_string(&Line::of(event)).expect("a line");
        let line: Line = serde_json::from_str(&text).expect("a line");
        let Some(WorkerEvent::Completed(completion)) = line.event() else { panic!("{text}") };
        assert_eq!(completion.outcome, Outcome::Completed);
        let off = completion.at.max(at) - completion.at.min(at);
        assert!(off < Duration::from_secs(1), "{off:?}");
    }
}
