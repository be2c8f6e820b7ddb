//! Predicted against measured, for every run of files in the format of the project's measurements.
//!
//! `cargo run --release -p plimsoll-benches --bin counts -- FILE…` prints, shape by shape, what the model says and what a real
//! server counted, the worst last, and exits 1 when a figure is outside its tolerance, 2 when a file holds something it does
//! not know. `--saturation` adds the throughput in overload, `--all` the figures that are only shown.
#![allow(clippy::unwrap_used)]

#[path = "../counts/mod.rs"]
mod counts;
#[path = "../../../sim/tests/temporal_support/mod.rs"]
mod temporal_support;

use std::process::ExitCode;

use clap::Parser;
use counts::document;
use counts::figures::{Figures, TIMER_READS, add_timer_reads, left_over, observed};
use counts::judge::{Line, Promise, lines};
use counts::simulate;
use plimsoll_profiles::calibration::Calibration;
use temporal_support::steps::{self, MeasuredRun, Problem};

/// Predicted against measured.
#[derive(Parser)]
struct Arguments {
    /// Files of measured runs.
    #[arg(required = true)]
    files: Vec<std::path::PathBuf>,
    /// Also the throughput of one-activity workflows in overload, against 44/s.
    #[arg(long)]
    saturation: bool,
    /// Also what is only shown, and what is close.
    #[arg(long)]
    all: bool,
    /// Instead: per run, what the model counted and what was measured, one JSON object a line, for `benches/fit/`.
    #[arg(long)]
    features: bool,
    /// Instead: puts the tables of operations, costs and accuracy between their marks in this document.
    #[arg(long)]
    write: Option<std::path::PathBuf>,
    /// Instead: whether those tables are what the data and the model say now.
    #[arg(long)]
    check: Option<std::path::PathBuf>,
    /// With `--write` and `--check`: files of runs that have a table of their own, the one of shapes measured after the model was made.
    #[arg(long)]
    held_out: Vec<std::path::PathBuf>,
    /// Only shapes whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let calibration = Calibration::reference();
    let mut outside = Vec::new();
    let mut not_modelled = Vec::new();
    let mut runs = Vec::new();
    for file in &arguments.files {
        match read(file) {
            Ok((read, unable)) => {
                runs.push(read);
                not_modelled.extend(unable);
            }
            Err(problem) => {
                eprintln!("{}: {problem}", file.display());
                return ExitCode::from(2);
            }
        }
    }
    let mut judged = 0;
    let mut shapes_lines = Vec::new();
    let quiet = arguments.write.is_some() || arguments.check.is_some();
    for repeats in shapes(&runs) {
        let shape = shape_name(&repeats[0].run.name);
        if arguments.only.as_ref().is_some_and(|only| !shape.contains(only.as_str())) {
            continue;
        }
        if arguments.features {
            let (prediction, left_over) = predicted(&repeats, &calibration);
            print_features(&repeats, &left_over, &prediction.features);
            continue;
        }
        let lines = compared(&repeats, &calibration);
        if quiet {
            shapes_lines.push((title(&repeats), lines));
            continue;
        }
        println!("\n{shape}, {}/s{}", repeats[0].run.rate_per_second, repeated(repeats.len()));
        println!(
            "  {:<46} {:>10} {:>10} {:>17} {:>8}  allowed",
            "per workflow", "model", "measured", "repeats", "error"
        );
        for line in lines {
            let excess = line.excess();
            judged += usize::from(excess.is_some());
            let text = row(&line);
            if arguments.all || excess.is_some() {
                println!("  {text}");
            }
            if excess.is_some_and(|excess| excess > 1.0) {
                outside.push((excess.unwrap_or(0.0), format!("{shape:<30} {text}")));
            }
        }
    }
    if arguments.features {
        return ExitCode::SUCCESS;
    }
    if quiet {
        return match held_out(&arguments, &calibration) {
            Ok(held_out) => document(&arguments, &calibration, &shapes_lines, &held_out),
            Err(code) => code,
        };
    }
    if arguments.saturation
        && let Some(run) = runs.iter().flatten().find(|run| shape_name(&run.name) == "act1")
    {
        let throughput = simulate::saturation(run, &calibration);
        let line = Line {
            name: "throughput in overload, per second".to_owned(),
            model: throughput,
            windows: (throughput, throughput),
            measured: SATURATION,
            range: None,
            promise: Promise::Within(0.08, 0.0),
        };
        judged += 1;
        println!("\nsaturation\n  {}", row(&line));
        if line.excess().is_some_and(|excess| excess > 1.0) {
            outside.push((line.excess().unwrap_or(0.0), row(&line)));
        }
    }
    for problem in &not_modelled {
        println!("\n{problem}");
    }
    if judged == 0 {
        eprintln!("nothing to judge");
        return ExitCode::from(2);
    }
    outside.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!(
        "\n{} of {judged} figures outside what is allowed{}",
        outside.len(),
        if outside.is_empty() { "" } else { ":" }
    );
    for (_, line) in &outside {
        println!("  {line}");
    }
    ExitCode::from(u8::from(!outside.is_empty()))
}

/// What the model says of a shape, and the timer reads that the runs before left to each of its repeats.
fn predicted(repeats: &[InFile], calibration: &Calibration) -> (simulate::Prediction, Vec<f64>) {
    let prediction = simulate::prediction(repeats[0].run, calibration);
    let own = prediction.figures.get(TIMER_READS).copied().unwrap_or(0.0);
    let left_over = repeats.iter().map(|run| left_over(run.before, &[&run.run.values], own)).collect();
    (prediction, left_over)
}

/// The same beside what was measured.
fn compared(repeats: &[InFile], calibration: &Calibration) -> Vec<Line> {
    let (prediction, left_over) = predicted(repeats, calibration);
    let values: Vec<_> = repeats.iter().map(|run| &run.run.values).collect();
    let mut model = prediction.figures;
    add_timer_reads(&mut model, median(&left_over), calibration);
    lines(shape_name(&repeats[0].run.name), &values, &model)
}

fn title(repeats: &[InFile]) -> String {
    format!("{}, {}/s", shape_name(&repeats[0].run.name), repeats[0].run.rate_per_second)
}

/// The shapes of the files held out.
fn held_out(arguments: &Arguments, calibration: &Calibration) -> Result<Vec<(String, Vec<Line>)>, ExitCode> {
    let mut runs = Vec::new();
    for file in &arguments.held_out {
        let (read, _) = read(file).map_err(|problem| {
            eprintln!("{}: {problem}", file.display());
            ExitCode::from(2)
        })?;
        runs.push(read);
    }
    Ok(shapes(&runs).iter().map(|repeats| (title(repeats), compared(repeats, calibration))).collect())
}

/// Writes or checks the generated tables.
fn document(
    arguments: &Arguments,
    calibration: &Calibration,
    shapes: &[(String, Vec<Line>)],
    held_out: &[(String, Vec<Line>)],
) -> ExitCode {
    let Some(file) = arguments.write.as_ref().or(arguments.check.as_ref()) else { return ExitCode::from(2) };
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("cannot read {}: {error}", file.display());
            return ExitCode::from(2);
        }
    };
    let mut tables = vec![
        ("operations", document::operations(calibration)),
        ("costs", document::costs(calibration)),
        ("accuracy", document::accuracy(shapes)),
    ];
    if !held_out.is_empty() {
        tables.push(("held out", document::accuracy(held_out)));
    }
    let new = match document::with_tables(&text, &tables) {
        Ok(new) => new,
        Err(table) => {
            eprintln!("{} has no marks for the table {table}", file.display());
            return ExitCode::from(2);
        }
    };
    if new == text {
        println!("the tables in {} are what the model says", file.display());
        return ExitCode::SUCCESS;
    }
    if arguments.check.is_some() {
        eprintln!("the tables in {} are not what the model says now; run with --write", file.display());
        return ExitCode::from(1);
    }
    match std::fs::write(file, new) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write {}: {error}", file.display());
            ExitCode::from(2)
        }
    }
}

/// Completed workflows per second in overload, measured on the same machine.
const SATURATION: f64 = 43.9;

fn read(file: &std::path::Path) -> Result<(Vec<MeasuredRun>, Vec<Problem>), Problem> {
    let text = std::fs::read_to_string(file).map_err(|error| Problem::File(format!("cannot read it: {error}")))?;
    let (mut runs, mut unable) = (Vec::new(), Vec::new());
    for run in steps::read(&text)? {
        match run {
            Ok(run) => runs.push(run),
            Err(problem @ Problem::NotModelled { .. }) => unable.push(problem),
            Err(problem) => return Err(problem),
        }
    }
    Ok((runs, unable))
}

/// The name of a run without the number of its repeat.
fn shape_name(name: &str) -> &str {
    match name.rsplit_once("_rep") {
        Some((shape, number)) if number.parse::<u32>().is_ok() => shape,
        _ => name,
    }
}

/// A run and the one before it in its file.
struct InFile<'a> {
    run: &'a MeasuredRun,
    before: Option<&'a MeasuredRun>,
}

/// Runs of one shape together, in the order of the first of each.
fn shapes<'a>(files: &'a [Vec<MeasuredRun>]) -> Vec<Vec<InFile<'a>>> {
    let mut shapes: Vec<Vec<InFile>> = Vec::new();
    for runs in files {
        for (index, run) in runs.iter().enumerate() {
            let same = |repeats: &&mut Vec<InFile>| {
                shape_name(&repeats[0].run.name) == shape_name(&run.name) && repeats[0].run.shape == run.shape
            };
            let run = InFile { run, before: index.checked_sub(1).map(|before| &runs[before]) };
            match shapes.iter_mut().find(same) {
                Some(repeats) => repeats.push(run),
                None => shapes.push(vec![run]),
            }
        }
    }
    shapes
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print_features(repeats: &[InFile], left_over: &[f64], features: &Figures) {
    for (run, left_over) in repeats.iter().zip(left_over) {
        let mut features = features.clone();
        features.insert("left_over_timer_reads".to_owned(), *left_over);
        let measured = observed(&run.run.values);
        println!(
            "{}",
            serde_json::json!({ "name": run.run.name, "workflows": run.run.workflows, "features": features, "measured": measured })
        );
    }
}

fn repeated(times: usize) -> String {
    if times > 1 { format!(", {times} repeats: median and range") } else { String::new() }
}

fn row(line: &Line) -> String {
    let range = line.range.map_or(String::new(), |(least, most)| format!("{} .. {}", number(least), number(most)));
    let allowed = match line.promise {
        Promise::Shown => "shown".to_owned(),
        Promise::Within(share, _) => format!("{:.0} %", share * 100.0),
        Promise::InRange => "in range".to_owned(),
    };
    let error = if line.measured == 0.0 { "new".to_owned() } else { format!("{:+.1} %", line.error() * 100.0) };
    let verdict = match line.excess() {
        Some(excess) if excess > 1.0 => "  OUTSIDE",
        _ => "",
    };
    format!(
        "{:<46} {:>10} {:>10} {range:>17} {error:>8}  {allowed}{verdict}",
        line.name,
        number(line.model),
        number(line.measured)
    )
}

/// Four digits.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
