//! `plimsoll simulate`.

use std::path::Path;

use plimsoll_profiles::{Document, World};
use plimsoll_reports::run_dir::{
    Clock, MANIFEST_SCHEMA_VERSION, Manifest, RunDirError, RunVerdict, Sent, Trust, Writer,
};
use plimsoll_reports::run_document::RunKind;
use plimsoll_reports::{csv, html, text};

use super::answer::{self, Rendered};
use super::prepare;
use crate::cli::{OutputArgs, SimulateArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, SimulateSettings, SimulatedRun};
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
        write_directory(folder, &document, &run, progress.is_cancelled())
            .map_err(|error| run_files::failure(&error))?;
        console.note(&format!("wrote the run directory {}", folder.display()));
    }
    files.write(
        console,
        Rendered {
            json: &run.document,
            csv: &|| csv::run(&run.document),
            human: &|width, colour| text::run(&run.document, width, colour),
            html: &|| html::run(&run.document, None),
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

fn write_directory(folder: &Path, document: &Document, run: &SimulatedRun, cut: bool) -> Result<(), RunDirError> {
    let manifest = manifest(document, run, cut);
    let mut writer = Writer::create(folder, &manifest)?;
    for interval in &run.intervals {
        let metrics: Vec<_> = interval.metrics.iter().map(|(name, histogram)| (name.as_str(), histogram)).collect();
        writer.interval(interval.start, interval.length, &metrics)?;
    }
    for (at, values) in &run.resources {
        writer.resources(*at, values)?;
    }
    writer.finish(&manifest)
}

fn manifest(document: &Document, run: &SimulatedRun, cut: bool) -> Manifest {
    let profile = document.to_json(&World::mid());
    let cluster = profile.get("cluster").cloned().unwrap_or_default();
    let mut versions = run.versions.clone();
    versions.insert("plimsoll".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let offered = run.document.counts.offered;
    let verdict = match cut {
        false => RunVerdict { verdict: Trust::Valid, reasons: Vec::new() },
        true => RunVerdict {
            verdict: Trust::Suspect,
            reasons: vec!["interrupted: shorter than the profile's schedule".to_owned()],
        },
    };
    Manifest {
        schema_version: MANIFEST_SCHEMA_VERSION,
        kind: RunKind::Simulated,
        profile_name: run.document.profile.clone(),
        profile: format!("{profile:#}"),
        cluster_name: run.document.cluster.clone(),
        cluster: format!("{cluster:#}"),
        seed: run.document.seed,
        versions,
        clock: Clock::simulated(),
        phases: run.phases.clone(),
        sent: Sent { offered, sent: offered, unsent: 0, failed: 0 },
        verdict,
        resources: run.resource_columns.clone(),
        measurement: None,
        summary: Some(run.document.clone()),
    }
}
