//! Bytes on disk.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::{Bytes, Rate};

use super::demand::Demand;
use plimsoll_profiles::units::Nanos;

/// One table with its indexes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TableSize {
    /// Its name.
    pub table: &'static str,
    /// Bytes that one closed workflow leaves there.
    pub per_workflow: f64,
}

/// What closed workflows leave in the database.
#[derive(Clone, Debug)]
pub struct Storage {
    /// By table.
    pub tables: Vec<TableSize>,
}

impl Storage {
    /// From what the pilot wrote per workflow.
    pub fn of(calibration: &Calibration, demand: &Demand) -> Self {
        let bytes = &calibration.bytes;
        let runs = demand.per_workflow(demand.work.closed_runs);
        let rows = demand.per_workflow(demand.work.history_rows);
        let events = demand.per_workflow(demand.work.history_bytes);
        let per_run = |size: Bytes| runs * size.0 as f64;
        let table = |table, per_workflow| TableSize { table, per_workflow };
        Storage {
            tables: vec![
                table("history_node", rows * bytes.history_node_row.0 as f64 + events),
                table("executions", per_run(bytes.executions)),
                table("current_executions", bytes.current_executions.0 as f64),
                table("history_tree", per_run(bytes.history_tree)),
                table("timer_tasks", per_run(bytes.timer_tasks)),
                table("executions_visibility", per_run(bytes.executions_visibility)),
            ],
        }
    }

    /// Bytes per workflow, all tables.
    pub fn per_workflow(&self) -> f64 {
        self.tables.iter().map(|table| table.per_workflow).sum()
    }

    /// Bytes after `age` of starts at `rate`, with workflows kept for `retention` after their close and open for `lifetime` before.
    pub fn after(&self, age: Nanos, rate: Rate, retention: Nanos, lifetime: Nanos) -> f64 {
        let kept = age.min(retention + lifetime).as_secs_f64();
        rate.as_per_second() * kept * self.per_workflow()
    }
}
