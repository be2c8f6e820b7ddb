//! The plan's line about money: a month of one's own beside a month of Temporal Cloud.

use super::{CostSettings, ModelError, Watcher, cost};
use plimsoll_profiles::prices::{CloudPrices, PriceFile};
use plimsoll_profiles::{Document, World};
use plimsoll_reports::cost::{CloudCost, CostColumn, usd};
use plimsoll_reports::plan_document::{PlanDocument, Reason, Verdict};
use plimsoll_sim::temporal::{is_cloud, shares_one_machine};

/// The shipped list prices that a plan is counted with; `plimsoll cost --prices` takes others.
const PRICES: &str = "aws";

/// What the sizes of a plan cost a month by list prices, people excluded. None for what costs nothing by itself: a plan that does not fit, a
/// cluster of Temporal Cloud (`plimsoll cost` compares that), one machine for everything.
///
/// # Errors
/// [`ModelError::Cancelled`], or a profile that is wrong.
pub fn monthly_cost(
    document: &Document,
    plan: &PlanDocument,
    seed: u64,
    watcher: &dyn Watcher,
) -> Result<Option<Reason>, ModelError> {
    let profile = document.profile(&World::mid()).map_err(ModelError::Problems)?;
    let hosted = !is_cloud(&profile) && shares_one_machine(&profile).is_none();
    if plan.verdict != Verdict::Fits || !hosted || watcher.is_cancelled() {
        return Ok(None);
    }
    let prices = [PriceFile::find(PRICES).map_err(ModelError::Problems)?];
    let cloud = CloudPrices::find(None).map_err(ModelError::Problems)?;
    let settings = CostSettings {
        seed,
        prices: &prices,
        cloud: &cloud,
        cloud_plan: None,
        fte: None,
        replicated: false,
        fairness: false,
    };
    let costs = cost(document, plan, &settings, watcher)?;
    Ok(row(&costs.now, &costs.horizon))
}

fn row(now: &CostColumn, horizon: &CostColumn) -> Option<Reason> {
    let own = |column: &CostColumn| Some(format!("{}/mo", usd(column.self_hosted.first()?.server_usd)));
    let on_cloud = |column: &CostColumn| column.chosen().map(cloud_bill);
    let prices = now.self_hosted.first()?;
    let cloud = match (on_cloud(now), on_cloud(horizon)) {
        (Some(now), Some(then)) => format!("Temporal Cloud: {now}/mo now, {then}/mo then; "),
        _ => String::new(),
    };
    Some(Reason {
        number: "cost.self_hosted".to_owned(),
        label: "Cost (self-hosted)".to_owned(),
        now: own(now)?,
        horizon: own(horizon)?,
        why: format!("{cloud}both without workers and people; list prices {} {}", prices.prices, prices.region),
    })
}

fn cloud_bill(bill: &CloudCost) -> String {
    let fee = if bill.plan_fee_usd.is_none() { " + fee" } else { "" };
    format!("{}{fee}", usd(bill.total_usd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_reports::cost::{CostItem, SelfHostedCost};

    fn column(own: f64, cloud: f64) -> CostColumn {
        let item = || CostItem { name: "workers".to_owned(), usd: Some(1e6), how: String::new() };
        CostColumn {
            label: "now".to_owned(),
            mean_per_second: 1.0,
            peak_per_second: 2.0,
            actions_per_month: 1e6,
            peak_actions_per_second: 3.0,
            allowed_actions_per_second: 400.0,
            capacity_units: 0,
            cloud: vec![CloudCost {
                plan: "Essentials".to_owned(),
                replaced_by: None,
                actions_usd: cloud,
                beyond_listed_steps: false,
                active_storage_usd: 0.0,
                retained_storage_usd: 0.0,
                plan_fee_usd: Some(0.0),
                total_usd: cloud,
            }],
            cloud_plan: "Essentials".to_owned(),
            self_hosted: vec![SelfHostedCost {
                prices: "aws".to_owned(),
                region: "us-east-1".to_owned(),
                items: Vec::new(),
                workers: item(),
                server_usd: own,
                total_usd: own + 1e6,
            }],
        }
    }

    #[test]
    fn both_bills_are_without_the_workers() {
        let row = row(&column(1_240.0, 3_900.0), &column(4_310.0, 11_700.0)).expect("both are known");
        assert_eq!((row.now.as_str(), row.horizon.as_str()), ("$1,240/mo", "$4,310/mo"));
        assert!(row.why.starts_with("Temporal Cloud: $3,900/mo now, $11,700/mo then; "), "{}", row.why);
    }
}
