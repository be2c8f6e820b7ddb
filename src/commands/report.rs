//! `plimsoll report`.

use plimsoll_reports::html::RunEntry;
use plimsoll_reports::run_document::SteadyState;
use plimsoll_reports::timeline::{ScenarioSummary, Timeline};
use plimsoll_reports::{csv, html, measured, text};

use super::answer::{self, Rendered};
use crate::cli::ReportArgs;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{plan_file, run_files};

/// Draws a plan, a run, or several runs side by side.
///
/// # Errors
/// When an input cannot be read, or the report cannot be written.
pub fn run(arguments: &ReportArgs, console: &Console) -> Result<Exit, Failure> {
    let files = answer::Files::create(&arguments.output, "report")?;
    if let [only] = arguments.runs.as_slice()
        && only.is_file()
        && only.file_name().is_some_and(|name| name != "run.json")
    {
        let (plan, _) = plan_file::read(only)?;
        files.write(
            console,
            Rendered {
                json: &plan,
                csv: &|| csv::plan(&plan),
                human: &|width, colour| text::plan(&plan, width, colour),
                html: &|| html::plan(&plan),
            },
        )?;
        return Ok(Exit::Success);
    }
    let mut runs = Vec::new();
    let mut entries = Vec::new();
    for path in &arguments.runs {
        let run = run_files::read(path, console)?;
        // What a killed load generator has left is all there; only its own judgement is missing.
        let from_files = || measured::summarise(&run, SteadyState::Undecided);
        let summary = run.manifest.summary.clone().or_else(from_files).ok_or_else(|| {
            Failure::usage(format!("{} has no results: the run was killed or is still under way", path.display()))
        })?;
        entries.push(RunEntry {
            name: path.display().to_string(),
            verdict: run.manifest.verdict.verdict,
            run: summary,
            scenario: None,
        });
        runs.push(run);
    }
    let names = entries.iter().map(|entry| entry.name.clone());
    let timelines: Vec<(String, Timeline)> = names.zip(Timeline::of_all(&runs)).collect();
    for (entry, (_, timeline)) in entries.iter_mut().zip(&timelines) {
        entry.scenario = timeline.has_a_story().then(|| ScenarioSummary::of(timeline));
    }
    let page = || match (runs.as_slice(), entries.as_slice()) {
        ([run], [entry]) => html::run(&entry.run, Some(run)),
        _ => html::runs_over_time(&entries, &timelines),
    };
    files.write(
        console,
        Rendered {
            json: &entries,
            csv: &|| entries.iter().map(|entry| csv::run(&entry.run)).collect(),
            human: &|width, colour| {
                let texts = entries.iter().zip(&runs);
                let texts = texts.map(|(entry, run)| text::run_directory(&entry.run, run, width, colour));
                texts.collect::<Vec<_>>().join("\n")
            },
            html: &page,
        },
    )?;
    Ok(Exit::Success)
}
