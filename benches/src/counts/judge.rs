//! What may differ by how much.

use serde_json::Value;

use super::allowances::{between_collections, slack};
use super::figures::{Figures, QUANTILES, observed, others_ran};

/// One figure of one shape, predicted and measured.
pub struct Line {
    /// Which.
    pub name: String,
    /// The model's; nothing where it has no such figure.
    pub model: f64,
    /// Least and greatest of the model's, where a single window may have one or the other; else both are the model's figure.
    pub windows: (f64, f64),
    /// The measured one: the median of the repeats.
    pub measured: f64,
    /// Least and greatest of the repeats, where there are some.
    pub range: Option<(f64, f64)>,
    /// What is promised.
    pub promise: Promise,
}

/// How close a figure has to be.
pub enum Promise {
    /// Nothing is promised: it is shown.
    Shown,
    /// Within this share of the measured figure plus so much in its unit, or within the range of the repeats.
    Within(f64, f64),
    /// Within the range of the repeats.
    InRange,
}

impl Line {
    /// Relative error.
    pub fn error(&self) -> f64 {
        self.model / self.measured - 1.0
    }

    /// Distance from the measured figure in units of what is allowed: above 1 is outside. Nothing for what is only shown.
    pub fn excess(&self) -> Option<f64> {
        let inside = self.range.is_some_and(|(least, most)| (least..=most).contains(&self.model));
        let nearest = self.measured.clamp(self.windows.0, self.windows.1);
        let distance = (nearest - self.measured).abs();
        match self.promise {
            Promise::Shown => None,
            Promise::Within(share, slack) => {
                let excess = distance / (share * self.measured.abs() + slack).max(1e-12);
                Some(if inside { excess.min(1.0) } else { excess })
            }
            Promise::InRange => Some(match (inside, self.range) {
                (true, _) => 1.0,
                (false, Some((least, most))) => 1.0 + distance / (most - least).max(1e-12),
                (false, None) => f64::INFINITY,
            }),
        }
    }
}

/// The lines of one shape: the model's figures beside the median of its measured runs.
pub fn lines(shape: &str, runs: &[&Value], model: &Figures) -> Vec<Line> {
    let figures: Vec<Figures> = runs.iter().map(|run| observed(run)).collect();
    let names: std::collections::BTreeSet<&String> = figures.iter().flat_map(Figures::keys).collect();
    let mut lines = Vec::new();
    for name in names {
        let mut values: Vec<f64> = figures.iter().filter_map(|figures| figures.get(name)).copied().collect();
        values.sort_by(f64::total_cmp);
        let range = (values.len() > 1).then(|| (values[0], values[values.len() - 1]));
        // What depends on who else had the CPU: also how many commits wait for the same flush.
        let of_the_machine = ["CPU", "latency", "fsyncs"].iter().any(|start| name.starts_with(start));
        let noisy = of_the_machine && runs.iter().any(|run| others_ran(run));
        let promise = match promised(shape, name) {
            _ if noisy => Promise::Shown,
            // A figure below a hundredth per workflow is a remainder of the subtracted idle rate.
            Promise::Within(share, _) => Promise::Within(share, mean(runs.iter().map(|run| slack(run, name))) + 0.01),
            other => other,
        };
        let predicted = model.get(name).copied().unwrap_or(0.0);
        let windows = match name.strip_prefix("CPU ms ") {
            Some(service) => between_collections(service, predicted, runs[0]),
            None => (predicted, predicted),
        };
        lines.push(Line {
            name: name.clone(),
            model: predicted,
            windows,
            measured: values[values.len() / 2],
            range,
            promise,
        });
    }
    // What the model has and no run counted.
    for (name, value) in
        model.iter().filter(|(name, _)| name.starts_with("requests") && !figures[0].contains_key(*name))
    {
        let promise = Promise::Within(0.03, mean(runs.iter().map(|run| slack(run, name))) + 0.01);
        let windows = (*value, *value);
        lines.push(Line { name: name.clone(), model: *value, windows, measured: 0.0, range: None, promise });
    }
    lines.sort_by(|a, b| a.excess().unwrap_or(-1.0).total_cmp(&b.excess().unwrap_or(-1.0)));
    lines
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn promised(shape: &str, name: &str) -> Promise {
    if let Some(service) = name.strip_prefix("CPU ms ") {
        return if service.is_empty() { Promise::Shown } else { Promise::Within(0.15, 0.0) };
    }
    if name.starts_with("requests ") {
        return Promise::Within(0.03, 0.0);
    }
    if let Some(quantile) = name.strip_prefix("latency ms ") {
        let shares = [0.15, 0.25, 0.40];
        let share = QUANTILES.iter().zip(shares).find(|((_, name), _)| *name == quantile).map(|(_, share)| share);
        return match (shape, share) {
            ("act1_rate32", _) => Promise::InRange,
            ("act1_rate5" | "act1_rate15" | "act1_rate25", Some(share)) => Promise::Within(share, 0.0),
            _ => Promise::Shown,
        };
    }
    match name {
        "state transitions" | "write transactions" | "statements" => Promise::Within(0.03, 0.0),
        "fsyncs" => Promise::Within(0.15, 0.0),
        "WAL bytes" | "history_node bytes" | "history bytes" => Promise::Within(0.10, 0.0),
        _ => Promise::Shown,
    }
}
