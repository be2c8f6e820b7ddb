//! Prometheus alerts with thresholds from the plan, and the unit tests with which promtool shows that each fires and does not.

mod database;
mod queues;
mod series;
mod services;
mod workflows;

use std::collections::BTreeMap;

use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;
use super::scaling::Scaling;
pub(super) use queues::{USERS, WORKERS, in_seconds};
pub(super) use series::number;
pub(super) use services::STARTS;
pub(super) use workflows::rate;

/// An alert, and a case in which it fires and one in which it does not.
pub(super) struct Alert {
    pub name: String,
    pub expr: String,
    /// How long it must hold.
    pub hold: &'static str,
    pub severity: Severity,
    pub summary: String,
    /// `{value}` is the value of the expression.
    pub description: String,
    pub fires: Case,
    pub quiet: Case,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Warning,
    Critical,
}

/// Series that are put in, and what comes out.
pub(super) struct Case {
    pub series: Vec<Series>,
    /// The expression's value, where it fires.
    pub value: f64,
    /// Labels of the alert beside its severity.
    pub labels: Vec<(&'static str, String)>,
}

/// A series in promtool's notation, with a value each interval.
#[derive(Clone, Serialize)]
pub(super) struct Series {
    pub series: String,
    pub values: String,
    /// Whether its story takes a day and not an hour.
    #[serde(skip)]
    pub slow: bool,
}

impl Case {
    fn is_slow(&self) -> bool {
        self.series.iter().any(|series| series.slow)
    }
}

/// All alerts of a plan, by group.
fn groups(context: &Context<'_>, scaling: &Scaling) -> Vec<(&'static str, Vec<Alert>)> {
    let mut groups = vec![("queues", queues::alerts(context, scaling)), ("workflows", workflows::alerts(context))];
    if !context.is_cloud() {
        groups.insert(0, ("services", services::alerts(context)));
        groups.push(("database", database::alerts(context)));
    }
    groups
}

#[derive(Serialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    alert: String,
    expr: String,
    r#for: &'static str,
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct TestFile {
    rule_files: Vec<&'static str>,
    evaluation_interval: &'static str,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    interval: &'static str,
    input_series: Vec<Series>,
    alert_rule_test: Vec<Expected>,
}

#[derive(Serialize)]
struct Expected {
    eval_time: &'static str,
    alertname: String,
    exp_alerts: Vec<Fired>,
}

#[derive(Serialize)]
struct Fired {
    exp_labels: BTreeMap<&'static str, String>,
    exp_annotations: BTreeMap<&'static str, String>,
}

const RULES: &str = "alerts.yml";

impl Alert {
    fn labels(&self) -> BTreeMap<&'static str, String> {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        };
        BTreeMap::from([("severity", severity.to_owned())])
    }

    fn annotations(&self, value: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("summary", self.summary.clone()), ("description", self.description.replace("{value}", value))])
    }

    fn rule(&self) -> Rule {
        Rule {
            alert: self.name.clone(),
            expr: self.expr.clone(),
            r#for: self.hold,
            labels: self.labels(),
            annotations: self.annotations("{{ $value | printf \"%.3f\" }}"),
        }
    }

    fn test(&self, case: &Case, fires: bool) -> Test {
        let labels = case.labels.iter().cloned().chain(self.labels()).collect();
        let fired = || Fired { exp_labels: labels, exp_annotations: self.annotations(&format!("{:.3}", case.value)) };
        let slow = case.is_slow();
        Test {
            name: format!("{} {}", self.name, if fires { "fires" } else { "stays quiet" }),
            interval: if slow { "1h" } else { "1m" },
            input_series: case.series.clone(),
            alert_rule_test: vec![Expected {
                eval_time: if slow { "40h" } else { "40m" },
                alertname: self.name.clone(),
                exp_alerts: if fires { vec![fired()] } else { Vec::new() },
            }],
        }
    }
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    let groups = groups(context, &Scaling::of(context)?);
    let rules = RuleFile {
        groups: groups
            .iter()
            .map(|(name, alerts)| Group {
                name: format!("{}-{name}", context.name),
                rules: alerts.iter().map(Alert::rule).collect(),
            })
            .collect(),
    };
    let tests = TestFile {
        rule_files: vec![RULES],
        // Stories of a day are evaluated as often as those of an hour: every minute would take promtool a minute of CPU.
        evaluation_interval: "5m",
        tests: groups
            .iter()
            .flat_map(|(_, alerts)| alerts)
            .flat_map(|alert| [alert.test(&alert.fires, true), alert.test(&alert.quiet, false)])
            .collect(),
    };
    let about = [
        format!(
            "Prometheus alerts for \"{}\": thresholds are the plan's, and where it has none the source documents'.",
            context.plan.profile
        ),
        "The server's metrics are those of its default framework; the workers' those of the profile's SDK.".to_owned(),
        "    promtool check rules alerts.yml".to_owned(),
    ];
    let about_tests = [
        format!("Unit tests of {RULES}: each alert fires in one case and stays quiet in another."),
        "    promtool test rules alerts_test.yml".to_owned(),
    ];
    Ok(vec![
        context.yaml(Kind::Alerts, &format!("monitoring/{RULES}"), &about, &rules)?,
        context.yaml(Kind::Alerts, "monitoring/alerts_test.yml", &about_tests, &tests)?,
    ])
}
