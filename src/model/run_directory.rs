//! A simulated run on disk.

use std::path::Path;

use plimsoll_profiles::{Document, World};
use plimsoll_reports::run_dir::{
    Buckets, Clock, IntervalHistogram, MANIFEST_SCHEMA_VERSION, Manifest, ResourceSeries, Run, RunDirError, RunVerdict,
    Sent, Trust, Writer,
};
use plimsoll_reports::run_document::RunKind;

use super::{SimulatedRun, step_times};

/// Writes it into a folder, which is made when missing; `cut` when it was told to stop before its end. The profile in it is the
/// document's, overrides included.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, document: &Document, run: &SimulatedRun, cut: bool) -> Result<(), RunDirError> {
    let manifest = manifest(document, run, cut);
    let mut writer = Writer::create(folder, &manifest)?;
    for interval in &run.intervals {
        let metrics: Vec<_> = interval.metrics.iter().map(|(name, histogram)| (name.as_str(), histogram)).collect();
        writer.interval(interval.start, interval.length, &metrics)?;
    }
    for (at, values) in &run.resources {
        writer.resources(*at, values)?;
    }
    step_times(&run.steps).write(folder)?;
    writer.finish(&manifest)
}

/// As it would be read back from its folder.
pub fn in_memory(document: &Document, run: &SimulatedRun, cut: bool) -> Run {
    let intervals = run.intervals.iter().flat_map(|interval| {
        interval.metrics.iter().map(|(metric, histogram)| IntervalHistogram {
            metric: metric.clone(),
            start: interval.start,
            length: interval.length,
            buckets: Buckets::of(histogram),
        })
    });
    let rows = run.resources.iter().map(|(at, values)| (at.as_secs_f64(), values.clone()));
    Run {
        manifest: manifest(document, run, cut),
        intervals: intervals.collect(),
        resources: ResourceSeries {
            columns: run.resource_columns.iter().map(|column| column.name.clone()).collect(),
            rows: rows.collect(),
        },
        notes: Vec::new(),
    }
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
        scenario: Some(run.scenario.clone()),
        summary: Some(run.document.clone()),
    }
}
