//! Measures Plimsoll's engine beside its peers in one interleaved run. See `benches/README.md`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use plimsoll_benches::contenders::{self, Entry};
use plimsoll_benches::hold::{Compared, Increment, compare};
use plimsoll_benches::machine::Machine;
use plimsoll_benches::report::{Report, Settings};
use plimsoll_benches::scale::scale;
use plimsoll_benches::temporal::{Cluster, temporal_model};

/// Speed of Plimsoll's engine against a hand-written loop and published engines.
///
/// Exit status: 0 when all results are right, whatever the speed; 1 when one is wrong.
#[derive(Parser)]
#[command(name = "speed")]
struct Arguments {
    /// Text for people or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Fewer customers, holds and rounds, a tenth of the hour at scale: under a minute.
    #[arg(long)]
    quick: bool,
    /// Rounds to take medians over [default: 31, with --quick 7].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Only this section.
    #[arg(long, value_enum)]
    only: Option<Section>,
    /// Seed of all random streams.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    Mm10,
    Hold,
    Temporal,
    Scale,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let report = measure(&arguments);
    let text = match arguments.format {
        Format::Human => report.to_string(),
        Format::Json => match serde_json::to_string_pretty(&report) {
            Ok(json) => json + "\n",
            Err(error) => {
                eprintln!("speed: the report does not serialise: {error}");
                return ExitCode::FAILURE;
            }
        },
    };
    if let Err(error) = io::stdout().write_all(text.as_bytes())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("speed: cannot write: {error}");
        return ExitCode::FAILURE;
    }
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(arguments: &Arguments) -> Report {
    let quick = arguments.quick;
    let rounds = arguments.rounds.map_or(if quick { 7 } else { 31 }, usize::from);
    let wanted = |section| arguments.only.is_none_or(|only| only == section);
    let mut report = Report::new(Machine::look(), Settings { quick, rounds, seed: arguments.seed });
    // First, while the process holds no memory of the other sections.
    if wanted(Section::Scale) {
        match scale(quick) {
            Some(runs) => report.add_scale(runs),
            None => report.failures.push("the profiles of the runs at scale cannot be read".to_owned()),
        }
    }
    if wanted(Section::Mm10) {
        let entries: Vec<Entry> = contenders::entries(quick);
        let measured = contenders::measure(&entries, rounds, arguments.seed);
        report.add_queue(&entries, &measured);
    }
    if wanted(Section::Hold) {
        report.add_hold(&hold(quick, rounds, arguments.seed));
    }
    if wanted(Section::Temporal) {
        report.temporal = Cluster::ALL.into_iter().filter_map(|cluster| temporal_model(cluster, rounds)).collect();
    }
    report
}

fn hold(quick: bool, rounds: usize, seed: u64) -> Vec<Compared> {
    let holds = if quick { 50_000 } else { 100_000 };
    let mut compared = Vec::new();
    for increment in [Increment::Exponential, Increment::Bimodal] {
        compared.extend(compare(&[1_000, 100_000, 1_000_000], increment, holds, rounds, seed));
    }
    compared
}
