//! The model's figures beside the measured ones, as the table in the README.
//!
//! `cargo run --release -p plimsoll-benches --bin accuracy` prints it; `-- --write README.md` puts it between the marks there, and
//! `-- --check README.md` exits 1 when what stands there is not what the model says now.
//!
//! `-- --summary` prints the results of the suite (`benches/accuracy`), its worst row last; it exits 1 when one is outside its
//! tolerance. `-- --run` measures what has no result yet on a cluster of its own; `-- --run NAME…` measures those workloads anew.
#![allow(clippy::unwrap_used)]

// The shapes and their measurements are those of the model's own test: one list, one truth.
#[path = "../../../sim/tests/temporal_support/mod.rs"]
mod temporal_support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plimsoll_benches::accuracy::results::{self, Measured};
use plimsoll_benches::accuracy::runner::{self, Runner};
use plimsoll_benches::accuracy::suite::{Set, Suite, Workload};
use plimsoll_reports::text::{self, Order};

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
    let answer = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            println!("{}", marked_table());
            Ok(true)
        }
        ["--write", file] => write(file),
        ["--check", file] => check(file),
        ["--summary"] => summary(&results::folder()),
        ["--run", ref names @ ..] => run_suite(names),
        _ => Err("expected nothing, --write FILE, --check FILE, --summary or --run [WORKLOAD…]".to_owned()),
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn read(file: &str) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))
}

fn write(file: &str) -> Result<bool, String> {
    let text = replaced(&read(file)?, &marked_table()).ok_or_else(|| format!("{file} has no marks for the table"))?;
    std::fs::write(file, text).map_err(|error| format!("cannot write {file}: {error}"))?;
    Ok(true)
}

fn check(file: &str) -> Result<bool, String> {
    let table = marked_table();
    let is_there = read(file)?.contains(&table);
    match is_there {
        true => println!("the table in {file} is what the model says"),
        false => eprintln!("the table in {file} is not what the model says now; run with --write {file}\n{table}"),
    }
    Ok(is_there)
}

/// Prints the results of both sets, the worst row of those held out last.
fn summary(folder: &Path) -> Result<bool, String> {
    let results = results::read(folder)?;
    if results.is_empty() {
        return Err(format!("no results in {}: measure with --run", folder.display()));
    }
    print!("{}", machines(&results));
    let mut within = true;
    for (set, title) in [(Set::Fitting, "fitting set"), (Set::HeldOut, "held out")] {
        let table = results::table(&results, set);
        println!("\n== {title}\n{}", text::accuracy(&table, Order::WorstLast, WIDTH, false));
        within &= table.within();
    }
    Ok(within)
}

/// Columns of the summary.
const WIDTH: usize = 120;

/// On what the results were measured.
fn machines(results: &[Measured]) -> String {
    let mut lines: Vec<String> = results
        .iter()
        .map(|measured| {
            let machine = &measured.machine;
            let memory = machine.memory_bytes.map_or_else(String::new, |bytes| format!(", {} GiB", bytes >> 30));
            let versions: Vec<String> = measured
                .validation
                .versions
                .iter()
                .map(|(component, version)| format!("{component} {version}"))
                .collect();
            format!(
                "measured on {} cores of {}{memory}, {}; {}\n",
                machine.cores,
                machine.processor.as_deref().unwrap_or("an unknown processor"),
                machine.system,
                versions.join(", "),
            )
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

/// Measures, one workload after the other, grouped by the cluster they need.
fn run_suite(names: &[&str]) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = root.join("benches/accuracy/suite.toml");
    let suite =
        Suite::parse(&read(&file.display().to_string())?).map_err(|error| format!("{}: {error}", file.display()))?;
    if let Some(unknown) = names.iter().find(|name| !suite.workloads.iter().any(|workload| workload.name == **name)) {
        let known: Vec<&str> = suite.workloads.iter().map(|workload| workload.name.as_str()).collect();
        return Err(format!("there is no workload {unknown:?}; there are: {}", known.join(", ")));
    }
    let program =
        runner::program().ok_or("plimsoll-load is not beside this program: cargo build --release -p plimsoll-load")?;
    let runs = PathBuf::from(std::env::var_os("PLIMSOLL_ACCURACY_RUNS").unwrap_or_else(|| "accuracy-runs".into()));
    let runner = Runner { suite: &suite, root, program, runs, results: results::folder(), ports: 18_500 };
    let wanted = |workload: &&Workload| match names {
        [] => !results::folder().join(format!("{}.json", workload.file_stem())).exists(),
        names => names.contains(&workload.name.as_str()),
    };
    let (mut within, mut failures) = (true, Vec::new());
    let mut cluster = None;
    let chosen: Vec<&Workload> = suite.workloads.iter().filter(wanted).collect();
    for (number, workload) in chosen.iter().enumerate() {
        eprintln!("== {} of {}: {} at {}", number + 1, chosen.len(), workload.name, workload.rate);
        match runner.measure(workload, &mut cluster) {
            Ok(validation) => {
                within &= validation.within;
                eprintln!("{}", validation.verdict_text);
            }
            Err(message) => {
                eprintln!("error: {message}");
                failures.push(message);
                // The next one begins with a fresh cluster.
                cluster = None;
            }
        }
    }
    runner.stop();
    match failures[..] {
        [] => Ok(within),
        _ => Err(format!("{} of {} workloads could not be measured", failures.len(), chosen.len())),
    }
}

fn marked_table() -> String {
    format!("{BEGIN}\n{}\n{END}", table())
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
