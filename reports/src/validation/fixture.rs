//! A run around a summary, for unit tests.

use std::collections::BTreeMap;

use crate::run_dir::{Clock, MANIFEST_SCHEMA_VERSION, Manifest, ResourceSeries, Run, RunVerdict, Sent, Trust};
use crate::run_document::RunDocument;

/// The run of a summary, without histograms and series.
pub(crate) fn run_of(summary: RunDocument) -> Run {
    let manifest = Manifest {
        schema_version: MANIFEST_SCHEMA_VERSION,
        kind: summary.kind,
        profile_name: summary.profile.clone(),
        profile: String::new(),
        cluster_name: summary.cluster.clone(),
        cluster: String::new(),
        seed: summary.seed,
        versions: BTreeMap::new(),
        clock: Clock::simulated(),
        phases: Vec::new(),
        sent: Sent::default(),
        verdict: RunVerdict { verdict: Trust::Valid, reasons: Vec::new() },
        resources: Vec::new(),
        measurement: None,
        scenario: None,
        summary: Some(summary),
    };
    Run { manifest, intervals: Vec::new(), resources: ResourceSeries::default(), notes: Vec::new() }
}
