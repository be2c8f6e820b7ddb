//! What a chart says, in words, from its data.

use crate::number;
use crate::plan_document::{LoadCurve, PlanDocument, StorageForecast, Utilisation};
use crate::quantity::{CurvePoint, QuantileCurve};
use crate::wording;

/// The value of a curve at x, between its points linearly; `None` outside of it.
pub fn at(points: &[CurvePoint], x: f64) -> Option<f64> {
    let after = points.iter().position(|point| point.x >= x)?;
    let right = points[after];
    if right.x == x {
        return Some(right.y);
    }
    let left = points.get(after.checked_sub(1)?)?;
    let share = (x - left.x) / (right.x - left.x);
    Some(left.y + share * (right.y - left.y))
}

/// The load curve: where the plan stands, and where it breaks.
pub fn load(curve: &LoadCurve) -> String {
    let planned = curve.planned_per_second;
    let tightest = curve
        .series
        .iter()
        .filter_map(|series| {
            let limit = series.limit_seconds?;
            let value = at(&series.points, planned)?;
            Some((value / limit, &series.name, value, limit))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = match tightest {
        Some((_, name, value, limit)) => format!(
            "At the planned {} the tightest promise, {}, stands at {} of {}.",
            number::rate(planned),
            wording::series(name),
            number::seconds(value),
            number::seconds(limit)
        ),
        None => format!("The plan carries {}.", number::rate(planned)),
    };
    match curve.knee_per_second {
        Some(knee) if knee >= planned && planned > 0.0 => {
            let above = number::percent(knee / planned - 1.0);
            text.push_str(&format!(" The first promise breaks at {}, {above} above the mark.", number::rate(knee)));
        }
        Some(knee) => text.push_str(&format!(" A promise breaks at {}, before the mark.", number::rate(knee))),
        None => text.push_str(" No promise broke within the search."),
    }
    text
}

/// Percentile curves: the longest tail.
pub fn percentiles(curves: &[&QuantileCurve]) -> String {
    let tail = |curve: &QuantileCurve| {
        let median = at(&curve.points, 0.5).filter(|median| *median > 0.0)?;
        Some((at(&curve.points, 0.99)? / median, median))
    };
    let longest = curves
        .iter()
        .filter_map(|curve| tail(curve).map(|(ratio, median)| (ratio, median, *curve)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match longest {
        Some((ratio, median, curve)) => format!(
            "The longest tail is that of {}: p99 is {}, {} its median of {}.",
            wording::metric(&curve.metric),
            number::seconds(ratio * median),
            number::times(ratio),
            number::seconds(median)
        ),
        None => "Too few samples for a p99.".into(),
    }
}

/// Which resource is busiest; `usage` is sorted, busiest first.
pub fn utilisation(usage: &[Utilisation]) -> String {
    match usage {
        [] => "No utilisation was recorded.".into(),
        [only] => format!("{}: {} busy.", wording::capital(&only.resource), number::percent(only.mean)),
        [first, second, ..] => format!(
            "Busiest: {}, {}; then {}, {}. {}",
            first.resource,
            number::percent(first.mean),
            second.resource,
            number::percent(second.mean),
            above(usage)
        ),
    }
}

/// Storage at the horizon, and what fills it.
pub fn storage(storage: &StorageForecast, horizon: &str) -> String {
    let Some(last) = storage.total.last() else { return "No storage was forecast.".into() };
    let mut text = format!("{} after {horizon}", number::storage(last.y));
    let whole: f64 = storage.at_horizon.iter().map(|table| table.bytes).sum();
    if let Some(largest) = storage.at_horizon.iter().max_by(|a, b| a.bytes.total_cmp(&b.bytes)).filter(|_| whole > 0.0)
    {
        text.push_str(&format!("; {} of it is {}", number::percent(largest.bytes / whole), largest.table));
    }
    text.push('.');
    text
}

/// How many promises are kept.
pub fn slo(plan: &PlanDocument) -> String {
    let all = plan.slo.len();
    let missed = plan.slo.iter().filter(|slo| !slo.met).count();
    let unknown = plan.slo.iter().filter(|slo| slo.met && slo.achieved_seconds.is_none()).count();
    let kept = all - missed - unknown;
    let mut text = match (all, missed, unknown) {
        (0, _, _) => return "The profile makes no promise.".into(),
        (1, 0, 0) => "The promise is kept at the planned peak.".into(),
        (_, 0, 0) => format!("All {all} promises are kept at the planned peak."),
        (_, 0, _) => format!("{kept} of {all} promises are kept at the planned peak."),
        _ => format!("{missed} of {all} promises missed at the planned peak."),
    };
    if unknown > 0 {
        text.push_str(&format!(" For {unknown} there are too few samples to say."));
    }
    text
}

/// How many resources are busier than is good.
fn above(usage: &[Utilisation]) -> String {
    let limit = number::percent(super::HOT);
    match usage.iter().filter(|resource| resource.mean > super::HOT).count() {
        0 => format!("None is above {limit}."),
        count => format!("{count} above {limit}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_read_between_its_points_and_not_beyond() {
        let points = [CurvePoint { x: 1.0, y: 10.0 }, CurvePoint { x: 3.0, y: 20.0 }];
        assert_eq!(at(&points, 1.0), Some(10.0));
        assert_eq!(at(&points, 2.0), Some(15.0));
        assert_eq!(at(&points, 0.5), None);
        assert_eq!(at(&points, 3.5), None);
    }

    #[test]
    fn the_finding_tells_a_knee_before_the_mark() {
        let mut curve = LoadCurve { series: Vec::new(), planned_per_second: 100.0, knee_per_second: Some(134.0) };
        assert!(load(&curve).contains("breaks at 134/s, 34 % above the mark"));
        curve.knee_per_second = Some(80.0);
        assert!(load(&curve).contains("before the mark"));
        curve.knee_per_second = None;
        assert!(load(&curve).contains("No promise broke"));
    }
}
