//! Autoscalers, each as its own controller computes. The first four are pure functions of what they see, with no simulator in them.
//!
//! * [`replicas`]: how many pods one metric asks for (Kubernetes `pkg/controller/podautoscaler/replica_calculator.go`).
//! * [`hpa`]: several metrics, stabilisation windows, policies, bounds (`horizontal.go`).
//! * [`keda`]: KEDA's Temporal scaler, from 0 to 1 and back by itself, the rest through an HPA.
//! * [`pollers`]: the SDKs' poller autoscaling and the server's suggestions.
//! * [`controller`]: one that looks at simulated worker pods and moves them.
//! * [`mod@summary`]: pod-hours, flapping and minutes lost of a run.
//!
//! The published test cases of the Kubernetes controller are in `published.rs`; `policy_tests.rs` holds random policies against random
//! metrics.

pub mod controller;
pub mod hpa;
pub mod keda;
pub mod pollers;
pub mod replicas;
pub mod summary;

#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod published;

pub use controller::{WorkerAutoscaler, first_pods, fleet_plan, hpa_of};
pub use hpa::{Decision, Limit, MetricReading, Observation, PodAutoscaler, Replicas};
pub use keda::KedaScaler;
pub use pollers::{PollResult, PollerScaler, QueueState, suggestion};
pub use replicas::{Phase, PodStatus, Proposal, Readiness, Reading, Sensing, Unavailable};
pub use summary::{FLAPPING, ScaleStep, ScalingSummary, minutes_lost, reversals, steps, summary};
