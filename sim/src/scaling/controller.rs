//! An autoscaler that looks at simulated worker pods and moves them.
//!
//! It sees what the real ones see, and as late: CPU as the mean over a window, readings of some age, pods that have none because they have just
//! started. The pods it takes away are those that a ReplicaSet deletes first (`pkg/controller/controller_utils.go`, `ActivePodsWithRanks`): those
//! that are not ready, then the youngest.

use std::cmp::Reverse;
use std::collections::VecDeque;

use plimsoll_profiles::profile::{Autoscaler, Hpa, Profile, ResourceName, Scaler, ScalingMetric, Sdk, WorkerMetric};
use plimsoll_profiles::units::{Bytes, Nanos};

use super::hpa::{MetricReading, Observation, PodAutoscaler, Replicas};
use super::keda::KedaScaler;
use super::replicas::{Phase, PodStatus, Readiness, Reading};
use crate::temporal::{
    CutOff, Drain, FleetAction, FleetController, FleetObservation, FleetPlan, PodObservation, PodState,
};

/// How long a worker waits for what runs when it is scaled away, where the profile does not say: the sources' 300 s.
const GRACEFUL_TIMEOUT: Nanos = Nanos::from_secs(300);
/// How much later its pod is killed, where the profile does not say: the sources' 360 s less 300 s.
const GRACE_BEYOND: Nanos = Nanos::from_secs(60);
/// The shortest time between two looks.
const SHORTEST_LOOK: Nanos = Nanos::from_secs(1);

/// The fleet of a profile with an autoscaler: how many pods it begins with, how fast they come and go, and who moves them. `None` where the fleet is fixed.
pub fn fleet_plan(profile: &Profile) -> Option<FleetPlan> {
    let autoscaler = profile.autoscaler.as_ref()?;
    let pods = first_pods(profile, autoscaler);
    let (_, most) = autoscaler.bounds();
    let cut_off = match profile.sdk {
        Sdk::Go | Sdk::Java => CutOff::Lost,
        Sdk::Python | Sdk::TypeScript | Sdk::DotNet | Sdk::Rust => CutOff::Fails,
    };
    let graceful_timeout = profile.workers.graceful_timeout.unwrap_or(GRACEFUL_TIMEOUT);
    let grace = profile.workers.termination_grace.unwrap_or(graceful_timeout + GRACE_BEYOND);
    Some(FleetPlan {
        pods,
        // Those that drain are still there while others start.
        most: most.max(pods).max(1) * 2,
        start_up: autoscaler.pod_startup,
        readiness: autoscaler.readiness_delay,
        drain: Drain { graceful_timeout, grace, cut_off },
        events: Vec::new(),
        controllers: vec![Box::new(WorkerAutoscaler::new(autoscaler.clone(), pods))],
    })
}

/// Pods at the begin: `workers.pods`, else the fewest the autoscaler keeps.
pub fn first_pods(profile: &Profile, autoscaler: &Autoscaler) -> u32 {
    profile.workers.pods.unwrap_or(autoscaler.bounds().0)
}

/// What was to be seen at one look.
#[derive(Clone, Debug)]
struct Snapshot {
    at: Nanos,
    workflow_backlog: u64,
    activity_backlog: u64,
    /// Pods that were there and not told to go.
    pods: Vec<PodSnapshot>,
}

#[derive(Clone, Copy, Debug)]
struct PodSnapshot {
    pod: u32,
    /// Its process runs: it has metrics of its own.
    runs: bool,
    /// Core-seconds since the begin.
    cpu: f64,
    memory: Bytes,
    activities: u64,
    workflow_tasks: u64,
}

/// An HPA, or KEDA with its HPA, on simulated pods.
#[derive(Clone, Debug)]
pub struct WorkerAutoscaler {
    spec: Autoscaler,
    hpa: PodAutoscaler,
    keda: Option<KedaScaler>,
    next_sync: Nanos,
    next_poll: Nanos,
    look_every: Nanos,
    wanted: u32,
    /// Core-seconds of each pod since the begin.
    cpu: Vec<f64>,
    /// Whether each pod was ready when it was last seen before its drain.
    was_ready: Vec<bool>,
    snapshots: VecDeque<Snapshot>,
}

impl WorkerAutoscaler {
    /// One whose target has so many pods.
    pub fn new(spec: Autoscaler, pods: u32) -> Self {
        let (hpa, keda) = match &spec.scaler {
            Scaler::Hpa(hpa) => (hpa.clone(), None),
            Scaler::Keda(keda) => (KedaScaler::hpa(keda), Some(KedaScaler::new(keda.clone()))),
        };
        let polling = keda.as_ref().map(|keda| keda.spec().polling_interval);
        let periods = [Some(spec.sync_period), Some(spec.metric_window), polling];
        let look_every = periods.into_iter().flatten().reduce(common_period).unwrap_or(spec.sync_period);
        WorkerAutoscaler {
            hpa: PodAutoscaler::new(hpa, spec.request),
            keda,
            next_sync: spec.sync_period,
            next_poll: polling.unwrap_or(Nanos::FOREVER),
            look_every: look_every.max(SHORTEST_LOOK),
            wanted: pods,
            cpu: Vec::new(),
            was_ready: Vec::new(),
            snapshots: VecDeque::new(),
            spec,
        }
    }

    fn remember(&mut self, seen: &FleetObservation) {
        let seconds = seen.at.saturating_sub(seen.before).as_secs_f64();
        for pod in &seen.pods {
            let index = pod.pod as usize;
            if self.cpu.len() <= index {
                self.cpu.resize(index + 1, 0.0);
                self.was_ready.resize(index + 1, false);
            }
            self.cpu[index] += pod.cpu * seconds;
            if pod.state != PodState::Draining {
                self.was_ready[index] = pod.state == PodState::Ready;
            }
        }
        let snapshot_of = |pod: &PodObservation| PodSnapshot {
            pod: pod.pod,
            runs: self.process_runs(pod, seen.at),
            cpu: self.cpu[pod.pod as usize],
            memory: pod.memory,
            activities: pod.activities,
            workflow_tasks: pod.workflow_tasks,
        };
        let pods = seen.pods.iter().filter(|pod| pod.state != PodState::Draining).map(snapshot_of).collect();
        self.snapshots.push_back(Snapshot {
            at: seen.at,
            workflow_backlog: seen.workflow_backlog,
            activity_backlog: seen.activity_backlog,
            pods,
        });
        // The newest that is old enough for the begin of a window is needed, and what came after it. Where looks and windows are no multiples
        // of each other the reading is up to a look older than the delay, and its window begins as much sooner.
        let needed = self.spec.metric_delay + self.spec.metric_window + self.look_every;
        while self.snapshots.get(1).is_some_and(|second| second.at + needed <= seen.at) {
            self.snapshots.pop_front();
        }
    }

    /// The newest snapshot of this age.
    fn aged(&self, now: Nanos, age: Nanos) -> Option<&Snapshot> {
        self.snapshots.iter().rev().find(|snapshot| snapshot.at + age <= now)
    }

    fn process_runs(&self, pod: &PodObservation, now: Nanos) -> bool {
        pod.state != PodState::Starting || now >= pod.since + self.spec.pod_startup
    }

    /// A pod as the Kubernetes API shows it. One that drains keeps its readiness: its process still runs.
    fn status(&self, pod: &PodObservation, now: Nanos) -> PodStatus {
        let terminating = pod.state == PodState::Draining;
        let status = |phase, started, readiness| PodStatus { phase, terminating, started, readiness };
        if !self.process_runs(pod, now) {
            return status(Phase::Pending, None, None);
        }
        let (ready, started) = match pod.state {
            PodState::Starting => (false, pod.since + self.spec.pod_startup),
            PodState::Draining => (self.was_ready[pod.pod as usize], pod.since),
            PodState::Ready | PodState::Absent => (true, pod.since.saturating_sub(self.spec.readiness_delay)),
        };
        let since = if ready { pod.since } else { started };
        status(Phase::Running, Some(started), Some(Readiness { ready, since }))
    }

    fn sync(&mut self, seen: &FleetObservation) {
        let status: Vec<PodStatus> = seen.pods.iter().map(|pod| self.status(pod, seen.at)).collect();
        let metrics = self.hpa.spec().metrics.iter();
        let readings: Vec<_> = metrics.map(|metric| self.reading(metric, &seen.pods, &status, seen.at)).collect();
        let observation = Observation { now: seen.at, pods: &status, readings: &readings };
        let there = status.iter().filter(|pod| !pod.terminating).count() as u32;
        self.wanted = self.hpa.sync(Replicas { wanted: self.wanted, there }, &observation).replicas;
    }

    fn reading(
        &self,
        metric: &ScalingMetric,
        pods: &[PodObservation],
        status: &[PodStatus],
        now: Nanos,
    ) -> MetricReading {
        // KEDA's metrics server asks Temporal whenever it is asked.
        let age = if self.keda.is_some() { Nanos::ZERO } else { self.spec.metric_delay };
        let Some(snapshot) = self.aged(now, age) else { return MetricReading::None };
        let each = |value: &dyn Fn(&PodSnapshot) -> Option<f64>, window: Nanos| {
            let of = |(pod, status): (&PodObservation, &PodStatus)| {
                let lives_since = status.started?;
                let known = snapshot.pods.iter().find(|known| known.pod == pod.pod)?;
                if lives_since + window > snapshot.at {
                    return None;
                }
                Some(Reading { value: (value(known)? * 1_000.0).round() as i64, at: snapshot.at, window })
            };
            MetricReading::OfPods(pods.iter().zip(status).map(of).collect())
        };
        match metric {
            ScalingMetric::Resource { resource: ResourceName::Cpu, .. } => {
                let window = self.spec.metric_window;
                let Some(before) = self.aged(snapshot.at, window) else { return MetricReading::None };
                let seconds = (snapshot.at - before.at).as_secs_f64();
                let cores = |now: &PodSnapshot| {
                    let then = before.pods.iter().find(|then| then.pod == now.pod)?;
                    Some((now.cpu - then.cpu) / seconds)
                };
                each(&cores, snapshot.at - before.at)
            }
            ScalingMetric::Resource { resource: ResourceName::Memory, .. } => {
                each(&|pod| Some(pod.memory.0 as f64), Nanos::ZERO)
            }
            ScalingMetric::Pods { metric, .. } => {
                let sharing = snapshot.pods.iter().filter(|pod| pod.runs).count().max(1) as f64;
                each(&|pod| Some(of_pod(*metric, snapshot, pod, sharing)), Nanos::ZERO)
            }
            ScalingMetric::Queue { metric, .. } => {
                MetricReading::OfQueue((of_queue(*metric, snapshot) * 1_000.0).round() as i64)
            }
        }
    }

    /// What brings the pods to the number wanted: a ReplicaSet.
    fn actions(&self, seen: &FleetObservation) -> Vec<FleetAction> {
        let mut there: Vec<&PodObservation> = seen.pods.iter().filter(|pod| pod.state != PodState::Draining).collect();
        let pods = there.len() as u32;
        if pods < self.wanted {
            return vec![FleetAction::Start(self.wanted - pods)];
        }
        there.sort_by_key(|pod| (pod.state == PodState::Ready, Reverse(pod.since), Reverse(pod.pod)));
        there.iter().take((pods - self.wanted) as usize).map(|pod| FleetAction::Drain(pod.pod)).collect()
    }
}

impl FleetController for WorkerAutoscaler {
    fn first_look(&self) -> Nanos {
        self.look_every
    }

    fn look(&mut self, seen: &FleetObservation) -> Vec<FleetAction> {
        self.remember(seen);
        if seen.at >= self.next_sync {
            self.next_sync = seen.at + self.spec.sync_period;
            self.sync(seen);
        }
        // After the HPA's pass: that sees what KEDA sets with its next one.
        if let Some(keda) = &mut self.keda
            && seen.at >= self.next_poll
        {
            self.next_poll = seen.at + keda.spec().polling_interval;
            let metrics = KedaScaler::hpa(keda.spec()).metrics;
            let backlog = match (metrics.first(), self.snapshots.back()) {
                (Some(ScalingMetric::Queue { metric, .. }), Some(snapshot)) => of_queue(*metric, snapshot),
                _ => 0.0,
            };
            if let Some(pods) = keda.poll(seen.at, backlog as u64, self.wanted) {
                self.wanted = pods;
            }
        }
        self.actions(seen)
    }

    fn looks_again(&self) -> Option<Nanos> {
        Some(self.look_every)
    }
}

fn of_queue(metric: WorkerMetric, snapshot: &Snapshot) -> f64 {
    let total = |value: &dyn Fn(&PodSnapshot) -> u64| snapshot.pods.iter().map(value).sum::<u64>() as f64;
    match metric {
        WorkerMetric::Backlog | WorkerMetric::WholeBacklog => {
            (snapshot.workflow_backlog + snapshot.activity_backlog) as f64
        }
        WorkerMetric::WorkflowBacklog => snapshot.workflow_backlog as f64,
        WorkerMetric::ActivityBacklog => snapshot.activity_backlog as f64,
        WorkerMetric::ActivitySlotsUsed => total(&|pod| pod.activities),
        WorkerMetric::WorkflowSlotsUsed => total(&|pod| pod.workflow_tasks),
    }
}

/// `sharing`: pods that report a metric, and share out the queue's among them.
fn of_pod(metric: WorkerMetric, snapshot: &Snapshot, pod: &PodSnapshot, sharing: f64) -> f64 {
    match metric {
        WorkerMetric::ActivitySlotsUsed => pod.activities as f64,
        WorkerMetric::WorkflowSlotsUsed => pod.workflow_tasks as f64,
        WorkerMetric::WholeBacklog => of_queue(metric, snapshot),
        WorkerMetric::Backlog | WorkerMetric::WorkflowBacklog | WorkerMetric::ActivityBacklog => {
            of_queue(metric, snapshot) / sharing
        }
    }
}

/// The longest time that goes into both.
fn common_period(a: Nanos, b: Nanos) -> Nanos {
    match b {
        Nanos::ZERO => a,
        b => common_period(b, Nanos(a.0 % b.0)),
    }
}

/// The HPA of a profile's autoscaler, KEDA's own included.
pub fn hpa_of(scaler: &Scaler) -> Hpa {
    match scaler {
        Scaler::Hpa(hpa) => hpa.clone(),
        Scaler::Keda(keda) => KedaScaler::hpa(keda),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_profiles::profile::{HostSize, Milli, QueueTarget, ResourceTarget};
    use plimsoll_profiles::units::Cores;

    use super::*;
    use crate::temporal::{OLD, PodCounts, VersionsSeen};

    fn autoscaler(metrics: Vec<ScalingMetric>) -> Autoscaler {
        Autoscaler {
            scaler: Scaler::Hpa(Hpa {
                min_pods: 1,
                max_pods: 20,
                metrics,
                behaviour: None,
                tolerance: Hpa::TOLERANCE,
                cpu_initialisation_period: Hpa::CPU_INITIALISATION_PERIOD,
                initial_readiness_delay: Hpa::INITIAL_READINESS_DELAY,
                downscale_stabilisation: Hpa::DOWNSCALE_STABILISATION,
            }),
            pod_startup: Nanos::from_secs(20),
            readiness_delay: Nanos::from_secs(10),
            request: HostSize { cpu: Cores::new(1.0), memory: Bytes::gib(1) },
            sync_period: Hpa::SYNC_PERIOD,
            metric_delay: Nanos::from_secs(30),
            metric_window: Nanos::from_secs(15),
        }
    }

    fn cpu(percent: u32) -> ScalingMetric {
        ScalingMetric::Resource { resource: ResourceName::Cpu, target: ResourceTarget::Utilisation(percent) }
    }

    fn pod(pod: u32, state: PodState, since: u64, cpu: f64) -> PodObservation {
        let since = Nanos::from_secs(since);
        PodObservation {
            pod,
            state,
            since,
            cpu,
            memory: Bytes::mib(100),
            activities: 1,
            workflow_tasks: 0,
            cached: 0,
            version: OLD,
        }
    }

    fn seen(at: u64, backlog: u64, pods: &[PodObservation]) -> FleetObservation {
        FleetObservation {
            at: Nanos::from_secs(at),
            before: Nanos::from_secs(at - 15),
            counts: PodCounts::default(),
            pods: pods.to_vec(),
            workflow_backlog: 0,
            activity_backlog: backlog,
            activity_slots: 10,
            workflow_task_slots: 10,
            open_workflows: 0,
            versions: VersionsSeen::default(),
        }
    }

    #[test]
    fn cpu_is_seen_as_late_as_its_window_and_its_delay_are_long() {
        let mut scaler = WorkerAutoscaler::new(autoscaler(vec![cpu(50)]), 2);
        let busy = [pod(0, PodState::Ready, 0, 1.0), pod(1, PodState::Ready, 0, 1.0)];
        // The first window that is 30 s old ends at 30 s: what is before 15 s is from before the first look.
        for at in [15, 30, 45] {
            assert_eq!(scaler.look(&seen(at, 0, &busy)), [], "at {at} s");
        }
        assert_eq!(scaler.look(&seen(60, 0, &busy)), [FleetAction::Start(2)]);
    }

    #[test]
    fn pods_that_start_do_not_count_and_hold_back_more_of_them() {
        let mut scaler = WorkerAutoscaler::new(autoscaler(vec![cpu(50)]), 2);
        let busy = |at: u64| {
            let mut pods = vec![pod(0, PodState::Ready, 0, 1.0), pod(1, PodState::Ready, 0, 1.0)];
            if at > 60 {
                pods.extend([pod(2, PodState::Starting, 60, 0.0), pod(3, PodState::Starting, 60, 0.0)]);
            }
            seen(at, 0, &pods)
        };
        for at in [15, 30, 45, 60] {
            scaler.look(&busy(at));
        }
        // 200 % of two pods over four: at the target.
        assert_eq!(scaler.look(&busy(75)), []);
    }

    #[test]
    fn the_unready_and_then_the_youngest_pods_go_first() {
        let target = QueueTarget::Average(Milli::whole(10));
        let metric = ScalingMetric::Queue { metric: WorkerMetric::Backlog, target };
        let mut spec = autoscaler(vec![metric]);
        if let Scaler::Hpa(hpa) = &mut spec.scaler {
            hpa.downscale_stabilisation = Nanos::ZERO;
        }
        let mut scaler = WorkerAutoscaler::new(spec, 5);
        let pods = [
            pod(0, PodState::Ready, 0, 0.1),
            pod(1, PodState::Ready, 40, 0.1),
            pod(2, PodState::Draining, 50, 0.1),
            pod(3, PodState::Starting, 10, 0.0),
            pod(4, PodState::Ready, 30, 0.1),
            pod(6, PodState::Ready, 40, 0.1),
        ];
        let drained = |scaler: &mut WorkerAutoscaler, at| scaler.look(&seen(at, 20, &pods));
        assert_eq!(drained(&mut scaler, 60), [], "nothing is 30 s old");
        let expected = [FleetAction::Drain(3), FleetAction::Drain(6), FleetAction::Drain(1)];
        assert_eq!(drained(&mut scaler, 90), expected, "two are enough for a backlog of 20");
    }

    #[test]
    fn the_backlog_is_shared_out_among_the_pods_that_report_it() {
        let metric = ScalingMetric::Pods { metric: WorkerMetric::Backlog, average: Milli::whole(10) };
        let mut scaler = WorkerAutoscaler::new(autoscaler(vec![metric]), 4);
        let pods = [
            pod(0, PodState::Ready, 0, 0.1),
            pod(1, PodState::Ready, 0, 0.1),
            pod(2, PodState::Starting, 50, 0.0),
            pod(3, PodState::Starting, 50, 0.0),
        ];
        scaler.look(&seen(60, 80, &pods));
        // 80 tasks at 10 a pod, although two of the four pods do not report yet.
        assert_eq!(scaler.look(&seen(90, 80, &pods)), [FleetAction::Start(4)]);
    }

    #[test]
    fn a_value_for_the_whole_queue_multiplies_ready_pods_that_drain_too() {
        let metric =
            ScalingMetric::Queue { metric: WorkerMetric::Backlog, target: QueueTarget::Value(Milli::whole(100)) };
        let mut scaler = WorkerAutoscaler::new(autoscaler(vec![metric]), 3);
        let with = |second, state| {
            let pods =
                [0, 1, 2, 3].map(|number| pod(number, if number == 3 { state } else { PodState::Ready }, 0, 0.1));
            seen(second, 150, &pods)
        };
        scaler.look(&with(15, PodState::Ready));
        scaler.look(&with(30, PodState::Draining));
        // 1.5 × the four that are ready, one of which is on its way out: the controller's `getReadyPodsCount` does not ask.
        assert_eq!(scaler.look(&with(45, PodState::Draining)), [FleetAction::Start(3)]);
    }

    #[test]
    fn cpu_is_read_whatever_fractions_of_a_second_windows_and_delays_have() {
        let mut spec = autoscaler(vec![cpu(50)]);
        (spec.metric_delay, spec.metric_window) = (Nanos::from_millis(500), Nanos::from_millis(15_300));
        let mut scaler = WorkerAutoscaler::new(spec, 1);
        assert_eq!(scaler.looks_again(), Some(Nanos::from_secs(1)));
        let busy = [pod(0, PodState::Ready, 0, 1.0)];
        let (at, before) = (Nanos::from_secs, |second: u64| Nanos::from_secs(second - 1));
        let every_second = |second| FleetObservation { at: at(second), before: before(second), ..seen(15, 0, &busy) };
        let actions: Vec<_> = (1..=60).flat_map(|second| scaler.look(&every_second(second))).collect();
        assert!(actions.contains(&FleetAction::Start(1)), "{actions:?}");
    }

    #[test]
    fn a_pod_that_is_scaled_away_drains_as_the_profile_says() {
        let text = plimsoll_profiles::shipped::profile("hpa-source-example").expect("a shipped profile").text;
        let document =
            plimsoll_profiles::Document::parse(text, "p.toml", &[]).unwrap_or_else(|error| panic!("{error}"));
        let world = plimsoll_profiles::World::mid();
        let mut profile = document.profile(&world).unwrap_or_else(|error| panic!("{error}"));
        let drained = |profile: &Profile| {
            let Drain { graceful_timeout, grace, .. } = fleet_plan(profile).expect("an autoscaler").drain;
            (graceful_timeout, grace)
        };
        assert_eq!(drained(&profile), (Nanos::from_secs(300), Nanos::from_secs(360)));
        (profile.workers.graceful_timeout, profile.workers.termination_grace) = (Some(Nanos::from_secs(20)), None);
        assert_eq!(drained(&profile), (Nanos::from_secs(20), Nanos::from_secs(80)));
        profile.workers.termination_grace = Some(Nanos::from_secs(30));
        assert_eq!(drained(&profile), (Nanos::from_secs(20), Nanos::from_secs(30)));
    }
}
