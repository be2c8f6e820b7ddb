//! `plimsoll rollouts`.

use plimsoll_reports::{csv, html, text};

use super::answer::{self, Rendered};
use super::prepare;
use crate::cli::RolloutsArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, SimulateSettings};
use crate::profile_file::ProfileSource;
use crate::progress::Progress;

/// Simulates the three strategies and prints them beside each other.
///
/// # Errors
/// When the profile is wrong or has no rollout, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &RolloutsArgs, console: &Console) -> Result<Exit, Failure> {
    let document = ProfileSource::find(&arguments.model.profile)?.document(&arguments.model.set)?;
    let cancel = prepare::cancel()?;
    let files = answer::Files::create(&arguments.output, "rollouts")?;
    let settings =
        SimulateSettings { seed: arguments.model.seed, threads: prepare::threads(&arguments.model), whole: true };
    let progress = Progress::new(console.quiet, cancel);
    let answer = model::rollouts(&document, &settings, &progress);
    progress.finish();
    let answer = answer.map_err(prepare::failure)?;
    files.write(
        console,
        Rendered {
            json: &answer,
            csv: &|| csv::rollouts(&answer),
            human: &|width, colour| text::rollouts(&answer, width, colour),
            html: &|| html::rollouts(&answer),
        },
    )?;
    Ok(Exit::Success)
}
