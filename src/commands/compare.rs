//! `plimsoll compare`.

use std::fs;
use std::path::Path;

use plimsoll_reports::compare::{Tolerances, compare};
use plimsoll_reports::{csv, html, text};

use super::answer::{self, Rendered};
use crate::cli::CompareArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::run_files;

/// Prints the comparison; a difference past its tolerance is a finding.
///
/// # Errors
/// When a run or the tolerances cannot be read, or the answer cannot be written.
pub fn run(arguments: &CompareArgs, console: &Console) -> Result<Exit, Failure> {
    let files = answer::Files::create(&arguments.output, "comparison")?;
    let tolerances = arguments.tolerances.as_deref().map_or_else(|| Ok(Tolerances::default()), tolerances)?;
    let (base, run) = (run_files::read(&arguments.base, console)?, run_files::read(&arguments.run, console)?);
    let comparison = compare(&base, &run, &tolerances);
    files.write(
        console,
        Rendered {
            json: &comparison,
            csv: &|| csv::comparison(&comparison),
            human: &|width, colour| text::comparison(&comparison, width, colour),
            html: &|| html::comparison(&comparison),
        },
    )?;
    Ok(if comparison.within { Exit::Success } else { Exit::Finding })
}

fn tolerances(path: &Path) -> Result<Tolerances, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    Tolerances::default().overlaid(&text, &path.display().to_string()).map_err(Failure::Problems)
}
