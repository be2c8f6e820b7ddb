//! Many validations as one table: how far the model was from every number of every workload.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Validation, ValidationRow, median};
use super::rows;

/// The rows of several workloads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct AccuracyTable {
    /// In the order in which they were added.
    pub rows: Vec<AccuracyRow>,
}

/// A row and where it comes from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct AccuracyRow {
    /// Workload, e.g. `signals, 60 % load`.
    pub workload: String,
    /// The number.
    pub row: ValidationRow,
}

/// One metric over all workloads that have it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct MetricAccuracy {
    /// As people call it, its quantile included.
    pub metric: String,
    /// Rows behind it.
    pub rows: usize,
    /// Rows that are within.
    pub within: usize,
    /// The median of the errors' sizes; absent where nothing but 0 was measured.
    pub median_error: Option<f64>,
    /// The median run-to-run spread.
    pub median_spread: Option<f64>,
    /// The worst row: outside first, then by how much of its tolerance it uses up.
    pub worst: AccuracyRow,
}

impl AccuracyTable {
    /// Adds the rows of a validation, steps included.
    pub fn add(&mut self, workload: &str, validation: &Validation) {
        let rows = validation.rows.iter().chain(&validation.steps).cloned();
        self.rows.extend(rows.map(|row| AccuracyRow { workload: workload.into(), row }));
    }

    /// The rows that are judged.
    pub fn judged(&self) -> impl Iterator<Item = &AccuracyRow> {
        self.rows.iter().filter(|row| row.row.judged)
    }

    /// Whether there are rows, and all are within.
    pub fn within(&self) -> bool {
        self.judged().next().is_some() && self.judged().all(|row| row.row.within)
    }

    /// Those outside first, then by how much of its tolerance each uses up; ties by workload.
    pub fn worst_first(&self) -> Vec<&AccuracyRow> {
        let mut rows: Vec<&AccuracyRow> = self.rows.iter().collect();
        rows.sort_by(|a, b| rows::worst_first(&a.row, &b.row).then_with(|| a.workload.cmp(&b.workload)));
        rows
    }

    /// One entry per metric and quantile, the one with the worst row first. Steps are taken together by their kind.
    pub fn by_metric(&self) -> Vec<MetricAccuracy> {
        let mut metrics: Vec<MetricAccuracy> = Vec::new();
        let mut sizes: BTreeMap<String, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for row in self.worst_first().into_iter().filter(|row| row.row.judged) {
            let metric = rows::kind_name(&row.row);
            let (errors, spreads) = sizes.entry(metric.clone()).or_default();
            errors.extend(row.row.error.map(f64::abs));
            spreads.extend(row.row.spread);
            match metrics.iter_mut().find(|found| found.metric == metric) {
                Some(found) => {
                    found.rows += 1;
                    found.within += usize::from(row.row.within);
                }
                None => metrics.push(MetricAccuracy {
                    metric,
                    rows: 1,
                    within: usize::from(row.row.within),
                    median_error: None,
                    median_spread: None,
                    worst: row.clone(),
                }),
            }
        }
        for metric in &mut metrics {
            let Some((errors, spreads)) = sizes.get_mut(&metric.metric) else { continue };
            for (values, place) in [(errors, &mut metric.median_error), (spreads, &mut metric.median_spread)] {
                values.sort_by(f64::total_cmp);
                *place = median(values);
            }
        }
        metrics
    }
}
