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
use crate::find_capacity::{Bounds, Capacity, Search, Tried};

/// Length of one run when nothing is said.
const DURATION: Nanos = Nanos::from_secs(30);
/// After a run, open workflows are waited for so long at most, on top of the warm-up.
const DRAIN: Nanos = Nanos::from_secs(5);
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
    /// A run at the kept rate keeps the promise in at least this share of cases (95 %, one-sided, by the runs made).
    kept_in_at_least: Option<f64>,
    /// A run at the broken rate keeps the promise in at most this share of cases (the same).
    broken_keeps_in_at_most: Option<f64>,
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
        let mut one = at(arguments, rate, directory.clone(), runs.len() + invalid);
        let prepared = prepare(&one)?;
        // What is sent at the end of the window has ended when twice the time has passed that a workflow waits at most, unless the target is
        // overloaded; and then the run has said so.
        one.limits.drain = one.limits.drain.min(prepared.measured_from.saturating_sub(prepared.ramp) + DRAIN);
        if !runs.is_empty() {
            // Costs per workflow are of no use here, and the first run has it.
            one.samplers.idle_baseline = Nanos::ZERO;
        }
        console.note(&format!("run {} at {rate}", runs.len() + invalid + 1));
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
        let found = outcome.promise.clone();
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
            let per_second = |end: &Option<Tried>| end.map(|tried| tried.rate.as_per_second());
            let answer = Answer {
                schema_version: 1,
                kept_per_second: per_second(&capacity.kept),
                broken_per_second: per_second(&capacity.broken),
                settled: capacity.settled,
                kept_in_at_least: capacity.kept.map(|tried| tried.keeps().0),
                broken_keeps_in_at_most: capacity.broken.map(|tried| tried.keeps().1),
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
        out.push_str(&format!("{:>10}  kept {} of {}\n", tried.rate, tried.kept, tried.kept + tried.broken));
    }
    match (&capacity.kept, &capacity.broken) {
        (Some(kept), Some(broken)) => out.push_str(&format!(
            "The SLO is met up to {} ({} of {} runs) and no longer at {} ({} of {}).\n",
            kept.rate,
            kept.kept,
            kept.kept + kept.broken,
            broken.rate,
            broken.kept,
            broken.kept + broken.broken
        )),
        (Some(kept), None) => out.push_str(&format!(
            "The SLO is met at {} ({} of {} runs), the highest rate tried.\n",
            kept.rate,
            kept.kept,
            kept.kept + kept.broken
        )),
        (None, _) => out.push_str(&format!("The SLO is met at no rate tried, up to {highest}.\n")),
    }
    out.push_str(&sure(capacity, runs));
    out
}

/// How sure the answer is, in words.
fn sure(capacity: &Capacity, runs: &[RunAtRate]) -> String {
    let mut out = match capacity.settled {
        true => "How sure: both ends rest on three runs or more.".to_owned(),
        false => format!("How sure: not settled after {} runs.", runs.len()),
    };
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let ends: Vec<String> = [
        capacity
            .kept
            .map(|kept| format!("at {} it meets the SLO in {} of runs or more", kept.rate, percent(kept.keeps().0))),
        capacity.broken.map(|broken| format!("at {} in {} or fewer", broken.rate, percent(broken.keeps().1))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !ends.is_empty() {
        out.push_str(&format!(" By the counts alone (95 %): {}.", ends.join(", ")));
    }
    let unsure = runs.iter().filter(|run| !run.sure).count();
    out.push_str(&match unsure {
        0 => " Every run was clear.\n".to_owned(),
        _ => format!(
            "\nIn {unsure} of {} runs the limit lies within the interval of what was measured: longer runs (--duration) tell more.\n",
            runs.len()
        ),
    });
    out
}
