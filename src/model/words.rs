//! The planner's reasons and limits in words.

use plimsoll_profiles::profile::{Profile, SloMetric, SloTarget};
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::number;
use plimsoll_reports::plan_document::NotModelled;
use plimsoll_sim::planner::{Dimension, Infeasible, Reason, Sized};
use plimsoll_sim::temporal::{is_cloud, shares_one_machine};

/// `activity schedule-to-start p99`.
pub fn promise(target: &SloTarget) -> String {
    let name = match target.metric {
        SloMetric::Start => "start",
        SloMetric::ScheduleToStartWorkflow => "workflow task schedule-to-start",
        SloMetric::ScheduleToStartActivity => "activity schedule-to-start",
        SloMetric::EndToEnd => "end-to-end",
    };
    format!("{name} {}", number::quantile(target.quantile))
}

fn seconds(span: Nanos) -> String {
    number::seconds(span.as_secs_f64())
}

/// The resource that running out of this number means.
fn resource(profile: &Profile, dimension: Dimension) -> &'static str {
    if shares_one_machine(profile).is_some() {
        return "the machine's CPU";
    }
    match dimension {
        Dimension::WorkerPods => "worker CPU or slots",
        Dimension::Pollers => "pollers",
        Dimension::Frontend => "frontend CPU",
        Dimension::History => "history CPU",
        Dimension::Matching => "matching CPU",
        Dimension::Shards => "shard permits",
        Dimension::Database => "database CPU",
    }
}

fn units(dimension: Dimension, value: u32) -> String {
    let unit = match dimension {
        Dimension::Database => "vCPU",
        Dimension::Shards => "shards",
        Dimension::Pollers => "pollers",
        _ if value == 1 => "pod",
        _ => "pods",
    };
    format!("{} {unit}", number::count(u64::from(value)))
}

/// Why a number is not one less; values are as the reader counts them, `spare` pods included.
pub fn reason(profile: &Profile, sized: &Sized, dimension: Dimension, reason: &Reason) -> String {
    let spare = Dimension::get(dimension, &sized.size).saturating_sub(Dimension::get(dimension, &sized.needed));
    let less = |value: u32| units(dimension, value + spare);
    let lost = if spare > 0 { ", one lost" } else { "" };
    match reason {
        Reason::Fixed if is_cloud(profile) && dimension != Dimension::WorkerPods => "the provider's".to_owned(),
        Reason::Fixed => "fixed by the profile".to_owned(),
        Reason::Fewest => fewest(profile, dimension, spare),
        Reason::Saturates { value, utilisation } => {
            format!("{}{lost}: {} {} busy", less(*value), resource(profile, dimension), number::percent(*utilisation))
        }
        Reason::Margin { value, utilisation } => format!(
            "cannot be changed later; {}: a shard's permit {} busy on average at the horizon",
            less(*value),
            number::percent(*utilisation)
        ),
        Reason::Breaks { value, target, reaches, .. } => {
            let promise = promise(target);
            let limit = seconds(target.limit);
            match reaches {
                Some(reaches) => format!("{}{lost}: {promise} {} > {limit}", less(*value), seconds(*reaches)),
                None => format!("{}{lost}: falls behind, {promise} beyond {limit}", less(*value)),
            }
        }
    }
}

fn fewest(profile: &Profile, dimension: Dimension, spare: u32) -> String {
    let services = &profile.cluster.services;
    let minimum = match dimension {
        Dimension::Frontend => services.frontend.min_pods,
        Dimension::History => services.history.min_pods,
        Dimension::Matching => services.matching.min_pods,
        Dimension::Pollers => return "the SDK's default is enough".to_owned(),
        Dimension::Database => return "the smallest size sold".to_owned(),
        Dimension::Shards => return "the fewest that make sense; cannot be changed later".to_owned(),
        Dimension::WorkerPods if spare > 0 => return "one carries the load, one may be lost".to_owned(),
        Dimension::WorkerPods => return "one carries the load".to_owned(),
    };
    format!("the cluster's minimum for high availability is {minimum}")
}

/// Why a load does not fit.
pub fn infeasible(profile: &Profile, infeasible: &Infeasible) -> String {
    match infeasible {
        Infeasible::TooSmall { dimension, most, utilisation } => {
            let pods = !matches!(dimension, Dimension::Shards | Dimension::Database | Dimension::Pollers);
            let spare = pods && profile.growth.survive_pod_loss;
            let lost = if spare { ", and with one of them lost" } else { ", and" };
            format!(
                "at most {} are allowed{lost} {} would be {} busy",
                units(*dimension, *most + u32::from(spare)),
                resource(profile, *dimension),
                number::percent(*utilisation)
            )
        }
        Infeasible::Floor { target, reaches } => format!(
            "{} is {} though nothing is loaded: the promise of {} is shorter than the way itself",
            promise(target),
            seconds(*reaches),
            seconds(target.limit)
        ),
        Infeasible::Limit { target, reaches, dimension, utilisation } => {
            let reaches = reaches.map_or_else(|| "falls behind".to_owned(), |r| format!("is {}", seconds(r)));
            format!(
                "{} {reaches} where {} is promised, with {} {} busy and nothing left to add",
                promise(target),
                seconds(target.limit),
                resource(profile, *dimension),
                number::percent(*utilisation)
            )
        }
        Infeasible::Cancelled => "interrupted".to_owned(),
    }
}

/// What the model leaves out that may matter for this profile.
pub fn not_modelled(profile: &Profile) -> Vec<NotModelled> {
    let item = |what: &str, effect: &str| NotModelled { what: what.to_owned(), effect: effect.to_owned() };
    let mut list =
        vec![item("garbage collection and scheduling bursts of the Go services", "p99 above 60 % CPU may be longer")];
    if !is_cloud(profile) {
        list.extend([
            item("autovacuum's and checkpoints' bursts", "their CPU and I/O are counted as means: tails may be longer"),
            item("rate limits (frontend.rps 2,400 per host and so on)", "must be raised above the planned rate"),
            item("idle load that grows with shards and pods", "a few hundredths of a core"),
        ]);
    }
    if shares_one_machine(profile).is_some() {
        list.push(item("one machine's caches and disk contention", "latencies under load may be longer"));
    }
    let mut uses = Uses::default();
    profile.workflows.iter().for_each(|workflow| uses.steps(&workflow.steps));
    if uses.long_waits {
        list.push(item(
            "when a long wait ends, by the clock",
            "what follows a long wait is planned at the rate of the peak",
        ));
    }
    if uses.updates {
        list.push(item("updates' admission and speculative tasks", "updates cost what signals cost"));
    }
    if uses.queries {
        list.push(item("queries on workflows out of the cache", "replays not counted"));
    }
    if uses.signals {
        list.push(item("signals that come while nobody waits", "each is one transition more"));
    }
    list.push(item(
        "eager activities, eager start, schedules, cancellation, versioning",
        "not in the profile's steps yet",
    ));
    list
}

/// Which steps a profile has.
#[derive(Default)]
struct Uses {
    long_waits: bool,
    updates: bool,
    queries: bool,
    signals: bool,
}

impl Uses {
    fn steps(&mut self, steps: &[plimsoll_profiles::profile::Step]) {
        use plimsoll_profiles::profile::Step;
        let long = |span: &plimsoll_profiles::profile::Span| {
            plimsoll_sim::temporal::distribution(span).mean() > plimsoll_sim::planner::LONGEST_WAIT
        };
        for step in steps {
            match step {
                Step::Timer(span) => self.long_waits |= long(span),
                Step::WaitSignal(wait) => {
                    self.signals = true;
                    self.long_waits |= long(&wait.after);
                }
                Step::Update(_) => self.updates = true,
                Step::Query(_) => self.queries = true,
                Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => self.steps(steps),
                Step::Branch(arms) => arms.iter().for_each(|arm| self.steps(&arm.steps)),
                Step::Activity(_)
                | Step::LocalActivity(_)
                | Step::Child(_)
                | Step::ContinueAsNew { .. }
                | Step::UpsertSearchAttributes { .. }
                | Step::SideEffect { .. } => {}
            }
        }
    }
}
