//! The comparison for people.

use std::fmt::Write;

use super::compare::{Comparison, Line};
use super::table::Table;

/// The answer: a line for each operation, then what differs, statement by statement.
pub fn text(comparison: &Comparison, measured: &Table, table: Option<&Table>) -> String {
    let mut out = format!(
        "Temporal {}, {}, {} history shards; {} workflows of each kind at {}/s\n",
        measured.temporal, measured.database, measured.history_shards, measured.workflows, measured.rate_per_second
    );
    if let Some(table) = table {
        let _ = writeln!(
            out,
            "compared with the model's operation table and with what was measured of Temporal {} on {}",
            table.temporal, table.database
        );
    } else {
        out += "compared with the model's operation table\n";
    }
    let _ = writeln!(out, "\n{:<19}{:>36}", "", "statements of one operation");
    let _ = writeln!(out, "{:<19}{:>10}{:>10}{:>12}", "operation", "model", "table", "measured");
    for total in &comparison.totals {
        let differ = comparison.lines.iter().filter(|line| line.operation == total.operation && line.differs()).count();
        let _ = writeln!(
            out,
            "{:<19}{}{}{:>12.2}   {}",
            total.operation,
            cell(total.model, 10),
            cell(total.table, 10),
            total.measured,
            match differ {
                0 => "as expected".to_owned(),
                1 => "1 statement differs".to_owned(),
                more => format!("{more} statements differ"),
            }
        );
    }
    differences(&mut out, comparison);
    if !comparison.differs() {
        out += "\nThe server does what the table and the model say.\n";
    }
    out
}

fn differences(out: &mut String, comparison: &Comparison) {
    let off: Vec<&Line> = comparison.lines.iter().filter(|line| line.differs()).collect();
    if !off.is_empty() {
        let _ = writeln!(
            out,
            "\n{:<19}{:<32}{:>10}{:>10}{:>12}   differs from",
            "operation", "statement", "model", "table", "measured"
        );
    }
    for line in off {
        let from = match (line.differs_from_model, line.differs_from_table) {
            (true, true) => "both",
            (true, false) => "the model",
            _ => "the table",
        };
        let _ = writeln!(
            out,
            "{:<19}{:<32}{}{}{:>12.2}   {from}",
            line.operation,
            line.statement,
            cell(line.model, 10),
            cell(line.table, 10),
            line.measured
        );
    }
    for change in &comparison.reworded {
        let _ = writeln!(out, "\n{}:", change.statement);
        let _ = writeln!(out, "  table:    {}", change.table.as_deref().unwrap_or("(no such statement)"));
        let _ = writeln!(out, "  measured: {}", change.measured.as_deref().unwrap_or("(not seen)"));
    }
}

fn cell(value: Option<f64>, width: usize) -> String {
    match value {
        // No negative zero.
        Some(value) => format!("{:>width$.2}", if value.abs() < 0.005 { 0.0 } else { value }),
        None => format!("{:>width$}", "–"),
    }
}
