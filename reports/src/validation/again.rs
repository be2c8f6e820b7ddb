//! What was measured once, held against another run of the model.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Named, OfferedLoad, ValidatedCurves, Validation, ValidationGroup, ValidationRow};
use super::rows::{name, numbers, predicted_run, step_quantile, tolerance_of};
use super::{PredictedRun, backlog};
use crate::compare::{self, Tolerances};

impl Validation {
    /// Holds another run of the model against the runs of this validation, whose numbers it keeps run by run: the runs themselves are not
    /// needed. A row stays out when the model's run has no such number.
    #[must_use]
    pub fn against(&self, model: &PredictedRun, tolerances: &Tolerances) -> Validation {
        let known = numbers(&model.run);
        let drains = self.rows.iter().any(|row| row.metric == backlog::DRAIN);
        let predicted = |row: &ValidationRow| match (row.group, &row.step) {
            (ValidationGroup::Backlog, _) => backlog::predicted(&model.run, &row.metric, drains),
            (_, Some(step)) => step_quantile(model.steps.get(step)?, row.quantile?),
            (group, None) => {
                let key = (group, row.metric.clone(), row.quantile.unwrap_or(0.0).to_bits());
                known.get(&key).map(|(_, value)| *value)
            }
        };
        let anew = |rows: &[ValidationRow]| -> Vec<ValidationRow> {
            rows.iter().filter_map(|row| judged_anew(row, predicted(row)?, tolerances)).collect()
        };
        let offered = model.run.manifest.summary.as_ref().zip(self.offered).map(|(summary, offered)| OfferedLoad {
            predicted: summary.offered_per_second,
            measured: offered.measured,
        });
        let mut validation = Validation {
            predicted: predicted_run(model),
            offered,
            speed: model.speed,
            rows: anew(&self.rows),
            steps: anew(&self.steps),
            curves: self.curves_against(model),
            ..self.clone()
        };
        validation.conclude();
        validation
    }

    /// Where another validation of the same runs has other predictions than this one, in words. Differences of rounding are none.
    pub fn other_predictions(&self, other: &Validation) -> Vec<String> {
        let rows = |validation: &Validation| -> BTreeMap<String, f64> {
            let rows = validation.rows.iter().chain(&validation.steps);
            let title = |row: &ValidationRow| match &row.step {
                Some(step) => format!("{}, {}", step.workflow, name(row)),
                None => name(row),
            };
            rows.map(|row| (title(row), row.predicted)).collect()
        };
        let (mine, others) = (rows(self), rows(other));
        let told = |value: Option<&f64>| value.map_or_else(|| "nothing".into(), f64::to_string);
        let names: BTreeSet<&String> = mine.keys().chain(others.keys()).collect();
        let each = names.into_iter().filter_map(|name| {
            let (one, another) = (mine.get(name), others.get(name));
            let same = one.zip(another).is_some_and(|(one, another)| (one - another).abs() <= 1e-9 * one.abs());
            (!same).then(|| format!("{name}: predicted {}, now {}", told(one), told(another)))
        });
        each.collect()
    }

    fn curves_against(&self, model: &PredictedRun) -> Vec<ValidatedCurves> {
        let metrics = compare::canonical_metrics(&model.run);
        let predicted: BTreeMap<&str, _> = metrics
            .into_iter()
            .map(|metric| (metric, compare::curve(metric, &compare::merged(&model.run, metric))))
            .filter(|(_, curve)| !curve.points.is_empty())
            .collect();
        let kept = self.curves.iter().filter_map(|curves| {
            let predicted = predicted.get(curves.metric.as_str())?.clone();
            Some(ValidatedCurves { predicted, ..curves.clone() })
        });
        kept.collect()
    }
}

fn judged_anew(row: &ValidationRow, predicted: f64, tolerances: &Tolerances) -> Option<ValidationRow> {
    let named = Named {
        group: row.group,
        metric: row.metric.clone(),
        quantile: row.quantile,
        step: row.step.clone(),
        unit: row.unit.clone(),
    };
    let tolerance = tolerance_of(&named, tolerances);
    ValidationRow::judge(named, predicted, row.runs.clone(), tolerance)
}
