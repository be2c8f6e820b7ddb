//! What is promised, and what is planned for.

use plimsoll_profiles::profile::SloMetric;
use plimsoll_reports::lint_document::LintSeverity::{self, Error, Note, Warning};
use plimsoll_reports::number;

use super::{OfSubject, no_history};
use crate::lint::lengths::Duration;
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::Subject;

const fn rule(id: &'static str, name: &'static str, worst: LintSeverity, texts: [&'static str; 4]) -> Rule {
    let [title, source, why, mend] = texts;
    Rule { id, name, group: Group::Promises, worst, checked: Checked::Profiles, title, source, why, mend }
}

const NO_SLO: Rule = rule(
    "PL501",
    "no-slo",
    Warning,
    [
        "The profile says what is promised",
        "production checklist: SLOs documented",
        "without a promise any size is large enough: this program then takes schedule-to-start p99 at most 200 ms",
        "add [slo], e.g. schedule_to_start = { p99 = \"200ms\" }",
    ],
);

const POD_LOSS: Rule = rule(
    "PL502",
    "no-pod-loss",
    Warning,
    [
        "The plan holds with one pod of each kind lost",
        "high-availability checklist: several replicas in several zones",
        "a plan without a spare pod breaks its promises in every rollout and on every lost node",
        "remove growth.survive_pod_loss = false",
    ],
);

const HEADROOM: Rule = rule(
    "PL503",
    "no-headroom",
    Warning,
    [
        "A plan keeps at least 10 % spare above the peak",
        "this program's choice; its default is 25 %",
        "forecasts are wrong and models too: without headroom the first busy day is above the plan",
        "remove growth.headroom, or give at least 0.1",
    ],
);

const GROWTH: Rule = rule(
    "PL504",
    "growth-not-given",
    Note,
    [
        "The profile says how the load grows",
        "capacity planning guides: shards can never be changed, storage grows with every workflow",
        "history shards and storage are chosen for the horizon: without growth that is today's load",
        "give growth.factor and growth.horizon, as { low, mid, high } where nobody knows",
    ],
);

const UNREACHABLE: Rule = rule(
    "PL505",
    "unreachable-promise",
    Error,
    [
        "What is promised end to end is longer than the workflow's own waits and activities",
        "the profile's own spans: each at its 5th percentile, on the quickest way",
        "no size of anything keeps a promise that the workload itself breaks",
        "raise slo.end_to_end, or shorten the steps",
    ],
);

pub const SUBJECT: OfSubject =
    OfSubject { rules: &[&NO_SLO, &POD_LOSS, &HEADROOM, &GROWTH, &UNREACHABLE], profile, history: no_history };

const LEAST_HEADROOM: f64 = 0.1;

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    let growth = &subject.profile.growth;
    if !subject.is_written("slo") {
        out.report(&NO_SLO, Warning, "slo", "nothing is promised", "none", "at least one promise");
    }
    if !growth.survive_pod_loss {
        let message = "the plan need not hold when a pod is lost";
        out.report(&POD_LOSS, Warning, "growth.survive_pod_loss", message, "false", "true");
    }
    if growth.headroom < LEAST_HEADROOM {
        let message = format!("the plan keeps {} spare", number::percent(growth.headroom));
        let found = number::percent(growth.headroom);
        out.report(&HEADROOM, Warning, "growth.headroom", message, found, number::percent(LEAST_HEADROOM));
    }
    if !subject.is_written("growth.factor") {
        out.report(&GROWTH, Note, "growth.factor", "how the load grows is not said", "none, taken as 1", "a factor");
    }
    unreachable(subject, out);
}

fn unreachable(subject: &Subject<'_>, out: &mut Findings) {
    let targets = subject.profile.slo.targets.iter().filter(|target| target.metric == SloMetric::EndToEnd);
    for target in targets {
        for workflow in &subject.profile.workflows {
            // A promise of a p99 says nothing of a type that is less than one start in a hundred.
            let counts = workflow.share.is_some_and(|share| share.get() > 1.0 - target.quantile);
            let quickest = Duration { profile: subject.profile, quantile: Some(0.05) }.seconds(&workflow.steps);
            if counts && quickest > target.limit.as_secs_f64() {
                let message = format!("{} takes at least {}", workflow.name, number::seconds(quickest));
                let limit = format!("{} {}", number::quantile(target.quantile), target.limit);
                out.report(&UNREACHABLE, Error, "slo.end_to_end", message, number::seconds(quickest), limit);
            }
        }
    }
}
