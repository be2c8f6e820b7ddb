//! The planner: the smallest system that keeps the promises at the peak, with headroom and one pod of each kind lost.
//!
//! 1. A pilot on a generous system measures what one workflow asks of each resource (`demand`).
//! 2. The analytic seed: for each resource the fewest units whose utilisation stays below one (`search`).
//! 3. Integer search on common random numbers: while a promise breaks, the most loaded resource gets more (bisecting
//!    between what broke and what kept); then each number is tried one less, which gives either a smaller plan or the reason why not.
//! 4. An evaluation ends when the interval of the promised quantile decides (`evaluate`).

mod autoscale;
mod curve;
mod database;
mod demand;
mod dimension;
mod evaluate;
mod plan;
mod search;
mod sensitivity;
mod storage;

pub use autoscale::{AutoscalePlan, AutoscaleSearch, CurvePromise, CurveRun, FLAP_COST, Knobs, plan_autoscale};
pub use curve::LoadPoint;
pub use database::DatabaseSize;
pub use demand::Demand;
pub use dimension::Dimension;
pub(crate) use evaluate::is_beyond;
pub use evaluate::{Evaluator, Kept, Verdict};
pub use evaluate::{LONGEST_WAIT, metric};
pub use plan::{CloudCheck, Limiting, PEAK_WINDOW, Plan, PlanError, PlanSettings, Sized, Why, plan};
pub use search::{Infeasible, Reason};
pub use sensitivity::{Influence, influence, provision, provision_for};
pub use storage::{Recovery, Storage, TableSize, per_workflow};
