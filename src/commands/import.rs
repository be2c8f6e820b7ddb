//! `plimsoll import history` and `import trace`.

use super::prepare;
use crate::cli::ImportCommand;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::import;
use crate::output::OutputFile;
use crate::progress::Progress;

/// Prints or writes the profile.
///
/// # Errors
/// When the input cannot be read or is not what it should be, or the profile cannot be written.
pub fn run(what: &ImportCommand, console: &Console) -> Result<Exit, Failure> {
    let out = match what {
        ImportCommand::History(arguments) => arguments.out.as_deref(),
        ImportCommand::Trace(arguments) => arguments.out.as_deref(),
    };
    let cancel = prepare::cancel()?;
    let file = out.map(OutputFile::create).transpose()?;
    let profile = match what {
        ImportCommand::History(arguments) => {
            let progress = Progress::new(console.quiet, cancel);
            let profile = import::history::import(&arguments.paths, &arguments.name, &progress);
            progress.finish();
            profile?
        }
        ImportCommand::Trace(arguments) => import::trace::import(&arguments.csv, out, &arguments.name)?,
    };
    match (file, out) {
        (Some(file), Some(path)) => {
            file.commit(&profile)?;
            console.note(&format!("wrote {path}; next: plimsoll plan {path}", path = path.display()));
        }
        _ => console.answer(&profile)?,
    }
    Ok(Exit::Success)
}
