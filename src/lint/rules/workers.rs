//! The worker fleet against its load. Numbers that the planner chooses are right by construction: only given ones are checked.

use plimsoll_profiles::profile::{ClusterKind, Profile};
use plimsoll_profiles::units::{Bytes, Probability};
use plimsoll_reports::lint_document::LintSeverity::{Error, Note, Warning};
use plimsoll_reports::number;
use plimsoll_sim::engine::analytic::servers_for_wait_probability;
use plimsoll_sim::temporal::Process;

use super::{OfSubject, no_history};
use crate::lint::rule::{Checked, Findings, Group, Rule};
use crate::lint::subject::{LoadOf, Subject};

const fn rule(id: &'static str, name: &'static str, texts: [&'static str; 4]) -> Rule {
    let [title, source, why, mend] = texts;
    let group = Group::Workers;
    Rule { id, name, group, worst: Error, checked: Checked::Profiles, title, source, why, mend }
}

const POLLERS: Rule = rule(
    "PL301",
    "pollers-too-few",
    [
        "There are as many pollers as keep the probability that none waits below 1 %",
        "the planner's demand: a pilot simulation of the profile at today's peak, one pod lost; Erlang's C for the pollers that are away",
        "a task that finds no waiting poller is written to the database and read back: latency and statements grow though the workers are idle",
        "raise workflow_task_pollers and activity_pollers, turn on poller_autoscaling, or leave them out: the planner chooses",
    ],
);

const POLLERS_ABOVE_SLOTS: Rule = rule(
    "PL302",
    "pollers-above-slots",
    [
        "No worker has more pollers than slots",
        "SDKs: a poller asks for a task only while it holds a slot",
        "pollers without a slot never ask: the number is not what runs",
        "raise the slots, or lower the pollers",
    ],
);

const LONG_POLLS: Rule = rule(
    "PL303",
    "long-polls",
    [
        "All pollers together stay below the frontends' limit",
        "Temporal 1.31: frontend.namespaceCount 1,200 long polls of one namespace and kind at one frontend pod",
        "what is above is refused with ResourceExhausted, and those workers stand still",
        "use fewer pods with more slots, fewer pollers, more frontend pods, or raise cluster.server.polls_per_frontend",
    ],
);

const SLOTS_NOT_SET: Rule = rule(
    "PL304",
    "slots-not-set",
    [
        "Slots are chosen, not the SDK's defaults",
        "production checklist: max_concurrent_activities tuned for resource limits, max_concurrent_workflow_tasks set",
        "the defaults know nothing of the pod: too many slots and it runs out of memory, too few and tasks wait while the CPU idles",
        "give activity_slots and workflow_task_slots, or leave out workers.pods too: the planner chooses all of them",
    ],
);

const SLOTS: Rule = rule(
    "PL305",
    "slots-too-few",
    [
        "Slots are at most 80 % busy at the peak",
        "Little's law on the planner's demand at today's peak, one pod lost; 80 % is this program's choice, 100 % is what exists",
        "above 100 % the backlog grows for as long as the peak lasts; shortly below, every burst waits",
        "more pods or more slots: see `plimsoll plan`",
    ],
);

const CPU: Rule = rule(
    "PL306",
    "worker-cpu",
    [
        "Worker CPUs are at most 80 % busy at the peak",
        "the utilisation law on the planner's demand at today's peak, one pod lost; 80 % is this program's choice",
        "a worker without CPU answers late: workflow tasks time out, heartbeats are missed, and what was done is done again",
        "more pods or larger ones: see `plimsoll plan`",
    ],
);

const MEMORY: Rule = rule(
    "PL307",
    "worker-memory",
    [
        "What slots and sticky cache may hold fits into the pod",
        "the profile's own sizes: memory_base + slots × memory_per_activity + cached_workflows × memory_per_cached_workflow",
        "at full slots and a full cache the pod is killed for its memory, with every activity in it",
        "lower activity_slots or cached_workflows, or raise pod.memory",
    ],
);

const STICKY: Rule = rule(
    "PL308",
    "sticky-cache-too-small",
    [
        "The sticky cache holds the running workflows of a pod",
        "Little's law: mean starts per second times mean lifetime, over the pods",
        "a workflow that was dropped from the cache is read from the database and replayed from its first event at its next task",
        "raise cached_workflows as far as the memory allows, or use more pods; workflows that sleep for days may be left out of it: then allow the rule",
    ],
);

const STICKY_OFF: Rule = rule(
    "PL309",
    "sticky-cache-off",
    [
        "The sticky cache is on",
        "SDKs: a cache of zero turns sticky queues off (Core's own default is zero)",
        "every workflow task then reads and replays the whole history",
        "give cached_workflows a number, or leave it out",
    ],
);

const PODS: Rule = rule(
    "PL310",
    "worker-pods",
    [
        "There are at least three worker pods, and never one alone",
        "deployment guides: start with three workers",
        "with one pod every restart and every rollout is an outage; with two, one carries all of the load",
        "give workers.pods at least 3, or leave it out: the planner adds the spare pod",
    ],
);

const SCALING: Rule = rule(
    "PL311",
    "scaling-strategy",
    [
        "A load that goes up and down has a fleet that follows",
        "production checklist: worker scaling strategy defined (HPA, manual); three times the mean is this program's choice",
        "a fixed fleet is either too small at the peak or paid for and idle at all other times",
        "describe an [autoscaler], or say in a comment why the fleet is fixed and allow the rule",
    ],
);

pub const SUBJECT: OfSubject = OfSubject {
    rules: &[
        &POLLERS,
        &POLLERS_ABOVE_SLOTS,
        &LONG_POLLS,
        &SLOTS_NOT_SET,
        &SLOTS,
        &CPU,
        &MEMORY,
        &STICKY,
        &STICKY_OFF,
        &PODS,
        &SCALING,
    ],
    profile,
    history: no_history,
};

/// A resource is loaded from here on.
const LOADED: f64 = 0.8;
/// A peak this many times the mean is one that a fixed fleet does not fit.
const UNEVEN: f64 = 3.0;
const FEWEST_PODS: u32 = 3;

fn profile(subject: &Subject<'_>, out: &mut Findings) {
    settings(subject.profile, out);
    if let Some(load) = subject.load {
        under_load(subject, load, out);
        sticky_cache(subject, load, out);
        scaling(subject, load, out);
    }
    if let Some(pods) = subject.profile.workers.pods.filter(|pods| *pods < FEWEST_PODS) {
        let severity = if pods == 1 { Warning } else { Note };
        let message = format!("the fleet has {pods} worker pod{}", if pods == 1 { "" } else { "s" });
        out.report(&PODS, severity, "workers.pods", message, pods.to_string(), FEWEST_PODS.to_string());
    }
}

/// What needs no load.
fn settings(profile: &Profile, out: &mut Findings) {
    let workers = &profile.workers;
    let defaults = profile.sdk.defaults();
    let kinds = [
        (
            "activity_pollers",
            workers.activity_pollers,
            "activity_slots",
            workers.activity_slots,
            defaults.activity_slots,
        ),
        (
            "workflow_task_pollers",
            workers.workflow_task_pollers,
            "workflow_task_slots",
            workers.workflow_task_slots,
            defaults.workflow_task_slots,
        ),
    ];
    for (key, pollers, slots_key, slots, default) in kinds {
        let slots_there = slots.unwrap_or(default);
        if let Some(pollers) = pollers.filter(|pollers| *pollers > slots_there) {
            let message =
                format!("{pollers} {} for {slots_there} {}", key.replace('_', " "), slots_key.replace('_', " "));
            out.report(
                &POLLERS_ABOVE_SLOTS,
                Warning,
                format!("workers.{key}"),
                message,
                pollers.to_string(),
                slots_there.to_string(),
            );
        }
        // On Temporal Cloud the frontends are the provider's.
        let is_cloud = matches!(profile.cluster.kind, ClusterKind::Cloud(_));
        if let (Some(pods), Some(pollers), false) = (workers.pods, pollers, is_cloud) {
            let service = &profile.cluster.services.frontend;
            let frontends = u64::from(service.pods.unwrap_or(service.min_pods));
            let most = frontends * u64::from(profile.cluster.server.polls_per_frontend);
            let polls = u64::from(pods) * u64::from(pollers);
            if polls > most {
                let message = format!("{pods} pods with {pollers} {} each", key.replace('_', " "));
                out.report(
                    &LONG_POLLS,
                    Error,
                    format!("workers.{key}"),
                    message,
                    number::count(polls),
                    number::count(most),
                );
            }
        }
        if workers.pods.is_some() && slots.is_none() {
            let message = format!("{} is not given: a pod has the SDK's {default}", slots_key);
            out.report(
                &SLOTS_NOT_SET,
                Note,
                "workers",
                message,
                format!("the default, {default}"),
                format!("a chosen {slots_key}"),
            );
        }
    }
    if workers.cached_workflows == Some(0) {
        let message = "the sticky cache is turned off";
        out.report(&STICKY_OFF, Warning, "workers.cached_workflows", message, "0", "above 0");
    }
    let slots = workers.activity_slots.unwrap_or(0);
    let cached = workers.cached_workflows.unwrap_or(0);
    let of = |count: u32, each: Bytes| u64::from(count).saturating_mul(each.0);
    let needed = (workers.memory_base.0)
        .saturating_add(of(slots, workers.memory_per_activity))
        .saturating_add(of(cached, workers.memory_per_cached_workflow));
    if needed > workers.pod.memory.0 && (slots > 0 || cached > 0) {
        let message = format!("{slots} activity slots and {cached} cached workflows may hold more than the pod has");
        let (found, limit) = (number::memory(needed as f64), number::memory(workers.pod.memory.0 as f64));
        let key = if workers.activity_slots.is_some() { "activity_slots" } else { "cached_workflows" };
        out.report(&MEMORY, Error, format!("workers.{key}"), message, found, limit);
    }
}

/// What the demand at the peak asks of a fleet whose size is given.
fn under_load(subject: &Subject<'_>, load: &LoadOf, out: &mut Findings) {
    let workers = &subject.profile.workers;
    let Some(pods) = subject.worker_pods() else { return };
    let (demand, rate) = (&load.demand, load.peak);
    let of = format!("{pods} pods at {}", number::rate(rate.as_per_second()));
    let per_workflow = |total: u64| total as f64 / demand.workflows.max(1.0);
    let activities = per_workflow(demand.work.activities);
    let tasks = [
        ("activity_pollers", workers.activity_pollers, activities),
        ("workflow_task_pollers", workers.workflow_task_pollers, (demand.tasks - activities).max(0.0)),
    ];
    for (key, pollers, tasks) in tasks {
        let Some(pollers) = pollers else { continue };
        // Pollers of one pod that are away with a task, and how many must be there so that one almost always waits.
        let away = rate.as_per_second() * tasks / f64::from(pods) * demand.poll_cycle.as_secs_f64();
        let needed = servers_for_wait_probability(away, Probability::new(0.01));
        if pollers < needed {
            let message = format!("{pollers} {} a pod are too few for {of}", key.replace('_', " "));
            out.report(&POLLERS, Warning, format!("workers.{key}"), message, pollers.to_string(), needed.to_string());
        }
    }
    let slots = [
        ("activity_slots", workers.activity_slots, demand.activity_slots),
        ("workflow_task_slots", workers.workflow_task_slots, demand.workflow_task_slots),
    ];
    for (key, slots, busy) in slots {
        let Some(slots) = slots else { continue };
        let busy = rate.as_per_second() * busy.as_secs_f64();
        let there = f64::from(slots) * f64::from(pods);
        if busy > LOADED * there {
            let severity = if busy >= there { Error } else { Warning };
            let message = format!("{} of {of} are {} busy", key.replace('_', " "), number::percent(busy / there));
            let limit = format!("{} slots, {} at most", number::quantity(there), number::percent(LOADED));
            out.report(&SLOTS, severity, format!("workers.{key}"), message, number::quantity(busy), limit);
        }
    }
    let cores = demand.cores(Process::Worker, rate);
    let there = f64::from(pods) * workers.pod.cpu.get();
    if cores > LOADED * there {
        let severity = if cores >= there { Error } else { Warning };
        let message = format!("the CPUs of {of} are {} busy", number::percent(cores / there));
        let limit = format!("{} cores, {} at most", number::quantity(there), number::percent(LOADED));
        out.report(&CPU, severity, "workers.pods", message, format!("{} cores", number::quantity(cores)), limit);
    }
}

fn sticky_cache(subject: &Subject<'_>, load: &LoadOf, out: &mut Findings) {
    let workers = &subject.profile.workers;
    let Some(pods) = subject.worker_pods() else { return };
    let cached = workers.cached_workflows.unwrap_or(subject.profile.sdk.defaults().cached_workflows);
    let open = load.mean.as_per_second() * load.lifetime.as_secs_f64() / f64::from(pods);
    if cached > 0 && open > f64::from(cached) {
        let key = if workers.cached_workflows.is_some() { "workers.cached_workflows" } else { "workers.pods" };
        let message = format!("on average {} workflows run on each of {pods} pods", number::large_count(open as u64));
        let limit = format!("{} cached", number::count(u64::from(cached)));
        out.report(&STICKY, Warning, key, message, number::count(open as u64), limit);
    }
}

fn scaling(subject: &Subject<'_>, load: &LoadOf, out: &mut Findings) {
    let ratio = load.peak.as_per_second() / load.mean.as_per_second().max(1e-9);
    if subject.profile.workers.pods.is_some() && ratio > UNEVEN && !subject.is_written("autoscaler") {
        let message = format!("the peak is {} the mean, and the fleet is fixed", number::times(ratio));
        out.report(&SCALING, Note, "workers.pods", message, number::times(ratio), "3×, or an autoscaler");
    }
}
