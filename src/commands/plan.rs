//! `plimsoll plan`.

use plimsoll_profiles::Document;
use plimsoll_reports::plan_document::{PlanDocument, Verdict};
use plimsoll_reports::{csv, html, text};

use super::answer::{self, Rendered};
use super::prepare;
use crate::cancel::Cancel;
use crate::cli::{ModelArgs, PlanArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, PlanSettings};
use crate::profile_file::ProfileSource;
use crate::progress::Progress;

/// Prints the plan; that there is none is a finding.
///
/// # Errors
/// When the profile is wrong, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &PlanArgs, console: &Console) -> Result<Exit, Failure> {
    let document = ProfileSource::find(&arguments.model.profile)?.document(&arguments.model.set)?;
    let cancel = prepare::cancel()?;
    if arguments.autoscale {
        return autoscale(arguments, &document, cancel, console);
    }
    let files = answer::Files::create(&arguments.output, "plan")?;
    let (plan, progress) = make(&arguments.model, &document, console, cancel)?;
    files.write(
        console,
        Rendered {
            json: &plan,
            csv: &|| csv::plan(&plan),
            human: &|width, colour| text::plan(&plan, width, colour),
            html: &|| html::plan_with_command(&plan, &command(&arguments.model)),
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

/// Prints the settings of an autoscaler; that none keeps the SLO is a finding.
fn autoscale(arguments: &PlanArgs, document: &Document, cancel: Cancel, console: &Console) -> Result<Exit, Failure> {
    let files = answer::Files::create(&arguments.output, "autoscale")?;
    let settings = PlanSettings { seed: arguments.model.seed, threads: prepare::threads(&arguments.model) };
    let progress = Progress::new(console.quiet, cancel);
    let plan = model::plan_autoscale(document, &settings, &progress);
    progress.finish();
    let plan = plan.map_err(prepare::failure)?;
    files.write(
        console,
        Rendered {
            json: &plan,
            csv: &|| csv::autoscale(&plan),
            human: &|width, colour| text::autoscale(&plan, width, colour),
            html: &|| html::autoscale(&plan),
        },
    )?;
    if progress.is_cancelled() {
        return Err(Failure::Interrupted);
    }
    Ok(if plan.kept { Exit::Success } else { Exit::Finding })
}

/// The plan of a profile, which says how it was made; and the progress that knows whether it was interrupted.
///
/// # Errors
/// When there is none.
pub fn make(
    arguments: &ModelArgs,
    document: &Document,
    console: &Console,
    cancel: Cancel,
) -> Result<(PlanDocument, Progress), Failure> {
    let settings = PlanSettings { seed: arguments.seed, threads: prepare::threads(arguments) };
    console.detail(&format!("seed {}, {} threads", settings.seed, settings.threads));
    let progress = Progress::new(console.quiet, cancel);
    let plan = model::plan(document, &settings, &progress).and_then(|mut plan| {
        plan.reasons.extend(model::monthly_cost(document, &plan, settings.seed, &progress)?);
        Ok(plan)
    });
    progress.finish();
    let mut plan = plan.map_err(prepare::failure)?;
    if let Some(basis) = &mut plan.basis {
        basis.command = command(arguments);
    }
    Ok((plan, progress))
}

/// The command that makes this plan again; not the threads, on which it does not depend.
fn command(arguments: &ModelArgs) -> String {
    let mut words = vec!["plimsoll".to_owned(), "plan".to_owned(), arguments.profile.display().to_string()];
    for set in &arguments.set {
        words.extend(["--set".to_owned(), set.clone()]);
    }
    words.extend(["--seed".to_owned(), arguments.seed.to_string()]);
    let plain = |word: &String| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c));
    let quoted =
        words.iter().map(|word| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) });
    quoted.collect::<Vec<_>>().join(" ")
}
