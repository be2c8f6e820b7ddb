//! Rollouts: what Kubernetes and the source promise of them, whatever the settings.
#![allow(clippy::unwrap_used)]

mod temporal_support;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::{
    CanaryBy, CanaryStep, CutOffActivities, OldRuns, PodReplacement, PodShare, Profile, RollbackRule, Rollout,
    RolloutDrain, RolloutStrategy, fenceposts,
};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::{Bytes, Nanos, Probability};
use plimsoll_sim::temporal::{
    FleetPlan, FleetRecord, ForcedRollback, Milestone, Model, NEW, OLD, Outcome, PodChange, PodObservation, PodState,
    RollingBounds, RollingStep, Settings, SystemSize, simulate_with_fleet,
};
use temporal_support::shapes::workflows;
use temporal_support::{on_measured_machine, run_out, settings};

fn seconds(s: u64) -> Nanos {
    Nanos::from_secs(s)
}

fn rollout(strategy: RolloutStrategy) -> Rollout {
    Rollout {
        strategy,
        at: seconds(10),
        start_up: seconds(4),
        readiness: seconds(2),
        drain: RolloutDrain { graceful_timeout: seconds(20), grace: seconds(30), cut_off: CutOffActivities::Fail },
        max_unavailable: PodShare::Pods(2),
        max_surge: PodShare::Pods(2),
        pod_replacement: PodReplacement::TerminationStarted,
        old_runs: OldRuns::Pinned,
        wait: seconds(30),
        by: CanaryBy::Versioning,
        steps: [5, 20, 50, 100].map(|percent| CanaryStep { percent, wait: seconds(15) }).to_vec(),
        rollback: RollbackRule::default(),
        defect: None,
    }
}

/// Activities of up to half a minute, and workflows that live for longer than that.
fn profile() -> Profile {
    let steps = r#"{ activity = "a", takes = { mean = "3s", cv = 1.0 }, start_to_close = "60s", retry = { initial = "1s" } }, { timer = "3s" }"#;
    on_measured_machine(&workflows("", steps), 6.0)
}

fn run_for(workflows: f64, seed: u64, rollout: &Rollout, replicas: u32, forced: ForcedRollback) -> Outcome {
    let profile = profile();
    let plan = FleetPlan::of_rollout(rollout, replicas, forced);
    let settings = Settings { drain: seconds(600), ..settings(seed, 6.0, workflows) };
    simulate_with_fleet(&profile, &Calibration::reference(), SystemSize::of(&profile), settings, plan, &|| false)
}

fn run(seed: u64, rollout: &Rollout, replicas: u32) -> Outcome {
    run_for(1_200.0, seed, rollout, replicas, ForcedRollback::No)
}

fn record(outcome: &Outcome) -> &FleetRecord {
    outcome.fleet.as_ref().unwrap()
}

fn when(record: &FleetRecord, is: impl Fn(&Milestone) -> bool) -> Option<Nanos> {
    record.milestones.iter().find(|(_, milestone)| is(milestone)).map(|(at, _)| *at)
}

fn completes(record: &FleetRecord) -> Nanos {
    let complete = when(record, |milestone| *milestone == Milestone::Complete);
    let gone = when(record, |milestone| *milestone == Milestone::Gone);
    assert!(complete.is_some() && gone >= complete, "{:?}", record.milestones);
    complete.unwrap()
}

#[test]
fn ten_pods_two_unavailable_two_surge_are_never_fewer_than_eight_nor_more_than_twelve() {
    let outcome = run(1, &rollout(RolloutStrategy::Rolling), 10);
    let record = record(&outcome);
    completes(record);
    let ready = record.changes.iter().map(|change| change.pods.ready).min().unwrap();
    let most = record.changes.iter().map(|change| change.pods.ready + change.pods.starting).max().unwrap();
    assert_eq!((ready, most), (8, 12), "{:?}", record.changes);
    assert_eq!(record.changes.last().unwrap().pods.all(), 10);
    assert_eq!(outcome.counts.completed, outcome.counts.offered);
}

fn share(random: &mut Stream, replicas: u32) -> PodShare {
    match random.below(2) {
        0 => PodShare::Pods(random.below(u64::from(replicas) + 2) as u32),
        _ => PodShare::Percent(random.below(101) as u32),
    }
}

#[test]
fn a_rolling_update_keeps_its_bounds_whatever_they_are() {
    for seed in 0..60 {
        let mut random = Streams::new(seed).stream("test", "rolling", 0);
        let replicas = 1 + random.below(14) as u32;
        let mut rollout = rollout(RolloutStrategy::Rolling);
        loop {
            rollout.max_unavailable = share(&mut random, replicas);
            rollout.max_surge = share(&mut random, replicas);
            if ![rollout.max_unavailable, rollout.max_surge]
                .iter()
                .all(|share| matches!(share, PodShare::Pods(0) | PodShare::Percent(0)))
            {
                break;
            }
        }
        rollout.start_up = Nanos((random.uniform() * 6e9) as u64);
        rollout.readiness = Nanos((random.uniform() * 3e9) as u64);
        rollout.drain.graceful_timeout = Nanos((random.uniform() * 8e9) as u64);
        rollout.drain.grace = Nanos(1 + (random.uniform() * 9e9) as u64);
        rollout.drain.cut_off =
            [CutOffActivities::Fail, CutOffActivities::Lost, CutOffActivities::RunOn][random.below(3) as usize];
        let complete = random.below(2) == 1;
        rollout.pod_replacement =
            if complete { PodReplacement::TerminationComplete } else { PodReplacement::TerminationStarted };
        let forced = [ForcedRollback::No, ForcedRollback::WhenFirstOut][random.below(2) as usize];
        let outcome = run_for(200.0, seed, &rollout, replicas, forced);
        let record = record(&outcome);
        let (unavailable, surge) = fenceposts(rollout.max_unavailable, rollout.max_surge, replicas);
        let case = format!("seed {seed}: {replicas} replicas, {unavailable} unavailable, {surge} surge, {rollout:?}");
        for PodChange { at, pods } in &record.changes {
            assert!(pods.ready >= replicas - unavailable, "{pods:?} at {at}, {case}");
            let counted = if complete { pods.all() } else { pods.ready + pods.starting };
            assert!(counted <= replicas + surge, "{pods:?} at {at}, {case}");
        }
        assert!(when(record, |milestone| *milestone == Milestone::Gone).is_some(), "{:?}, {case}", record.milestones);
        let end = record.changes.last().unwrap().pods;
        assert_eq!((end.ready, end.all()), (replicas, replicas), "{case}");
    }
}

#[test]
fn a_surge_without_end_needs_no_more_than_three_times_the_replicas_beside_them() {
    let rollout = Rollout { max_surge: PodShare::Pods(u32::MAX), ..rollout(RolloutStrategy::Rolling) };
    assert_eq!(FleetPlan::of_rollout(&rollout, 10, ForcedRollback::No).most, 60);
    assert_eq!(RollingBounds::of(&rollout, 10).step(&pods(&[(OLD, PodState::Ready); 10]), NEW).start, 10);
}

fn pods(list: &[(u8, PodState)]) -> Vec<PodObservation> {
    let pod = |(index, (version, state)): (usize, &(u8, PodState))| PodObservation {
        pod: index as u32,
        version: *version,
        state: *state,
        since: seconds(index as u64),
        cpu: 0.0,
        memory: Bytes(0),
        activities: 0,
        workflow_tasks: 0,
        cached: 0,
    };
    list.iter().enumerate().map(pod).collect()
}

#[test]
fn each_step_is_what_the_deployment_controller_computes() {
    use PodState::{Draining, Ready, Starting};
    let bounds = |replicas, max_unavailable, max_surge| RollingBounds {
        replicas,
        max_unavailable,
        max_surge,
        replacement: PodReplacement::TerminationStarted,
    };
    let many = |old: usize, new: usize, state| {
        let mut list = vec![(OLD, Ready); old];
        list.extend(vec![(NEW, state); new]);
        list
    };
    // The new ReplicaSet grows as far as the surge allows, then the old one shrinks as far as unavailability allows.
    for (bounds, list, start, drained) in [
        (bounds(10, 2, 2), many(10, 0, Ready), 2, 0),
        (bounds(10, 2, 2), many(10, 2, Starting), 0, 2),
        (bounds(10, 2, 2), many(8, 2, Starting), 2, 0),
        (bounds(10, 2, 2), many(8, 4, Starting), 0, 0),
        (bounds(10, 2, 2), many(8, 4, Ready), 0, 4),
        (bounds(10, 0, 1), many(10, 1, Starting), 0, 0),
        (bounds(10, 0, 1), many(10, 1, Ready), 0, 1),
        (bounds(10, 3, 0), many(10, 0, Ready), 0, 3),
        (bounds(10, 3, 0), many(7, 0, Ready), 3, 0),
        (bounds(10, 10, 10), many(10, 0, Ready), 10, 0),
        (bounds(10, 10, 10), many(10, 10, Starting), 0, 10),
        (bounds(1, 1, 0), many(1, 0, Ready), 0, 1),
        (bounds(4, 1, 1), many(0, 4, Ready), 0, 0),
    ] {
        let step = bounds.step(&pods(&list), NEW);
        assert_eq!((step.start, step.drain.len()), (start, drained), "{bounds:?} {list:?}");
    }
    // Unready old pods go first; the youngest of the ready ones next; those on their way out are not counted.
    let list = [(OLD, Ready), (OLD, Ready), (OLD, Starting), (OLD, Draining), (NEW, Ready)];
    assert_eq!(bounds(3, 1, 1).step(&pods(&list), NEW), RollingStep { start: 0, drain: vec![2, 1] });
    let counting = RollingBounds { replacement: PodReplacement::TerminationComplete, ..bounds(3, 1, 1) };
    assert_eq!(counting.step(&pods(&[(OLD, Ready), (OLD, Ready), (OLD, Draining), (OLD, Draining)]), NEW).start, 0);
}

#[test]
fn a_canary_by_replicas_has_the_sources_number_of_pods_at_each_step() {
    for replicas in [10, 3, 1, 7] {
        let rollout = Rollout { by: CanaryBy::Replicas, ..rollout(RolloutStrategy::Canary) };
        let outcome = run(3, &rollout, replicas);
        let record = record(&outcome);
        completes(record);
        let steps: Vec<_> = record
            .milestones
            .iter()
            .filter_map(|(at, milestone)| match milestone {
                Milestone::Step { percent, new, old } => Some((*at, *percent, *new, *old)),
                _ => None,
            })
            .collect();
        assert_eq!(steps.len(), 4);
        for (at, percent, new, old) in steps {
            assert_eq!(new, (replicas * percent / 100).max(1), "{percent} % of {replicas}");
            assert_eq!(new + old, replicas, "{percent} % of {replicas}");
            let now = record.changes.iter().rfind(|change| change.at <= at).unwrap().pods;
            assert_eq!(now.ready, replicas, "{percent} % of {replicas}: {now:?}");
        }
        assert_eq!(outcome.counts.completed, outcome.counts.offered);
    }
}

#[test]
fn blue_green_has_twice_the_pods_and_waits_for_the_runs_that_are_pinned() {
    let of = |old_runs| run(4, &Rollout { old_runs, ..rollout(RolloutStrategy::BlueGreen) }, 5);
    let (pinned, moved) = (of(OldRuns::Pinned), of(OldRuns::Moved));
    for outcome in [&pinned, &moved] {
        let record = record(outcome);
        assert_eq!(record.changes.iter().map(|change| change.pods.all()).max(), Some(10));
        assert_eq!(record.changes.last().unwrap().pods.all(), 5);
        assert_eq!(when(record, |m| *m == Milestone::CutOver), Some(seconds(16)));
        assert_eq!(completes(record), seconds(46));
        assert_eq!(outcome.counts.completed, outcome.counts.offered);
        assert!(record.cut.is_empty(), "thirty seconds after the cut-over nothing of the old runs is left: {record:?}");
    }
    // Moved runs lose their cache at the cut-over and are replayed; pinned ones are closed where they began.
    assert_eq!(record(&pinned).caches_lost, 0);
    assert!(record(&moved).caches_lost > 10, "{}", record(&moved).caches_lost);
    assert!(record(&moved).replays.len() > record(&pinned).replays.len() + 10);
}

#[test]
fn a_ramp_gives_the_new_version_its_share_of_new_runs() {
    let mut rollout = rollout(RolloutStrategy::Canary);
    rollout.steps =
        vec![CanaryStep { percent: 20, wait: seconds(2_000) }, CanaryStep { percent: 100, wait: Nanos::ZERO }];
    let outcome = run_for(6.0 * 1_000.0, 5, &rollout, 10, ForcedRollback::No);
    let record = record(&outcome);
    let share = record.attempts[usize::from(NEW)] as f64 / record.attempts.iter().sum::<u64>() as f64;
    // Five thousand and more runs: two standard deviations are 1.1 %.
    assert!((share - 0.2).abs() < 0.016, "{share}");
}

#[test]
fn a_defect_is_seen_and_taken_back_by_every_strategy() {
    for (strategy, by) in [
        (RolloutStrategy::Rolling, CanaryBy::Versioning),
        (RolloutStrategy::BlueGreen, CanaryBy::Versioning),
        (RolloutStrategy::Canary, CanaryBy::Versioning),
        (RolloutStrategy::Canary, CanaryBy::Replicas),
    ] {
        let rollback = RollbackRule {
            failure_share: Some(Probability::new(0.1)),
            check_every: Some(seconds(5)),
            ..RollbackRule::default()
        };
        let bad =
            Rollout { by, rollback, defect: Some(Probability::new(0.3)), wait: seconds(100), ..rollout(strategy) };
        let mut slow = bad.clone();
        slow.steps =
            vec![CanaryStep { percent: 20, wait: seconds(100) }, CanaryStep { percent: 100, wait: Nanos::ZERO }];
        let outcome = run(6, &slow, 10);
        let record = record(&outcome);
        let decided = when(record, |m| matches!(m, Milestone::RollsBack { .. }));
        let back = when(record, |m| *m == Milestone::RolledBack);
        let gone = record.milestones.iter().rfind(|(_, m)| *m == Milestone::Gone).map(|(at, _)| *at);
        assert!(decided.is_some() && back >= decided && gone >= back, "{strategy:?} {by:?}: {:?}", record.milestones);
        assert_eq!(record.changes.last().unwrap().pods.all(), 10, "{strategy:?} {by:?}");
        let [_, new] = record.attempts;
        let share = record.failed_attempts[1] as f64 / new as f64;
        assert!((share - 0.3).abs() < 0.15, "{strategy:?} {by:?}: {share} of {new} failed");
        // The same with nothing wrong with it is not taken back.
        let good = Rollout { defect: None, ..slow };
        let outcome = run(6, &good, 10);
        assert!(when(self::record(&outcome), |m| matches!(m, Milestone::RollsBack { .. })).is_none());
    }
}

#[test]
fn with_versions_of_their_own_one_is_back_at_once() {
    let back = |strategy| {
        let outcome = run_for(900.0, 7, &rollout(strategy), 10, ForcedRollback::WhenFirstOut);
        let record = record(&outcome);
        let decided = when(record, |m| matches!(m, Milestone::RollsBack { .. })).unwrap();
        when(record, |m| *m == Milestone::RolledBack).unwrap() - decided
    };
    assert_eq!(back(RolloutStrategy::BlueGreen), Nanos::ZERO);
    assert_eq!(back(RolloutStrategy::Canary), Nanos::ZERO);
    // Ten pods by twos and fours, six seconds each.
    let rolling = back(RolloutStrategy::Rolling);
    assert!(rolling >= seconds(18) && rolling <= seconds(40), "{rolling}");
}

#[test]
fn every_law_holds_during_every_rollout() {
    for seed in 0..12 {
        let mut random = Streams::new(seed).stream("test", "rollouts", 0);
        let mut rollout = rollout(RolloutStrategy::ALL[seed as usize % 3]);
        rollout.by = [CanaryBy::Replicas, CanaryBy::Versioning][random.below(2) as usize];
        rollout.old_runs = [OldRuns::Pinned, OldRuns::Moved][random.below(2) as usize];
        rollout.drain.graceful_timeout = Nanos((random.uniform() * 5e9) as u64);
        rollout.drain.grace = Nanos((random.uniform() * 6e9) as u64 + 1);
        rollout.drain.cut_off =
            [CutOffActivities::Fail, CutOffActivities::Lost, CutOffActivities::RunOn][random.below(3) as usize];
        let forced = [ForcedRollback::No, ForcedRollback::WhenFirstOut][random.below(2) as usize];
        let profile = profile();
        let mut simulation = Model::simulation_with_fleet(
            &profile,
            &Calibration::reference(),
            SystemSize::of(&profile),
            settings(seed, 6.0, 500.0),
            &[],
            Some(FleetPlan::of_rollout(&rollout, 1 + random.below(6) as u32, forced)),
        );
        run_out(&mut simulation, seconds(300), 20_000, &format!("seed {seed}: {rollout:?}"));
    }
}
