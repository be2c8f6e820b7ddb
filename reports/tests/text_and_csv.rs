//! Text keeps its width and its meaning without colour; CSV has every number.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/measured.rs"]
mod fixture;

use plimsoll_reports::compare::{Comparison, Tolerances, compare};
use plimsoll_reports::run_document::RunKind;
use plimsoll_reports::sweep_document::{SWEEP_SCHEMA_VERSION, SweepDocument, SweepPoint};
use plimsoll_reports::{csv, run_dir, text};

fn two_runs() -> Comparison {
    let run = |kind, shift| {
        let folder = tempfile::tempdir().unwrap();
        let manifest = common::manifest(kind, 40.0);
        run_dir::read(&common::write_run(folder.path(), &manifest, &common::shape(40, 100, shift))).unwrap()
    };
    compare(&run(RunKind::Simulated, 0), &run(RunKind::Measured, 1_000), &Tolerances::default())
}

fn sweep() -> SweepDocument {
    let point = |pods: &str, met| SweepPoint::from_run(vec![pods.into(), "0.5".into()], &common::run(), Some(met));
    SweepDocument {
        schema_version: SWEEP_SCHEMA_VERSION,
        profile: "order fulfilment".into(),
        cluster: "kubernetes-production".into(),
        seed: 42,
        vary: vec!["workers.pods".into(), "load".into()],
        points: vec![point("3", false), point("4", true)],
    }
}

fn measured(story: fixture::Story, width: usize, colour: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::write(folder.path(), story);
    text::run_directory(run.manifest.summary.as_ref().unwrap(), &run, width, colour)
}

/// Every text at a width.
fn texts(width: usize, colour: bool) -> Vec<String> {
    vec![
        text::plan(&common::plan(), width, colour),
        text::plan(&common::infeasible_plan(), width, colour),
        text::run(&common::run(), width, colour),
        measured(fixture::Story::Steady, width, colour),
        measured(fixture::Story::Overloaded, width, colour),
        text::comparison(&two_runs(), width, colour),
        text::sweep(&sweep(), width, colour),
    ]
}

#[test]
fn the_plan_reads_as_designed() {
    insta::assert_snapshot!(text::plan(&common::plan(), 100, false));
}

#[test]
fn an_infeasible_plan_says_so_first() {
    let text = text::plan(&common::infeasible_plan(), 100, false);
    assert!(text.lines().nth(1).unwrap().starts_with("INFEASIBLE: No plan within the limits"), "{text}");
    assert!(text.contains("SLO missed: activity schedule-to-start p99 1.9 s > 200 ms"), "{text}");
    assert!(text.contains("Limits exceeded: database connections of the instance: 512 of 400"), "{text}");
}

#[test]
fn runs_comparisons_and_sweeps_read_well() {
    insta::assert_snapshot!("run", text::run(&common::run(), 100, false));
    insta::assert_snapshot!("comparison", text::comparison(&two_runs(), 100, false));
    insta::assert_snapshot!("sweep", text::sweep(&sweep(), 100, false));
}

#[test]
fn no_line_is_wider_than_asked_for() {
    for width in [60, 72, 80, 100, 140] {
        for text in texts(width, false) {
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line:?}\n{text}");
            }
        }
    }
    // Narrower than 60 is taken as 60, and nothing panics.
    assert_eq!(texts(0, false), texts(60, false));
}

#[test]
fn colour_adds_only_escape_codes() {
    for (plain, coloured) in texts(100, false).into_iter().zip(texts(100, true)) {
        assert!(!plain.contains('\x1b'));
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some(start) = rest.find('\x1b') {
            stripped.push_str(&rest[..start]);
            rest = &rest[start + rest[start..].find('m').unwrap() + 1..];
        }
        stripped.push_str(rest);
        assert_eq!(stripped, plain);
    }
}

#[test]
fn hostile_names_neither_widen_nor_steer() {
    let mut plan = common::plan();
    plan.profile = format!("\x1b[31m{}", "x".repeat(300));
    plan.reasons[0].why = "y".repeat(400);
    plan.reasons[1].label = "z".repeat(200);
    let text = text::plan(&plan, 100, false);
    assert!(!text.contains('\x1b'));
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn numbers_without_a_reason_are_in_the_table_too() {
    let mut plan = common::plan();
    plan.reasons.clear();
    let text = text::plan(&plan, 100, false);
    for value in ["Worker pods", "1 / 2 GiB", "5,600 / 1,100", "1.1 TB", "29 MB/s", "2,000", "1,024", "152"] {
        assert!(text.contains(value), "{value} is missing in\n{text}");
    }
}

#[test]
fn temporal_cloud_leaves_services_to_the_provider() {
    let mut plan = common::plan();
    plan.reasons.clear();
    for server in [&mut plan.server, &mut plan.now.server] {
        for service in [&mut server.frontend, &mut server.history, &mut server.matching, &mut server.worker] {
            service.pods = 0;
        }
    }
    plan.database.vcpu = 0;
    let text = text::plan(&plan, 100, false);
    assert!(text.contains("Services and database") && !text.contains("History pods"), "{text}");
}

fn records(csv: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().iter().map(String::from).collect();
    std::iter::once(header).chain(reader.records().map(|row| row.unwrap().iter().map(String::from).collect())).collect()
}

#[test]
fn csv_of_a_plan_has_its_rows() {
    let rows = records(&csv::plan(&common::plan()));
    assert_eq!(rows[0], ["number", "label", "now", "horizon", "why"]);
    let pods = rows.iter().find(|row| row[0] == "workers.pods").unwrap();
    assert_eq!(pods[2..], ["4", "9", "8 pods: activity schedule-to-start p99 1.9 s > 200 ms"]);
    assert_eq!(rows.last().unwrap()[0], "cost.monthly");
}

#[test]
fn csv_of_a_run_has_every_number_with_its_interval() {
    let rows = records(&csv::run(&common::run()));
    let value = |name: &str| rows.iter().find(|row| row[0] == name).unwrap().clone();
    assert_eq!(value("per_workflow.statements")[1], "214");
    assert_eq!(value("utilisation.history pods")[1], "0.43");
    let p99 = value("latency.start.p99");
    let p99: Vec<f64> = p99[1..].iter().map(|cell| cell.parse().unwrap()).collect();
    assert!(p99[1] < p99[0] && p99[0] < p99[2], "{p99:?}");
}

#[test]
fn csv_of_a_comparison_and_of_a_sweep_have_a_row_each() {
    let comparison = two_runs();
    let rows = records(&csv::comparison(&comparison));
    let quantiles: usize = comparison.metrics.iter().map(|metric| metric.quantiles.len()).sum();
    assert_eq!(rows.len(), 1 + quantiles + comparison.quantities.len());
    assert!(rows.iter().any(|row| row[1] == "start" && row[2] == "p99" && row[12] == "DIFFERS"));

    let rows = records(&csv::sweep(&sweep()));
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0][..2], ["workers.pods", "load"]);
    let p99 = rows[0].iter().position(|name| name == "start.p99_seconds").unwrap();
    assert!(rows[1][p99].parse::<f64>().unwrap() > 0.0);
}

#[test]
fn a_measured_run_says_its_verdict_first() {
    let text = measured(fixture::Story::Overloaded, 100, false);
    assert!(text.starts_with("VALID, of an overload\n- The target did not keep up"), "{text}");
    let text = measured(fixture::Story::Frozen, 100, false);
    assert!(text.starts_with("SUSPECT\n"), "{text}");
    for part in ["80 starts were held back", "completed", "offered", "dispatch lag p99", "end to end"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}
