//! The autoscaler of a profile: its defaults, the shipped one, and what is said of wrong ones.
#![allow(clippy::unwrap_used)]

use plimsoll_profiles::profile::{
    Hpa, Keda, KedaQueues, Milli, QueueTarget, ResourceName, ResourceTarget, Scaler, ScalingAmount, ScalingBehaviour,
    ScalingMetric, SelectPolicy, WorkerMetric,
};
use plimsoll_profiles::units::{Bytes, Nanos};
use plimsoll_profiles::{Document, Problems, World, shipped};

const WORKLOAD: &str = r#"
name = "orders"
[arrivals]
phases = [{ for = "10min", rate = "20/s" }]
[[workflow]]
type = "Order"
steps = [{ activity = "pack", takes = "1s" }]
"#;

fn profile(tables: &str) -> plimsoll_profiles::profile::Profile {
    let text = format!("{WORKLOAD}{tables}");
    let document = Document::parse(&text, "p.toml", &[]).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    document.profile(&World::mid()).unwrap()
}

fn refused(tables: &str) -> Problems {
    match Document::parse(&format!("{WORKLOAD}{tables}"), "p.toml", &[]) {
        Ok(_) => panic!("read without a problem: {tables}"),
        Err(problems) => problems,
    }
}

fn seconds(s: u64) -> Nanos {
    Nanos::from_secs(s)
}

#[test]
fn an_hpa_has_the_defaults_of_kubernetes() {
    let profile = profile("[autoscaler.hpa]\nmax_pods = 10\nmetrics = [{ resource = \"cpu\", utilisation = 70 }]");
    let autoscaler = profile.autoscaler.unwrap();
    assert_eq!((autoscaler.sync_period, autoscaler.metric_window), (seconds(15), seconds(15)));
    assert_eq!(autoscaler.request, profile.workers.pod);
    let Scaler::Hpa(hpa) = autoscaler.scaler else { panic!("no HPA") };
    assert_eq!((hpa.min_pods, hpa.max_pods, hpa.behaviour), (1, 10, None));
    assert_eq!((hpa.tolerance, hpa.downscale_stabilisation), (0.1, seconds(300)));
    assert_eq!((hpa.cpu_initialisation_period, hpa.initial_readiness_delay), (seconds(300), seconds(30)));
}

#[test]
fn a_direction_that_is_not_given_is_kubernetes_own() {
    let tables = "[autoscaler.hpa]\nmax_pods = 10\nmetrics = [{ pods = \"activity_slots_used\", average_value = 2.5 }]\nbehaviour = { scale_down = { select = \"disabled\" } }";
    let Scaler::Hpa(hpa) = profile(tables).autoscaler.unwrap().scaler else { panic!("no HPA") };
    let average = Milli(2_500);
    assert_eq!(hpa.metrics, [ScalingMetric::Pods { metric: WorkerMetric::ActivitySlotsUsed, average }]);
    let (given, default) = (hpa.behaviour.unwrap(), ScalingBehaviour::default_of_kubernetes());
    assert_eq!(given.scale_up, default.scale_up);
    assert_eq!(given.scale_down.select, SelectPolicy::Disabled);
    assert_eq!(given.scale_down.policies, default.scale_down.policies);
    assert_eq!(default.scale_down.window, seconds(300));
}

#[test]
fn keda_has_its_own_defaults() {
    let Scaler::Keda(keda) = profile("[autoscaler.keda]").autoscaler.unwrap().scaler else { panic!("no KEDA") };
    let expected = Keda {
        min_pods: 0,
        max_pods: 100,
        idle_pods: None,
        polling_interval: seconds(30),
        cooldown_period: seconds(300),
        target_queue_size: 5,
        activation_target_queue_size: 0,
        queues: KedaQueues::Both,
        behaviour: None,
    };
    assert_eq!(keda, expected);
}

#[test]
fn the_shipped_hpa_is_the_sources() {
    let text = shipped::profile("hpa-source-example").unwrap().text;
    let profile = Document::parse(text, "p.toml", &[]).unwrap().profile(&World::mid()).unwrap();
    let autoscaler = profile.autoscaler.unwrap();
    assert_eq!(autoscaler.request.memory, Bytes::gib(2));
    let Scaler::Hpa(Hpa { min_pods, max_pods, metrics, behaviour, .. }) = autoscaler.scaler else { panic!("no HPA") };
    assert_eq!((min_pods, max_pods), (5, 50));
    let resource =
        |resource, percent| ScalingMetric::Resource { resource, target: ResourceTarget::Utilisation(percent) };
    let backlog = ScalingMetric::Pods { metric: WorkerMetric::Backlog, average: Milli::whole(100) };
    assert_eq!(metrics, [resource(ResourceName::Cpu, 70), resource(ResourceName::Memory, 80), backlog]);
    let ScalingBehaviour { scale_up, scale_down } = behaviour.unwrap();
    assert_eq!((scale_up.window, scale_down.window), (Nanos::ZERO, seconds(300)));
    let policies = |rules: &plimsoll_profiles::profile::ScalingRules| -> Vec<(ScalingAmount, Nanos)> {
        rules.policies.iter().map(|policy| (policy.amount, policy.period)).collect()
    };
    assert_eq!(policies(&scale_down), [(ScalingAmount::Percent(50), seconds(60))]);
    let fifteen = seconds(15);
    assert_eq!(policies(&scale_up), [(ScalingAmount::Percent(100), fifteen), (ScalingAmount::Pods(5), fifteen)]);
    assert_eq!((scale_up.select, scale_down.select), (SelectPolicy::Max, SelectPolicy::Max));
}

#[test]
fn object_and_external_metrics_are_of_the_whole_queue() {
    let tables = "[autoscaler.hpa]\nmax_pods = 10\nmetrics = [{ external = \"backlog\", average_value = 5 }, { object = \"activity_backlog\", value = 100 }]";
    let Scaler::Hpa(hpa) = profile(tables).autoscaler.unwrap().scaler else { panic!("no HPA") };
    let queue = |metric, target| ScalingMetric::Queue { metric, target };
    let expected = [
        queue(WorkerMetric::Backlog, QueueTarget::Average(Milli::whole(5))),
        queue(WorkerMetric::ActivityBacklog, QueueTarget::Value(Milli::whole(100))),
    ];
    assert_eq!(hpa.metrics, expected);
}

#[test]
fn a_wrong_autoscaler_is_refused_with_what_to_do() {
    let hpa = |metrics: &str| format!("[autoscaler.hpa]\nmax_pods = 10\nmetrics = [{metrics}]");
    let rules = |rules: &str| format!("{}\nbehaviour = {{ {rules} }}", hpa("{ resource = \"cpu\", utilisation = 70 }"));
    let cases = [
        ("[autoscaler]\nsync_period = \"30s\"".to_owned(), "nothing says how it scales", "[autoscaler.hpa]"),
        (
            format!("{}\n[autoscaler.keda]", hpa("{ resource = \"cpu\", utilisation = 70 }")),
            "two autoscalers of the same pods",
            "remove one of the two",
        ),
        (hpa(""), "an HPA without metrics never changes anything", "utilisation = 70"),
        (hpa("{ resource = \"cpu\" }"), "the value wanted is missing", "`average_value`"),
        (hpa("{ utilisation = 70 }"), "what is measured is missing", "`external`"),
        (hpa("{ resource = \"cpu\", value = 3 }"), "`value` is not a target of `resource`", "`utilisation`"),
        (hpa("{ pods = \"backlog\", utilisation = 7 }"), "`utilisation` is not a target of `pods`", "`average_value`"),
        (hpa("{ external = \"backlog\", average_value = -5 }"), "-5 is out of range", "expected a number"),
        (
            hpa("{ pods = \"backlog\", object = \"backlog\", value = 5 }"),
            "what is measured is given twice",
            "exactly one",
        ),
        (
            "[autoscaler.hpa]\nmin_pods = 0\nmax_pods = 3\nmetrics = [{ resource = \"cpu\", utilisation = 70 }]"
                .to_owned(),
            "an HPA does not go to zero",
            "[autoscaler.keda]",
        ),
        ("[autoscaler.keda]\nmin_pods = 5\nmax_pods = 3".to_owned(), "at most 3 pods, at least 5", "min_pods"),
        (
            "[autoscaler.keda]\nmin_pods = 3\nidle_pods = 1".to_owned(),
            "KEDA supports an idle count of 0 only",
            "min_pods",
        ),
        ("[autoscaler.keda]\nidle_pods = 0".to_owned(), "the idle count is not below min_pods", "remove it"),
        ("[autoscaler.keda]\nmax_pods = 2000".to_owned(), "more pods than workers.max_pods allows", "workers.max_pods"),
        (
            "[workers]\npods = 12\n[autoscaler.keda]\nmax_pods = 9".to_owned(),
            "workers.pods = 12 is outside of 0 to 9",
            "leave it out",
        ),
        (rules("scale_up = { window = \"2h\" }"), "is too long", "at most 1h"),
        (rules("scale_up = { policies = [] }"), "no policy allows anything", "disabled"),
        (rules("scale_down = { policies = [{ period = \"15s\" }] }"), "how much may change is missing", "`percent`"),
        (rules("scale_down = { policies = [{ pods = 0, period = \"15s\" }] }"), "allows no change", "1 or more"),
        (rules("scale_down = { policies = [{ pods = 1, period = \"31min\" }] }"), "a period of", "30m"),
    ];
    for (tables, message, help) in cases {
        let problems = refused(&tables).problems;
        let found = problems.iter().find(|problem| problem.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{message} is not among {problems:#?}"));
        assert!(found.help.as_ref().is_some_and(|text| text.contains(help)), "{message}: {:?}", found.help);
        assert!(found.path.starts_with("autoscaler"), "{message}: {}", found.path);
        assert!(found.span.is_some(), "{message} has no place");
    }
}
