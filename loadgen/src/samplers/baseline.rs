//! What the target does when there is no load.

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::ResourceColumn;
use serde::{Deserialize, Serialize};

/// Means over an idle time before the run, kept in the manifest. `resources.csv` has the raw values; a summary takes the idle
/// ones off ([`IdleBaseline::load`]).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdleBaseline {
    /// How long it was watched.
    pub length: Nanos,
    /// Columns with at least one value.
    pub columns: Vec<IdleColumn>,
}

/// A column when idle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdleColumn {
    /// Its name in `resources.csv`.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Mean of its values.
    pub mean: f64,
    /// The largest one.
    pub largest: f64,
    /// How many there were.
    pub readings: usize,
}

impl IdleBaseline {
    /// From rows as they are written to `resources.csv`.
    pub fn of(length: Nanos, columns: &[ResourceColumn], rows: &[Vec<Option<f64>>]) -> IdleBaseline {
        let column = |(index, column): (usize, &ResourceColumn)| {
            let values: Vec<f64> = rows.iter().filter_map(|row| row.get(index).copied().flatten()).collect();
            (!values.is_empty()).then(|| IdleColumn {
                name: column.name.clone(),
                unit: column.unit.clone(),
                mean: values.iter().sum::<f64>() / values.len() as f64,
                largest: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                readings: values.len(),
            })
        };
        IdleBaseline { length, columns: columns.iter().enumerate().filter_map(column).collect() }
    }

    /// What of a column's mean is the load's: the idle mean is taken off rates (cores, and all that is per second), not below zero.
    /// A level (bytes of memory, connections, a latency) is not a sum of both, and stays.
    pub fn load(&self, column: &ResourceColumn, mean: f64) -> f64 {
        let is_rate = column.unit == "cores" || column.unit.ends_with("/s");
        match self.columns.iter().find(|idle| idle.name == column.name) {
            Some(idle) if is_rate => (mean - idle.mean).max(0.0),
            _ => mean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_rates_are_taken_off_and_levels_are_not() {
        let column = |name: &str, unit: &str| ResourceColumn { name: name.to_owned(), unit: unit.to_owned() };
        let columns = [column("history_cpu", "cores"), column("history_memory", "bytes"), column("empty", "1/s")];
        let rows = [vec![Some(0.1), Some(50.0), None], vec![None, Some(70.0), None], vec![Some(0.3), Some(60.0), None]];
        let idle = IdleBaseline::of(Nanos::from_secs(3), &columns, &rows);
        assert_eq!(
            idle.columns.iter().map(|c| (c.name.as_str(), c.readings)).collect::<Vec<_>>(),
            [("history_cpu", 2), ("history_memory", 3)]
        );
        assert!((idle.load(&columns[0], 1.0) - 0.8).abs() < 1e-12);
        assert_eq!(idle.load(&columns[0], 0.1), 0.0);
        assert_eq!(idle.load(&columns[1], 100.0), 100.0);
        assert_eq!(idle.load(&columns[2], 5.0), 5.0);
        assert_eq!(idle.columns[1].largest, 70.0);
    }
}
