//! How far two runs may be apart: built in, or from a TOML file.

mod file;

use std::collections::BTreeMap;

use crate::number;
use crate::wording;

/// An allowed difference. Either part suffices: what is within the absolute one is allowed however much that is of a small
/// number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance {
    /// Relative to the reference: 0.1 is 10 %.
    pub relative: f64,
    /// In the number's own unit (latencies: seconds).
    pub absolute: f64,
}

impl Tolerance {
    /// A relative difference only.
    pub fn relative(share: f64) -> Self {
        Tolerance { relative: share, absolute: 0.0 }
    }

    /// Whether a difference from the reference is allowed.
    pub fn allows(self, gap: f64, reference: f64) -> bool {
        gap.abs() <= self.limit(reference)
    }

    /// The largest difference from the reference that is allowed, in the number's unit.
    pub fn limit(self, reference: f64) -> f64 {
        (self.relative * reference.abs()).max(self.absolute)
    }

    /// `10 %`, `5 ms`, `10 % or 5 ms`.
    pub fn words(self, unit: &str) -> String {
        let absolute = || wording::with_unit(self.absolute, unit);
        match (self.relative > 0.0, self.absolute > 0.0) {
            (true, true) => format!("{} or {}", number::percent(self.relative), absolute()),
            (false, true) => absolute(),
            _ => number::percent(self.relative),
        }
    }
}

/// Allowed differences by kind of number and name.
///
/// In a file, a tolerance is a share (`0.1`, `"10%"`), a difference in the number's own unit (`"5ms"`, `"4MiB"`, `"2/s"`),
/// or both, of which either suffices:
///
/// ```toml
/// default = 0.10                       # whatever nothing below names
/// throughput = "2%"
/// latency_floor_seconds = 0.0005       # smaller differences never count
///
/// [latency."e2e.response"]
/// default = 0.09
/// p99 = { relative = 0.24, absolute = "5ms" }
///
/// [latency.default]                    # all other metrics
/// p99 = "20ms"
///
/// [step.default]                       # workflow tasks and activities one by one (`validate`)
/// p50 = 0.10
///
/// [per_workflow]
/// statements = 0.02
///
/// [utilisation]
/// "history pods" = 0.08
///
/// [resource]                           # columns of resources.csv; `absolute` without unit is in the column's own
/// database_cpu = 0.08
/// open_workflows = { relative = 0.1, absolute = 20 }
///
/// [storage]                            # growth per workflow
/// database_bytes = 0.05
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerances {
    /// For everything that nothing else names.
    pub default: Tolerance,
    /// For workflows completed per second.
    pub throughput: Option<Tolerance>,
    /// Differences of latency below this, in seconds, never count: clocks and timers are not finer.
    pub latency_floor_seconds: f64,
    /// Differences of utilisation below this (0.01 is one point of a hundred) never count.
    pub utilisation_floor: f64,
    /// By metric, then `default` or a quantile (`p50`, `p99`, `p99.9`); the metric `default` is for all others.
    pub latency: BTreeMap<String, BTreeMap<String, Tolerance>>,
    /// By step (`workflow_task.schedule_to_start`, `activity.start_to_complete`, …) or `default`, then as `latency`.
    pub step: BTreeMap<String, BTreeMap<String, Tolerance>>,
    /// By name of a per-workflow number, or `default`.
    pub per_workflow: BTreeMap<String, Tolerance>,
    /// By resource, or `default`.
    pub utilisation: BTreeMap<String, Tolerance>,
    /// By column of `resources.csv`, or `default`.
    pub resource: BTreeMap<String, Tolerance>,
    /// By column of `resources.csv` that is a size, or `default`: for its growth per workflow.
    pub storage: BTreeMap<String, Tolerance>,
    /// `backlog_growth`, `drain_time`, or `default`: how a backlog grows and goes.
    pub backlog: BTreeMap<String, Tolerance>,
}

impl Default for Tolerances {
    /// 10 % everywhere, 5 % for throughput, 20 % and 30 % for the p99 and p99.9 of every latency: tails are rougher.
    /// A choice, not a measurement; write a file to choose otherwise.
    fn default() -> Self {
        let tail = by_name(&[("p99", 0.2), ("p99.9", 0.3)]);
        Tolerances {
            default: Tolerance::relative(0.1),
            throughput: Some(Tolerance::relative(0.05)),
            latency_floor_seconds: 0.000_5,
            utilisation_floor: 0.01,
            latency: BTreeMap::from([("default".to_string(), tail)]),
            step: BTreeMap::new(),
            per_workflow: BTreeMap::new(),
            utilisation: BTreeMap::new(),
            resource: BTreeMap::new(),
            storage: BTreeMap::new(),
            backlog: BTreeMap::new(),
        }
    }
}

impl Tolerances {
    /// What the model is held to against a cluster (the accuracy suite's promise): statements, write transactions and state
    /// transitions 2 %, event history 5 %, WAL bytes 10 %, WAL flushes 15 %, CPU per workflow and service 10 %, throughput
    /// 7 %; latencies and each step of a workflow p50 10 %, p90 15 %, p99 25 %; growth of a backlog 10 %, time to drain it
    /// 15 %. Latencies that differ by less than half a millisecond do not differ: a local activity's schedule-to-start is 6 µs
    /// measured and 0 predicted.
    pub fn accuracy() -> Self {
        let latency = BTreeMap::from([(
            "default".to_string(),
            by_name(&[("p50", 0.1), ("p90", 0.15), ("p95", 0.2), ("p99", 0.25), ("p99.9", 0.4)]),
        )]);
        Tolerances {
            default: Tolerance::relative(0.1),
            throughput: Some(Tolerance::relative(0.07)),
            latency_floor_seconds: 0.000_5,
            utilisation_floor: 0.0,
            step: latency.clone(),
            latency,
            per_workflow: by_name(&[
                ("statements", 0.02),
                ("write_transactions", 0.02),
                ("state_transitions", 0.02),
                ("history_bytes", 0.05),
                ("wal_bytes", 0.1),
                ("fsyncs", 0.15),
                ("default", 0.1),
            ]),
            utilisation: BTreeMap::new(),
            resource: BTreeMap::new(),
            storage: by_name(&[("default", 0.05)]),
            backlog: by_name(&[("backlog_growth", 0.1), ("drain_time", 0.15)]),
        }
    }

    /// For a quantile (0 to 1) of a latency metric.
    pub fn latency(&self, metric: &str, quantile: f64) -> Tolerance {
        self.of_quantile(&self.latency, metric, quantile)
    }

    /// For a quantile (0 to 1) of one step of a workflow, by its kind and span: `activity.schedule_to_start`.
    pub fn step(&self, step: &str, quantile: f64) -> Tolerance {
        self.of_quantile(&self.step, step, quantile)
    }

    fn of_quantile(
        &self,
        table: &BTreeMap<String, BTreeMap<String, Tolerance>>,
        name: &str,
        quantile: f64,
    ) -> Tolerance {
        let key = number::quantile(quantile);
        for name in [name, "default"] {
            if let Some(by_quantile) = table.get(name)
                && let Some(value) = by_quantile.get(&key).or_else(|| by_quantile.get("default"))
            {
                return *value;
            }
        }
        self.default
    }

    /// For a name in one of the tables.
    pub(crate) fn named(&self, table: &BTreeMap<String, Tolerance>, name: &str) -> Tolerance {
        *table.get(name).or_else(|| table.get("default")).unwrap_or(&self.default)
    }
}

fn by_name(shares: &[(&str, f64)]) -> BTreeMap<String, Tolerance> {
    shares.iter().map(|(name, share)| (name.to_string(), Tolerance::relative(*share))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_part_of_a_tolerance_suffices() {
        let both = Tolerance { relative: 0.1, absolute: 5.0 };
        assert!(both.allows(5.0, 10.0), "half of it, but no more than 5");
        assert!(both.allows(-9.0, 100.0), "more than 5, but no more than 10 %");
        assert!(!both.allows(11.0, 100.0) && !both.allows(-5.1, 10.0));
        assert!(Tolerance::default().allows(0.0, 0.0) && !Tolerance::default().allows(1e-12, 1.0));
        assert!(!Tolerance::relative(0.5).allows(1.0, 0.0), "nothing is half of nothing");
    }

    #[test]
    fn a_tolerance_says_its_parts() {
        assert_eq!(Tolerance::relative(0.1).words("s"), "10 %");
        assert_eq!(Tolerance { relative: 0.0, absolute: 0.005 }.words("s"), "5 ms");
        assert_eq!(Tolerance { relative: 0.1, absolute: 0.005 }.words("s"), "10 % or 5 ms");
        assert_eq!(Tolerance::default().words("s"), "0 %");
    }
}
