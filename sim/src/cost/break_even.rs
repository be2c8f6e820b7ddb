//! The rate at which hosting it oneself becomes cheaper than Temporal Cloud.
//!
//! Both costs are the real cost functions at every rate: the plan that is asked for, or the cheapest with a known fee, and machines, database and
//! storage for the sizes that rate needs. Workers are needed on both sides and left out. Sizes come in steps, so the costs may cross more than once: what is told is
//! the rate from which on hosting it oneself stays cheaper, as far as the largest sizes carry.

use plimsoll_profiles::prices::{CloudPrices, PriceFile};
use plimsoll_profiles::units::{Nanos, Rate};

use super::{CloudBill, CloudMonth, CloudTerms, PlanFee, Usage, bills, self_hosted};

/// Where the two meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakEven {
    /// Mean workflows per second from which on self-hosting is cheaper; `None`: Temporal Cloud is as far as was looked.
    pub rate: Option<Rate>,
    /// Whether self-hosting is cheaper at every rate looked at.
    pub always: bool,
    /// Dollars a month of either there, workers left out; at the highest rate looked at where they do not meet.
    pub usd: f64,
    /// Highest mean rate looked at: beyond it no allowed size carries the load, or 10,000/s.
    pub looked_up_to: Rate,
}

/// Lowest and highest mean rate looked at, and looks per factor of ten.
const LOWEST: f64 = 1e-3;
const HIGHEST: f64 = 1e4;
const PER_DECADE: i32 = 12;
/// Halvings of the last interval: 10^(1/12) is then known to within a millionth.
const BISECTIONS: u32 = 20;

/// Looks for it by bisection between two rates of a grid.
pub fn break_even(
    usage: &Usage<'_>,
    prices: &PriceFile,
    cloud: (&CloudPrices, CloudTerms<'_>),
    retention: Nanos,
    fte: Option<f64>,
) -> Option<BreakEven> {
    let own = |rate: f64| {
        let footprint = usage.footprint(Rate::per_second(rate))?;
        Some(self_hosted(prices, &footprint, fte).server())
    };
    let (cloud, terms) = cloud;
    let theirs = |rate: f64| billed(cloud, terms, usage.cloud_month(Rate::per_second(rate), retention));
    meeting(&own, &theirs)
}

/// Where `own` stays below `theirs`; `None` where there is nothing to compare.
fn meeting(own: &dyn Fn(f64) -> Option<f64>, theirs: &dyn Fn(f64) -> Option<f64>) -> Option<BreakEven> {
    let saves = |rate: f64| Some(theirs(rate)? - own(rate)?);
    let mut looks = Vec::new();
    let decades = libm::log10(HIGHEST / LOWEST);
    for step in 0..=(decades * f64::from(PER_DECADE)) as i32 {
        let rate = LOWEST * libm::pow(10.0, f64::from(step) / f64::from(PER_DECADE));
        let Some(saved) = saves(rate) else { break };
        looks.push((rate, saved));
    }
    let (highest, last) = *looks.last()?;
    let looked_up_to = Rate::per_second(highest);
    let not_yet = looks.iter().rposition(|(_, saved)| *saved <= 0.0);
    match not_yet {
        None => Some(BreakEven { rate: Some(Rate::ZERO), always: true, usd: own(highest)?, looked_up_to }),
        Some(_) if last <= 0.0 => Some(BreakEven { rate: None, always: false, usd: theirs(highest)?, looked_up_to }),
        Some(index) => {
            let (mut low, mut high) = (looks[index].0, looks[index + 1].0);
            for _ in 0..BISECTIONS {
                let middle = 0.5 * (low + high);
                if saves(middle)? <= 0.0 { low = middle } else { high = middle }
            }
            Some(BreakEven { rate: Some(Rate::per_second(high)), always: false, usd: own(high)?, looked_up_to })
        }
    }
}

/// The bill of the plan that is asked for; where there is none, or its fee is not known, the cheapest of those that are sold.
fn billed(prices: &CloudPrices, terms: CloudTerms<'_>, month: CloudMonth) -> Option<f64> {
    let bills = bills(prices, &terms.of(month));
    let known = || bills.iter().filter(|bill| bill.fee != PlanFee::Unknown);
    let asked = known().find(|bill| terms.plan == Some(bill.plan.as_str())).map(CloudBill::total);
    let cheapest = || known().filter(|bill| bill.replaced_by.is_none()).map(CloudBill::total).min_by(f64::total_cmp);
    asked.or_else(cheapest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_rate_is_where_the_costs_are_equal() {
        // 1,000 + 10 r against 60 r: 20/s.
        let found = meeting(&|r| Some(1_000.0 + 10.0 * r), &|r| Some(60.0 * r)).unwrap();
        assert!((found.rate.unwrap().as_per_second() - 20.0).abs() < 1e-4, "{found:?}");
        assert!((found.usd - 1_200.0).abs() < 0.01);
    }

    #[test]
    fn what_is_asked_of_the_cloud_is_what_it_costs() {
        let prices = CloudPrices::find(None).unwrap();
        let peak_actions = Rate::per_second(1.0);
        let month = CloudMonth {
            actions: 1e6,
            peak_actions,
            active_gb: 0.0,
            retained_gb: 0.0,
            replicated: false,
            fairness: false,
        };
        let usd = |terms| billed(&prices, terms, month).unwrap();
        let cheapest = CloudTerms::default();
        // Developer: $50 and a tenth; Business: its minimum.
        assert!((usd(cheapest) - 55.0).abs() < 1e-9);
        assert!((usd(CloudTerms { plan: Some("Business"), ..cheapest }) - 500.0).abs() < 1e-9);
        assert_eq!(usd(CloudTerms { plan: Some("Enterprise"), ..cheapest }), usd(cheapest), "its fee is not listed");
        assert!((usd(CloudTerms { replicated: true, fairness: true, ..cheapest }) - 55.0 * 2.2).abs() < 1e-9);
    }

    #[test]
    fn of_several_crossings_it_is_the_last() {
        // A second machine at 100/s costs so much that it is dearer again until 300/s.
        let own = |r: f64| Some(if r < 100.0 { 1_000.0 } else { 9_000.0 });
        let found = meeting(&own, &|r| Some(30.0 * r)).unwrap();
        assert!((found.rate.unwrap().as_per_second() - 300.0).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn never_and_always_are_answers_too() {
        let never = meeting(&|r| Some(100.0 * r + 1.0), &|r| Some(r)).unwrap();
        assert_eq!((never.rate, never.always), (None, false));
        let always = meeting(&|_| Some(0.0), &|r| Some(1.0 + r)).unwrap();
        assert!(always.always);
        assert_eq!(meeting(&|_| None, &|r| Some(r)), None);
        // The largest size is full at 50/s.
        let bounded = meeting(&|r| (r < 50.0).then_some(1e6), &|r| Some(r)).unwrap();
        assert!(bounded.rate.is_none() && bounded.looked_up_to.as_per_second() < 50.0);
    }
}
