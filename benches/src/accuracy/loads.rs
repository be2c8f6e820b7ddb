//! What several loads of one shape say together: where it saturates, up to where its latencies are judged, and at which load its p99 is ten
//! times that of a low load.

use std::collections::BTreeMap;

use plimsoll_reports::compare::Tolerance;
use plimsoll_reports::validation::{AccuracyRow, Named, Validation, ValidationGroup, ValidationRow};

use super::results::Measured;

/// Latencies are judged up to this share of saturation.
const JUDGED_UP_TO: f64 = 0.8;
/// How far p99 rises until the load counts as too high.
const TIMES: f64 = 10.0;
/// The allowed error of that load.
const ALLOWED: f64 = 0.1;

/// Workloads of one name, by the load they were offered; those of one load have nothing to say here.
pub fn by_shape<'a>(results: &[&'a Measured]) -> Vec<Vec<&'a Measured>> {
    let mut shapes: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
    for measured in results {
        shapes.entry(&measured.workload).or_default().push(measured);
    }
    let mut shapes: Vec<Vec<&Measured>> = shapes.into_values().filter(|loads| loads.len() > 1).collect();
    for loads in &mut shapes {
        loads.sort_by(|a, b| offered(&a.validation).total_cmp(&offered(&b.validation)));
    }
    shapes
}

/// Up to which offered load a shape's latencies are judged: 80 % of what it completed when it was overloaded; `None` where it never was.
pub fn judged_up_to(loads: &[&Measured]) -> Option<f64> {
    let overloaded = loads.iter().filter(|load| is_overloaded(&load.validation));
    let completed = overloaded.filter_map(|load| completed(&load.validation));
    completed.max_by(f64::total_cmp).map(|saturation| JUDGED_UP_TO * saturation)
}

/// The load at which the p99 of end to end first is ten times that of the lowest load, predicted and measured.
pub fn ten_times_p99(loads: &[&Measured]) -> Option<AccuracyRow> {
    let points: Vec<(f64, &ValidationRow)> =
        loads.iter().filter_map(|load| Some((offered(&load.validation), p99(&load.validation)?))).collect();
    let curve = |of: &dyn Fn(&ValidationRow) -> Option<f64>| -> Vec<(f64, f64)> {
        points.iter().filter_map(|(offered, row)| Some((*offered, of(row)?))).collect()
    };
    let predicted = crossing(&curve(&|row| Some(row.predicted)))?;
    let runs = points.iter().map(|(_, row)| row.runs.len()).min()?;
    let each = (0..runs).filter_map(|run| crossing(&curve(&|row| row.runs.get(run).copied()))).collect();
    let named = Named {
        group: ValidationGroup::Throughput,
        metric: "load_of_ten_times_p99".into(),
        quantile: None,
        step: None,
        unit: "1/s".into(),
    };
    let row = ValidationRow::judge(named, predicted, each, Tolerance::relative(ALLOWED))?;
    Some(AccuracyRow { workload: loads.first()?.workload.clone(), row })
}

/// Where a curve of (load, p99) first reaches ten times its first value; between two loads the logarithm of p99 is taken to be a line.
fn crossing(curve: &[(f64, f64)]) -> Option<f64> {
    let limit = TIMES * curve.first()?.1;
    curve.windows(2).find_map(|pair| {
        let [(load, before), (next, after)] = *pair else { return None };
        (before < limit && after >= limit).then(|| load + (next - load) * (limit / before).ln() / (after / before).ln())
    })
}

fn offered(validation: &Validation) -> f64 {
    validation.offered.map_or(0.0, |offered| offered.measured)
}

/// Its latencies are shown only: open workflows grew.
fn is_overloaded(validation: &Validation) -> bool {
    validation.rows.iter().any(|row| !row.judged)
}

fn completed(validation: &Validation) -> Option<f64> {
    validation.rows.iter().find(|row| row.metric == "workflows_completed").map(|row| row.measured)
}

fn p99(validation: &Validation) -> Option<&ValidationRow> {
    validation.rows.iter().find(|row| row.metric == "e2e.response" && row.quantile == Some(0.99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_lies_on_the_line_of_logarithms_between_two_loads() {
        let curve = [(10.0, 0.1), (30.0, 0.2), (40.0, 20.0)];
        // 0.2 s to 20 s is two decades in 10/s: 1 s is log10(5) of them.
        let expected = 30.0 + 10.0 * 5.0_f64.log10() / 2.0;
        assert!((crossing(&curve).expect("it crosses") - expected).abs() < 1e-9);
        assert_eq!(crossing(&curve[..2]), None, "never ten times as high");
        assert_eq!(crossing(&[]), None);
    }

    #[test]
    fn the_first_crossing_counts() {
        let curve = [(1.0, 1.0), (2.0, 10.0), (3.0, 5.0), (4.0, 50.0)];
        assert_eq!(crossing(&curve), Some(2.0));
    }
}
