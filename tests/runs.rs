//! Run directories and plans on disk: compared and drawn.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Outcome, run};
use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::{Clock, MANIFEST_SCHEMA_VERSION, Manifest, Phase, RunVerdict, Sent, Trust, Writer};
use plimsoll_reports::run_document::{RunDocument, RunKind};

fn fixture(name: &str) -> String {
    format!("{}/reports/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A run of 60 s whose latencies spread around `milliseconds`.
fn write_run(folder: &Path, milliseconds: u64, finished: bool) {
    let summary: RunDocument = serde_json::from_str(&fs::read_to_string(fixture("run.json")).unwrap()).unwrap();
    let summary = RunDocument { warmup_seconds: 0.0, measured_seconds: 60.0, ..summary };
    let manifest = Manifest {
        schema_version: MANIFEST_SCHEMA_VERSION,
        kind: RunKind::Simulated,
        profile_name: "orders".into(),
        profile: "name = \"orders\"".into(),
        cluster_name: "staging".into(),
        cluster: "name = \"staging\"".into(),
        seed: 42,
        versions: BTreeMap::new(),
        clock: Clock::simulated(),
        phases: vec![Phase { name: "steady".into(), start_seconds: 0.0, end_seconds: 60.0 }],
        sent: Sent { offered: 6_000, sent: 6_000, unsent: 0, failed: 0 },
        verdict: RunVerdict { verdict: Trust::Valid, reasons: Vec::new() },
        resources: Vec::new(),
        measurement: None,
        scenario: None,
        summary: Some(summary),
    };
    let mut writer = Writer::create(folder, &manifest).unwrap();
    for second in 0..60 {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for sample in 0..100 {
            histogram.record(milliseconds * (900_000 + 2_000 * sample)).unwrap();
        }
        writer.interval(Nanos::from_secs(second), Nanos::from_secs(1), &[("e2e.response", &histogram)]).unwrap();
    }
    if finished {
        writer.finish(&manifest).unwrap();
    }
}

#[test]
fn a_regression_past_its_tolerance_is_1_and_less_is_0() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_run(&folder.path().join("base"), 50, true);
    write_run(&folder.path().join("same"), 50, true);
    write_run(&folder.path().join("slower"), 80, true);
    let Outcome { code, stdout, .. } = run(&["compare", &path("base"), &path("same"), "--format", "json"]);
    let comparison: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &comparison["within"]), (0, &serde_json::Value::Bool(true)));
    let slower = ["compare", &path("base"), &path("slower/run.json")].map(str::to_owned);
    let slower: Vec<&str> = slower.iter().map(String::as_str).collect();
    let Outcome { code, stdout, stderr } = run(&slower);
    assert_eq!(code, 1, "{stdout}{stderr}");
    let tolerance = path("tolerance.toml");
    fs::write(&tolerance, "default = 1.0\n[latency.default]\np99 = 1.0\n\"p99.9\" = 1.0\n").unwrap();
    let tolerant: Vec<&str> = [&slower[..], &["--tolerance", &tolerance]].concat();
    assert_eq!(run(&tolerant).code, 0);
    fs::write(&tolerance, "defualt = 1.0\n").unwrap();
    let Outcome { code, stderr, .. } = run(&tolerant);
    assert_eq!(code, 2);
    assert!(stderr.contains("tolerance.toml") && stderr.contains("defualt"), "{stderr}");
}

#[test]
fn reports_of_a_plan_a_run_and_several_runs_are_whole_pages() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_run(&folder.path().join("a"), 50, true);
    write_run(&folder.path().join("b"), 80, true);
    let (a, b, page) = (path("a"), path("b"), path("deep/page.html"));
    for inputs in [vec![fixture("plan.json")], vec![a.clone()], vec![a, b]] {
        let mut arguments = vec!["report"];
        arguments.extend(inputs.iter().map(String::as_str));
        arguments.extend(["--html", &page, "--format", "json"]);
        let Outcome { code, stdout, stderr } = run(&arguments);
        assert_eq!((code, stderr.as_str()), (0, ""), "{inputs:?}");
        assert!(serde_json::from_str::<serde_json::Value>(&stdout).is_ok(), "{inputs:?}");
        let html = fs::read_to_string(&page).unwrap();
        assert!(html.to_lowercase().starts_with("<!doctype html>") && html.contains("</html>"), "{inputs:?}");
    }
}

#[test]
fn out_holds_the_answer_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("answer");
    let Outcome { code, stdout, stderr } = run(&["report", &fixture("plan.json"), "--out", out.to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(out.join("report.txt")).unwrap(), stdout);
    for name in ["report.json", "report.csv", "report.html"] {
        assert!(fs::metadata(out.join(name)).unwrap().len() > 100, "{name}");
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 4, "nothing else is left there");
}

#[test]
fn a_run_that_was_killed_has_no_report_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), 50, false);
    let Outcome { code, stderr, .. } = run(&["report", folder.path().to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(stderr.contains("killed"), "{stderr}");
}
