//! The Temporal model: what a cluster, its workers and its clients do with a profile's workflows.
//!
//! A request, a queue task or a piece of work on a worker is a *chain* that walks through *visits*: CPU of a process on its
//! pod's host, the history shard's permit, a connection, statements, a commit. Which visits an operation makes and what
//! they cost is the calibration file's table (`visits`); what follows when a write is durable is Temporal's own
//! logic: `starts`, `workflow` (tasks), `completion`, `activity`, `signals`, `updates`, `queries`, `children`, `ends`, `effects`.

mod activity;
mod activity_start;
mod audit;
mod backlog;
mod build;
mod caches;
mod children;
mod code;
mod completion;
mod effects;
mod ends;
mod failures;
mod filling;
mod fleet;
mod fleet_control;
mod fleet_loss;
mod fleet_plan;
mod fleet_versions;
mod forwarding;
mod gates;
mod hosts;
mod idle;
mod limits;
mod matching;
mod model;
mod outages;
mod outcome;
mod pages;
mod path;
mod pollers;
mod pools;
mod postgres;
mod program;
mod queries;
mod record;
mod recorder;
mod requests;
mod rollout;
mod rollout_rolling;
mod shard_moves;
mod signals;
mod slab;
mod starts;
mod state;
mod steps;
mod system;
mod timeouts;
mod updates;
mod upkeep;
mod visits;
mod walk;
mod workflow;

pub use audit::Leftovers;
pub(crate) use failures::nodes;
pub use failures::{CONNECTION_AGE, DETECTED_GONE, DETECTED_KILLED, FailureCounts};
pub use fleet::{
    CutActivity, CutOff, Drain, FinishedActivity, FleetPlan, FleetRecord, PodChange, PodCounts, PodEvent, PodState,
};
pub use fleet_control::{FleetAction, FleetController, FleetObservation, PodObservation};
pub use fleet_versions::{NEW, OLD, VersionsSeen};
pub use hosts::collection_share;
pub use idle::IdleLoad;
pub use model::{Event, Model};
pub use outages::{Outage, StoppedWorkers};
pub use outcome::{
    EndedEarly, Outcome, Populations, Promise, Sample, Utilisations, quantile_by_inversion, simulate, simulate_under,
    simulate_until, simulate_with_fleet, simulate_with_steps,
};
pub use pages::{PAGE, PageSet, Pages, TOUCHED_AGAIN, distinct_pages};
pub use postgres::wal_between_checkpoints;
pub(crate) use program::heartbeats;
pub use program::{Instruction, Program, distribution};
pub use record::{Counts, Metric, Work};
pub use recorder::{Latencies, Recorder};
pub use requests::{QueueCall, Requests};
pub use rollout::{ForcedRollback, Milestone, RolloutController};
pub use rollout_rolling::{RollingBounds, RollingStep};
pub use steps::{Step, StepPart, StepTask, StepTime, StepTimes};
pub use system::{Load, Pods, Settings, SystemSize, WorkerFleet, is_cloud, shares_one_machine};
pub use visits::{Process, by_client};
