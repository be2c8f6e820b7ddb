//! `plimsoll-load selftest`.

use plimsoll_profiles::units::Nanos;

use crate::cli::{Format, SelfTestArgs};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::selftest::{LAG_LIMIT, Outcome, Settings, run as make};

/// Makes the self-test and prints what it found; a finding when no rate held.
///
/// # Errors
/// When the target cannot be started or reached.
pub fn run(arguments: &SelfTestArgs, console: &Console) -> Result<Exit, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::io(format!("cannot find this program's own file: {error}")))?;
    let settings = if arguments.quick { Settings::quick(&program) } else { Settings::thorough(&program) };
    let settings =
        Settings { one_core: arguments.one_core, most: arguments.up_to, target: arguments.address, ..settings };
    let settings = match arguments.rate {
        Some(rate) => settings.only(rate, arguments.duration),
        None => settings,
    };
    let outcome = make(&settings)?;
    console.answer(&match arguments.format {
        Format::Json => {
            format!("{}\n", serde_json::to_string_pretty(&outcome).map_err(|e| Failure::io(e.to_string()))?)
        }
        Format::Human => text(&outcome),
    })?;
    Ok(if outcome.highest.is_some() { Exit::Success } else { Exit::Finding })
}

fn text(outcome: &Outcome) -> String {
    let brief = |seconds: f64| Nanos::from_secs_f64(seconds).brief().to_string();
    let mut text = match outcome.best() {
        None => format!("At no rate tried did the dispatch lag's p99 stay under {}.\n", LAG_LIMIT.brief()),
        Some(best) => format!(
            "{}{} starts/s with dispatch lag p99 {} (limit {}), {} of CPU per start\n",
            if outcome.bounded { "" } else { "at least " },
            best.rate.as_per_second(),
            brief(best.lag_p99_seconds),
            LAG_LIMIT.brief(),
            brief(best.cpu_seconds_per_start),
        ),
    };
    text.push_str(&format!(
        "generator on {} core(s), target in another process on {}\n\n",
        outcome.cores, outcome.target_cores
    ));
    text.push_str("    rate/s    starts   lag p50   lag p99   service p50   CPU/start    stolen\n");
    for probe in &outcome.probes {
        text.push_str(&format!(
            "{:>10} {:>9} {:>9} {:>9} {:>13} {:>11} {:>9}  {}\n",
            probe.rate.as_per_second(),
            probe.offered,
            brief(probe.lag_p50_seconds),
            brief(probe.lag_p99_seconds),
            brief(probe.service_p50_seconds),
            brief(probe.cpu_seconds_per_start),
            brief(probe.stolen_seconds),
            if probe.held { "" } else { "too late" },
        ));
    }
    text
}
