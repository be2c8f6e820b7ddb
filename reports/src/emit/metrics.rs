//! The metrics that alerts and dashboards read, from one list: `metrics.toml`.

use std::sync::LazyLock;

use plimsoll_profiles::profile::Sdk;
use serde::Deserialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::provenance;

/// A metric.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Name in the source, without what a reporter adds to it.
    pub name: String,
    /// What it is to Prometheus.
    pub r#type: MetricType,
    /// Who exposes it.
    pub endpoint: Endpoint,
    /// The labels that are read.
    pub labels: Vec<String>,
    /// From when on it is exposed.
    pub appears: String,
    /// Where it is defined.
    pub source: String,
    /// Whether it measures time.
    #[serde(default)]
    pub time: bool,
}

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    /// Only grows.
    Counter,
    /// A value.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

/// Who exposes a metric.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Each of the server's four services.
    Services,
    /// The history service.
    History,
    /// The matching service.
    Matching,
    /// The workers.
    Sdk,
    /// postgres_exporter.
    PostgresExporter,
}

impl Endpoint {
    /// As the list has it.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Services => "services",
            Endpoint::History => "history",
            Endpoint::Matching => "matching",
            Endpoint::Sdk => "sdk",
            Endpoint::PostgresExporter => "postgres_exporter",
        }
    }
}

impl MetricType {
    fn name(self) -> &'static str {
        match self {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
        }
    }
}

#[derive(Deserialize)]
struct List {
    metric: Vec<Metric>,
}

/// All metrics.
pub fn catalogue() -> &'static [Metric] {
    static LIST: LazyLock<List> =
        LazyLock::new(|| toml::from_str(include_str!("metrics.toml")).expect("metrics.toml is part of the program"));
    &LIST.metric
}

fn find(name: &str) -> &'static Metric {
    let found = catalogue().iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in metrics.toml"))
}

/// A metric of the server or of postgres_exporter; of a histogram, what its parts begin with.
pub(super) fn server(name: &str) -> &'static str {
    &find(name).name
}

/// A metric of the SDK as it exposes it; of a histogram, what its parts begin with.
///
/// Go (`contrib/tally`, `NewPrometheusNamingScope`) and Java (Micrometer) measure in seconds and say so, and end counters in `_total`.
/// The SDKs on Core measure in milliseconds and add nothing, unless told otherwise (docs.temporal.io, "SDK metrics reference").
pub(super) fn sdk(context: &Context<'_>, name: &str) -> String {
    of_sdk(find(name), context.profile.sdk)
}

fn of_sdk(metric: &Metric, sdk: Sdk) -> String {
    let suffix = match metric.r#type {
        _ if sdk.is_on_core() => "",
        MetricType::Counter => "_total",
        MetricType::Histogram if metric.time => "_seconds",
        MetricType::Histogram | MetricType::Gauge => "",
    };
    format!("{}{suffix}", metric.name)
}

/// What makes the SDK's unit of time of a second.
pub(super) fn sdk_units_per_second(context: &Context<'_>) -> f64 {
    if context.sdk_is_core() { 1_000.0 } else { 1.0 }
}

impl Metric {
    /// The names under which it is scraped where the workers' SDK is this one.
    pub fn exposed_by(&self, sdk: Sdk) -> Vec<String> {
        let name = match self.endpoint {
            Endpoint::Sdk => of_sdk(self, sdk),
            _ => self.name.clone(),
        };
        match self.r#type {
            MetricType::Counter | MetricType::Gauge => vec![name],
            MetricType::Histogram => ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")).to_vec(),
        }
    }
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let about = [
        "Every metric that the alerts and dashboards of this plan read, as it is scraped.".to_owned(),
        "Columns, by tabs: endpoint, name, type, labels that are read, when it appears.".to_owned(),
        "services: each of frontend, history, matching, worker. sdk: the workers.".to_owned(),
    ];
    let mut text = provenance::comment(context, Kind::Metrics, &about, "#");
    for metric in catalogue().iter().filter(|metric| !context.is_cloud() || metric.endpoint == Endpoint::Sdk) {
        for name in metric.exposed_by(context.profile.sdk) {
            let columns =
                [metric.endpoint.name(), &name, metric.r#type.name(), &metric.labels.join(","), &metric.appears];
            text.push_str(&columns.join("\t"));
            text.push('\n');
        }
    }
    Ok(vec![EmittedFile { path: "monitoring/metrics.tsv".to_owned(), text }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_listed_once() {
        let mut names: Vec<&str> = catalogue().iter().map(|metric| metric.name.as_str()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(count > 30 && names.len() == count);
    }

    #[test]
    fn names_are_those_of_each_sdk() {
        let latency = find("temporal_activity_schedule_to_start_latency");
        assert_eq!(of_sdk(latency, Sdk::Go), "temporal_activity_schedule_to_start_latency_seconds");
        assert_eq!(of_sdk(latency, Sdk::Python), "temporal_activity_schedule_to_start_latency");
        let failed = find("temporal_workflow_failed");
        assert_eq!(
            (of_sdk(failed, Sdk::Java), of_sdk(failed, Sdk::Rust)),
            ("temporal_workflow_failed_total".into(), "temporal_workflow_failed".into())
        );
        assert_eq!(find("num_goroutines").exposed_by(Sdk::Go), ["num_goroutines"]);
        assert_eq!(latency.exposed_by(Sdk::Rust).len(), 3);
    }
}
