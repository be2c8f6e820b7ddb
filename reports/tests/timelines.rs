//! What happened in a run is told alike by text, page and comparison, and each says what it means.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/outage.rs"]
mod outage;

use plimsoll_reports::compare::{Tolerances, compare};
use plimsoll_reports::html::{self, RunEntry};
use plimsoll_reports::run_dir::{Run, Trust};
use plimsoll_reports::run_document::RunKind;
use plimsoll_reports::text;
use plimsoll_reports::timeline::{ScenarioSummary, Timeline};

fn run(kind: RunKind, shift: u64, stall: f64) -> Run {
    outage::run(common::manifest(kind, 300.0), shift, stall)
}

#[test]
fn the_text_of_a_run_has_a_table_for_each_event_within_the_width() {
    let timeline = Timeline::of(&run(RunKind::Simulated, 0, 1.0));
    let told = text::timeline(&timeline, 100, false);
    let unwrapped = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Workers stop, 60 s to 80 s",
        "The backlog grew by 10/s to 200 tasks and drained within 19 s of its peak.",
        "Promises were missed for 40 s; all was as before 20 s after its end.",
        "Backlog peak",
        "Workflow task wait p99",
    ] {
        assert!(unwrapped.contains(part), "no {part:?} in:\n{told}");
    }
    let row = |name: &str| -> Vec<String> {
        let line = told.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    assert_eq!(row("Completed"), ["10/s", "0/s", "20/s", "10/s"]);
    assert_eq!(row("Promises missed for"), ["0 s", "20 s", "20 s", "0 s"]);
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
    let quiet = Timeline { episodes: Vec::new(), ..timeline };
    assert_eq!(text::timeline(&quiet, 100, false), "");
}

#[test]
fn the_page_of_a_run_has_timelines_and_each_event() {
    let run = run(RunKind::Simulated, 0, 1.0);
    let page = html::run(run.manifest.summary.as_ref().unwrap(), Some(&run));
    for part in [
        "What happened over time",
        "A workers stop",
        "Backlog",
        "Pods",
        "Throughput",
        "Activity schedule-to-start",
        "2 small steps",
        "scaled &lt;from&gt; 8 &amp; to 4 pods",
        "recovering",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    assert!(!page.contains("<from>"));
}

#[test]
fn a_run_in_which_nothing_happened_has_no_such_section() {
    let mut run = run(RunKind::Simulated, 0, 1.0);
    run.manifest.profile = "{}".into();
    run.manifest.scenario = None;
    run.resources.rows.iter_mut().for_each(|(_, values)| values[5..8].fill(Some(4.0)));
    let page = html::run(run.manifest.summary.as_ref().unwrap(), Some(&run));
    assert!(!page.contains("What happened over time"));
}

#[test]
fn several_runs_have_a_row_each_and_common_axes() {
    let runs = [run(RunKind::Simulated, 0, 1.0), run(RunKind::Simulated, 0, 3.0)];
    let timelines: Vec<(String, Timeline)> = ["as it is", "three times"]
        .iter()
        .zip(&runs)
        .map(|(name, run)| (name.to_string(), Timeline::of(run)))
        .collect();
    let entries: Vec<RunEntry> = timelines
        .iter()
        .zip(&runs)
        .map(|((name, timeline), run)| RunEntry {
            name: name.clone(),
            verdict: Trust::Valid,
            run: run.manifest.summary.clone().unwrap(),
            scenario: Some(ScenarioSummary::of(timeline)),
        })
        .collect();
    let page = html::runs_over_time(&entries, &timelines);
    let grid = &page[page.find("class=\"multiples\"").unwrap()..];
    let labels = |text: &str| {
        let texts = grid.split("<text").skip(1).filter_map(|part| part.split('>').nth(1)?.split('<').next());
        texts.filter(|label| label.trim() == text).count()
    };
    // The axis of each small backlog goes to the 600 tasks of the larger one.
    assert_eq!(labels("600"), 2);
    assert!(page.contains("SLO minutes lost") && page.contains("pod-hours"));
    let json = serde_json::to_value(&entries).unwrap();
    assert_eq!(json[1]["scenario"]["backlog_peak"], 600.0);
    assert_eq!(json[0]["scenario"]["events"][0]["time_to_recover_seconds"], 20.0);
}

#[test]
fn simulated_and_measured_lie_over_each_other_from_the_begin_of_the_schedule() {
    let (a, b) = (run(RunKind::Simulated, 0, 1.0), run(RunKind::Measured, 30, 1.05));
    let comparison = compare(&a, &b, &Tolerances::accuracy());
    let timelines = comparison.timelines.as_ref().unwrap();
    assert_eq!(timelines.span_seconds, (0.0, 300.0));
    let page = html::comparison(&comparison);
    for part in ["What happened over time", "Workers stop at 60 s: backlog peak", "simulated / measured"] {
        assert!(page.contains(part), "no {part:?}");
    }
    let told = text::comparison(&comparison, 100, false);
    assert!(told.contains("backlog peak"), "{told}");
    let row = comparison.quantities.iter().find(|q| q.name == "workers stop at 60 s: backlog peak").unwrap();
    assert_eq!((row.a.estimate, row.b.estimate), (200.0, 210.0));
    assert!(!row.difference.counts);
}
