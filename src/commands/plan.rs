//! `plimsoll plan`.

use crate::html;
use plimsoll_reports::plan_document::Verdict;
use plimsoll_reports::{csv, text};

use super::answer::{self, Rendered};
use super::prepare;
use crate::cli::PlanArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, PlanSettings};
use crate::profile_file::ProfileSource;

/// Prints the plan; that there is none is a finding.
///
/// # Errors
/// When the profile is wrong, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &PlanArgs, console: &Console) -> Result<Exit, Failure> {
    let document = ProfileSource::find(&arguments.model.profile)?.document(&arguments.model.set)?;
    let files = answer::Files::create(&arguments.output, "plan")?;
    let settings = PlanSettings { seed: arguments.model.seed, threads: prepare::threads(&arguments.model) };
    console.detail(&format!("seed {}, {} threads", settings.seed, settings.threads));
    let progress = prepare::progress(console)?;
    let plan = model::plan(&document, &settings, &progress);
    progress.finish();
    let plan = plan.map_err(prepare::failure)?;
    files.write(
        console,
        Rendered {
            json: &plan,
            csv: &|| csv::plan(&plan),
            human: &|width, colour| text::plan(&plan, width, colour),
            html: &|| html::plan(&plan),
        },
    )?;
    if progress.is_cancelled() {
        return Err(Failure::Interrupted);
    }
    Ok(match plan.verdict {
        Verdict::Fits => Exit::Success,
        Verdict::Infeasible => Exit::Finding,
    })
}
