//! `plimsoll simulate`.

use std::path::Path;

use plimsoll_reports::timeline::Timeline;
use plimsoll_reports::{csv, html, text};

use super::answer::{self, Rendered};
use super::prepare;
use crate::cli::{OutputArgs, SimulateArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, SimulateSettings};
use crate::output::OutputFile;
use crate::profile_file::ProfileSource;
use crate::progress::Progress;
use crate::run_files;

/// Prints the run, and writes its directory when asked for.
///
/// # Errors
/// When the profile is wrong, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &SimulateArgs, console: &Console) -> Result<Exit, Failure> {
    let document = ProfileSource::find(&arguments.model.profile)?.document(&arguments.model.set)?;
    let cancel = prepare::cancel()?;
    // `--out` is a run directory here, with files of its own.
    let out = arguments.output.out.as_deref();
    if let Some(folder) = out {
        writable(folder)?;
    }
    let files = answer::Files::create(&OutputArgs { out: None, ..arguments.output.clone() }, "run")?;
    let settings = SimulateSettings {
        seed: arguments.model.seed,
        threads: prepare::threads(&arguments.model),
        whole: arguments.whole,
    };
    console.detail(&format!("seed {}, {} threads", settings.seed, settings.threads));
    let progress = Progress::new(console.quiet, cancel);
    let run = model::simulate(&document, &settings, &progress);
    progress.finish();
    let run = run.map_err(prepare::failure)?;
    if let Some(folder) = out {
        model::write_run_directory(folder, &document, &run, progress.is_cancelled())
            .map_err(|error| run_files::failure(&error))?;
        console.note(&format!("wrote the run directory {}", folder.display()));
    }
    // What happened is told where anything did; a steady run needs no course.
    let course = model::in_memory(&document, &run, progress.is_cancelled());
    let timeline = Timeline::of(&course);
    let told = timeline.has_a_story();
    files.write(
        console,
        Rendered {
            json: &run.document,
            csv: &|| csv::run(&run.document),
            human: &|width, colour| match told {
                true => text::run_directory(&run.document, &course, width, colour),
                false => text::run(&run.document, width, colour),
            },
            html: &|| html::run(&run.document, told.then_some(&course)),
        },
    )?;
    if progress.is_cancelled() {
        return Err(Failure::Interrupted);
    }
    Ok(Exit::Success)
}

/// Whether files can be made in the folder, before the work; it is made when missing.
fn writable(folder: &Path) -> Result<(), Failure> {
    OutputFile::create(&folder.join("run.json")).map(drop)
}
