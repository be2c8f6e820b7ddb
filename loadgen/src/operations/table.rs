//! The operation table of one server version, as measured: which statements each operation makes, and how often.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::catalogue::OPERATIONS;
use crate::calibrate::counters::{Counters, kind_of};
use crate::calibrate::statement::in_brief;
use crate::failure::Failure;

/// Version of the file's format.
pub const TABLE_SCHEMA_VERSION: u32 = 1;

/// The table this version ships: Temporal 1.31.2 on PostgreSQL 15.
const SHIPPED: &str = include_str!("../../data/operations-1.31.2.json");

/// The operation table of one server version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Version of the file's format.
    pub schema_version: u32,
    /// Version of the Temporal server.
    pub temporal: String,
    /// The database and its version.
    pub database: String,
    /// The cluster's history shards.
    pub history_shards: u32,
    /// Workflows that each trial ran.
    pub workflows: u32,
    /// Starts per second, a Poisson process.
    pub rate_per_second: f64,
    /// Normalised text of each statement by its key: kind and, where a kind has several, the table.
    pub statements: BTreeMap<String, String>,
    /// Statements of each trial workflow: key to mean number per workflow.
    pub trials: BTreeMap<String, BTreeMap<String, f64>>,
}

/// Counts under a thousandth are what is left of the idle rate.
const NEXT_TO_NOTHING: f64 = 0.001;

impl Table {
    /// The shipped table.
    ///
    /// # Errors
    /// Never in a release that passed its tests.
    pub fn shipped() -> Result<Table, Failure> {
        Table::parse(SHIPPED, "the shipped operation table")
    }

    /// A table from a file.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Table, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::io(format!("cannot read {}: {error}", path.display())))?;
        Table::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, name: &str) -> Result<Table, Failure> {
        let table: Table = serde_json::from_str(text)
            .map_err(|error| Failure::usage(format!("{name} is no operation table: {error}")))?;
        match table.schema_version {
            TABLE_SCHEMA_VERSION => Ok(table),
            other => Err(Failure::usage(format!("{name}: schema_version {other}, this version reads 1"))),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Failure::io(error.to_string()))?;
        std::fs::write(path, text + "\n")
            .map_err(|error| Failure::io(format!("cannot write {}: {error}", path.display())))
    }

    /// Takes a trial's counts per workflow in. What belongs to no workflow is left out.
    pub fn add(&mut self, trial: &str, counters: &Counters) {
        let mut counts = BTreeMap::new();
        for (text, sum) in &counters.statements {
            if kind_of(text).is_some() && sum.calls.abs() >= NEXT_TO_NOTHING {
                let key = self.key(text);
                counts.insert(key, (sum.calls * 1e3).round() / 1e3);
            }
        }
        self.trials.insert(trial.to_owned(), counts);
    }

    /// The key of a statement, made when it is new.
    fn key(&mut self, text: &str) -> String {
        let statement = text.split_once(':').map_or(text, |(_, statement)| statement);
        if let Some((key, _)) = self.statements.iter().find(|(_, known)| *known == statement) {
            return key.clone();
        }
        let kind = kind_of(text).map(|kind| kind.name().to_owned()).unwrap_or_default();
        let brief = in_brief(statement);
        let table = brief.split(' ').nth(1).unwrap_or_default();
        let candidates = [kind.clone(), format!("{kind} {table}")];
        let numbered = (2..).map(|number| format!("{kind} {table} {number}"));
        // Queues of several tables are trimmed in the same words: the table is part of the key always, whatever comes first.
        let skip = usize::from(kind == "range_delete" || kind.starts_with("tasks_"));
        let free = candidates.into_iter().skip(skip).chain(numbered).find(|key| !self.statements.contains_key(key));
        let key = free.unwrap_or(kind);
        self.statements.insert(key.clone(), statement.to_owned());
        key
    }

    /// The statements of one operation: its workflow's less those of the others. `None` when a trial is missing.
    pub fn operation(&self, name: &str) -> Option<BTreeMap<String, f64>> {
        let operation = OPERATIONS.iter().find(|operation| operation.name == name)?;
        let mut counts = self.trials.get(operation.of)?.clone();
        for other in operation.less {
            for (key, count) in self.trials.get(*other)? {
                *counts.entry(key.clone()).or_insert(0.0) -= count;
            }
        }
        counts.values_mut().for_each(|count| *count /= f64::from(operation.times));
        Some(counts)
    }

    /// The kind of a key.
    pub fn kind(key: &str) -> &str {
        key.split(' ').next().unwrap_or(key)
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::calibrate::counters::Sum;

    /// A table without statements.
    pub fn empty() -> Table {
        Table {
            schema_version: TABLE_SCHEMA_VERSION,
            temporal: "1".to_owned(),
            database: "PostgreSQL 15".to_owned(),
            history_shards: 4,
            workflows: 10,
            rate_per_second: 5.0,
            statements: BTreeMap::new(),
            trials: BTreeMap::new(),
        }
    }

    fn counters(list: &[(&str, f64)]) -> Counters {
        let mut counters = Counters::default();
        for (text, calls) in list {
            counters.statements.insert((*text).to_owned(), Sum { calls: *calls, ..Sum::default() });
        }
        counters
    }

    #[test]
    fn the_shipped_table_holds_every_operation() {
        let table = Table::shipped().unwrap();
        for operation in &OPERATIONS {
            let statements = table.operation(operation.name);
            assert!(statements.is_some_and(|counts| counts.len() > 10), "{}", operation.name);
        }
    }

    #[test]
    fn an_operation_is_what_its_workflow_does_more() {
        let mut table = empty();
        let (update, insert) = ("m:UPDATE executions SET a = $", "m:INSERT INTO timer_tasks (a) VALUES ($)");
        table.add("empty", &counters(&[(update, 2.0), (insert, 1.0), ("m:SELECT id FROM namespaces", 3.0)]));
        table.add("activity", &counters(&[(update, 5.0), (insert, 4.0)]));
        let activity = table.operation("activity").unwrap();
        assert_eq!(activity["executions_update"], 3.0);
        assert_eq!(activity["timer_insert"], 3.0);
        assert_eq!(activity.len(), 2, "{activity:?}");
    }

    #[test]
    fn two_statements_of_one_kind_have_two_keys_and_the_same_text_has_one() {
        let mut table = empty();
        let (one, other) = ("m:DELETE FROM transfer_tasks WHERE a = $", "m:DELETE FROM timer_tasks WHERE a = $");
        table.add("empty", &counters(&[(one, 0.5), (other, 0.25)]));
        table.add("timer", &counters(&[(other, 0.25)]));
        assert_eq!(table.statements.len(), 2);
        assert_eq!(table.trials["empty"].len(), 2);
        assert!(table.trials["timer"].contains_key("range_delete timer_tasks"));
    }
}
