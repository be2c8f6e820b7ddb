//! How far two runs may be apart: built in, or from a TOML file.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Allowed relative differences; 0.1 is 10 %.
///
/// ```toml
/// default = 0.10                       # whatever nothing below names
/// throughput = 0.02
/// latency_floor_seconds = 0.0005       # smaller differences never count
///
/// [latency."e2e.response"]
/// default = 0.09
/// p99 = 0.24
///
/// [per_workflow]
/// statements = 0.02
///
/// [utilisation]
/// "history pods" = 0.08
///
/// [resource]
/// database_cpu = 0.08
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerances {
    /// For everything that nothing else names.
    pub default: f64,
    /// For workflows completed per second.
    pub throughput: Option<f64>,
    /// Differences of latency below this, in seconds, never count: clocks and timers are not finer.
    pub latency_floor_seconds: f64,
    /// Differences of utilisation below this (0.01 is one point of a hundred) never count.
    pub utilisation_floor: f64,
    /// By metric, then `default` or `p50`, `p90`, `p95`, `p99`, `p99.9`; the metric `default` is for all others.
    pub latency: BTreeMap<String, BTreeMap<String, f64>>,
    /// By name of a per-workflow number, or `default`.
    pub per_workflow: BTreeMap<String, f64>,
    /// By resource, or `default`.
    pub utilisation: BTreeMap<String, f64>,
    /// By column of `resources.csv`, or `default`.
    pub resource: BTreeMap<String, f64>,
}

impl Default for Tolerances {
    /// 10 % everywhere, 5 % for throughput, 20 % and 30 % for the p99 and p99.9 of every latency: tails are rougher.
    /// A choice, not a measurement; write a file to choose otherwise.
    fn default() -> Self {
        let tail = BTreeMap::from([("p99".to_string(), 0.2), ("p99.9".to_string(), 0.3)]);
        Tolerances {
            default: 0.1,
            throughput: Some(0.05),
            latency_floor_seconds: 0.000_5,
            utilisation_floor: 0.01,
            latency: BTreeMap::from([("default".to_string(), tail)]),
            per_workflow: BTreeMap::new(),
            utilisation: BTreeMap::new(),
            resource: BTreeMap::new(),
        }
    }
}

/// A tolerance file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TolerancesError {
    /// Not TOML, an unknown key, or a value of another kind; the text names line and column.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A tolerance that is not a finite number of 0 or more.
    #[error("{key} is {value}; expected a finite number of 0 or more (0.1 is 10 %)")]
    Value {
        /// The key.
        key: String,
        /// Its value.
        value: f64,
    },
    /// A latency key that is no quantile.
    #[error("{key} is not a quantile; expected one of default, p50, p90, p95, p99, p99.9")]
    Quantile {
        /// The key.
        key: String,
    },
}

const QUANTILE_KEYS: [&str; 6] = ["default", "p50", "p90", "p95", "p99", "p99.9"];

impl Tolerances {
    /// Reads a tolerance file; what it leaves out is as built in.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, or a tolerance is negative or not finite.
    pub fn from_toml(text: &str) -> Result<Tolerances, TolerancesError> {
        let tolerances: Tolerances = toml::from_str(text)?;
        let mut values = vec![
            ("default".to_string(), tolerances.default),
            ("latency_floor_seconds".into(), tolerances.latency_floor_seconds),
            ("utilisation_floor".into(), tolerances.utilisation_floor),
        ];
        values.extend(tolerances.throughput.map(|value| ("throughput".to_string(), value)));
        for (metric, by_quantile) in &tolerances.latency {
            for (quantile, value) in by_quantile {
                let key = format!("latency.{metric:?}.{quantile}");
                if !QUANTILE_KEYS.contains(&quantile.as_str()) {
                    return Err(TolerancesError::Quantile { key });
                }
                values.push((key, *value));
            }
        }
        let tables = [
            ("per_workflow", &tolerances.per_workflow),
            ("utilisation", &tolerances.utilisation),
            ("resource", &tolerances.resource),
        ];
        for (table, by_name) in tables {
            values.extend(by_name.iter().map(|(name, value)| (format!("{table}.{name:?}"), *value)));
        }
        match values.into_iter().find(|(_, value)| !value.is_finite() || *value < 0.0) {
            Some((key, value)) => Err(TolerancesError::Value { key, value }),
            None => Ok(tolerances),
        }
    }

    /// For a quantile (0 to 1) of a latency metric.
    pub fn latency(&self, metric: &str, quantile: f64) -> f64 {
        let key = crate::number::quantile(quantile);
        for metric in [metric, "default"] {
            if let Some(by_quantile) = self.latency.get(metric)
                && let Some(value) = by_quantile.get(&key).or_else(|| by_quantile.get("default"))
            {
                return *value;
            }
        }
        self.default
    }

    /// For a name in one of the tables.
    pub(crate) fn named(&self, table: &BTreeMap<String, f64>, name: &str) -> f64 {
        *table.get(name).or_else(|| table.get("default")).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_most_exact_name_wins() {
        let text = "default = 0.3\n[latency.start]\np99 = 0.5\n[latency.default]\ndefault = 0.2\np50 = 0.05\n";
        let tolerances = Tolerances::from_toml(text).unwrap();
        assert_eq!(tolerances.latency("start", 0.99), 0.5);
        assert_eq!(tolerances.latency("start", 0.5), 0.05);
        assert_eq!(tolerances.latency("e2e.response", 0.9), 0.2);
        assert_eq!(tolerances.named(&tolerances.resource, "database_cpu"), 0.3);
    }

    #[test]
    fn wrong_files_are_refused_with_the_key_or_the_line() {
        let line = Tolerances::from_toml("default = 0.1\nthruput = 0.1\n").unwrap_err().to_string();
        assert!(line.contains("line 2") && line.contains("thruput"), "{line}");
        let negative = Tolerances::from_toml("[resource]\ncpu = -0.1\n").unwrap_err().to_string();
        assert!(negative.contains("resource.\"cpu\" is -0.1"), "{negative}");
        let nan = Tolerances::from_toml("default = nan\n").unwrap_err().to_string();
        assert!(nan.contains("finite"), "{nan}");
        let quantile = Tolerances::from_toml("[latency.start]\np98 = 0.1\n").unwrap_err().to_string();
        assert!(quantile.contains("p99.9"), "{quantile}");
    }
}
