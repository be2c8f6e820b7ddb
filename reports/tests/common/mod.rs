//! What several tests need: the invented documents and runs made of known samples.
#![allow(dead_code, clippy::unwrap_used)]

pub mod emit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::plan_document::PlanDocument;
use plimsoll_reports::run_dir::{
    Clock, MANIFEST_SCHEMA_VERSION, Manifest, Phase, ResourceColumn, RunVerdict, Sent, Trust, Writer,
};
use plimsoll_reports::run_document::{RunDocument, RunKind};

pub fn fixture(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(file).unwrap()
}

pub fn plan() -> PlanDocument {
    serde_json::from_str(&fixture("plan.json")).unwrap()
}

pub fn infeasible_plan() -> PlanDocument {
    serde_json::from_str(&fixture("plan_infeasible.json")).unwrap()
}

pub fn run() -> RunDocument {
    serde_json::from_str(&fixture("run.json")).unwrap()
}

pub fn measured_run() -> RunDocument {
    serde_json::from_str(&fixture("run_measured.json")).unwrap()
}

/// A manifest around a summary whose measured window is the first `seconds` seconds.
pub fn manifest(kind: RunKind, seconds: f64) -> Manifest {
    let summary = RunDocument {
        warmup_seconds: 0.0,
        measured_seconds: seconds,
        ..if kind == RunKind::Simulated { run() } else { measured_run() }
    };
    Manifest {
        schema_version: MANIFEST_SCHEMA_VERSION,
        kind,
        profile_name: "order fulfilment".into(),
        profile: "name = \"order fulfilment\"\n".into(),
        cluster_name: "kubernetes-production".into(),
        cluster: "name = \"kubernetes-production\"\n".into(),
        seed: 42,
        versions: BTreeMap::from([("plimsoll".into(), "0.1.0".into())]),
        clock: Clock::simulated(),
        phases: vec![Phase { name: "steady".into(), start_seconds: 0.0, end_seconds: seconds }],
        sent: Sent { offered: 100, sent: 100, unsent: 0, failed: 0 },
        verdict: RunVerdict { verdict: Trust::Valid, reasons: Vec::new() },
        resources: vec![
            ResourceColumn { name: "database_cpu".into(), unit: "share".into() },
            ResourceColumn { name: "backlog".into(), unit: "tasks".into() },
        ],
        measurement: None,
        scenario: None,
        summary: Some(summary),
    }
}

/// Writes a run: one second per entry, whose latencies are given in microseconds.
pub fn write_run(folder: &Path, manifest: &Manifest, seconds: &[Vec<u64>]) -> PathBuf {
    let mut writer = Writer::create(folder, manifest).unwrap();
    for (second, micros) in seconds.iter().enumerate() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in micros {
            histogram.record(value * 1_000).unwrap();
        }
        let start = Nanos::from_secs(second as u64);
        let metrics = [("e2e.response", &histogram), ("start", &histogram)];
        writer.interval(start, Nanos::from_secs(1), &metrics).unwrap();
        writer.resources(start, &[Some(0.5 + 0.001 * (second % 3) as f64), None]).unwrap();
    }
    writer.finish(manifest).unwrap();
    folder.to_path_buf()
}

/// `count` latencies per second that repeat the same shape, in microseconds, every one moved by `shift`.
pub fn shape(seconds: usize, count: u64, shift: u64) -> Vec<Vec<u64>> {
    (0..seconds as u64)
        .map(|second| (0..count).map(|i| 1_000 + (i * 37 + second * 11) % 500 + shift).collect())
        .collect()
}

/// The invented plan with the basis of a shipped profile, some of it set otherwise.
pub fn plan_of(profile: &str, overrides: &[&str]) -> PlanDocument {
    let text = plimsoll_profiles::shipped::profile(profile).unwrap().text;
    let overrides: Vec<String> = overrides.iter().map(|set| (*set).to_owned()).collect();
    let document = plimsoll_profiles::Document::parse(text, profile, &overrides).unwrap();
    let basis = plimsoll_reports::plan_basis::PlanBasis {
        plimsoll: "0.1.0".into(),
        command: format!("plimsoll plan {profile} --seed 42"),
        profile: document.to_json(&plimsoll_profiles::World::mid()),
        tasks: plimsoll_reports::plan_basis::TasksPerWorkflow { workflow: 6.5, activity: 5.0 },
    };
    PlanDocument { basis: Some(basis), ..plan() }
}
