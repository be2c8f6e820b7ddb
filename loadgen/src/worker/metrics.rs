//! The SDK's own metrics, as Prometheus scrapes them from a worker in production: `http://ADDRESS/metrics`.
//!
//! It is Core that measures and serves, through its own exporter (`temporalio_common::telemetry::start_prometheus_metric_exporter`). Each worker has a
//! registry and an address of its own, as each pod has: two workers in one registry would write over each other's gauges.

use std::net::SocketAddr;
use std::sync::Arc;

use plimsoll_profiles::profile::Sdk;
use temporalio_common::telemetry::metrics::CoreMeter;
use temporalio_common::telemetry::{PrometheusExporterOptions, TelemetryOptions, start_prometheus_metric_exporter};

use crate::failure::Failure;

/// Metrics that are served until the Tokio runtime that serves them ends.
pub(super) struct Served {
    /// Where; the port is the one that was taken.
    pub address: SocketAddr,
    /// What the worker's runtime is told.
    pub telemetry: TelemetryOptions,
}

/// Where the worker with this number serves: each one port above the one before it, or wherever a port is free when the first has port 0.
///
/// # Errors
/// [`Exit::Usage`](crate::failure::Exit::Usage) when there is no such port.
pub fn address_of(first: SocketAddr, number: u32) -> Result<SocketAddr, Failure> {
    let mut address = first;
    if first.port() != 0 {
        let port = u16::try_from(number).ok().and_then(|number| first.port().checked_add(number));
        address.set_port(port.ok_or_else(|| {
            Failure::usage(format!(
                "--sdk-metrics {first}: each worker takes a port from there on, and worker {number} has none left; give a lower port, or 0 for free ones"
            ))
        })?);
    }
    Ok(address)
}

/// Serves metrics under the names that an SDK gives them. Core can write both: its own names, in milliseconds, and those of Go and Java, which say
/// seconds and end counters in `_total` (`temporalio-common`, `PrometheusExporterOptions`).
///
/// # Errors
/// [`Exit::Io`](crate::failure::Exit::Io) when the address is taken.
///
/// # Panics
/// Outside of a Tokio runtime.
pub(super) fn serve(address: SocketAddr, sdk: Sdk) -> Result<Served, Failure> {
    let (address, meter) = start(address, sdk)?;
    Ok(Served { address, telemetry: TelemetryOptions::builder().metrics(meter).build() })
}

fn start(address: SocketAddr, sdk: Sdk) -> Result<(SocketAddr, Arc<dyn CoreMeter>), Failure> {
    let in_seconds = !sdk.is_on_core();
    let options = PrometheusExporterOptions::builder()
        .socket_addr(address)
        .use_seconds_for_durations(in_seconds)
        .unit_suffix(in_seconds)
        .counters_total_suffix(in_seconds)
        .build();
    let started = start_prometheus_metric_exporter(options).map_err(|error| {
        Failure::io(format!("cannot serve the SDK's metrics at {address} (--sdk-metrics): {error}"))
    })?;
    let meter: Arc<dyn CoreMeter> = started.meter;
    Ok((started.bound_addr, meter))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::time::Duration;

    use plimsoll_reports::emit::{Endpoint, MetricType, catalogue};
    use temporalio_common::telemetry::METRIC_PREFIX;
    use temporalio_common::telemetry::metrics::{MetricKeyValue, MetricParameters, NewAttributes};

    use super::*;

    const FREE: &str = "127.0.0.1:0";

    #[test]
    fn each_worker_has_a_port_of_its_own() {
        let first: SocketAddr = "127.0.0.1:9464".parse().unwrap();
        assert_eq!(address_of(first, 0).unwrap(), first);
        assert_eq!(address_of(first, 3).unwrap().to_string(), "127.0.0.1:9467");
        assert_eq!(address_of(FREE.parse().unwrap(), 3).unwrap().to_string(), FREE);
        for (first, number) in [("127.0.0.1:65535", 1), ("127.0.0.1:1", 70_000)] {
            let failure = address_of(first.parse().unwrap(), number).unwrap_err().to_string();
            assert!(failure.contains(first) && failure.contains("lower port"), "{failure}");
        }
    }

    /// What `plimsoll emit` expects of an SDK is what Core's exporter makes of Core's names.
    #[tokio::test]
    async fn core_writes_the_names_that_alerts_and_dashboards_read() {
        for sdk in [Sdk::Rust, Sdk::Python, Sdk::Go, Sdk::Java] {
            let (address, meter) = start(FREE.parse().unwrap(), sdk).unwrap();
            let attributes =
                meter.new_attributes(NewAttributes::new(vec![MetricKeyValue::new("namespace", "default")]));
            let mut wanted = BTreeSet::new();
            for metric in catalogue().iter().filter(|metric| metric.endpoint == Endpoint::Sdk) {
                assert!(metric.name.starts_with(METRIC_PREFIX), "{}", metric.name);
                let parameters = MetricParameters::builder().name(metric.name.clone()).build();
                match metric.r#type {
                    MetricType::Counter => meter.counter(parameters).add(1, &attributes),
                    MetricType::Gauge => meter.gauge(parameters).record(1, &attributes),
                    MetricType::Histogram => {
                        meter.histogram_duration(parameters).record(Duration::from_millis(1_500), &attributes);
                    }
                }
                wanted.extend(metric.exposed_by(sdk));
            }
            let text = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
            let names: BTreeSet<String> = text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| line.split(['{', ' ']).next().map(str::to_owned))
                .collect();
            assert_eq!(names, wanted, "{sdk:?}");
            let sum = if sdk.is_on_core() { " 1500" } else { " 1.5" };
            let latency = text
                .lines()
                .find(|line| line.starts_with("temporal_workflow_endtoend_latency") && line.contains("_sum{"));
            assert!(latency.unwrap().ends_with(sum), "{sdk:?}: {latency:?}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let (address, _) = start(FREE.parse().unwrap(), Sdk::Rust).unwrap();
        let failure = serve(address, Sdk::Rust).map(|served| served.address).unwrap_err().to_string();
        assert!(failure.contains(&address.to_string()) && failure.contains("--sdk-metrics"), "{failure}");
    }
}
