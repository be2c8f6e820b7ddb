//! What a measured run cost the database: kinds of statements, and what stays behind in its tables.

use maud::{Markup, html};

use super::parts::{Cell, table};
use crate::number;
use crate::run_dir::{Measurement, StatementCost, TableGrowth};

/// The kinds and tables that are shown at once; the others unfold.
const SHOWN: usize = 12;

/// The section; empty where neither was read.
pub fn section(measurement: &Measurement) -> Markup {
    html! {
        @if !measurement.statement_costs.is_empty() {
            h2 { "SQL statements" }
            p class="lead" { "Of the whole run, by kind and table, the dearest first; time is execution time in PostgreSQL, without the way there." }
            div class="card" { (folded("SQL statements", &STATEMENTS, statements(measurement))) }
        }
        @if !measurement.table_growth.is_empty() {
            h2 { "Storage growth" }
            p class="lead" { (growth_lead(measurement)) }
            div class="card" { (folded("Storage growth", &GROWTH, growth(measurement))) }
        }
    }
}

const STATEMENTS: [&str; 7] = ["statement", "database", "calls", "per start", "rows per call", "time", "mean time"];
const GROWTH: [&str; 6] = ["table", "database", "before", "grew by", "per start", "rows inserted"];

/// The first rows as a table, the others below a fold.
fn folded(name: &str, header: &[&str], mut rows: Vec<Vec<Cell>>) -> Markup {
    let rest = rows.split_off(SHOWN.min(rows.len()));
    html! {
        (table(name, "", header, rows))
        @if !rest.is_empty() {
            details { summary { (rest.len()) " more" } (table(name, "", header, rest)) }
        }
    }
}

fn statements(measurement: &Measurement) -> Vec<Vec<Cell>> {
    let starts = measurement.counts.sent.max(1) as f64;
    let row = |cost: &StatementCost| {
        vec![
            Cell::Text(cost.statement.clone()),
            Cell::Text(cost.database.clone()),
            Cell::Number(number::quantity(cost.calls)),
            Cell::Main(number::quantity(cost.calls / starts)),
            Cell::Number(number::quantity(cost.rows / cost.calls.max(1.0))),
            Cell::Number(number::seconds(cost.seconds)),
            Cell::Number(number::seconds(cost.seconds / cost.calls.max(1.0))),
        ]
    };
    measurement.statement_costs.iter().map(row).collect()
}

/// What a start left behind in all tables, bytes.
fn bytes_per_start(measurement: &Measurement) -> f64 {
    measurement.table_growth.iter().map(TableGrowth::bytes).sum::<f64>() / measurement.counts.sent.max(1) as f64
}

fn growth_lead(measurement: &Measurement) -> String {
    format!(
        "From before the first start until after the drain, indexes included: {} per start sent. Closed workflows stay for the namespace's \
         retention, so what a cluster keeps is this times the workflows of that time. Files grow by pages, and dead rows wait in them for a \
         vacuum: a short run tells little.",
        number::storage(bytes_per_start(measurement).max(0.0))
    )
}

fn growth(measurement: &Measurement) -> Vec<Vec<Cell>> {
    let starts = measurement.counts.sent.max(1) as f64;
    let row = |grown: &TableGrowth| {
        let less = if grown.bytes() < 0.0 { "\u{2212}" } else { "" };
        let bytes = |bytes: f64| format!("{less}{}", number::storage(bytes.abs()));
        vec![
            Cell::Text(grown.table.clone()),
            Cell::Text(grown.database.clone()),
            Cell::Number(number::storage(grown.bytes_before)),
            Cell::Number(bytes(grown.bytes())),
            Cell::Main(bytes(grown.bytes() / starts)),
            Cell::Number(number::quantity(grown.rows_inserted)),
        ]
    };
    measurement.table_growth.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_dir::MeasuredCounts;

    #[test]
    fn costs_and_growth_are_told_per_start_and_nothing_where_they_were_not_read() {
        assert_eq!(section(&Measurement::default()).into_string(), "");
        let cost = StatementCost {
            database: "temporal".into(),
            statement: "UPDATE executions".into(),
            calls: 600.0,
            rows: 600.0,
            seconds: 0.3,
        };
        let grown = TableGrowth {
            database: "temporal".into(),
            table: "history_node".into(),
            bytes_before: 81_920.0,
            bytes_after: 81_920.0 + 409_600.0,
            rows_inserted: 500.0,
            rows_deleted: 0.0,
        };
        let counts = MeasuredCounts { offered: 100, sent: 100, completed: 100, ..MeasuredCounts::default() };
        let measurement = Measurement {
            counts,
            statement_costs: vec![cost; 14],
            table_growth: vec![grown],
            ..Measurement::default()
        };
        let page = section(&measurement).into_string();
        for text in ["UPDATE executions", "history_node", "per start sent", "2 more", "500 µs", "4.1 kB", "410 kB"] {
            assert!(page.contains(text), "{text} is not in {page}");
        }
    }
}
