//! The model's figures beside those measured on a real cluster: the accuracy suite (`benches/accuracy`).
//!
//! `cargo run --release -p plimsoll-benches --bin accuracy` prints the README's table of the committed results; `-- --write README.md` puts it
//! between the marks there, and `-- --check README.md` exits 1 when another one stands there.
//!
//! `-- --summary` prints every row, the worst of those held out last; it exits 1 when one is outside its tolerance. Latencies above
//! 80 % of saturation are shown and not judged. `-- --run` measures
//! what has no result yet on a cluster of its own; `-- --run NAME…` measures those workloads anew. The runs are kept in
//! `$PLIMSOLL_ACCURACY_RUNS` (`./accuracy-runs`). `-- --predict` holds the model, changed meanwhile, against what was measured once more, and
//! `-- --verify` exits 1 when a committed prediction is not what the model says now. The
//! model's costs are those of the calibration that the suite names, measured on the same machine: another machine needs its own.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plimsoll_benches::accuracy::results::{self, Measured};
use plimsoll_benches::accuracy::runner::{self, Runner};
use plimsoll_benches::accuracy::suite::{Set, Suite, Workload};
use plimsoll_reports::text::{self, Order};

const BEGIN: &str =
    "<!-- accuracy: made by `cargo run --release -p plimsoll-benches --bin accuracy -- --write README.md` -->";
const END: &str = "<!-- /accuracy -->";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let answer = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => marked_table().map(|table| {
            println!("{table}");
            true
        }),
        ["--write", file] => write(file),
        ["--check", file] => check(file),
        ["--summary"] => summary(),
        ["--run", ref names @ ..] => run_suite(names, What::Measure),
        ["--predict", ref names @ ..] => run_suite(names, What::Predict),
        ["--verify"] => verify(),
        _ => Err(
            "expected nothing, --write FILE, --check FILE, --summary, --run [WORKLOAD…], --predict [WORKLOAD…] or --verify"
                .to_owned(),
        ),
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
    let text = replaced(&read(file)?, &marked_table()?).ok_or_else(|| format!("{file} has no marks for the table"))?;
    std::fs::write(file, text).map_err(|error| format!("cannot write {file}: {error}"))?;
    Ok(true)
}

fn check(file: &str) -> Result<bool, String> {
    let table = marked_table()?;
    let is_there = read(file)?.contains(&table);
    match is_there {
        true => println!("the table in {file} is that of the results"),
        false => eprintln!("the table in {file} is not that of the results; run with --write {file}\n{table}"),
    }
    Ok(is_there)
}

/// The committed results.
fn measured() -> Result<Vec<Measured>, String> {
    let folder = results::folder();
    let results = results::read(&folder)?;
    match results.is_empty() {
        true => Err(format!("no results in {}: measure with --run", folder.display())),
        false => Ok(results),
    }
}

/// Prints the results of both sets, the worst row of those held out last.
fn summary() -> Result<bool, String> {
    let results = measured()?;
    let mut page = machines(&results);
    let mut within = true;
    for (set, title) in [(Set::Fitting, "fitting set"), (Set::HeldOut, "held out")] {
        let table = results::table(&results, set);
        page += &format!("\n== {title}\n{}\n", text::accuracy(&table, Order::WorstLast, WIDTH, false));
        within &= table.within();
    }
    // Whoever reads its head alone (`| head`) has read what they wanted.
    match std::io::stdout().write_all(page.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write the summary: {error}")),
        _ => Ok(within),
    }
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

/// What is done with each workload.
#[derive(Clone, Copy, PartialEq)]
enum What {
    /// It is run on a cluster.
    Measure,
    /// The model is held against its runs once more.
    Predict,
}

/// One workload after the other.
fn run_suite(names: &[&str], what: What) -> Result<bool, String> {
    let suite = suite()?;
    if let Some(unknown) = names.iter().find(|name| !suite.workloads.iter().any(|workload| workload.is_called(name))) {
        let known: Vec<String> = suite.workloads.iter().map(Workload::title).collect();
        return Err(format!("there is no workload {unknown:?}; there are: {}", known.join(", ")));
    }
    let runs = PathBuf::from(std::env::var_os("PLIMSOLL_ACCURACY_RUNS").unwrap_or_else(|| "accuracy-runs".into()));
    let runner = runner(&suite, runs, results::folder())?;
    let before = results::read(&results::folder())?;
    let result = |workload: &Workload| before.iter().find(|one| one.is_of(workload));
    let wanted = |workload: &&Workload| match names {
        [] => result(workload).is_some() == (what == What::Predict),
        names => names.iter().any(|name| workload.is_called(name)),
    };
    let (mut within, mut failures) = (true, Vec::new());
    let chosen: Vec<&Workload> = suite.workloads.iter().filter(wanted).collect();
    for (number, workload) in chosen.iter().enumerate() {
        eprintln!("== {} of {}: {}", number + 1, chosen.len(), workload.title());
        let validation = match what {
            What::Measure => runner.measure(workload),
            What::Predict => runner.predict(workload, result(workload)),
        };
        match validation {
            Ok(validation) => {
                within &= validation.within;
                eprintln!("{}", validation.verdict_text);
            }
            Err(message) => {
                eprintln!("error: {message}");
                failures.push(message);
            }
        }
    }
    if what == What::Measure {
        runner.stop();
    }
    match failures[..] {
        [] => Ok(within),
        _ => Err(format!("{} of {} workloads could not be measured", failures.len(), chosen.len())),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn suite() -> Result<Suite, String> {
    let file = root().join("benches/accuracy/suite.toml");
    Suite::parse(&read(&file.display().to_string())?).map_err(|error| format!("{}: {error}", file.display()))
}

fn runner(suite: &Suite, runs: PathBuf, results: PathBuf) -> Result<Runner<'_>, String> {
    let program =
        runner::program().ok_or("plimsoll-load is not beside this program: cargo build --release -p plimsoll-load")?;
    let calibration = root().join("benches/accuracy/calibration.toml");
    Ok(Runner { suite, root: root(), program, runs, results, ports: 18_500, calibration })
}

/// Whether the committed predictions are those of the model as it is.
fn verify() -> Result<bool, String> {
    let suite = suite()?;
    let scratch = std::env::temp_dir().join(format!("plimsoll-accuracy-{}", std::process::id()));
    let runner = runner(&suite, scratch.clone(), scratch.join("results"))?;
    let committed = measured()?;
    let mut same = true;
    for result in &committed {
        let Some(workload) = suite.workloads.iter().find(|workload| result.is_of(workload)) else {
            println!("{} at {} is not in the suite", result.workload, result.rate);
            same = false;
            continue;
        };
        for difference in result.validation.other_predictions(&runner.predict(workload, Some(result))?) {
            println!("{}: {difference}", workload.title());
            same = false;
        }
    }
    // What is left behind lies in the directory for temporary files.
    let _ = std::fs::remove_dir_all(&scratch);
    match same {
        true => println!("the predictions of {} results are those of the model", committed.len()),
        false => println!("run with --predict, then with --write README.md"),
    }
    Ok(same)
}

/// The table of what was held out, between its marks.
fn marked_table() -> Result<String, String> {
    let results = measured()?;
    let table = results::table(&results, Set::HeldOut);
    let runs = results.iter().filter(|measured| measured.set == Set::HeldOut).count();
    let outside = table.judged().filter(|row| !row.row.within).count();
    Ok(format!(
        "{BEGIN}\n{runs} workloads, {} numbers, {outside} of them outside what is allowed.\n\n{}{END}",
        table.judged().count(),
        text::accuracy_markdown(&table, 0)
    ))
}

/// A text with the table between its marks.
fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once("<!-- accuracy")?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{table}{after}"))
}
