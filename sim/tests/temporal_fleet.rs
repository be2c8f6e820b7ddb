//! Worker pods that start, drain, are cut off and are killed while a simulation runs.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::random::Streams;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::temporal::{
    CutOff, Drain, FleetAction, FleetController, FleetObservation, FleetPlan, FleetRecord, Metric, Model, Outcome,
    PodEvent, PodState, Settings, SystemSize, simulate_with_fleet, simulate_with_steps,
};
use temporal_support::shapes::{SHAPES, workflows};
use temporal_support::{on_measured_machine, run_out, settings};

fn seconds(s: u64) -> Nanos {
    Nanos::from_secs(s)
}

fn drain(graceful: u64, grace: u64, cut_off: CutOff) -> Drain {
    Drain { graceful_timeout: seconds(graceful), grace: seconds(grace), cut_off }
}

fn plan(pods: u32, most: u32, drain: Drain, events: Vec<(Nanos, PodEvent)>) -> FleetPlan {
    FleetPlan {
        pods,
        most,
        start_up: Nanos::from_millis(700),
        readiness: Nanos::from_millis(300),
        drain,
        events,
        controllers: Vec::new(),
    }
}

fn run(profile: &Profile, pods: u32, settings: Settings, plan: FleetPlan) -> Outcome {
    let mut size = SystemSize::of(profile);
    size.workers.pods.count = pods;
    simulate_with_fleet(profile, &Calibration::reference(), size, settings, plan, &|| false)
}

#[test]
fn a_fleet_in_which_nothing_happens_is_the_same_to_the_last_bit() {
    for (seed, steps) in [(1, SHAPES[0].1), (2, SHAPES[5].1), (3, SHAPES[9].1)] {
        let profile = on_measured_machine(&workflows("", steps), 6.0);
        let mut size = SystemSize::of(&profile);
        size.workers.pods.count = 3;
        let sampled = Settings { sample: true, ..settings(seed, 6.0, 240.0) };
        let fixed = simulate_with_steps(&profile, &Calibration::reference(), size, sampled, &|| false);
        let fleet = run(&profile, 3, sampled, plan(3, 3, drain(300, 360, CutOff::Lost), Vec::new()));
        assert_eq!(fixed.events, fleet.events, "seed {seed}");
        assert_eq!(fixed.work, fleet.work, "seed {seed}");
        assert_eq!(fixed.utilisation, fleet.utilisation, "seed {seed}");
        assert_eq!(fixed.recorder.samples(Metric::EndToEnd), fleet.recorder.samples(Metric::EndToEnd), "seed {seed}");
        assert!(fleet.samples.iter().all(|sample| sample.pods.ready == 3));
    }
}

#[test]
fn on_one_machine_workers_are_as_busy_as_the_machine_however_many_pods_there_may_be() {
    let profile = on_measured_machine(&workflows("", SHAPES[0].1), 6.0);
    let plan = plan(1, 8, drain(300, 360, CutOff::Lost), Vec::new());
    let busy = run(&profile, 1, settings(1, 6.0, 240.0), plan).utilisation;
    assert!(busy.database > 0.05 && (busy.workers - busy.database).abs() < 1e-9, "{busy:?}");
}

/// Workflows of one long activity each: 8 s on average, from 1 s to half a minute.
fn long_activities(extra: &str) -> Profile {
    let steps =
        format!("{{ activity = \"a\", takes = {{ mean = \"8s\", cv = 0.6 }}, start_to_close = \"60s\"{extra} }}");
    on_measured_machine(&workflows("", &steps), 6.0)
}

fn fleet_of(outcome: &Outcome) -> &FleetRecord {
    outcome.fleet.as_ref().unwrap()
}

#[test]
fn a_drain_cuts_exactly_the_activities_that_last_longer_than_it_waits() {
    let profile = long_activities("");
    let drained_at = seconds(40);
    let mut cut_in_all = 0;
    for seed in 0..4 {
        let with = |graceful: u64, cut_off: CutOff| {
            let events = vec![(drained_at, PodEvent::Drains(1)), (drained_at, PodEvent::Starts(3))];
            run(&profile, 3, settings(seed, 6.0, 480.0), plan(3, 4, drain(graceful, 3_600, cut_off), events))
        };
        // Whoever waits for everything sees when each activity ends.
        let patient = with(3_000, CutOff::Lost);
        let ends = &fleet_of(&patient).finished;
        assert!(fleet_of(&patient).cut.is_empty() && ends.len() > 5, "seed {seed}: {ends:?}");
        assert!(ends.iter().all(|activity| activity.pod == 1));
        for (graceful, cut_off) in
            [(2, CutOff::Lost), (5, CutOff::Lost), (5, CutOff::Fails), (9, CutOff::Fails), (20, CutOff::Lost)]
        {
            let cut_at = drained_at + seconds(graceful);
            let mut expected: Vec<Nanos> = ends.iter().filter(|a| a.ended > cut_at).map(|a| a.started).collect();
            expected.sort_unstable();
            let outcome = with(graceful, cut_off);
            let record = fleet_of(&outcome);
            let mut cut: Vec<Nanos> = record.cut.iter().map(|activity| activity.started).collect();
            cut.sort_unstable();
            assert_eq!(cut, expected, "seed {seed}, {graceful} s, {cut_off:?}");
            for activity in &record.cut {
                let noticed = if cut_off == CutOff::Fails { cut_at } else { activity.started + seconds(60) };
                assert_eq!((activity.at, activity.pod, activity.noticed), (cut_at, 1, noticed), "seed {seed}");
            }
            assert_eq!(outcome.counts.completed, outcome.counts.offered, "each is tried again, seed {seed}");
            cut_in_all += cut.len();
        }
    }
    assert!(cut_in_all > 20, "{cut_in_all} activities cut");
}

#[test]
fn activities_that_ignore_their_cancellation_are_cut_at_the_end_of_the_grace_period() {
    let profile = long_activities("");
    let events = || vec![(seconds(40), PodEvent::Drains(1))];
    let patient = run(&profile, 3, settings(1, 6.0, 300.0), plan(3, 3, drain(900, 1_000, CutOff::RunsOn), events()));
    let strict = run(&profile, 3, settings(1, 6.0, 300.0), plan(3, 3, drain(3, 8, CutOff::RunsOn), events()));
    let late = fleet_of(&patient).finished.iter().filter(|activity| activity.ended > seconds(48)).count();
    assert!(late > 0);
    assert_eq!(fleet_of(&strict).cut.len(), late);
    assert!(fleet_of(&strict).cut.iter().all(|activity| activity.at == seconds(48)));
}

#[test]
fn a_killed_pods_activity_is_noticed_a_heartbeat_time_out_after_its_last_heartbeat() {
    let profile = long_activities(", heartbeat = { every = \"1s\", timeout = \"3s\" }");
    let events = vec![(seconds(30), PodEvent::Killed(0))];
    let outcome = run(&profile, 2, settings(2, 6.0, 300.0), plan(2, 2, drain(300, 360, CutOff::Lost), events));
    let record = fleet_of(&outcome);
    assert!(record.cut.len() > 5, "{record:?}");
    for activity in &record.cut {
        let waited = activity.noticed - seconds(30);
        // The SDK sends a heartbeat every 80 % of the time-out at most: 2.4 s here.
        assert!(waited > Nanos::from_millis(500) && waited <= seconds(3), "{activity:?}");
    }
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
}

#[test]
fn a_killed_pods_workflow_tasks_are_given_to_another_worker_after_ten_seconds() {
    // Workflow tasks of about two seconds: their local activity.
    let steps = r#"{ local_activity = "l", takes = "2s" }"#;
    let profile = on_measured_machine(&workflows("", steps), 5.0);
    let events = vec![(seconds(30), PodEvent::Killed(0)), (seconds(31), PodEvent::Starts(2))];
    let outcome = run(&profile, 2, settings(3, 5.0, 300.0), plan(2, 3, drain(300, 360, CutOff::Lost), events));
    let record = fleet_of(&outcome);
    assert!(record.tasks_lost >= 3, "{} tasks lost", record.tasks_lost);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
    let late = |from: u64, to: u64| {
        let each = outcome.recorder.samples(Metric::EndToEnd).unwrap();
        each.into_iter().filter(|took| (from as f64..to as f64).contains(took)).count() as u64
    };
    // What was left of the first attempt, ten seconds, and the two seconds again.
    assert_eq!(late(12, 15), record.tasks_lost);
    assert_eq!(late(4, 12), 0);
}

#[test]
fn a_drained_workers_runs_are_replayed_and_nothing_else_happens_to_them() {
    let steps = r#"{ timer = "4s" }, { activity = "a", takes = "20ms", start_to_close = "60s" }"#;
    let profile = on_measured_machine(&workflows("", steps), 5.0);
    let of = |events: Vec<(Nanos, PodEvent)>| {
        run(&profile, 2, settings(4, 5.0, 400.0), plan(2, 3, drain(300, 360, CutOff::Lost), events))
    };
    let quiet = of(Vec::new());
    let drained = of(vec![(seconds(40), PodEvent::Starts(2)), (seconds(45), PodEvent::Drains(0))]);
    let (before, after) = (fleet_of(&quiet), fleet_of(&drained));
    // Half of the twenty or so open workflows.
    assert!((4..20).contains(&after.caches_lost), "{} of 20 open workflows", after.caches_lost);
    let more = after.replays.len() as i64 - before.replays.len() as i64;
    assert!((more - after.caches_lost as i64).abs() <= 2, "{more} replays for {} caches", after.caches_lost);
    assert!(after.cut.is_empty() && after.tasks_lost == 0);
    assert_eq!(drained.counts.completed, quiet.counts.completed);
}

#[test]
fn a_started_pod_polls_after_its_start_and_is_ready_after_its_readiness_delay() {
    let profile = long_activities("");
    let mut plan = plan(1, 2, drain(300, 360, CutOff::Lost), vec![(seconds(10), PodEvent::Starts(1))]);
    (plan.start_up, plan.readiness) = (seconds(5), seconds(4));
    let outcome = run(&profile, 1, settings(5, 6.0, 200.0), plan);
    let changes: Vec<_> =
        fleet_of(&outcome).changes.iter().map(|c| (c.at, c.pods.starting, c.pods.ready, c.pods.draining)).collect();
    assert_eq!(changes, [(Nanos::ZERO, 0, 1, 0), (seconds(10), 1, 1, 0), (seconds(19), 0, 2, 0)]);
    let hours = fleet_of(&outcome).pod_hours(Nanos::ZERO, seconds(20));
    assert!((hours - 30.0 / 3_600.0).abs() < 1e-12, "{hours}");
}

#[test]
fn every_law_holds_while_pods_start_drain_and_are_killed() {
    for seed in 0..12 {
        let (shape, steps) = SHAPES[seed as usize % SHAPES.len()];
        let mut random = Streams::new(seed).stream("test", "pod events", 0);
        let most = 2 + random.below(4) as u32;
        let events: Vec<(Nanos, PodEvent)> = (0..30)
            .map(|_| {
                let pod = random.below(u64::from(most)) as u32;
                let event = match random.below(5) {
                    0 => PodEvent::Killed(pod),
                    1 | 2 => PodEvent::Drains(pod),
                    _ => PodEvent::Starts(pod),
                };
                (Nanos((random.uniform() * 35e9) as u64), event)
            })
            .chain((0..most).map(|pod| (seconds(600), PodEvent::Starts(pod))))
            .collect();
        let cut_off = [CutOff::Fails, CutOff::Lost, CutOff::RunsOn][random.below(3) as usize];
        let drain = Drain { graceful_timeout: Nanos::from_millis(400), grace: Nanos::from_millis(900), cut_off };
        let profile = on_measured_machine(&workflows(shape, steps), 6.0);
        let mut size = SystemSize::of(&profile);
        size.workers.workflow_task_slots = 3;
        size.workers.activity_slots = 3;
        size.workers.workflow_task_pollers = 2;
        size.workers.activity_pollers = 4;
        let mut simulation = Model::simulation_with_fleet(
            &profile,
            &Calibration::reference(),
            size,
            settings(seed, 6.0, 240.0),
            &[],
            Some(plan(most.min(2), most, drain, events)),
        );
        run_out(&mut simulation, seconds(640), 20_000, &format!("seed {seed}: {steps}"));
    }
}

/// Adds a pod at every look until there are four, and writes down what it sees.
#[derive(Debug)]
struct Grows(std::sync::mpsc::Sender<FleetObservation>);

impl FleetController for Grows {
    fn first_look(&self) -> Nanos {
        seconds(15)
    }

    fn looks_again(&self) -> Option<Nanos> {
        Some(seconds(15))
    }

    fn look(&mut self, seen: &FleetObservation) -> Vec<FleetAction> {
        self.0.send(seen.clone()).unwrap();
        let more = u32::from(seen.counts.all() < 4);
        vec![FleetAction::Start(more), FleetAction::Mark(format!("{} pods", seen.counts.all()))]
    }
}

#[test]
fn a_controller_sees_what_pods_do_and_starts_more() {
    let text = format!(
        "name = \"t\"\nsdk = \"go\"\n[arrivals]\nphases = [{{ for = \"2min\", rate = \"20/s\" }}]\n{}\n[workers]\npods = 1\npod = {{ cpu = 1, memory = \"2GiB\" }}\nmemory_per_activity = \"10MiB\"\nactivity_slots = 200\n[cluster]\nuse = \"kubernetes-production\"\n",
        workflows("", r#"{ activity = "a", takes = "1s", start_to_close = "60s", cpu = "20ms" }"#)
    );
    let profile = temporal_support::profile(&text);
    let (sender, seen) = std::sync::mpsc::channel();
    let mut plan = plan(1, 6, drain(300, 360, CutOff::Lost), Vec::new());
    plan.controllers.push(Box::new(Grows(sender)));
    let outcome = run(&profile, 1, settings(6, 20.0, 2_400.0), plan);
    let seen: Vec<FleetObservation> = seen.try_iter().collect();
    let first = &seen[0];
    assert_eq!((first.at, first.before, first.counts.ready, first.pods.len()), (seconds(15), Nanos::ZERO, 1, 1));
    // 20 workflows a second, each of an activity of 20 ms (and 1 ms of the SDK's) and two tasks of 1.5 ms.
    assert!((first.pods[0].cpu - 20.0 * 0.024).abs() < 0.07, "{:?}", first.pods[0]);
    let running = first.pods[0].activities;
    assert!((8..40).contains(&running), "{running}");
    assert!(first.pods[0].memory.0 >= (running * 10 + 128) << 20, "{:?}", first.pods[0]);
    assert_eq!(seen[1].pods.iter().map(|pod| pod.state).collect::<Vec<_>>(), [PodState::Ready; 2]);
    let fourth = &seen[4];
    assert_eq!((fourth.counts.ready, fourth.counts.starting), (4, 0));
    let each: Vec<f64> = fourth.pods.iter().map(|pod| pod.cpu).collect();
    assert!((each.iter().sum::<f64>() - 20.0 * 0.024).abs() < 0.1, "{each:?}");
    assert_eq!(fleet_of(&outcome).changes.last().unwrap().pods.ready, 4);
    assert_eq!(fleet_of(&outcome).marks[0], (seconds(15), "1 pods".to_owned()));
}
