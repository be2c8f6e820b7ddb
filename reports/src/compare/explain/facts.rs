//! What the rules see: each judged number by a short key, whether it is off, and in which direction.

use std::collections::BTreeMap;

use crate::compare::document::{self, Comparison, Difference, QuantityGroup};
use crate::compare::series::SeriesComparison;
use crate::number;
use crate::run_dir::{Run, columns};
use crate::validation::{self, Validation, ValidationGroup, ValidationRow};
use crate::wording;

/// A number in both runs.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// As people call it.
    name: String,
    /// Of the judged run relative to the reference.
    relative: Option<f64>,
    /// Outside what is allowed.
    off: bool,
}

/// Everything known of a pair, by key:
/// `offered`, `throughput`, `work.statements`, `cpu.history`, `requests.frontend`, `latency.start.p99`,
/// `resource.history_cpu`, `images` (full-page images), `growth` (of open workflows or the backlog), `drain`,
/// `storage.database_bytes`, `burst.wal_bytes`.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// A simulated run is held against a measured one.
    pub modelled: bool,
    facts: BTreeMap<String, Fact>,
}

/// Open workflows or tasks that grow by less than this share of the throughput are no growing backlog (own choice).
const GROWING: f64 = 0.05;
/// Full-page images that differ by more than this explain WAL bytes that do (own choice: they come in bursts).
const IMAGES: f64 = 0.2;
/// A series has bursts that another has not where its highest interval over its mean is this many times the other's
/// (own choice).
const BURST: f64 = 2.0;

impl Facts {
    /// The difference of a key is outside what is allowed.
    pub fn off(&self, key: &str) -> bool {
        self.facts.get(key).is_some_and(|fact| fact.off)
    }

    /// Both runs have the key, and it is within what is allowed.
    pub fn fine(&self, key: &str) -> bool {
        self.facts.get(key).is_some_and(|fact| !fact.off)
    }

    /// The keys that begin so and are off.
    pub fn all_off(&self, prefix: &str) -> Vec<String> {
        let named = self.facts.iter().filter(|(key, fact)| key.starts_with(prefix) && fact.off);
        named.map(|(key, _)| key.clone()).collect()
    }

    /// `SQL statements +12 %`.
    pub fn words(&self, key: &str) -> String {
        let Some(fact) = self.facts.get(key) else { return key.to_string() };
        match fact.relative {
            Some(relative) => format!("{} {}", fact.name, number::difference(relative)),
            None => format!("{}, which was 0", fact.name),
        }
    }

    fn add(&mut self, key: String, name: String, relative: Option<f64>, off: bool) {
        self.facts.insert(key, Fact { name, relative, off });
    }

    /// What a comparison has judged, and what its series show.
    pub fn of_comparison(comparison: &Comparison, a: &Run, b: &Run) -> Facts {
        let mut facts = Facts { modelled: comparison.a.kind != comparison.b.kind, ..Facts::default() };
        for metric in &comparison.metrics {
            for q in &metric.quantiles {
                let (key, name) = latency(&metric.metric, q.quantile);
                facts.judged(key, name, &q.difference);
            }
        }
        for quantity in &comparison.quantities {
            let (key, name) = match quantity.group {
                QuantityGroup::Throughput if quantity.name == "workflows offered" => {
                    ("offered".into(), "workflows offered".into())
                }
                QuantityGroup::Throughput => ("throughput".into(), "workflows completed".into()),
                QuantityGroup::PerWorkflow => per_workflow(&quantity.name),
                QuantityGroup::Requests => {
                    (quantity.name.clone(), format!("{} per workflow", wording::per_workflow(&quantity.name)))
                }
                QuantityGroup::Utilisation => {
                    (format!("utilisation.{}", quantity.name), wording::column(&quantity.name))
                }
                QuantityGroup::Resource => (format!("resource.{}", quantity.name), wording::column(&quantity.name)),
                QuantityGroup::Storage => storage(&quantity.name),
                QuantityGroup::Event if quantity.name.ends_with("time to drain") => {
                    ("drain".into(), quantity.name.clone())
                }
                QuantityGroup::Event if quantity.name.ends_with("backlog growth") => {
                    ("growth".into(), quantity.name.clone())
                }
                QuantityGroup::Event => (format!("event.{}", quantity.name), quantity.name.clone()),
            };
            facts.judged(key, name, &quantity.difference);
        }
        let throughput = |run: &Run| run.manifest.summary.as_ref().map_or(0.0, |summary| summary.throughput_per_second);
        let scale = throughput(a).max(throughput(b));
        for series in &comparison.series {
            facts.series(series, scale);
        }
        facts
    }

    fn judged(&mut self, key: String, name: String, difference: &Difference) {
        self.add(key, name, difference.relative, difference.counts);
    }

    /// What only a series shows: growth, bursts, full-page images.
    fn series(&mut self, series: &SeriesComparison, throughput: f64) {
        let number = series.points.len().max(1) as f64;
        let (a, b) =
            series.points.iter().fold((0.0, 0.0), |(a, b), point| (a + point.a / number, b + point.b / number));
        let relative = document::relative(b - a, a);
        match series.name.as_str() {
            "full_page_images" => {
                let off = relative.is_none_or(|relative| relative.abs() > IMAGES);
                self.add("images".into(), "full-page images".into(), relative, off);
            }
            columns::OPEN_WORKFLOWS | columns::BACKLOG => {
                let grows = |growth: f64| throughput > 0.0 && growth > GROWING * throughput;
                let off = grows(series.growth_a) != grows(series.growth_b);
                let relative = document::relative(series.growth_b - series.growth_a, series.growth_a);
                // Growth around 0 has no relative difference that means anything.
                let relative = relative.filter(|_| grows(series.growth_a));
                let name = format!(
                    "{} grow by {} where the other's grow by {}",
                    if series.name == columns::BACKLOG { "waiting tasks" } else { "open workflows" },
                    number::rate(series.growth_b),
                    number::rate(series.growth_a)
                );
                if off || !self.off("growth") {
                    self.add("growth".into(), name, Some(relative.unwrap_or(0.0)), off);
                }
            }
            _ if ["cores", "bytes/s"].contains(&series.unit.as_str()) => {
                let (Some(peak_a), Some(peak_b)) = (series.peak_a, series.peak_b) else { return };
                let mean_agrees = !self.off(&format!("resource.{}", series.name));
                let off = mean_agrees && (peak_b > BURST * peak_a || peak_a > BURST * peak_b);
                let name = format!("the highest interval of {} over its mean", wording::column(&series.name));
                self.add(format!("burst.{}", series.name), name, Some(peak_b / peak_a - 1.0), off);
            }
            _ => {}
        }
    }

    /// What a validation has judged; the model is held against the measured runs.
    pub fn of_validation(validation: &Validation) -> Facts {
        let mut facts = Facts { modelled: true, ..Facts::default() };
        if let Some(offered) = &validation.offered {
            facts.add("offered".into(), "workflows offered".into(), Some(offered.relative()), offered.differs());
        }
        for row in &validation.rows {
            let (key, name) = of_row(row);
            facts.add(key, name, row.error, !row.within);
        }
        for row in &validation.steps {
            let quantile = number::quantile(row.quantile.unwrap_or(0.5));
            let key = format!("step.{}.{quantile}.{}", row.metric, row.step.as_ref().map_or(0, |step| step.ordinal));
            facts.add(key, validation::name(row), row.error, !row.within);
        }
        facts
    }
}

fn of_row(row: &ValidationRow) -> (String, String) {
    match row.group {
        ValidationGroup::Throughput => ("throughput".into(), "workflows completed".into()),
        ValidationGroup::PerWorkflow => per_workflow(&row.metric),
        ValidationGroup::Latency | ValidationGroup::Step => latency(&row.metric, row.quantile.unwrap_or(0.5)),
        ValidationGroup::Storage => storage(&row.metric),
        ValidationGroup::Backlog if row.metric == "drain_time" => ("drain".into(), "time to drain the backlog".into()),
        ValidationGroup::Backlog => ("growth".into(), "growth of the backlog".into()),
    }
}

fn latency(metric: &str, quantile: f64) -> (String, String) {
    let quantile = number::quantile(quantile);
    (format!("latency.{metric}.{quantile}"), format!("{} {quantile}", wording::metric(metric)))
}

fn per_workflow(name: &str) -> (String, String) {
    let key = match name.strip_prefix("cpu_seconds.") {
        Some(service) => format!("cpu.{service}"),
        None if name.starts_with("requests.") => name.to_string(),
        None => format!("work.{name}"),
    };
    (key, format!("{} per workflow", wording::per_workflow(name)))
}

fn storage(column: &str) -> (String, String) {
    (format!("storage.{column}"), format!("growth of {} per workflow", wording::column(column)))
}
