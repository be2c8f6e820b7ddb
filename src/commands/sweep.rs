//! `plimsoll sweep`.

use plimsoll_reports::html::RunEntry;
use plimsoll_reports::run_dir::Trust;
use plimsoll_reports::sweep_document::{SWEEP_SCHEMA_VERSION, SweepDocument, SweepPoint};
use plimsoll_reports::{csv, html, text};

use super::answer::{self, Rendered};
use super::prepare;
use super::vary::{self, Axis};
use crate::cli::SweepArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::{self, ModelError, SimulateSettings};
use crate::profile_file::ProfileSource;
use crate::progress::Progress;

/// More simulations than this are a mistyped range.
const MOST_POINTS: usize = 10_000;

/// Simulates each point of the grid and prints the table; Ctrl-C keeps the points that are done.
///
/// # Errors
/// When the profile is wrong at some point, a file cannot be read or written, or Ctrl-C.
pub fn run(arguments: &SweepArgs, console: &Console) -> Result<Exit, Failure> {
    let axes =
        arguments.vary.iter().map(|text| Axis::parse(text)).collect::<Result<Vec<_>, _>>().map_err(Failure::usage)?;
    let grid = vary::grid(&axes, MOST_POINTS).map_err(Failure::usage)?;
    let source = ProfileSource::find(&arguments.model.profile)?;
    let overrides = |settings: &[String]| {
        let varied = axes.iter().zip(settings).map(|(axis, value)| format!("{}={value}", axis.key));
        arguments.model.set.iter().cloned().chain(varied).collect::<Vec<String>>()
    };
    // All points are read before the first is simulated: a range that leaves what is valid is known at once.
    for settings in &grid {
        source.document(&overrides(settings))?;
    }
    let cancel = prepare::cancel()?;
    let files = answer::Files::create(&arguments.output, "sweep")?;
    let settings =
        SimulateSettings { seed: arguments.model.seed, threads: prepare::threads(&arguments.model), whole: false };
    console.detail(&format!("seed {}, {} threads", settings.seed, settings.threads));
    let progress = Progress::new(console.quiet, cancel);
    let mut sweep = SweepDocument {
        schema_version: SWEEP_SCHEMA_VERSION,
        profile: String::new(),
        cluster: String::new(),
        seed: settings.seed,
        vary: axes.iter().map(|axis| axis.key.clone()).collect(),
        points: Vec::new(),
    };
    let drawn = arguments.output.html.is_some() || arguments.output.out.is_some();
    let mut entries = Vec::new();
    for (index, values) in grid.iter().enumerate() {
        progress.say(format!("simulating point {} of {}: {}", index + 1, grid.len(), values.join(", ")));
        let document = source.document(&overrides(values))?;
        match model::simulate(&document, &settings, &progress) {
            // A simulation that was cut short is no point of the grid.
            Ok(_) | Err(ModelError::Cancelled) if progress.is_cancelled() => break,
            Ok(run) => {
                sweep.profile.clone_from(&run.document.profile);
                sweep.cluster.clone_from(&run.document.cluster);
                sweep.points.push(SweepPoint::from_run(values.clone(), &run.document, run.slo_met));
                if drawn {
                    entries.push(RunEntry {
                        name: named(&axes, values),
                        verdict: Trust::Valid,
                        run: run.document,
                        scenario: None,
                    });
                }
            }
            Err(error) => {
                progress.finish();
                return Err(prepare::failure(error));
            }
        }
    }
    progress.finish();
    files.write(
        console,
        Rendered {
            json: &sweep,
            csv: &|| csv::sweep(&sweep),
            human: &|width, colour| text::sweep(&sweep, width, colour),
            html: &|| html::runs(&entries),
        },
    )?;
    if progress.is_cancelled() {
        return Err(Failure::Interrupted);
    }
    Ok(Exit::Success)
}

/// `workers.pods=4, cluster.history_shards=512`.
fn named(axes: &[Axis], values: &[String]) -> String {
    let pairs = axes.iter().zip(values).map(|(axis, value)| format!("{}={value}", axis.key));
    pairs.collect::<Vec<_>>().join(", ")
}
