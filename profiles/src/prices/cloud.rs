//! Temporal Cloud's prices.

use serde::Deserialize;

use super::{Fault, amount};
use crate::units::{Nanos, Rate};

/// Temporal Cloud's list prices (docs.temporal.io/cloud/pricing).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CloudPrices {
    /// Name of the file.
    pub name: String,
    /// When the numbers were read.
    pub read: String,
    /// The page they are from.
    pub source: String,
    /// Of when that page is.
    pub date: String,
    /// Actions.
    pub actions: ActionPrices,
    /// Storage.
    pub storage: StoragePrices,
    /// Limits, and what more than those costs.
    pub capacity: Capacity,
    /// Plans, the cheapest first.
    #[serde(rename = "plan")]
    pub plans: Vec<CloudPlan>,
}

/// Prices of actions.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ActionPrices {
    /// Volume steps of a calendar month, rising.
    pub steps: Vec<ActionStep>,
}

/// One volume step.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ActionStep {
    /// Up to so many actions of the month.
    pub up_to: u64,
    /// Dollars per million of them.
    pub usd_per_million: f64,
}

/// Prices of storage, in dollars per gigabyte-hour (10⁹ bytes).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct StoragePrices {
    /// Histories of open workflows.
    pub active_gbh: f64,
    /// Histories of closed workflows.
    pub retained_gbh: f64,
    /// Hours that a month counts as.
    pub hours_per_month: f64,
    /// Longest retention there is.
    pub longest_retention: Nanos,
}

/// The limit of a namespace and its enlargements.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Actions per second without asking for more.
    pub actions_per_second: Rate,
    /// Actions per second of one Temporal Resource Unit (TRU).
    pub per_unit: Rate,
    /// Actions that are billed at least per hour and unit beyond the first.
    pub unit_actions_per_hour: u64,
    /// Actions on top per action while fairness is on.
    pub fairness: f64,
    /// Factor on actions and storage of a namespace with a replica.
    pub replicated: f64,
}

/// A support plan.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CloudPlan {
    /// Its name.
    pub name: String,
    /// Least fee a month; `None` where sales says it.
    pub minimum: Option<f64>,
    /// Fee as a part of what actions and storage cost; `None` where sales says it.
    pub percent: Option<f64>,
    /// Actions of a month that the fee includes.
    #[serde(default)]
    pub actions: u64,
    /// Active storage that it includes, in gigabytes for a month.
    #[serde(default)]
    pub active_gb: f64,
    /// Retained storage that it includes.
    #[serde(default)]
    pub retained_gb: f64,
    /// Whether larger volumes are cheaper; else every action costs what the first does.
    #[serde(default = "yes")]
    pub volume_steps: bool,
    /// The plan that took its place, for one that is no longer sold.
    pub replaced_by: Option<String>,
}

fn yes() -> bool {
    true
}

impl CloudPrices {
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let steps = &self.actions.steps;
        if steps.is_empty() {
            faults.push(Fault::new(
                "actions have no price",
                "give actions.steps at least one { up_to, usd_per_million }",
            ));
        }
        for pair in steps.windows(2).filter(|pair| pair[1].up_to <= pair[0].up_to) {
            let message = format!("the steps of actions do not rise: {} after {}", pair[1].up_to, pair[0].up_to);
            faults.push(Fault::new(message, "each `up_to` counts all actions of the month up to there"));
        }
        steps.iter().for_each(|step| amount(&mut faults, "actions.steps.usd_per_million", step.usd_per_million));
        amount(&mut faults, "storage.active_gbh", self.storage.active_gbh);
        amount(&mut faults, "storage.retained_gbh", self.storage.retained_gbh);
        amount(&mut faults, "storage.hours_per_month", self.storage.hours_per_month);
        amount(&mut faults, "capacity.fairness", self.capacity.fairness);
        amount(&mut faults, "capacity.replicated", self.capacity.replicated);
        if self.capacity.per_unit.as_per_second() <= 0.0 {
            faults.push(Fault::new("capacity.per_unit is zero", "give what one TRU adds, e.g. \"500/s\""));
        }
        if self.plans.is_empty() {
            faults.push(Fault::new("there is no plan", "give at least one [[plan]]"));
        }
        for plan in &self.plans {
            for value in
                [plan.minimum, plan.percent, Some(plan.active_gb), Some(plan.retained_gb)].into_iter().flatten()
            {
                amount(&mut faults, &format!("plan {}", plan.name), value);
            }
        }
        faults
    }
}
