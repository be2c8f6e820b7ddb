//! The generated tables of `docs/model.md`: they stand between marks, and a check says whether they are what the data say now.

use std::fmt::Write;

use plimsoll_profiles::calibration::{Calibration, Operation};
use plimsoll_profiles::units::Nanos;

use super::judge::Line;

/// The document's text with its tables as they are now.
///
/// # Errors
/// The name of a table that has no marks in the text.
pub fn with_tables(text: &str, tables: &[(&'static str, String)]) -> Result<String, &'static str> {
    let mut text = text.to_owned();
    for (name, table) in tables {
        let (begin, end) = (format!("<!-- {name}: "), format!("<!-- /{name} -->"));
        let start = text.find(&begin).ok_or(*name)?;
        let after_mark = text[start..].find("-->").ok_or(*name)? + start + 3;
        let stop = text[after_mark..].find(&end).ok_or(*name)? + after_mark;
        text = format!("{}\n{table}{}", &text[..after_mark], &text[stop..]);
    }
    Ok(text)
}

/// Every operation with what it does.
pub fn operations(calibration: &Calibration) -> String {
    let mut table =
        "| operation | method | requests: frontend, history, matching | statements | commits | rows written |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for operation in &calibration.operations {
        let kind = match (operation.queue_task, operation.timer_task) {
            (true, _) => "(queue task)".to_owned(),
            (_, true) => "(timer task)".to_owned(),
            _ if operation.frontend + operation.history + operation.matching == 0 => {
                "(of the server itself)".to_owned()
            }
            _ => operation.method(),
        };
        let _ = writeln!(
            table,
            "| {} | {kind} | {}, {}, {} | {} | {} | {} |",
            snake_case(&format!("{:?}", operation.name)),
            operation.frontend,
            operation.history,
            operation.matching,
            operation.statements(),
            commits(operation),
            rows(operation),
        );
    }
    table
}

fn commits(operation: &Operation) -> usize {
    [operation.append, operation.new_branch, operation.has_transaction(), operation.visibility]
        .into_iter()
        .filter(|one| *one)
        .count()
        + operation.delete.len()
}

fn rows(operation: &Operation) -> u32 {
    operation.transaction_writes()
        + u32::from(operation.append)
        + 2 * u32::from(operation.new_branch)
        + u32::from(operation.visibility)
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// CPU of one visit by process.
pub fn costs(calibration: &Calibration) -> String {
    let cpu = &calibration.cpu;
    let ms = |value: Nanos| format!("{:.3} ms", value.as_secs_f64() * 1e3);
    let rows = [
        ("frontend", format!("request {}", ms(cpu.frontend_request)), cpu.frontend_wake, cpu.frontend_idle_core),
        (
            "history",
            format!(
                "request {}, write of mutable state {}, queue task {}, read of the timer queue {}",
                ms(cpu.history_request),
                ms(cpu.history_update),
                ms(cpu.history_task),
                ms(cpu.history_timer)
            ),
            cpu.history_wake,
            cpu.history_idle_core,
        ),
        (
            "matching",
            format!("request {}, forward to another partition {}", ms(cpu.matching_request), ms(cpu.matching_forward)),
            cpu.matching_wake,
            cpu.matching_idle_core,
        ),
        (
            "PostgreSQL",
            format!("statement {}, visibility upsert {}", ms(cpu.database_statement), ms(cpu.database_visibility)),
            cpu.database_wake,
            cpu.database_idle_core,
        ),
    ];
    let mut table =
        "| process | CPU of a visit | more when the process sleeps | more when a core is idle |\n| --- | --- | --- | --- |\n"
            .to_owned();
    for (process, visit, wake, idle) in rows {
        let _ = writeln!(table, "| {process} | {visit} | {} | {} |", ms(wake), ms(idle));
    }
    table
}

/// Columns of the accuracy table: their head, and the figure they show.
const COLUMNS: [(&str, &str); 11] = [
    ("transitions", "state transitions"),
    ("write tx", "write transactions"),
    ("statements", "statements"),
    ("req. frontend", "requests frontend"),
    ("req. history", "requests history"),
    ("req. matching", "requests matching"),
    ("fsyncs", "fsyncs"),
    ("WAL", "WAL bytes"),
    ("history bytes", "history bytes"),
    ("CPU F / H / M / PG", "CPU ms"),
    ("p50 / p90 / p99", "latency ms"),
];

/// Errors of all shapes, in per cent; bold is outside what is promised.
pub fn accuracy(shapes: &[(String, Vec<Line>)]) -> String {
    let mut table = "| shape |".to_owned();
    COLUMNS.iter().for_each(|(head, _)| {
        let _ = write!(table, " {head} |");
    });
    let _ = writeln!(table, "\n|{}", " --- |".repeat(COLUMNS.len() + 1));
    for (shape, lines) in shapes {
        let _ = write!(table, "| {shape} |");
        for (_, figure) in COLUMNS {
            let names: Vec<String> = match figure {
                "CPU ms" => ["frontend", "history", "matching", "postgres"].map(|s| format!("CPU ms {s}")).to_vec(),
                "latency ms" => ["p50", "p90", "p99"].map(|q| format!("latency ms {q}")).to_vec(),
                one => vec![one.to_owned()],
            };
            let cells: Vec<String> =
                names.iter().filter_map(|name| lines.iter().find(|l| l.name == *name)).map(cell).collect();
            let _ = write!(table, " {} |", cells.join(" / "));
        }
        table.push('\n');
    }
    table
}

fn cell(line: &Line) -> String {
    if line.measured <= 0.0 {
        // Less than the idle rate that was subtracted: no share of it says anything.
        return "–".to_owned();
    }
    let error = format!("{:+.0}", line.error() * 100.0);
    let error = if error == "-0" { "+0".to_owned() } else { error };
    match line.excess() {
        None => format!("({error})"),
        Some(excess) if excess > 1.0 => format!("**{error}**"),
        Some(_) => error,
    }
}
