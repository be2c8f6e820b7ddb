//! What each SDK's worker does when nothing is said.

use crate::profile::Sdk;
use crate::units::{Bytes, Nanos};

/// Defaults of a worker's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdkDefaults {
    /// Workflow task slots.
    pub workflow_task_slots: u32,
    /// Activity slots.
    pub activity_slots: u32,
    /// Local activity slots.
    pub local_activity_slots: u32,
    /// Workflow task pollers.
    pub workflow_task_pollers: u32,
    /// Activity pollers.
    pub activity_pollers: u32,
    /// Sticky cache, in workflows; 0: nothing is sticky.
    pub cached_workflows: u32,
    /// Sticky schedule-to-start time-out: after so long a task goes to the normal queue.
    pub sticky_timeout: Nanos,
    /// Which of its queues each workflow task poller asks.
    pub poller_split: PollerSplit,
    /// Heartbeats are sent no more often than this where no heartbeat time-out says more.
    pub heartbeat_throttle: Nanos,
    /// Heartbeats are sent at least this often, whatever the heartbeat time-out.
    pub longest_heartbeat_throttle: Nanos,
    /// What a local activity's marker holds beside its result and the bytes of Go's: Core writes its times and numbers as JSON
    /// (`LocalActivityMarkerData`; measured: 2,615 B of a workflow with two of them, where Go's markers would have made 2,388 B).
    pub marker_data: Bytes,
}

/// How a worker's workflow task pollers are divided between its sticky queue and the normal one. Without a sticky cache all of them ask
/// the normal one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollerSplit {
    /// Each poll goes to the queue that has fewer polls, to the sticky one when both have as many or tasks wait there (Go
    /// `internal_task_pollers.go`, `getNextPollRequest`; Java `StickyQueueBalancer.java`).
    Balanced,
    /// A fifth of the pollers, at least one, ask the normal queue and nothing else (Core `nonsticky_to_sticky_poll_ratio` 0.2).
    Fixed,
}

impl PollerSplit {
    /// How many of so many pollers ask only the normal queue, and how many only the sticky one; a worker has at least one of each. `None` where
    /// no poller is bound to a queue.
    pub fn fixed(self, pollers: u32) -> Option<(u32, u32)> {
        let normal = (pollers / 5).max(1);
        (self == PollerSplit::Fixed).then(|| (normal, pollers.saturating_sub(normal).max(1)))
    }
}

/// How an SDK's pollers scale by themselves, where the user asks for it (Go `NewPollerBehaviorAutoscaling`, Core
/// `PollerBehavior::Autoscaling`; servers from 1.28 on suggest more or fewer with each task they hand out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollerAutoscaling {
    /// Never fewer.
    pub minimum: u32,
    /// At the worker's start.
    pub initial: u32,
    /// Never more.
    pub maximum: u32,
}

impl PollerAutoscaling {
    /// Go's defaults: `defaultAutoscalingMinimumNumberOfPollers` 1, initial 5, maximum 100; Core's language SDKs share them.
    pub const DEFAULT: PollerAutoscaling = PollerAutoscaling { minimum: 1, initial: 5, maximum: 100 };
}

/// Activities that an SDK's worker reserves slots for when it completes one workflow task, where the server allows
/// eager activities (Go `maxConcurrentEagerActivityExecutionSize` and Core: 3 of one task).
pub const EAGER_ACTIVITIES_PER_TASK: u32 = 3;

impl Sdk {
    /// Whether it stands on Core, which also decides what its metrics are called (docs.temporal.io, "SDK metrics reference").
    pub fn is_on_core(self) -> bool {
        !matches!(self, Sdk::Go | Sdk::Java)
    }

    /// The defaults in the SDK's own source: Go `internal_worker.go:49-72`, Java `WorkerOptions.java:29-50`, Python
    /// `_worker.py:118-152`, TypeScript `worker-options.ts`, .NET `TemporalWorkerOptions.cs:152-246`, Core
    /// `worker/mod.rs:139-183`. Rust `temporalio-sdk` 1.1.1 `lib.rs:235` (its cache). Two are not constants there: TypeScript computes its cache from
    /// the heap (600 workflows per GiB above 200 MB; here 1 GiB), and Core makes slots the caller's choice (here 100, as its language SDKs).
    pub fn defaults(self) -> SdkDefaults {
        let core = SdkDefaults {
            workflow_task_slots: 100,
            activity_slots: 100,
            local_activity_slots: 100,
            workflow_task_pollers: 5,
            activity_pollers: 5,
            cached_workflows: 1_000,
            sticky_timeout: Nanos::from_secs(10),
            poller_split: PollerSplit::Fixed,
            heartbeat_throttle: Nanos::from_secs(30),
            longest_heartbeat_throttle: Nanos::from_secs(60),
            marker_data: Bytes(110),
        };
        let own_client = SdkDefaults {
            sticky_timeout: Nanos::from_secs(5),
            poller_split: PollerSplit::Balanced,
            marker_data: Bytes(0),
            ..core
        };
        match self {
            Sdk::Go => SdkDefaults {
                workflow_task_slots: 1_000,
                activity_slots: 1_000,
                local_activity_slots: 1_000,
                workflow_task_pollers: 2,
                activity_pollers: 2,
                cached_workflows: 10_000,
                ..own_client
            },
            Sdk::Java => SdkDefaults {
                workflow_task_slots: 200,
                activity_slots: 200,
                local_activity_slots: 200,
                cached_workflows: 600,
                ..own_client
            },
            Sdk::Python => core,
            Sdk::TypeScript => SdkDefaults {
                workflow_task_slots: 40,
                workflow_task_pollers: 10,
                activity_pollers: 10,
                cached_workflows: 488,
                ..core
            },
            Sdk::DotNet => SdkDefaults { cached_workflows: 10_000, ..core },
            Sdk::Rust => core,
        }
    }
}
