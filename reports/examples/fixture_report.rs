//! Renders the invented documents of the tests as pages, to look at them:
//! `cargo run -p plimsoll-reports --example fixture_report -- FOLDER [RUN…]`; runs on disk are drawn beside them.

use std::path::Path;

#[path = "../tests/common/measured.rs"]
mod fixture;
#[path = "../tests/common/outage.rs"]
mod outage;

use hdrhistogram::Histogram;
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::compare::{Tolerances, compare};
use plimsoll_reports::quantity::Interval;
use plimsoll_reports::run_dir::{self, Clock, Manifest, Phase, ResourceColumn, Run, RunVerdict, Sent, Trust, Writer};
use plimsoll_reports::run_document::{RunDocument, SteadyState};
use plimsoll_reports::sweep_document::{SweepDocument, SweepPoint};
use plimsoll_reports::timeline::{ScenarioSummary, Timeline};
use plimsoll_reports::{html, measured, text};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("usage: fixture_report FOLDER")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    for name in ["plan", "plan_infeasible"] {
        let plan = serde_json::from_str(&fixture(name)?)?;
        std::fs::write(folder.join(format!("{name}.html")), html::plan(&plan))?;
        println!("{}", text::plan(&plan, text::WIDTH, false));
    }
    let (simulated, measured): (RunDocument, RunDocument) =
        (serde_json::from_str(&fixture("run")?)?, serde_json::from_str(&fixture("run_measured")?)?);
    let a = write_run(&folder.join("simulated"), &simulated, 1.0)?;
    let b = write_run(&folder.join("measured"), &measured, 1.12)?;
    std::fs::write(folder.join("run.html"), html::run(&simulated, Some(&a)))?;
    std::fs::write(folder.join("comparison.html"), html::comparison(&compare(&a, &b, &Tolerances::default())))?;
    for (name, story) in [
        ("measured_steady", fixture::Story::Steady),
        ("measured_overloaded", fixture::Story::Overloaded),
        ("measured_frozen", fixture::Story::Frozen),
    ] {
        let run = fixture::write(&folder.join(name), story);
        if let Some(summary) = &run.manifest.summary {
            std::fs::write(folder.join(format!("{name}.html")), html::run(summary, Some(&run)))?;
            println!("{}", text::run_directory(summary, &run, text::WIDTH, false));
        }
    }
    for (index, run) in std::env::args().skip(2).enumerate() {
        let run = run_dir::read(Path::new(&run))?;
        let summary = run.manifest.summary.clone().or_else(|| measured::summarise(&run, SteadyState::Undecided));
        if let Some(summary) = summary {
            std::fs::write(folder.join(format!("run-{index}.html")), html::run(&summary, Some(&run)))?;
            println!("{}", text::run_directory(&summary, &run, text::WIDTH, false));
        }
    }
    let points = [3u32, 4, 6, 8].into_iter().zip([1.9, 0.2, 0.09, 0.07]).map(|(pods, p99)| {
        let mut point = SweepPoint::from_run(vec![pods.to_string()], &simulated, Some(p99 <= 0.2));
        if let Some(quantiles) = point.latency.schedule_to_start_activity.as_mut() {
            quantiles.p99 = Some(Interval { estimate: p99, low: p99, high: p99 });
        }
        point
    });
    let sweep = SweepDocument {
        schema_version: 1,
        profile: simulated.profile.clone(),
        cluster: simulated.cluster.clone(),
        seed: 42,
        vary: vec!["workers.pods".into()],
        points: points.collect(),
    };
    std::fs::write(folder.join("sweep.html"), html::sweep(&sweep))?;
    let entries = [("runs/simulated", simulated), ("runs/measured", measured)].map(|(name, run)| html::RunEntry {
        name: name.into(),
        verdict: Trust::Valid,
        run,
        scenario: None,
    });
    std::fs::write(folder.join("runs.html"), html::runs(&entries))?;
    eventful(folder, &a, &b)
}

/// Runs in which nobody works for a while: one, several, and two over each other.
fn eventful(folder: &Path, a: &Run, b: &Run) -> Result<(), Failure> {
    let one = outage::run(a.manifest.clone(), 0, 1.0);
    let (twice, measured) = (outage::run(a.manifest.clone(), 0, 2.0), outage::run(b.manifest.clone(), 30, 1.1));
    let summary = |run: &Run| run.manifest.summary.clone().ok_or("no summary");
    std::fs::write(folder.join("eventful.html"), html::run(&summary(&one)?, Some(&one)))?;
    println!("{}", text::timeline(&Timeline::of(&one), text::WIDTH, false));
    let compared = compare(&one, &measured, &Tolerances::accuracy());
    std::fs::write(folder.join("eventful_comparison.html"), html::comparison(&compared))?;
    let runs = [("as it is", &one), ("twice the harm", &twice), ("measured", &measured), ("once more", &one)];
    let timelines: Vec<(String, Timeline)> =
        runs.iter().map(|(name, run)| ((*name).to_owned(), Timeline::of(run))).collect();
    let mut entries = Vec::new();
    for ((name, timeline), (_, run)) in timelines.iter().zip(runs) {
        let scenario = Some(ScenarioSummary::of(timeline));
        entries.push(html::RunEntry { name: name.clone(), verdict: Trust::Valid, run: summary(run)?, scenario });
    }
    std::fs::write(folder.join("eventful_runs.html"), html::runs_over_time(&entries, &timelines))?;
    Ok(())
}

fn fixture(name: &str) -> std::io::Result<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.json")))
}

/// A run directory whose latencies follow the document's curves, some ten minutes of it.
fn write_run(folder: &Path, document: &RunDocument, factor: f64) -> Result<Run, Failure> {
    let manifest = Manifest {
        schema_version: run_dir::MANIFEST_SCHEMA_VERSION,
        kind: document.kind,
        profile_name: document.profile.clone(),
        profile: "name = \"order fulfilment\"   # invented\n".into(),
        cluster_name: document.cluster.clone(),
        cluster: "name = \"kubernetes-production\"\n".into(),
        seed: document.seed,
        versions: [("plimsoll".to_string(), "0.1.0".to_string())].into(),
        clock: Clock::simulated(),
        phases: vec![Phase { name: "steady".into(), start_seconds: 0.0, end_seconds: 600.0 }],
        sent: Sent { offered: 36_000, sent: 36_000, unsent: 0, failed: 0 },
        verdict: RunVerdict { verdict: Trust::Valid, reasons: Vec::new() },
        resources: vec![
            ResourceColumn { name: "database_cpu".into(), unit: "share".into() },
            ResourceColumn { name: "wal_bytes_per_second".into(), unit: "bytes/s".into() },
        ],
        measurement: None,
        scenario: None,
        summary: Some(RunDocument { warmup_seconds: 0.0, measured_seconds: 600.0, ..document.clone() }),
    };
    let mut writer = Writer::create(folder, &manifest)?;
    for second in 0..600u64 {
        let mut histograms = Vec::new();
        for curve in document.latency_curves.iter().take(2) {
            let mut histogram = Histogram::<u64>::new(3)?;
            for step in 0..60u64 {
                let q = ((second * 60 + step) * 40_503 % 65_536) as f64 / 65_536.0;
                let index = curve.points.iter().rposition(|point| point.x <= q).unwrap_or(0);
                histogram.record((curve.points[index].y * (0.9 + 0.2 * q) * 1e9) as u64)?;
            }
            histograms.push((curve.metric.as_str(), histogram));
        }
        let metrics: Vec<(&str, &Histogram<u64>)> = histograms.iter().map(|(name, h)| (*name, h)).collect();
        writer.interval(Nanos::from_secs(second), Nanos::from_secs(1), &metrics)?;
        let busy =
            factor * (0.40 + 0.1 * ((second * 7_919 % 997) as f64 / 997.0) + 0.05 * (second % 120) as f64 / 120.0);
        writer.resources(Nanos::from_secs(second), &[Some(busy), Some(busy * 2e7)])?;
    }
    writer.finish(&manifest)?;
    Ok(run_dir::read(folder)?)
}
