//! Money: what Temporal Cloud bills for a profile, and what hosting it oneself costs.
//!
//! * `actions`: billable actions of one workflow, step by step.
//! * `cloud`: a month's bill on Temporal Cloud: actions by volume steps, storage, plan, capacity units.
//! * `self_hosted`: a month of machines, database and storage from a price file, and of people.
//! * `usage`: what one workflow leaves and asks for, from a pilot simulation; sizes for any rate by the utilisation law.
//! * `break_even`: the rate at which one becomes cheaper than the other.

mod actions;
mod break_even;
mod cloud;
mod self_hosted;
mod usage;

pub use actions::{StepActions, step_actions};
pub use break_even::{BreakEven, break_even};
pub use cloud::{CloudBill, CloudMonth, CloudTerms, Included, PlanFee, bill, bills};
pub use self_hosted::{Footprint, HOURS_PER_MONTH, Item, PodGroup, SelfHostedBill, self_hosted};
pub use usage::{SECONDS_PER_MONTH, Usage, one_machine};
