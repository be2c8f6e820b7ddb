//! `run --find-capacity`: runs at many rates, one answer.

use std::path::PathBuf;

use plimsoll_profiles::units::{Nanos, Rate};
use plimsoll_reports::run_dir::Trust;
use serde::Serialize;

use super::course::End;
use super::prepare::prepare;
use super::{Leave, execute};
use crate::cli::{Format, RunArgs};
use crate::commands::interrupts::Interrupts;
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::find_capacity::{Bounds, Capacity, Search, kept};

/// Length of one run when nothing is said.
const DURATION: Nanos = Nanos::from_secs(30);
/// A search with so many invalid runs is given up: the generator or its machine is not fit for it.
const MOST_INVALID: usize = 3;

/// What `--format json` prints.
#[derive(Serialize)]
struct Answer {
    schema_version: u32,
    /// Highest rate that kept the promise, starts per second.
    kept_per_second: Option<f64>,
    /// Lowest rate that broke it, starts per second.
    broken_per_second: Option<f64>,
    /// Whether both ends rest on enough runs and are close enough.
    settled: bool,
    runs: Vec<RunAtRate>,
}

#[derive(Serialize)]
struct RunAtRate {
    rate_per_second: f64,
    kept: bool,
    /// Whether each quantile's interval lies on one side of its limit.
    sure: bool,
    because: Vec<String>,
    directory: PathBuf,
}

/// Searches the highest rate that meets the profile's SLO.
///
/// # Errors
/// As a run; and when a run says of itself that it is invalid, because then nothing follows from it.
pub async fn run(arguments: &RunArgs, interrupts: &Interrupts, console: &Console) -> Result<Exit, Failure> {
    let highest =
        arguments.arrivals.rate.ok_or_else(|| Failure::usage("--find-capacity needs --rate, the highest to try"))?;
    let folder = arguments.output.out.clone().unwrap_or_else(|| PathBuf::from("capacity"));
    let mut search = Search::new(Bounds::up_to(highest));
    let mut runs = Vec::new();
    let mut invalid = 0;
    // Somebody agrees once, to a run at the highest rate: no other is as heavy.
    let mut leave = Leave::NeededFor(Box::new(prepare(&at(arguments, highest, folder.clone(), 0))?));
    while let Some(rate) = search.next_rate() {
        let directory = folder.join(format!("{:02}-at-{:.1}", runs.len() + invalid + 1, rate.as_per_second()));
        let one = at(arguments, rate, directory.clone(), runs.len() + invalid);
        let prepared = prepare(&one)?;
        console.note(&format!("run {} at {rate}", runs.len() + invalid + 1));
        let slo = prepared.profile.slo.clone();
        let asked = std::mem::replace(&mut leave, Leave::Given);
        let Some(outcome) = execute(&one, prepared, asked, None, interrupts, console).await? else {
            return Ok(Exit::Success);
        };
        if matches!(outcome.end, End::Interrupted(_)) || interrupts.count() > 0 {
            break;
        }
        if outcome.manifest.verdict.verdict == Trust::Invalid {
            invalid += 1;
            if invalid >= MOST_INVALID {
                outcome.tell(arguments.output.format, console)?;
                return Ok(Exit::InvalidRun);
            }
            console.note("  the run is invalid, so nothing follows from it: again");
            continue;
        }
        let found = kept(&slo, &outcome.document);
        search.record(rate, found.kept);
        console.note(&format!("  {}: {}", if found.kept { "kept" } else { "broken" }, found.because.join("; ")));
        runs.push(RunAtRate {
            rate_per_second: rate.as_per_second(),
            kept: found.kept,
            sure: found.sure,
            because: found.because,
            directory,
        });
    }
    let capacity = search.answer();
    match arguments.output.format {
        Format::Human => console.answer(&words(&capacity, highest, &runs))?,
        Format::Json => {
            let per_second = |end: &Option<crate::find_capacity::Tried>| end.map(|tried| tried.rate.as_per_second());
            let answer = Answer {
                schema_version: 1,
                kept_per_second: per_second(&capacity.kept),
                broken_per_second: per_second(&capacity.broken),
                settled: capacity.settled,
                runs,
            };
            let json = serde_json::to_string_pretty(&answer).map_err(|error| Failure::io(error.to_string()))?;
            console.answer(&format!("{json}\n"))?;
        }
    }
    Ok(match interrupts.count() {
        0 if capacity.kept.is_some() => Exit::Success,
        0 => Exit::Finding,
        _ => Exit::Interrupted,
    })
}

/// The flags of one run of the search. Each has a schedule of its own.
fn at(arguments: &RunArgs, rate: Rate, out: PathBuf, number: usize) -> RunArgs {
    let mut one = arguments.clone();
    one.arrivals.find_capacity = false;
    one.arrivals.rate = Some(rate);
    one.arrivals.duration = Some(arguments.arrivals.duration.unwrap_or(DURATION));
    one.output.out = Some(out);
    one.output.html = None;
    one.seed = arguments.seed.wrapping_add(number as u64);
    one.limits.cleanup = true;
    one
}

fn words(capacity: &Capacity, highest: Rate, runs: &[RunAtRate]) -> String {
    let mut out = String::new();
    for tried in &capacity.tried {
        out.push_str(&format!(
            "{:>10.1}/s  kept {} of {}\n",
            tried.rate.as_per_second(),
            tried.kept,
            tried.kept + tried.broken
        ));
    }
    match (&capacity.kept, &capacity.broken) {
        (Some(kept), Some(broken)) => out.push_str(&format!(
            "The SLO is met up to {:.1}/s ({} of {} runs) and no longer at {:.1}/s ({} of {}).\n",
            kept.rate.as_per_second(),
            kept.kept,
            kept.kept + kept.broken,
            broken.rate.as_per_second(),
            broken.kept,
            broken.kept + broken.broken
        )),
        (Some(kept), None) => out.push_str(&format!(
            "The SLO is met at {:.1}/s ({} of {} runs), the highest rate tried.\n",
            kept.rate.as_per_second(),
            kept.kept,
            kept.kept + kept.broken
        )),
        (None, _) => out.push_str(&format!("The SLO is met at no rate tried, up to {highest}.\n")),
    }
    let unsure = runs.iter().filter(|run| !run.sure).count();
    out.push_str(&match capacity.settled {
        true => "How sure: both ends rest on three runs or more".to_owned(),
        false => format!("How sure: not settled after {} runs", runs.len()),
    });
    match unsure {
        0 => out.push_str("; every run was clear.\n"),
        _ => out.push_str(&format!(
            "; in {unsure} of {} runs a limit lies within the quantile's interval: longer runs (--duration) tell more.\n",
            runs.len()
        )),
    }
    out
}
