//! The model's figures beside the measured ones, as the table in the README.
//!
//! `cargo run --release -p plimsoll-benches --bin accuracy` prints it; `-- --write README.md` puts it between the marks there, and
//! `-- --check README.md` exits 1 when what stands there is not what the model says now.
#![allow(clippy::unwrap_used)]

// The shapes and their measurements are those of the model's own test: one list, one truth.
#[path = "../../../sim/tests/temporal_support/mod.rs"]
mod temporal_support;

use std::collections::BTreeMap;
use std::process::ExitCode;

use temporal_support::shapes::{MORE, SHAPES, measured, median, number, observed, predicted, quantile_ms, workflows};
use temporal_support::{on_measured_machine, run, settings};

const BEGIN: &str =
    "<!-- accuracy: made by `cargo run --release -p plimsoll-benches --bin accuracy -- --write README.md` -->";
const END: &str = "<!-- /accuracy -->";

/// What a figure is called in the table.
const NAMES: [(&str, &str); 10] = [
    ("/state_transitions", "state transitions"),
    ("/write_transactions", "write transactions"),
    ("/statements", "SQL statements"),
    ("/history_node_rows", "history_node rows"),
    ("/fsyncs", "fsyncs"),
    ("/wal_bytes", "WAL bytes outside checkpoints"),
    ("/cpu_ms/database", "CPU, PostgreSQL"),
    ("/cpu_ms/frontend", "CPU, frontend"),
    ("/cpu_ms/matching", "CPU, matching"),
    ("/cpu_ms/history", "CPU, history"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let table = format!("{BEGIN}\n{}\n{END}", table());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        ["--write", file] => {
            let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
            let text = replaced(&text, &table).unwrap_or_else(|| panic!("{file} has no marks for the table"));
            std::fs::write(file, text).unwrap_or_else(|error| panic!("cannot write {file}: {error}"));
            ExitCode::SUCCESS
        }
        ["--check", file] => {
            let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
            if text.contains(&table) {
                println!("the table in {file} is what the model says");
                return ExitCode::SUCCESS;
            }
            eprintln!("the table in {file} is not what the model says now; run with --write {file}\n{table}");
            ExitCode::from(1)
        }
        _ => {
            eprintln!("expected nothing, --write FILE or --check FILE");
            ExitCode::from(2)
        }
    }
}

/// A text with the table between its marks.
fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once("<!-- accuracy")?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{table}{after}"))
}

fn table() -> String {
    let measured = measured();
    let mut errors: BTreeMap<&str, Vec<(f64, &str)>> = BTreeMap::new();
    for (name, steps) in SHAPES {
        let real = measured.iter().find(|run| run["name"] == name).expect("measured");
        let rate = number(real, "/rate_per_second");
        let profile = on_measured_machine(&workflows(name, steps), rate);
        let outcome = run(&profile, settings(1, rate, number(real, "/workflows") * MORE));
        for (key, model) in predicted(name, &outcome) {
            let error = 100.0 * (model / observed(real, key) - 1.0);
            errors.entry(key).or_default().push((error, name));
        }
    }
    let mut lines = vec![
        format!("| per workflow, {} shapes | median error | worst | of shape |", SHAPES.len()),
        "| --- | --- | --- | --- |".to_owned(),
    ];
    for (key, name) in NAMES {
        let mut list = errors.remove(key).expect("predicted");
        list.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        let (median, worst) = (list[list.len() / 2], list[list.len() - 1]);
        lines.push(format!("| {name} | {:.1} % | {:+.1} % | {} |", median.0.abs(), worst.0, worst.1));
    }
    lines.push(String::new());
    lines.push("| one activity, end to end | measured (median of 3 runs) | model | error |".to_owned());
    lines.push("| --- | --- | --- | --- |".to_owned());
    for rate in [5.0, 15.0, 25.0, 32.0] {
        let shape = format!("act1_rate{rate}_");
        let profile = on_measured_machine(&workflows("act1", SHAPES[0].1), rate);
        let outcome = run(&profile, settings(1, rate, rate * 240.0));
        for (q, name, key) in [(0.5, "p50", "/latency_ms/p50"), (0.9, "p90", "/latency_ms/p90")] {
            let (model, real) = (quantile_ms(&outcome, q), median(&shape, key));
            let error = 100.0 * (model / real - 1.0);
            lines.push(format!("| {name} at {rate}/s | {real:.0} ms | {model:.0} ms | {error:+.0} % |"));
        }
    }
    lines.join("\n")
}
