//! What the planner promises: the smallest plan, reasons that hold, the same answer for any number of threads, and an
//! answer where there is none.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Rate;
use plimsoll_profiles::{Document, World, shipped};
use plimsoll_sim::planner::{Dimension, Evaluator, Infeasible, Plan, PlanSettings, Reason, plan};

fn profile(text: &str, overrides: &[&str]) -> Profile {
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    let document = Document::parse(text, "test.toml", &overrides).unwrap_or_else(|problems| panic!("{problems}"));
    document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn shipped_profile(name: &str, overrides: &[&str]) -> Profile {
    profile(shipped::profile(name).expect("a shipped profile").text, overrides)
}

fn planned(profile: &Profile, threads: usize) -> Plan {
    let settings = PlanSettings { seed: 42, threads, cancelled: &|| false, progress: &|_| {} };
    plan(profile, &Calibration::reference(), &settings).unwrap()
}

/// Quick to plan: 20 activities of about a second each second, two slots a pod.
const SLOTS: &str = r#"
name = "slots"
sdk = "go"
[arrivals]
phases = [{ for = "10min", rate = "20/s" }]
[[workflow]]
type = "Work"
steps = [{ activity = "work", takes = { mean = "1s", cv = 1.0 }, cpu = "1ms" }]
[slo]
schedule_to_start_activity = { p90 = "500ms" }
[workers]
activity_slots = 2
pod = { cpu = 1, memory = "2GiB" }
[growth]
factor = 1.0
headroom = 0.0
retention = "1d"
[cluster]
use = "kubernetes-production"
"#;

fn summary(plan: &Plan) -> String {
    format!("{:?} {:?} {:?} {:?} {}", plan.now.size, plan.horizon.size, plan.horizon.database, plan.knee, plan.events)
}

#[test]
fn the_worked_example_needs_five_to_eight_workers_not_151() {
    let plan = planned(&shipped_profile("worked-example", &[]), 2);
    let pods = plan.horizon.size.workers.pods.count;
    assert!((5..=8).contains(&pods), "{pods} worker pods");
    // Five activities of ten seconds, one after the other, ten workflows a second: 500 run at once.
    let busy = plan.demand.activities(plan.horizon.peak);
    assert!((busy - 500.0).abs() < 30.0, "{busy} activities at once");
}

#[test]
fn the_answer_does_not_depend_on_threads_and_repeats_to_the_byte() {
    let profile = profile(SLOTS, &[]);
    let one = summary(&planned(&profile, 1));
    assert_eq!(one, summary(&planned(&profile, 2)));
    assert_eq!(one, summary(&planned(&profile, 2)));
}

#[test]
fn one_worker_pod_less_breaks_the_promise_or_cannot_carry_the_load() {
    let profile = profile(SLOTS, &[]);
    let plan = planned(&profile, 2);
    let calibration = Calibration::reference();
    let evaluator = Evaluator::new(&profile, &calibration, 42, &|| false);
    let pods = plan.horizon.needed.workers.pods.count;
    assert!(pods >= 10, "20 busy slots, two a pod: {pods}");
    let smaller = Dimension::WorkerPods.set(plan.horizon.needed, pods - 1);
    assert!(!evaluator.confirm(smaller, plan.horizon.planned).kept(), "{} pods keep the promise", pods - 1);
    let why = plan.horizon.why.iter().find(|why| why.dimension == Dimension::WorkerPods).unwrap();
    assert!(
        matches!(why.reason, Reason::Breaks { value, .. } | Reason::Saturates { value, .. } if value == pods - 1),
        "{:?}",
        why.reason
    );
}

#[test]
fn more_load_never_needs_less() {
    let pods = |rate: &str| {
        let phases = format!("arrivals.phases=[{{ for = \"10min\", rate = \"{rate}\" }}]");
        planned(&profile(SLOTS, &[&phases]), 2).horizon.size.workers.pods.count
    };
    let (few, some, many) = (pods("5/s"), pods("10/s"), pods("40/s"));
    assert!(few <= some && some <= many, "{few}, {some}, {many}");
}

#[test]
fn a_lost_pod_costs_one_pod_of_each_kind() {
    let spare = planned(&profile(SLOTS, &[]), 2);
    let bare = planned(&profile(SLOTS, &["growth.survive_pod_loss=false"]), 2);
    assert_eq!(spare.horizon.size.workers.pods.count, bare.horizon.size.workers.pods.count + 1);
}

#[test]
fn too_few_workers_allowed_is_an_answer_with_its_reason() {
    let plan = planned(&profile(SLOTS, &["workers.max_pods=4"]), 2);
    let why = plan.horizon.infeasible.expect("no four pods run 20 activities in 8 slots");
    assert!(matches!(why, Infeasible::TooSmall { dimension: Dimension::WorkerPods, .. }), "{why:?}");
}

#[test]
fn a_promise_shorter_than_the_way_itself_is_an_answer_with_its_reason() {
    let plan = planned(&profile(SLOTS, &["slo.schedule_to_start_activity.p90=\"1ms\""]), 2);
    let why = plan.horizon.infeasible.expect("nothing starts within a millisecond");
    assert!(matches!(why, Infeasible::Floor { .. } | Infeasible::Limit { .. }), "{why:?}");
}

#[test]
fn a_database_that_cannot_grow_is_an_answer_with_its_reason() {
    let phases = "arrivals.phases=[{ for = \"10min\", rate = \"200/s\" }]";
    let plan = planned(&profile(SLOTS, &[phases, "workers.activity_slots=100", "cluster.database.max_vcpu=2"]), 2);
    let why = plan.horizon.infeasible.expect("two cores do not run 200 workflows a second");
    assert!(matches!(why, Infeasible::TooSmall { dimension: Dimension::Database, .. }), "{why:?}");
}

#[test]
fn a_cancelled_plan_says_so() {
    let settings = PlanSettings { seed: 42, threads: 2, cancelled: &|| true, progress: &|_| {} };
    assert!(plan(&profile(SLOTS, &[]), &Calibration::reference(), &settings).is_err());
}

#[test]
fn the_plimsoll_line_lies_between_the_planned_rate_and_the_first_full_resource() {
    let plan = planned(&profile(SLOTS, &[]), 2);
    let knee = plan.knee.expect("a plan that fits has one").as_per_second();
    assert!(knee >= plan.horizon.planned.as_per_second());
    assert!(knee <= plan.limiting[0].saturates_at.as_per_second() * 1.000_001);
}

/// The same load on a given number of shards, with room in everything else.
fn on_shards(shards: u32, rate: &str) -> Plan {
    let phases = format!("arrivals.phases=[{{ for = \"10min\", rate = \"{rate}\" }}]");
    let shards = format!("cluster.history_shards={shards}");
    let set = [phases.as_str(), &shards, "workers.activity_slots=200", "slo.start.p99=\"500ms\""];
    planned(&profile(SLOTS, &set), 2)
}

#[test]
fn four_shards_where_512_are_idle_are_the_bottleneck_and_the_plan_says_so() {
    const PERMITS: &str = "history shard permits (busiest)";
    let (few, many) = (on_shards(4, "32/s"), on_shards(512, "32/s"));
    assert!(few.horizon.infeasible.is_none() && many.horizon.infeasible.is_none());
    assert_eq!(few.limiting[0].resource, PERMITS, "{:?}", few.limiting);
    assert_ne!(many.limiting[0].resource, PERMITS, "{:?}", many.limiting);
    // The utilisation law: the time the permit is held per workflow, over four of them.
    let expected = few.horizon.planned.as_per_second() * few.demand.shard.as_secs_f64() / 4.0;
    let measured = few.limiting[0].utilisation;
    assert!(
        (measured / expected - 1.0).abs() < 0.12,
        "the busiest is {measured} busy, the law says {expected} on average"
    );
    let (few, many) = (few.knee.unwrap().as_per_second(), many.knee.unwrap().as_per_second());
    assert!(few < many, "the promise breaks at {few}/s with 4 shards, at {many}/s with 512");
}

#[test]
fn a_load_beyond_four_shards_does_not_fit_for_that_reason() {
    let plan = on_shards(4, "80/s");
    let why = plan.horizon.infeasible.expect("four permits carry about 47 workflows a second");
    assert!(matches!(why, Infeasible::TooSmall { dimension: Dimension::Shards, most: 4, .. }), "{why:?}");
    let full = plan.limiting.first().unwrap();
    assert_eq!(full.resource, "history shard permits (busiest)", "{:?}", plan.limiting);
    let expected = 4.0 / plan.demand.shard.as_secs_f64();
    assert!((full.saturates_at.as_per_second() / expected - 1.0).abs() < 1e-6, "{full:?}, the law says {expected}/s");
    assert!(on_shards(512, "80/s").horizon.infeasible.is_none());
}

/// Two shipped profiles: one whose promise is half as long as an evaluation simulates, one with short promises.
#[test]
fn a_plan_that_fits_keeps_its_promises_in_the_closest_look_and_keeps_up() {
    for name in ["nightly-batch", "one-activity"] {
        let plan = planned(&shipped_profile(name, &[]), 2);
        assert!(plan.horizon.infeasible.is_none(), "{name} fits");
        let outcome = &plan.horizon.verdict.outcome;
        assert!(plan.horizon.verdict.kept(), "{name}: a promise is broken");
        assert!(!outcome.falls_behind(), "{name}: {} more under way", outcome.under_way.1);
        let throughput = outcome.measured_closed as f64 / outcome.measured_offered as f64;
        assert!(throughput > 0.95, "{name}: {throughput} of what is started is completed");
    }
}

#[test]
fn a_size_that_falls_behind_is_not_kept_however_long_the_promised_wait_is() {
    // Four slots for twenty activities at once: in a simulation of seconds nobody waits for ten minutes.
    let profile = profile(SLOTS, &["slo.schedule_to_start_activity.p90=10min", "workers.pods=2"]);
    let calibration = Calibration::reference();
    let evaluator = Evaluator::new(&profile, &calibration, 42, &|| false);
    let size = plimsoll_sim::temporal::SystemSize::of(&profile);
    assert!(!evaluator.evaluate(size, Rate::per_second(20.0)).kept());
}
