//! `plimsoll scenarios`.

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::{csv, html, text};

use super::answer::{self, Rendered};
use super::prepare;
use crate::cli::ScenariosArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, ScenarioSettings};
use crate::profile_file::ProfileSource;
use crate::progress::Progress;

/// Tries the standard failures on the profile and prints the table; Ctrl-C keeps those that are done.
///
/// # Errors
/// When the profile is wrong, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &ScenariosArgs, console: &Console) -> Result<Exit, Failure> {
    if arguments.after == Nanos::ZERO {
        return Err(Failure::usage("--after must be above zero: nothing recovers in no time; give e.g. 10min"));
    }
    let document = ProfileSource::find(&arguments.model.profile)?.document(&arguments.model.set)?;
    let cancel = prepare::cancel()?;
    let files = answer::Files::create(&arguments.output, "scenarios")?;
    let settings = ScenarioSettings {
        seed: arguments.model.seed,
        threads: prepare::threads(&arguments.model),
        after: arguments.after,
        prevention: !arguments.no_prevention,
    };
    console.detail(&format!("seed {}, {} threads", settings.seed, settings.threads));
    let progress = Progress::new(console.quiet, cancel);
    let scenarios = model::scenarios(&document, &settings, &progress);
    progress.finish();
    let scenarios = scenarios.map_err(prepare::failure)?;
    files.write(
        console,
        Rendered {
            json: &scenarios,
            csv: &|| csv::scenarios(&scenarios),
            human: &|width, colour| text::scenarios(&scenarios, width, colour),
            html: &|| html::scenarios(&scenarios),
        },
    )?;
    if progress.is_cancelled() {
        return Err(Failure::Interrupted);
    }
    Ok(Exit::Success)
}
