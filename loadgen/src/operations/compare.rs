//! What a server does otherwise than the table and the model say, statement by statement.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::catalogue::OPERATIONS;
use super::expected::Counts;
use super::table::Table;
use crate::calibrate::statement::Kind;

/// A count may differ by this much of itself: workflows that met a time-out, a signal that came while a workflow task ran.
const SHARE: f64 = 0.02;
/// And by this much: one workflow in ten that took another way, and what is left of the idle rate.
const ROOM: f64 = 0.12;
/// Transactions hold those of spooled tasks and of the server's own; one more of an operation has statements that are seen.
const ROOM_OF_TRANSACTIONS: f64 = 0.9;
/// What comes in batches: by this much of itself, and this much more.
const SHARE_IN_BATCHES: f64 = 0.5;
/// See `SHARE_IN_BATCHES`.
const ROOM_IN_BATCHES: f64 = 3.0;

/// One statement of one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The operation.
    pub operation: String,
    /// The statement's key in the table.
    pub statement: String,
    /// By the model, where it is a statement of its own; `null` where the model has a kind of several statements.
    pub model: Option<f64>,
    /// By the table.
    pub table: Option<f64>,
    /// On the server.
    pub measured: f64,
    /// Whether it is outside of what chance explains, against the model.
    pub differs_from_model: bool,
    /// Whether it is, against the table.
    pub differs_from_table: bool,
}

/// A statement whose text is another than in the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reworded {
    /// The statement's key.
    pub statement: String,
    /// In the table; `null` when it is new.
    pub table: Option<String>,
    /// On the server; `null` when it is gone.
    pub measured: Option<String>,
}

/// All statements of one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Total {
    /// The operation.
    pub operation: String,
    /// By the model.
    pub model: Option<f64>,
    /// By the table.
    pub table: Option<f64>,
    /// On the server.
    pub measured: f64,
}

/// A server beside the table and the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Each operation as a whole.
    pub totals: Vec<Total>,
    /// Statements of each operation.
    pub lines: Vec<Line>,
    /// Statements whose text changed.
    pub reworded: Vec<Reworded>,
}

impl Comparison {
    /// Compares. `model` has the expected counts of each trial by kind, `table` may be missing.
    pub fn of(measured: &Table, table: Option<&Table>, model: &BTreeMap<String, Counts>) -> Comparison {
        let (mut lines, mut totals) = (Vec::new(), Vec::new());
        for operation in &OPERATIONS {
            let Some(counts) = measured.operation(operation.name) else { continue };
            let tabled = table.and_then(|table| table.operation(operation.name));
            let of_model = model_of(operation.name, model);
            totals.push(Total {
                operation: operation.name.to_owned(),
                model: of_model.as_ref().map(|counts| counts.values().sum()),
                table: tabled.as_ref().map(|counts| counts.values().sum()),
                measured: counts.values().sum(),
            });
            lines.extend(of_operation(operation.name, &counts, tabled.as_ref(), of_model.as_ref(), measured, table));
        }
        Comparison { totals, lines, reworded: table.map(|table| reworded(measured, table)).unwrap_or_default() }
    }

    /// Whether anything is not as expected.
    pub fn differs(&self) -> bool {
        self.lines.iter().any(Line::differs) || !self.reworded.is_empty()
    }
}

impl Line {
    /// Whether it is not as expected.
    pub fn differs(&self) -> bool {
        self.differs_from_model || self.differs_from_table
    }
}

/// How far a count of this kind may be from what is expected.
fn allowed(kind: &Kind, expected: f64, times: u32) -> f64 {
    let (share, room) = match kind.name() {
        _ if kind.is_of_the_time() => return f64::INFINITY,
        _ if kind.batches() => (SHARE_IN_BATCHES, ROOM_IN_BATCHES),
        "begin" | "commit" => return SHARE * expected.abs() + ROOM_OF_TRANSACTIONS,
        _ => (SHARE, ROOM),
    };
    // Of an operation that was in the workflow several times, chance had its part once.
    share * expected.abs() + room / f64::from(times)
}

fn times(operation: &str) -> u32 {
    OPERATIONS.iter().find(|one| one.name == operation).map_or(1, |one| one.times)
}

fn model_of(operation: &str, model: &BTreeMap<String, Counts>) -> Option<Counts> {
    let operation = OPERATIONS.iter().find(|one| one.name == operation)?;
    let of = model.get(operation.of)?;
    let less: Option<Vec<&Counts>> = operation.less.iter().map(|name| model.get(*name)).collect();
    Some(super::expected::difference(of, less?.into_iter(), operation.times))
}

fn of_operation(
    operation: &str,
    counts: &BTreeMap<String, f64>,
    tabled: Option<&BTreeMap<String, f64>>,
    model: Option<&Counts>,
    measured: &Table,
    table: Option<&Table>,
) -> Vec<Line> {
    let times = times(operation);
    // Keys belong to a table each: statements of the other one are found by their text, and where that changed by their key.
    let theirs = |key: &str| -> Option<f64> {
        let (table, tabled) = (table?, tabled?);
        let text = measured.statements.get(key)?;
        let same = table.statements.iter().find(|(_, other)| *other == text).map(|(key, _)| key.as_str());
        Some(tabled.get(same.unwrap_or(key)).copied().unwrap_or(0.0))
    };
    let mut lines = Vec::new();
    let mut kinds: BTreeMap<Kind, f64> = BTreeMap::new();
    let mut keys_of: BTreeMap<Kind, u32> = BTreeMap::new();
    for (key, count) in counts {
        let kind = Kind::named(Table::kind(key));
        *kinds.entry(kind.clone()).or_insert(0.0) += count;
        *keys_of.entry(kind).or_insert(0) += 1;
    }
    for (key, count) in counts {
        let kind = Kind::named(Table::kind(key));
        let tabled = theirs(key);
        let differs_from_table = tabled.is_some_and(|tabled| (count - tabled).abs() > allowed(&kind, tabled, times));
        let alone = keys_of.get(&kind) == Some(&1);
        let expected = model.map(|model| model.get(&kind).copied().unwrap_or(0.0));
        let sum = kinds.get(&kind).copied().unwrap_or(0.0);
        let differs_from_model =
            alone && expected.is_some_and(|expected| (sum - expected).abs() > allowed(&kind, expected, times));
        lines.push(Line {
            operation: operation.to_owned(),
            statement: key.clone(),
            model: expected.filter(|_| alone),
            table: tabled,
            measured: *count,
            differs_from_model,
            differs_from_table,
        });
    }
    // The model has one number for statements of one kind.
    for (kind, sum) in kinds.iter().filter(|(kind, _)| keys_of.get(kind).is_some_and(|keys| *keys > 1)) {
        let Some(expected) = model.map(|model| model.get(kind).copied().unwrap_or(0.0)) else { continue };
        if (sum - expected).abs() > allowed(kind, expected, times) {
            lines.push(Line {
                operation: operation.to_owned(),
                statement: format!("{kind} (together)"),
                model: Some(expected),
                table: None,
                measured: *sum,
                differs_from_model: true,
                differs_from_table: false,
            });
        }
    }
    // What is expected and was not seen at all.
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for (key, tabled) in tabled.into_iter().flatten() {
        let kind = Kind::named(Table::kind(key));
        let text = table.and_then(|table| table.statements.get(key));
        let seen = text.is_some_and(|text| {
            counts.keys().any(|key| measured.statements.get(key) == Some(text)) || counts.contains_key(key)
        });
        if !seen && tabled.abs() > allowed(&kind, 0.0, times) {
            missing.insert(key.clone());
        }
    }
    for (kind, expected) in model.into_iter().flatten() {
        if !kinds.contains_key(kind) && expected.abs() > allowed(kind, *expected, times) {
            missing.insert(kind.name().to_owned());
        }
    }
    for key in missing {
        let kind = Kind::named(Table::kind(&key));
        let (expected, tabled) =
            (model.and_then(|model| model.get(&kind)).copied(), tabled.and_then(|tabled| tabled.get(&key)).copied());
        lines.push(Line {
            operation: operation.to_owned(),
            statement: key,
            model: expected,
            table: tabled,
            measured: 0.0,
            differs_from_model: expected.is_some_and(|expected| expected.abs() > allowed(&kind, expected, times)),
            differs_from_table: tabled.is_some_and(|tabled| tabled.abs() > allowed(&kind, tabled, times)),
        });
    }
    lines
}

fn reworded(measured: &Table, table: &Table) -> Vec<Reworded> {
    let (ours, theirs): (BTreeSet<&String>, BTreeSet<&String>) =
        (measured.statements.values().collect(), table.statements.values().collect());
    let matters = |key: &str| !Kind::named(Table::kind(key)).is_of_the_time();
    let mut list: Vec<Reworded> = Vec::new();
    for (key, text) in &measured.statements {
        if !theirs.contains(text) && matters(key) {
            let before = table.statements.get(key).filter(|before| !ours.contains(before)).cloned();
            list.push(Reworded { statement: key.clone(), table: before, measured: Some(text.clone()) });
        }
    }
    for (key, text) in &table.statements {
        let told = list.iter().any(|line| line.table.as_ref() == Some(text));
        // A trial that was left out has its statements unseen.
        let looked_for = table.trials.iter().any(|(trial, counts)| {
            measured.trials.contains_key(trial) && counts.get(key).is_some_and(|count| *count > ROOM)
        });
        if !ours.contains(text) && !told && looked_for && matters(key) {
            list.push(Reworded { statement: key.clone(), table: Some(text.clone()), measured: None });
        }
    }
    list
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::operations::table::tests::empty as empty_table;

    const UPDATE: &str = "UPDATE executions SET a = $";
    const INSERT: &str = "INSERT INTO timer_tasks (a) VALUES ($)";

    fn table(statements: &[(&str, &str)], empty: &[(&str, f64)], activity: &[(&str, f64)]) -> Table {
        let counts = |list: &[(&str, f64)]| list.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
        Table {
            statements: statements.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect(),
            trials: [("empty".to_owned(), counts(empty)), ("activity".to_owned(), counts(activity))].into(),
            ..empty_table()
        }
    }

    fn known() -> Table {
        let statements = [("executions_update", UPDATE), ("timer_insert", INSERT)];
        table(
            &statements,
            &[("executions_update", 2.0), ("timer_insert", 1.0)],
            &[("executions_update", 5.0), ("timer_insert", 4.0)],
        )
    }

    fn model(updates: f64) -> BTreeMap<String, Counts> {
        let counts = |update: f64, insert: f64| {
            Counts::from([(Kind::named("executions_update"), update), (Kind::named("timer_insert"), insert)])
        };
        [("empty".to_owned(), counts(2.0, 1.0)), ("activity".to_owned(), counts(2.0 + updates, 4.0))].into()
    }

    fn off(comparison: &Comparison) -> Vec<(String, String, f64)> {
        let lines = comparison.lines.iter().filter(|line| line.differs());
        lines.map(|line| (line.operation.clone(), line.statement.clone(), line.measured)).collect()
    }

    #[test]
    fn the_same_server_is_the_same() {
        let comparison = Comparison::of(&known(), Some(&known()), &model(3.0));
        assert!(!comparison.differs(), "{comparison:?}");
        assert_eq!(comparison.lines.len(), 4, "two statements of two operations");
    }

    #[test]
    fn a_server_that_writes_once_more_is_named_with_operation_statement_and_counts() {
        let mut server = known();
        *server.trials.get_mut("activity").unwrap().get_mut("timer_insert").unwrap() += 1.0;
        let comparison = Comparison::of(&server, Some(&known()), &model(3.0));
        assert_eq!(off(&comparison), [("activity".to_owned(), "timer_insert".to_owned(), 4.0)]);
        let line = comparison.lines.iter().find(|line| line.differs()).unwrap();
        assert_eq!((line.model, line.table), (Some(3.0), Some(3.0)));
        assert!(line.differs_from_model && line.differs_from_table);
    }

    #[test]
    fn a_model_that_is_wrong_is_named_where_the_server_is_as_the_table_says() {
        let comparison = Comparison::of(&known(), Some(&known()), &model(2.0));
        let line = comparison.lines.iter().find(|line| line.differs()).unwrap();
        assert_eq!((line.statement.as_str(), line.model, line.measured), ("executions_update", Some(2.0), 3.0));
        assert!(line.differs_from_model && !line.differs_from_table);
    }

    #[test]
    fn a_statement_in_other_words_is_said_to_be_and_still_counted_as_the_same() {
        let mut server = known();
        let text = "UPDATE executions SET a = $, b = $";
        server.statements.insert("executions_update".to_owned(), text.to_owned());
        let comparison = Comparison::of(&server, Some(&known()), &model(3.0));
        assert_eq!(off(&comparison), []);
        let expected = Reworded {
            statement: "executions_update".to_owned(),
            table: Some(UPDATE.to_owned()),
            measured: Some(text.to_owned()),
        };
        assert_eq!(comparison.reworded, [expected]);
    }

    #[test]
    fn a_statement_that_is_gone_is_missed() {
        let mut server = known();
        server.statements.remove("timer_insert");
        for counts in server.trials.values_mut() {
            counts.remove("timer_insert");
        }
        let comparison = Comparison::of(&server, Some(&known()), &model(3.0));
        assert!(off(&comparison).contains(&("activity".to_owned(), "timer_insert".to_owned(), 0.0)));
        assert_eq!(comparison.reworded.len(), 1);
        assert_eq!(comparison.reworded[0].measured, None);
    }
}
