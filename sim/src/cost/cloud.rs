//! A month on Temporal Cloud.
//!
//! # Equations
//! A = actions of the month × replication × (1 + fairness), at least the units' minimum; S = GBh of open and of closed histories.
//! Bill = steps(A − included) + (active − included) · a + (retained − included) · r + max(minimum, percent · the sum before it).
//! Open histories: starts per second × mean lifetime × history bytes (Little's law; a history is taken as whole for as long as it is open, an upper
//! bound). Closed ones: starts per second × retention × history bytes.

use plimsoll_profiles::prices::{CloudPlan, CloudPrices};
use plimsoll_profiles::units::Rate;

/// What a month uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CloudMonth {
    /// Actions of the month.
    pub actions: f64,
    /// Actions per second at the peak.
    pub peak_actions: Rate,
    /// Gigabytes (10⁹ bytes) of open workflows' histories, mean over the month.
    pub active_gb: f64,
    /// Gigabytes of closed workflows' histories, mean.
    pub retained_gb: f64,
    /// Whether the namespace has a replica.
    pub replicated: bool,
    /// Whether fairness is on.
    pub fairness: bool,
}

/// How a namespace is had on Temporal Cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloudTerms<'a> {
    /// Whether it has a replica.
    pub replicated: bool,
    /// Whether fairness is on.
    pub fairness: bool,
    /// The plan; else the cheapest that is sold and whose fee is known.
    pub plan: Option<&'a str>,
}

impl CloudTerms<'_> {
    /// A month on these terms.
    pub fn of(self, month: CloudMonth) -> CloudMonth {
        CloudMonth { replicated: self.replicated, fairness: self.fairness, ..month }
    }
}

/// What a plan includes and is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Included {
    /// Actions.
    pub actions: f64,
    /// Active gigabyte-hours.
    pub active_gbh: f64,
    /// Retained gigabyte-hours.
    pub retained_gbh: f64,
}

/// What the plan itself costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlanFee {
    /// Dollars.
    Usd(f64),
    /// Sales says it: it is not in the sum.
    Unknown,
}

/// A month's bill under one plan, in dollars.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudBill {
    /// The plan.
    pub plan: String,
    /// The plan that replaced it, where it is no longer sold.
    pub replaced_by: Option<String>,
    /// Actions billed, included ones too.
    pub actions: f64,
    /// Of these, what capacity units are billed at least beyond what was used.
    pub unit_actions: f64,
    /// Included and used up.
    pub included: Included,
    /// Actions beyond those.
    pub actions_usd: f64,
    /// Whether they go beyond the last volume step, whose price is then taken for them: sales gives a better one.
    pub beyond_steps: bool,
    /// Active storage.
    pub active_usd: f64,
    /// Retained storage.
    pub retained_usd: f64,
    /// The plan.
    pub fee: PlanFee,
    /// Capacity units (TRUs) that the peak needs; 1 is the default limit.
    pub units: u32,
}

impl CloudBill {
    /// Everything that is known.
    pub fn total(&self) -> f64 {
        let fee = match self.fee {
            PlanFee::Usd(fee) => fee,
            PlanFee::Unknown => 0.0,
        };
        self.actions_usd + self.active_usd + self.retained_usd + fee
    }
}

/// The bill under every plan of the file.
pub fn bills(prices: &CloudPrices, month: &CloudMonth) -> Vec<CloudBill> {
    prices.plans.iter().map(|plan| bill(prices, plan, month)).collect()
}

/// The bill under one plan.
pub fn bill(prices: &CloudPrices, plan: &CloudPlan, month: &CloudMonth) -> CloudBill {
    let capacity = &prices.capacity;
    let copies = if month.replicated { capacity.replicated } else { 1.0 };
    let hours = prices.storage.hours_per_month;
    let units = units(prices, month.peak_actions);
    let used = month.actions * copies;
    // The least of an hour is for units beyond the first; a mean hour stands for each.
    let least = f64::from(units - 1) * capacity.unit_actions_per_hour as f64 * hours;
    let unit_actions = (least - used).max(0.0);
    let fairness = if month.fairness { 1.0 + capacity.fairness } else { 1.0 };
    let actions = used * fairness + unit_actions;
    let (active, retained) = (month.active_gb * copies * hours, month.retained_gb * copies * hours);
    let included = Included {
        actions: actions.min(plan.actions as f64),
        active_gbh: active.min(plan.active_gb * hours),
        retained_gbh: retained.min(plan.retained_gb * hours),
    };
    let (actions_usd, beyond_steps) = priced(prices, plan, actions - included.actions);
    let active_usd = (active - included.active_gbh) * prices.storage.active_gbh;
    let retained_usd = (retained - included.retained_gbh) * prices.storage.retained_gbh;
    let fee = match (plan.minimum, plan.percent) {
        (Some(minimum), Some(percent)) => {
            PlanFee::Usd(minimum.max(percent * (actions_usd + active_usd + retained_usd)))
        }
        _ => PlanFee::Unknown,
    };
    CloudBill {
        plan: plan.name.clone(),
        replaced_by: plan.replaced_by.clone(),
        actions,
        unit_actions,
        included,
        actions_usd,
        beyond_steps,
        active_usd,
        retained_usd,
        fee,
        units,
    }
}

/// Units that a peak needs; the first is the default limit.
fn units(prices: &CloudPrices, peak: Rate) -> u32 {
    let capacity = &prices.capacity;
    let beyond = (peak.as_per_second() - capacity.actions_per_second.as_per_second()).max(0.0);
    1 + (beyond / capacity.per_unit.as_per_second()).ceil() as u32
}

/// Dollars for so many actions, and whether they go beyond the last step.
fn priced(prices: &CloudPrices, plan: &CloudPlan, actions: f64) -> (f64, bool) {
    let (mut from, mut usd) = (0.0, 0.0);
    for step in &prices.actions.steps {
        let to = step.up_to as f64;
        let within = (actions.min(to) - from).max(0.0);
        if !plan.volume_steps {
            return (actions / 1e6 * step.usd_per_million, false);
        }
        usd += within / 1e6 * step.usd_per_million;
        from = to;
    }
    let last = prices.actions.steps.last().map_or(0.0, |step| step.usd_per_million);
    let beyond = (actions - from).max(0.0);
    (usd + beyond / 1e6 * last, beyond > 0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn month(actions: f64, active_gb: f64, retained_gb: f64) -> CloudMonth {
        let peak_actions = Rate::per_second(1.0);
        CloudMonth { actions, peak_actions, active_gb, retained_gb, replicated: false, fairness: false }
    }

    fn of(plan: &str, month: &CloudMonth) -> CloudBill {
        let prices = CloudPrices::find(None).unwrap();
        bills(&prices, month).into_iter().find(|bill| bill.plan == plan).unwrap()
    }

    /// The pricing page's own examples.
    #[test]
    fn the_examples_of_the_pricing_page_come_out() {
        // 11.25 M actions beyond the plan's allocation: $525.
        assert!((of("Business", &month(13.75e6, 0.0, 0.0)).actions_usd - 525.0).abs() < 1e-6);
        // 720 GBh active and 3,600 GBh retained beyond the allocations: $30.24 + $3.78.
        let storage = of("Business", &month(0.0, 2.5 + 720.0 / 744.0, 100.0 + 3_600.0 / 744.0));
        assert!((storage.active_usd - 30.24).abs() < 1e-6, "{storage:?}");
        assert!((storage.retained_usd - 3.78).abs() < 1e-6, "{storage:?}");
        // Developer: 10,000 actions are $0.50, with support $0.55.
        assert!((of("Developer", &month(10_000.0, 0.0, 0.0)).total() - 0.55).abs() < 1e-9);
        // 4 TRUs, of which 500,000 actions an hour are used: 1,080,000 an hour are billed.
        let busy = CloudMonth { peak_actions: Rate::per_second(2_000.0), ..month(500_000.0 * 744.0, 0.0, 0.0) };
        let bill = of("Business", &busy);
        assert_eq!(bill.units, 4);
        assert!((bill.unit_actions - 580_000.0 * 744.0).abs() < 1.0, "{bill:?}");
    }

    #[test]
    fn a_plan_costs_its_minimum_or_its_part_whichever_is_more() {
        assert_eq!(of("Business", &month(1e6, 0.0, 0.0)).fee, PlanFee::Usd(500.0));
        let large = of("Business", &month(202.5e6, 0.0, 0.0));
        // 250 + 225 + 400 + 1,050 + 1,500 + 2,500.
        assert!((large.actions_usd - 5_925.0).abs() < 1e-6);
        assert_eq!(large.fee, PlanFee::Usd(592.5));
        assert!(!large.beyond_steps);
        assert!(of("Business", &month(203.5e6, 0.0, 0.0)).beyond_steps);
        assert_eq!(of("Enterprise", &month(1e6, 0.0, 0.0)).fee, PlanFee::Unknown);
    }

    #[test]
    fn a_replica_doubles_and_fairness_adds_a_tenth() {
        let one = month(10e6, 1.0, 10.0);
        let both = CloudMonth { replicated: true, fairness: true, ..one };
        assert!((of("Developer", &both).actions - 22e6).abs() < 1.0);
        assert!((of("Developer", &both).active_usd - 2.0 * of("Developer", &one).active_usd).abs() < 1e-9);
    }
}
