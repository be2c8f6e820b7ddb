//! What is left between two runs operation by operation: requests, statements, rows and CPU per workflow, by class.
//!
//! Residuals explain; they do not decide: the sums they are parts of are judged among the quantities.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::curves::units;
use super::document::relative;
use super::series::{loaded_mean, of_the_generator};
use crate::run_dir::Run;
use crate::run_document::RunDocument;

/// One class of work per workflow in both runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct Residual {
    /// What kind of work.
    pub class: ResidualClass,
    /// Its name: a request's method, or a column of `resources.csv`.
    pub name: String,
    /// Unit per workflow: nothing for a count, "bytes", or "s" of CPU.
    pub unit: String,
    /// Per workflow in `a`.
    pub a: f64,
    /// Per workflow in `b`.
    pub b: f64,
    /// `b − a`.
    pub residual: f64,
    /// The residual relative to `a`; absent where `a` is 0 and `b` is not.
    pub relative: Option<f64>,
}

/// Kinds of work.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum ResidualClass {
    /// Requests served by the frontend.
    FrontendRequests,
    /// Requests served by history.
    HistoryRequests,
    /// Requests served by matching.
    MatchingRequests,
    /// SQL statements by kind.
    Statements,
    /// Rows by what is done to them.
    Rows,
    /// CPU by process.
    Cpu,
    /// Whatever else is counted per second in both runs.
    Other,
}

impl ResidualClass {
    /// The heading people read.
    pub fn heading(self) -> &'static str {
        match self {
            ResidualClass::FrontendRequests => "Requests to the frontend",
            ResidualClass::HistoryRequests => "Requests to history",
            ResidualClass::MatchingRequests => "Requests to matching",
            ResidualClass::Statements => "SQL statements",
            ResidualClass::Rows => "Rows",
            ResidualClass::Cpu => "CPU",
            ResidualClass::Other => "Other work",
        }
    }
}

/// All classes that both runs have, by class, those with the largest residual of their class first.
pub(super) fn residuals(a: &Run, b: &Run) -> Vec<Residual> {
    let (Some(of_a), Some(of_b)) = (&a.manifest.summary, &b.manifest.summary) else { return Vec::new() };
    let mut residuals = requests(of_a, of_b);
    residuals.extend(rates(a, b, of_a.throughput_per_second, of_b.throughput_per_second));
    residuals.sort_by(|x, y| {
        x.class.cmp(&y.class).then(y.residual.abs().total_cmp(&x.residual.abs())).then_with(|| x.name.cmp(&y.name))
    });
    residuals
}

fn residual(class: ResidualClass, name: &str, unit: &str, a: f64, b: f64) -> Residual {
    Residual { class, name: name.into(), unit: unit.into(), a, b, residual: b - a, relative: relative(b - a, a) }
}

fn by_service(run: &RunDocument) -> [(ResidualClass, &'static str, &BTreeMap<String, f64>); 3] {
    let requests = &run.per_workflow.requests;
    [
        (ResidualClass::FrontendRequests, "frontend", &requests.frontend),
        (ResidualClass::HistoryRequests, "history", &requests.history),
        (ResidualClass::MatchingRequests, "matching", &requests.matching),
    ]
}

/// Requests per workflow by service, of a run that has them by method.
pub(crate) fn requests_by_service(run: &RunDocument) -> Vec<(&'static str, f64)> {
    let services = by_service(run).into_iter().filter(|(_, _, methods)| !methods.is_empty());
    services.map(|(_, service, methods)| (service, methods.values().sum())).collect()
}

fn requests(a: &RunDocument, b: &RunDocument) -> Vec<Residual> {
    let pairs = by_service(a).into_iter().zip(by_service(b));
    let both = pairs.filter(|((_, _, of_a), (_, _, of_b))| !of_a.is_empty() && !of_b.is_empty());
    both.flat_map(|((class, _, of_a), (_, _, of_b))| {
        let methods: BTreeSet<&String> = of_a.keys().chain(of_b.keys()).collect();
        let count = |side: &BTreeMap<String, f64>, method: &String| side.get(method).copied().unwrap_or(0.0);
        let each = methods.into_iter();
        each.map(|method| residual(class, method, "", count(of_a, method), count(of_b, method))).collect::<Vec<_>>()
    })
    .collect()
}

/// Columns that are rates in both runs, over the workflows completed.
fn rates(a: &Run, b: &Run, throughput_a: f64, throughput_b: f64) -> Vec<Residual> {
    if throughput_a <= 0.0 || throughput_b <= 0.0 {
        return Vec::new();
    }
    let columns = a.resources.columns.iter().filter(|column| b.resources.columns.contains(column));
    let units = units(a);
    let each = columns.filter(|column| !of_the_generator(column)).filter_map(|column| {
        let unit = match units.get(column.as_str()).copied()? {
            "1/s" => "",
            "bytes/s" => "bytes",
            "cores" => "s",
            _ => return None,
        };
        let of_a = loaded_mean(a, column)? / throughput_a;
        let of_b = loaded_mean(b, column)? / throughput_b;
        (of_a > 0.0 || of_b > 0.0).then(|| residual(class(column, unit), column, unit, of_a, of_b))
    });
    each.collect()
}

fn class(column: &str, unit: &str) -> ResidualClass {
    if unit == "s" {
        return ResidualClass::Cpu;
    }
    match column {
        "frontend_requests" => ResidualClass::FrontendRequests,
        "history_requests" => ResidualClass::HistoryRequests,
        "matching_requests" => ResidualClass::MatchingRequests,
        "statements" | "visibility_statements" | "commits" | "rollbacks" => ResidualClass::Statements,
        _ if column.starts_with("statements_") => ResidualClass::Statements,
        _ if column.starts_with("rows_") => ResidualClass::Rows,
        _ => ResidualClass::Other,
    }
}
