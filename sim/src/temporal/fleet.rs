//! Worker pods that come and go while a simulation runs.
//!
//! A pod is absent, then starts, is ready, drains, and is gone. Its process polls as soon as it has started: a worker fetches its work, and no
//! readiness probe keeps it from that. Whoever counts pods (a Deployment, an autoscaler) counts it when it is ready.
//!
//! A pod that is told to go (SIGTERM) ends its polls, its sticky queue is closed and its cache lost (see `outages`), and it finishes what it has
//! in hand. After the *graceful time-out* of its worker what is still running is cut off, as [`CutOff`] says; after the pod's *grace period*
//! (`terminationGracePeriodSeconds`) it is killed. What a killed pod had in hand is lost without a word to the server: see `fleet_loss`.
//!
//! Everything that is not planned beforehand is done by controllers: see `fleet_control`.

use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::{Bytes, Nanos};

use super::fleet_control::{FleetController, Look};
use super::fleet_versions::Watched;
use super::model::{Event, Model};
use super::rollout::Milestone;
use super::visits::Process;
use crate::engine::{Schedule, TimeWeighted};

/// How far a worker pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    /// There is none.
    Absent,
    /// It is being scheduled, its process starts, or it polls and is not ready yet.
    Starting,
    /// It is ready.
    Ready,
    /// It was told to go, and finishes what it has.
    Draining,
}

/// What becomes of activities that a worker still runs at the end of its graceful time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutOff {
    /// They are cancelled and report a failure that may be retried: the SDKs on Core (Python, TypeScript, .NET, Rust), whose activities
    /// obey the cancellation.
    Fails,
    /// The process ends, and the server hears nothing: Go's `WorkerStopTimeout`, Java's `awaitTermination`.
    Lost,
    /// They do not obey, and run until the grace period is over.
    RunsOn,
}

/// How a pod goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long its worker waits for running tasks.
    pub graceful_timeout: Nanos,
    /// After this it is killed.
    pub grace: Nanos,
    /// What becomes of the activities left at the graceful time-out.
    pub cut_off: CutOff,
}

/// Something planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PodEvent {
    /// An absent pod is started; one that is there stays.
    Starts(u32),
    /// A pod drains.
    Drains(u32),
    /// A pod is gone at once.
    Killed(u32),
}

/// The pods of a simulation, and what moves them.
#[derive(Debug)]
pub struct FleetPlan {
    /// Pods that are ready at the begin.
    pub pods: u32,
    /// Pods there can be at once, those that drain included.
    pub most: u32,
    /// From a pod's creation until its worker polls.
    pub start_up: Nanos,
    /// From then until it is ready.
    pub readiness: Nanos,
    /// How pods go.
    pub drain: Drain,
    /// What happens when.
    pub events: Vec<(Nanos, PodEvent)>,
    /// What reacts to what is seen.
    pub controllers: Vec<Box<dyn FleetController>>,
}

/// Pods by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// Not ready yet.
    pub starting: u32,
    /// Ready.
    pub ready: u32,
    /// On their way out.
    pub draining: u32,
}

impl PodCounts {
    /// Pods that exist.
    pub fn all(&self) -> u32 {
        self.starting + self.ready + self.draining
    }
}

/// The pods from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodChange {
    /// When.
    pub at: Nanos,
    /// How many then.
    pub pods: PodCounts,
}

/// An activity whose pod did not wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutActivity {
    /// When.
    pub at: Nanos,
    /// On which pod.
    pub pod: u32,
    /// When the attempt had started.
    pub started: Nanos,
    /// Which attempt it was.
    pub attempt: u32,
    /// When the server knows: at once, or at its time-out.
    pub noticed: Nanos,
}

/// An activity that a draining pod finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishedActivity {
    /// On which pod.
    pub pod: u32,
    /// When the attempt had started.
    pub started: Nanos,
    /// When its code ended.
    pub ended: Nanos,
}

/// What happened to the pods of a run.
#[derive(Clone, Debug, Default)]
pub struct FleetRecord {
    /// Every change, the first at zero.
    pub changes: Vec<PodChange>,
    /// Activities cut off, in order.
    pub cut: Vec<CutActivity>,
    /// Activities that draining pods finished, in order.
    pub finished: Vec<FinishedActivity>,
    /// Activities that the server recorded as started on a pod that was gone.
    pub lost_on_their_way: u64,
    /// Workflow tasks whose worker was killed.
    pub tasks_lost: u64,
    /// Workflows in the caches of pods that went.
    pub caches_lost: u64,
    /// Workflow tasks for which a worker ran the code from the start of the history, and when.
    pub replays: Vec<Nanos>,
    /// What controllers said, e.g. "cut-over".
    pub marks: Vec<(Nanos, String)>,
    /// How far a rollout was when.
    pub milestones: Vec<(Nanos, Milestone)>,
    /// Attempts of activities that ended on the old and on the new version.
    pub attempts: [u64; 2],
    /// Of these, failed ones.
    pub failed_attempts: [u64; 2],
    /// End of the run.
    pub end: Nanos,
}

impl FleetRecord {
    /// The time that pods existed within a window, all together: in pod-nanoseconds.
    pub fn pod_time(&self, from: Nanos, until: Nanos) -> u128 {
        let ends = self.changes.iter().skip(1).map(|change| change.at).chain([self.end.max(until)]);
        let within = |change: &PodChange, end: Nanos| {
            let length = end.min(until).saturating_sub(change.at.max(from));
            u128::from(length.0) * u128::from(change.pods.all())
        };
        self.changes.iter().zip(ends).map(|(change, end)| within(change, end)).sum()
    }

    /// The same in hours.
    pub fn pod_hours(&self, from: Nanos, until: Nanos) -> f64 {
        self.pod_time(from, until) as f64 / 3.6e12
    }
}

/// What a model knows of a pod beside its [`WorkerPod`](super::matching::WorkerPod).
#[derive(Clone, Copy, Debug)]
pub(super) struct Pod {
    /// Since when it is in its state.
    pub since: Nanos,
    /// Which of its lives it is: events of earlier ones mean nothing.
    pub life: u16,
    /// It takes tasks.
    pub polls: bool,
    /// CPU it had used when the statistics were reset.
    pub cpu_before: Nanos,
}

/// The pods of a model.
#[derive(Debug)]
pub(super) struct Fleet {
    pub plan: FleetPlan,
    pub pods: Vec<Pod>,
    pub counts: PodCounts,
    /// Pods that poll or drain.
    working: TimeWeighted,
    pub memory_base: Bytes,
    pub memory_per_cached_workflow: Bytes,
    pub record: FleetRecord,
    /// Chains of killed pods that are still in the simulation's queue.
    pub lost_chains: usize,
    /// [`Event::FleetChanged`] is scheduled.
    pub changed: bool,
    /// What a rollout is judged by.
    pub watched: Watched,
    /// What each controller saw last.
    pub looks: Vec<Look>,
}

impl Fleet {
    pub(super) fn finish(mut self, end: Nanos) -> FleetRecord {
        self.record.end = end;
        self.record
    }
}

impl Model {
    /// Pods beyond the first ones are absent, and whatever is planned is scheduled.
    pub(super) fn plan_fleet(&mut self, profile: &Profile, plan: FleetPlan, schedule: &mut Schedule<Event>) {
        let zero = Nanos::ZERO;
        let pod = Pod { since: zero, life: 0, polls: true, cpu_before: zero };
        let mut pods = vec![pod; self.workers.len()];
        for (index, pod) in pods.iter_mut().enumerate().skip(plan.pods as usize) {
            pod.polls = false;
            let worker = &mut self.workers[index];
            worker.state = PodState::Absent;
            worker.stops += 1;
            self.end_polls(index as u32, schedule);
        }
        for (index, (at, _)) in plan.events.iter().enumerate() {
            schedule.at(*at, Event::FleetEvent(index as u32));
        }
        for (index, controller) in plan.controllers.iter().enumerate() {
            schedule.at(controller.first_look(), Event::FleetControl(index as u32));
        }
        let counts = PodCounts { ready: plan.pods, ..PodCounts::default() };
        let record = FleetRecord { changes: vec![PodChange { at: zero, pods: counts }], ..FleetRecord::default() };
        self.fleet = Some(Box::new(Fleet {
            pods,
            counts,
            working: TimeWeighted::new(zero, u64::from(plan.pods)),
            memory_base: profile.workers.memory_base,
            memory_per_cached_workflow: profile.workers.memory_per_cached_workflow,
            record,
            lost_chains: 0,
            changed: false,
            watched: Watched::new(&self.settings),
            looks: plan.controllers.iter().map(|_| Look::first(self.workers.len())).collect(),
            plan,
        }));
    }

    /// A planned event of the fleet.
    pub(super) fn fleet_event(&mut self, index: u32, schedule: &mut Schedule<Event>) {
        let Some(fleet) = &self.fleet else { return };
        match fleet.plan.events[index as usize].1 {
            PodEvent::Starts(pod) => self.pod_starts(pod, schedule),
            PodEvent::Drains(pod) => self.pod_drains(pod, schedule),
            PodEvent::Killed(pod) => self.pod_killed(pod, schedule),
        }
    }

    /// An absent pod is created; its process will poll, and then it is ready.
    pub fn pod_starts(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        if self.pod_state(pod) != Some(PodState::Absent) {
            return;
        }
        self.pod_becomes(pod, PodState::Starting, schedule);
        let Some(fleet) = &mut self.fleet else { return };
        let life = fleet.pods[pod as usize].life;
        schedule.after(fleet.plan.start_up, Event::PodPolls { life, pod });
    }

    /// A starting pod's worker polls.
    pub(super) fn pod_polls(&mut self, pod: u32, life: u16, schedule: &mut Schedule<Event>) {
        let Some(fleet) = self.living(pod, life) else { return };
        let readiness = fleet.plan.readiness;
        fleet.pods[pod as usize].polls = true;
        fleet.working.add(schedule.now(), 1);
        self.workers[pod as usize].stops -= 1;
        if self.workers[pod as usize].stops == 0 {
            self.begin_polls(pod, schedule);
        }
        if readiness == Nanos::ZERO {
            return self.pod_becomes(pod, PodState::Ready, schedule);
        }
        schedule.after(readiness, Event::PodReady { life, pod });
    }

    /// A starting pod is ready.
    pub(super) fn pod_ready(&mut self, pod: u32, life: u16, schedule: &mut Schedule<Event>) {
        if self.living(pod, life).is_some() && self.pod_state(pod) == Some(PodState::Starting) {
            self.pod_becomes(pod, PodState::Ready, schedule);
        }
    }

    /// A pod is told to go: no new tasks, its sticky queue is closed, what it has in hand is finished. One that does not poll yet is gone at once.
    pub fn pod_drains(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        match self.pod_state(pod) {
            Some(PodState::Starting | PodState::Ready) => {}
            _ => return,
        }
        let Some(fleet) = &self.fleet else { return };
        let drain = fleet.plan.drain;
        let Pod { life, polls, .. } = fleet.pods[pod as usize];
        if !polls {
            return self.pod_is_gone(pod, schedule);
        }
        self.pod_becomes(pod, PodState::Draining, schedule);
        self.pod_stops_polling(pod, schedule);
        let now = schedule.now();
        // A drain without an end is one that nobody waits for.
        if drain.graceful_timeout < drain.grace && drain.graceful_timeout < Nanos::MAX_INPUT {
            schedule.at(now + drain.graceful_timeout, Event::PodCut { life, pod });
        }
        if drain.grace < Nanos::MAX_INPUT {
            schedule.at(now + drain.grace, Event::PodKilled { life, pod });
        }
        self.end_drain_if_empty(pod, schedule);
    }

    /// A pod is gone at once, and all it had in hand is lost: a lost node, `SIGKILL`, out of memory.
    pub fn pod_killed(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        if matches!(self.pod_state(pod), None | Some(PodState::Absent)) {
            return;
        }
        self.pod_is_gone(pod, schedule);
        self.lose_what_it_has(pod, schedule);
    }

    /// The graceful time-out of a draining pod is over.
    pub(super) fn pod_cut(&mut self, pod: u32, life: u16, schedule: &mut Schedule<Event>) {
        let Some(fleet) = self.living(pod, life) else { return };
        match fleet.plan.drain.cut_off {
            CutOff::RunsOn => {}
            CutOff::Fails => self.cancel_activities(pod, schedule),
            CutOff::Lost => self.pod_killed(pod, schedule),
        }
    }

    /// The grace period of a draining pod is over.
    pub(super) fn pod_grace_over(&mut self, pod: u32, life: u16, schedule: &mut Schedule<Event>) {
        if self.living(pod, life).is_some() {
            self.pod_killed(pod, schedule);
        }
    }

    /// A draining pod whose slots are all free is gone.
    pub(super) fn end_drain_if_empty(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        let (worker, fleet) = (&self.workers[pod as usize], &self.size.workers);
        let empty = worker.workflow_slots == fleet.workflow_task_slots && worker.activity_slots == fleet.activity_slots;
        if empty && worker.state == PodState::Draining {
            self.pod_is_gone(pod, schedule);
        }
    }

    fn pod_is_gone(&mut self, pod: u32, schedule: &mut Schedule<Event>) {
        let drained = self.workers[pod as usize].state == PodState::Draining;
        self.pod_becomes(pod, PodState::Absent, schedule);
        let polled = self.pod_stops_polling(pod, schedule);
        let Some(fleet) = &mut self.fleet else { return };
        fleet.working.sub(schedule.now(), u64::from(drained || polled));
        fleet.pods[pod as usize].life = fleet.pods[pod as usize].life.wrapping_add(1);
    }

    /// A pod takes no more tasks; false when it took none before.
    fn pod_stops_polling(&mut self, pod: u32, schedule: &mut Schedule<Event>) -> bool {
        let Some(fleet) = &mut self.fleet else { return false };
        if !std::mem::replace(&mut fleet.pods[pod as usize].polls, false) {
            return false;
        }
        self.workers[pod as usize].stops += 1;
        let cached = self.end_polls(pod, schedule);
        if let Some(fleet) = &mut self.fleet {
            fleet.record.caches_lost += u64::from(cached);
        }
        true
    }

    /// A pod's state; none for one that cannot be.
    pub(super) fn pod_state(&self, pod: u32) -> Option<PodState> {
        self.fleet.as_ref()?;
        self.workers.get(pod as usize).map(|worker| worker.state)
    }

    /// The fleet, if the pod is in this of its lives.
    fn living(&mut self, pod: u32, life: u16) -> Option<&mut Fleet> {
        self.fleet.as_deref_mut().filter(|fleet| fleet.pods[pod as usize].life == life)
    }

    fn pod_becomes(&mut self, pod: u32, state: PodState, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        let before = std::mem::replace(&mut self.workers[pod as usize].state, state);
        let Some(fleet) = &mut self.fleet else { return };
        fleet.pods[pod as usize].since = now;
        let mut count = |state: PodState, by: i32| {
            let of = match state {
                PodState::Absent => return,
                PodState::Starting => &mut fleet.counts.starting,
                PodState::Ready => &mut fleet.counts.ready,
                PodState::Draining => &mut fleet.counts.draining,
            };
            *of = of.saturating_add_signed(by);
        };
        count(before, -1);
        count(state, 1);
        let change = PodChange { at: now, pods: fleet.counts };
        match fleet.record.changes.last_mut().filter(|last| last.at == now) {
            Some(last) => *last = change,
            None => fleet.record.changes.push(change),
        }
        let listens = fleet.plan.controllers.iter().any(|controller| controller.looks_at_changes());
        if listens && !std::mem::replace(&mut fleet.changed, true) {
            schedule.after(Nanos::ZERO, Event::FleetChanged);
        }
    }

    /// Whether what comes to this pod is lost: its process is no more.
    #[inline]
    pub(super) fn is_gone(&self, pod: u32) -> bool {
        self.workers[pod as usize].state == PodState::Absent
    }

    /// Pods by state. Where pods neither come nor go, those that an outage has stopped are not ready.
    pub(super) fn pod_counts(&self) -> PodCounts {
        match &self.fleet {
            Some(fleet) => fleet.counts,
            None => {
                let ready = self.workers.iter().filter(|worker| worker.stops == 0).count() as u32;
                PodCounts { ready, ..PodCounts::default() }
            }
        }
    }

    /// Pods that poll, one at the least: what a task may come to.
    pub(super) fn worker_pods(&self) -> u32 {
        match &self.fleet {
            None => self.size.workers.pods.count,
            Some(fleet) => fleet.pods.iter().filter(|pod| pod.polls).count().max(1) as u32,
        }
    }

    /// Pods that polled or drained, on average since the last reset.
    pub(super) fn mean_worker_pods(&self, now: Nanos) -> f64 {
        match &self.fleet {
            None => f64::from(self.size.workers.pods.count),
            Some(fleet) => fleet.working.mean(now).max(1e-9),
        }
    }

    /// A worker drawn at random, of those that poll.
    pub(super) fn any_worker(&mut self) -> u32 {
        let drawn = self.random.route.below(u64::from(self.worker_pods())) as usize;
        match &self.fleet {
            None => drawn as u32,
            Some(fleet) => {
                let mut polling = (0..fleet.pods.len()).filter(|pod| fleet.pods[*pod].polls);
                polling.nth(drawn).unwrap_or(0) as u32
            }
        }
    }

    /// CPU a pod has used since the begin of the run. Where all pods share one machine, what its work asked for.
    pub(super) fn cpu_of_pod(&mut self, pod: u32, now: Nanos) -> Nanos {
        let of = &self.pods.of(Process::Worker)[pod as usize];
        let (host, asked) = (of.host as usize, of.demand());
        match &self.fleet {
            Some(fleet) if self.hosts.len() > 1 => {
                let used = self.hosts[host].report(now).busy_area;
                fleet.pods[pod as usize].cpu_before + Nanos(u64::try_from(used).unwrap_or(u64::MAX))
            }
            _ => asked,
        }
    }

    /// The hosts are about to forget what they measured.
    pub(super) fn keep_cpu_of_pods(&mut self, now: Nanos) {
        if self.fleet.is_none() {
            return;
        }
        for pod in 0..self.workers.len() as u32 {
            let used = self.cpu_of_pod(pod, now);
            if let Some(fleet) = &mut self.fleet {
                fleet.pods[pod as usize].cpu_before = used;
            }
        }
        if let Some(fleet) = &mut self.fleet {
            fleet.working.reset(now);
        }
    }
}
