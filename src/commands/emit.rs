//! `plimsoll emit`.

use std::path::{Path, PathBuf};

use plimsoll_reports::emit::{self, At, EmitError, EmittedFile, Everything, Settings};
use plimsoll_reports::plan_document::PlanDocument;

use super::{plan, prepare};
use crate::cli::{EmitArgs, EmitAt, EmitKind, ModelArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::OutputFile;
use crate::plan_file;
use crate::profile_file::ProfileSource;

/// Writes the files of a plan.
///
/// # Errors
/// When there is no plan, it does not fit, or a file cannot be read or written.
pub fn run(arguments: &EmitArgs, console: &Console) -> Result<Exit, Failure> {
    let (plan, text) = document(arguments, console)?;
    let settings = settings(arguments, &text);
    let everything = match arguments.kind {
        EmitKind::One(kind) => {
            let files = emit::emit(&plan, kind, &settings).map_err(failure)?;
            Everything { files, left_out: Vec::new() }
        }
        EmitKind::All => emit::emit_all(&plan, &settings).map_err(failure)?,
    };
    for (kind, why) in &everything.left_out {
        console.note(&format!("no {}: {why}", kind.name()));
    }
    match &arguments.out {
        Some(folder) => write(folder, &everything.files, console)?,
        None => print(&everything.files, console)?,
    }
    Ok(Exit::Success)
}

/// The plan and its text: read, or made of a profile.
fn document(arguments: &EmitArgs, console: &Console) -> Result<(PlanDocument, String), Failure> {
    let Some(path) = plan_path(&arguments.plan) else {
        return planned(arguments, console);
    };
    let model = [("--set", !arguments.set.is_empty()), ("--seed", arguments.seed.is_some())];
    if let Some((flag, _)) = model.into_iter().find(|(_, given)| *given) {
        return Err(Failure::usage(format!(
            "{flag} is for a profile that is planned, and {} is a plan already\nmake another: plimsoll plan PROFILE {flag} … --out DIR",
            path.display()
        )));
    }
    plan_file::read(&path)
}

/// Where the plan lies, if what was given is one.
fn plan_path(given: &Path) -> Option<PathBuf> {
    if given.is_dir() {
        return Some(given.join("plan.json"));
    }
    let is_json = given.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    is_json.then(|| given.to_path_buf())
}

/// Plans a profile; by way of its text, so that the answer is that of the file `plan --out` writes.
fn planned(arguments: &EmitArgs, console: &Console) -> Result<(PlanDocument, String), Failure> {
    let model = ModelArgs {
        profile: arguments.plan.clone(),
        set: arguments.set.clone(),
        seed: arguments.seed.unwrap_or(DEFAULT_SEED),
        threads: arguments.threads,
    };
    let profile = ProfileSource::find(&model.profile)?.document(&model.set)?;
    let (document, progress) = plan::make(&model, &profile, console, prepare::cancel()?)?;
    if progress.is_cancelled() {
        return Err(Failure::Interrupted);
    }
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::usage(format!("cannot write the plan as JSON: {error}")))?
        + "\n";
    Ok((plan_file::parse(&text, "the plan")?, text))
}

/// That of `plan`.
const DEFAULT_SEED: u64 = 42;

fn settings(arguments: &EmitArgs, plan: &str) -> Settings {
    Settings {
        at: match arguments.at {
            EmitAt::Now => At::Now,
            EmitAt::Horizon => At::Horizon,
        },
        image: arguments.image.clone(),
        namespace: arguments.namespace.clone(),
        task_queue: arguments.task_queue.clone(),
        temporal_namespace: arguments.temporal_namespace.clone(),
        address: arguments.address.clone(),
        database: arguments.database.clone(),
        plan_hash: emit::plan_hash(plan.as_bytes()),
    }
}

fn failure(error: EmitError) -> Failure {
    let exit = match error {
        EmitError::Infeasible(_) => Exit::Finding,
        _ => Exit::Usage,
    };
    Failure::Message(exit, error.to_string())
}

fn write(folder: &Path, files: &[EmittedFile], console: &Console) -> Result<(), Failure> {
    let mut names = String::new();
    for file in files {
        let path = folder.join(&file.path);
        OutputFile::create(&path)?.commit(&file.text)?;
        names.push_str(&format!("{}\n", path.display()));
    }
    console.answer(&names)
}

fn print(files: &[EmittedFile], console: &Console) -> Result<(), Failure> {
    let Some((first, others)) = files.split_first() else { return Ok(()) };
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|file| file.path.as_str()).collect();
        console.note(&format!("{} is shown; with --out DIR also: {}", first.path, names.join(", ")));
    }
    console.answer(&first.text)
}
