//! What goes wrong while a schedule is simulated: the profile's events, but for workers that stop (`outages`) and bursts, which are arrivals.
//!
//! An event changes what chains meet at their gates ([`super::gates`]), how long flushes and activities take, and whether these succeed.
//! Nothing of it exists in a simulation without such events: no gate is compiled, no random number drawn.
//!
//! # What is lost with a pod
//! A killed pod is noticed by the others' membership after [`DETECTED_KILLED`], one whose node is gone after [`DETECTED_GONE`]; the
//! frontend's callers learn it from Kubernetes' endpoints. A history pod's shards then go to the pods that are left, which acquire them ten at a
//! time; when its replacement is ready they come back, without a detection. Requests that a pod is serving in the instant of its loss are finished.
//!
//! # What is lost with a worker
//! A worker on a lost node polls no more ([`super::outages`]) and answers nothing ([`super::fleet_loss`]).

use std::collections::BTreeMap;

use plimsoll_profiles::profile::{Event as ProfileEvent, EventKind, Profile, ServiceName};
use plimsoll_profiles::random::{Stream, Streams};
use plimsoll_profiles::units::Nanos;

use super::gates::Waiting;
use super::model::{Event, Model};
use super::outages::stopped;
use super::program::distribution;
use super::shard_moves::ShardMoves;
use super::system::{Load, Settings, SystemSize};
use super::visits::{Pool, Process};
use crate::engine::Schedule;

/// Until the others' ring is without a killed pod: ringpop pings every member within a protocol period of 200 ms, a refused connection
/// makes it a suspect at once, and a suspect is faulty after 5 s (`MinProtocolPeriod`, `SuspicionTimeout`: defaults of ringpop-go's
/// `swim/node.go`, which the server does not change).
pub const DETECTED_KILLED: Nanos = Nanos::from_millis(5_200);
/// The same where nothing answers: a ping of 1.5 s, then other members' pings as long (`PingTimeout`), before the 5 s.
pub const DETECTED_GONE: Nanos = Nanos::from_millis(8_200);
/// Until no new connection goes to a killed frontend pod: its endpoint is withdrawn. Assumed.
pub const ENDPOINT_WITHDRAWN: Nanos = Nanos::from_secs(1);
/// Until those of a lost node are: Kubernetes waits so long for its heartbeat (`node-monitor-grace-period`, 40 s).
pub const NODE_WITHDRAWN: Nanos = Nanos::from_secs(40);
/// Oldest age of a connection to the frontend (`frontend.keepAliveMaxConnectionAge`, 5 min, the server's default).
pub const CONNECTION_AGE: Nanos = Nanos::from_secs(300);
/// Longest wait of an SDK's gRPC connection before it tries to connect again (Go: `retryPollOperationMaxInterval`).
const RECONNECT: Nanos = Nanos::from_secs(10);

/// What failures did to requests, over a whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCounts {
    /// Calls and tasks that met something that was down.
    pub failed_calls: u64,
    /// Tries made again, the last one, which succeeded, included.
    pub retries: u64,
    /// The longest that one of them waited.
    pub longest_wait: Nanos,
    /// Calls of clients and workers that waited longer than an SDK tries by itself (60 s): a caller that does not try again has lost them.
    pub given_up: u64,
    /// History shards that changed their owner.
    pub shards_moved: u64,
    /// Connections to the database opened again.
    pub connections_opened: u64,
    /// Activities that lost their worker.
    pub activities_cut: u64,
    /// Workflow tasks that lost their worker.
    pub workflow_tasks_cut: u64,
    /// Activities that fail at every attempt.
    pub poisoned: u64,
    /// Their attempts.
    pub poisoned_attempts: u64,
    /// Attempts that an open circuit breaker refused.
    pub refused_attempts: u64,
    /// Workflows started since the newest backup when the region was lost: they are lost, and to be started again.
    pub started_since_backup: u64,
    /// Workflows closed since it: those started before it run their end again.
    pub closed_since_backup: u64,
    /// Activities scheduled since it: they run twice.
    pub activities_since_backup: u64,
    /// How much of the time since the backup was simulated.
    pub backup_age: Nanos,
}

/// A pod of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LostPod {
    /// Events it is lost in.
    pub lost: u32,
    /// When those who call it know.
    pub known: Nanos,
    /// When it is back.
    pub back: Nanos,
    /// Whether a call to it gets no answer, rather than a refusal.
    pub hangs: bool,
}

impl LostPod {
    /// It is lost in one event more: who knew of it does so still.
    fn lose(&mut self, known: Nanos, back: Nanos, hangs: bool) {
        let before = *self;
        *self = match before.lost {
            0 => LostPod { lost: 1, known, back, hangs },
            events => LostPod {
                lost: events + 1,
                known: before.known.min(known),
                back: before.back.max(back),
                hangs: before.hangs || hangs,
            },
        };
    }
}

/// A step of an event.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It begins.
    Begins(u32),
    /// It is over.
    Ends(u32),
    /// The newest backup before it is taken.
    Backup(u32),
    /// A worker's connection reaches its age, and no new one is accepted.
    Closes(u32),
    /// A worker connects again.
    Connects(u32),
}

/// What is wrong at present.
pub(super) struct Failures {
    events: Vec<ProfileEvent>,
    active: Vec<bool>,
    agenda: Vec<Step>,
    pub random: Stream,
    /// Of frontend, history and matching.
    pub services: [Vec<LostPod>; 3],
    /// Of the worker service.
    worker_service: Vec<LostPod>,
    pub shards: ShardMoves,
    /// Until then the database takes no statement.
    pub database_back: Nanos,
    /// Until then there is no frontend at all.
    pub region_back: Nanos,
    /// Since when, and until when, the frontend accepts no new connection.
    pub certificate: (Nanos, Nanos),
    /// Workers whose connection is gone.
    pub cut: Vec<bool>,
    /// Connections to open again.
    pub to_open: u64,
    pub waiting: Waiting,
    /// By activity: how many times as long it takes.
    slow: Vec<f64>,
    /// By activity: whether its circuit breaker is open.
    breaker: Vec<bool>,
    /// What an attempt that it refuses costs: the SDK's part, none of the activity's own.
    cpu_of_refusal: Nanos,
    /// By activity: the share that is poisoned, and whether its error is retried.
    poison: Vec<(f64, bool)>,
    /// Poisoned activities, and whether their error is retried.
    poisoned: BTreeMap<u32, bool>,
    names: Vec<String>,
    /// What was started, closed and scheduled when the backup of an event was taken, and when.
    backups: BTreeMap<u32, (Nanos, [u64; 3])>,
    pub counts: FailureCounts,
}

/// Whether a profile's events need gates.
pub(super) fn gated(profile: &Profile, settings: &Settings) -> bool {
    let of_chains = |event: &ProfileEvent| {
        matches!(
            event.kind,
            EventKind::PodLost { .. }
                | EventKind::NodeLost { .. }
                | EventKind::ZoneLost { .. }
                | EventKind::DatabaseFailover
                | EventKind::CertificateExpiry
                | EventKind::RegionLost { .. }
        )
    };
    settings.load == Load::Schedule && profile.events.iter().any(of_chains)
}

/// How many of `pods` are on one of `of` nodes or zones.
pub(super) fn on_one(pods: u32, of: u32) -> u32 {
    pods.div_ceil(of.max(1))
}

/// Nodes that a cluster's pods are spread over, where the profile does not say: no two of one service on the same.
pub(crate) fn nodes(size: &SystemSize) -> u32 {
    size.frontend.count.max(size.history.count).max(size.matching.count).max(2)
}

impl Failures {
    /// Those of a profile, where its events are simulated and there are any but stopped workers and bursts.
    pub(super) fn of(
        profile: &Profile,
        size: &SystemSize,
        settings: &Settings,
        statement_trip: Nanos,
    ) -> Option<Box<Self>> {
        let other =
            |event: &&ProfileEvent| !matches!(event.kind, EventKind::WorkersStop { .. } | EventKind::Burst { .. });
        let events: Vec<_> = profile.events.iter().filter(other).cloned().collect();
        if events.is_empty() || settings.load != Load::Schedule {
            return None;
        }
        let pods = |count: u32| vec![LostPod::default(); count as usize];
        let flush = distribution(&profile.cluster.database.fsync).mean();
        let (shards, permits) = (size.history_shards, profile.cluster.server.shard_io_concurrency);
        Some(Box::new(Failures {
            active: vec![false; events.len()],
            events,
            agenda: Vec::new(),
            random: Streams::new(settings.seed).stream("temporal", "failures", settings.replication),
            services: [pods(size.frontend.count), pods(size.history.count), pods(size.matching.count)],
            worker_service: pods(size.worker_service.count),
            shards: ShardMoves::new(shards, permits, size.history.count, statement_trip, flush),
            database_back: Nanos::ZERO,
            region_back: Nanos::ZERO,
            certificate: (Nanos::FOREVER, Nanos::ZERO),
            cut: vec![false; size.workers.pods.count as usize],
            to_open: 0,
            waiting: Waiting::default(),
            slow: Vec::new(),
            breaker: Vec::new(),
            cpu_of_refusal: profile.workers.sdk_cpu.activity,
            poison: Vec::new(),
            poisoned: BTreeMap::new(),
            names: Vec::new(),
            backups: BTreeMap::new(),
            counts: FailureCounts::default(),
        }))
    }

    /// What is slow or poisoned follows from the events that last.
    fn apply(&mut self) -> f64 {
        let all = self.names.len();
        (self.slow, self.breaker, self.poison) = (vec![1.0; all], vec![false; all], vec![(0.0, true); all]);
        let mut disk = 1.0;
        for (event, _) in self.events.iter().zip(&self.active).filter(|(_, active)| **active) {
            let named = |activity: &Option<String>, index: usize| {
                activity.as_ref().is_none_or(|activity| *activity == self.names[index])
            };
            match &event.kind {
                EventKind::SlowDisk { factor } => disk *= factor,
                EventKind::SlowDependency { activity, factor, breaker } => {
                    for index in (0..all).filter(|index| named(activity, *index)) {
                        self.slow[index] *= factor;
                        self.breaker[index] |= breaker;
                    }
                }
                EventKind::Poison { activity, share, non_retryable } => {
                    for index in (0..all).filter(|index| named(activity, *index)) {
                        self.poison[index] = (share.get(), !non_retryable);
                    }
                }
                _ => {}
            }
        }
        disk
    }

    fn plan(&mut self, steps: Vec<(Nanos, Step)>, schedule: &mut Schedule<Event>) {
        for (at, step) in steps {
            self.agenda.push(step);
            schedule.at(at, Event::Failure(self.agenda.len() as u32 - 1));
        }
    }

    /// From when until when a certificate is expired. Events that overlap are one: no connection is opened before the last is over.
    fn expiries(&self) -> Vec<(Nanos, Nanos)> {
        let expiries = self.events.iter().filter(|event| event.kind == EventKind::CertificateExpiry);
        let mut each: Vec<_> = expiries.map(|event| (event.at, event.until())).collect();
        each.sort_unstable();
        let mut merged: Vec<(Nanos, Nanos)> = Vec::new();
        for (at, until) in each {
            match merged.last_mut() {
                Some(before) if at <= before.1 => before.1 = before.1.max(until),
                _ => merged.push((at, until)),
            }
        }
        merged
    }

    /// Each worker's connection reaches its age at some instant, and is opened again after the certificate's mend.
    fn reconnections(&mut self, (at, until): (Nanos, Nanos)) -> Vec<(Nanos, Step)> {
        let mut steps = Vec::new();
        for worker in 0..self.cut.len() as u32 {
            let closes = at + part_of(CONNECTION_AGE, &mut self.random);
            let connects = until + part_of(RECONNECT, &mut self.random);
            if closes < until {
                steps.extend([(closes, Step::Closes(worker)), (connects, Step::Connects(worker))]);
            }
        }
        steps
    }

    fn pods_of(&mut self, service: ServiceName) -> &mut Vec<LostPod> {
        match service {
            ServiceName::Frontend => &mut self.services[Process::Frontend as usize],
            ServiceName::History => &mut self.services[Process::History as usize],
            ServiceName::Matching => &mut self.services[Process::Matching as usize],
            ServiceName::WorkerService => &mut self.worker_service,
        }
    }

    /// The first pods of a service are lost.
    fn lose(&mut self, service: ServiceName, count: u32, known: Nanos, back: Nanos, hangs: bool) {
        for pod in self.pods_of(service).iter_mut().take(count as usize) {
            pod.lose(known, back, hangs);
        }
    }

    fn give_back(&mut self, service: ServiceName, count: u32) {
        for pod in self.pods_of(service).iter_mut().take(count as usize) {
            pod.lost = pod.lost.saturating_sub(1);
        }
    }

    /// What an event takes away: of each service how many pods, whether they hang, and how long their shards move.
    fn losses(&self, kind: &EventKind, size: &SystemSize) -> Option<Losses> {
        let placed = |of: u32, shards_move: Option<Nanos>| {
            let count = |pods: u32| on_one(pods, of);
            Losses {
                pods: vec![
                    (ServiceName::Frontend, count(size.frontend.count)),
                    (ServiceName::History, count(size.history.count)),
                    (ServiceName::Matching, count(size.matching.count)),
                    (ServiceName::WorkerService, count(size.worker_service.count)),
                ],
                hangs: true,
                shards_move,
            }
        };
        match *kind {
            EventKind::PodLost { service, pods, shards_move } => {
                Some(Losses { pods: vec![(service, pods)], hangs: false, shards_move })
            }
            EventKind::NodeLost { of, shards_move } => Some(placed(of.unwrap_or(nodes(size)), shards_move)),
            EventKind::ZoneLost { of, shards_move } => Some(placed(of, shards_move)),
            _ => None,
        }
    }

    /// Until when the worker service is gone; zero when it is not.
    fn worker_service_back(&self) -> Nanos {
        if self.worker_service.iter().any(|pod| pod.lost == 0) {
            return Nanos::ZERO;
        }
        self.worker_service.iter().map(|pod| pod.back).min().unwrap_or(Nanos::ZERO)
    }
}

/// See [`Failures::losses`].
struct Losses {
    pods: Vec<(ServiceName, u32)>,
    hangs: bool,
    shards_move: Option<Nanos>,
}

/// How an attempt of an activity goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub takes: Nanos,
    /// CPU of its worker.
    pub cpu: Nanos,
    pub fails: bool,
    pub for_good: bool,
}

impl Model {
    /// Plans the profile's events.
    pub(super) fn plan_failures(&mut self, schedule: &mut Schedule<Event>) {
        let names = self.program.activities.iter().map(|activity| activity.name.clone()).collect();
        let Some(failures) = &mut self.failures else { return };
        failures.names = names;
        failures.apply();
        for index in 0..failures.events.len() {
            let event = &failures.events[index];
            let mut steps = vec![(event.at, Step::Begins(index as u32)), (event.until(), Step::Ends(index as u32))];
            if let EventKind::RegionLost { rpo } = event.kind {
                steps.push((event.at.saturating_sub(rpo), Step::Backup(index as u32)));
            }
            failures.plan(steps, schedule);
        }
        for expired in failures.expiries() {
            let steps = failures.reconnections(expired);
            failures.plan(steps, schedule);
        }
    }

    /// A step of an event is due.
    pub(super) fn failure_due(&mut self, index: u32, schedule: &mut Schedule<Event>) {
        let Some(mut failures) = self.failures.take() else { return };
        match failures.agenda[index as usize] {
            Step::Begins(event) => self.failure_begins(&mut failures, event, schedule),
            Step::Ends(event) => self.failure_ends(&mut failures, event, schedule),
            Step::Backup(event) => {
                failures.backups.insert(event, (schedule.now(), self.progress()));
            }
            Step::Closes(worker) => {
                failures.cut[worker as usize] = true;
                self.cut_polls(worker, schedule);
            }
            Step::Connects(worker) => {
                failures.cut[worker as usize] = false;
                self.polls_again(worker, schedule);
            }
        }
        self.failures = Some(failures);
    }

    fn failure_begins(&mut self, failures: &mut Failures, index: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        failures.active[index as usize] = true;
        let event = failures.events[index as usize].clone();
        let until = event.until();
        let had_frontend = has_pod(&failures.services[0]);
        if let Some(losses) = failures.losses(&event.kind, &self.size) {
            let (endpoint, member) = match losses.hangs {
                true => (NODE_WITHDRAWN, DETECTED_GONE),
                false => (ENDPOINT_WITHDRAWN, DETECTED_KILLED),
            };
            for (service, count) in losses.pods {
                let known = now + if service == ServiceName::Frontend { endpoint } else { member };
                failures.lose(service, count, known, until, losses.hangs);
            }
            let takes = losses.shards_move.map_or((member, true), |exactly| (exactly, false));
            self.move_shards(failures, now, takes);
        }
        if let Some(workers) = stopped(&event.kind, &self.size) {
            self.kill_work(failures, workers, schedule);
        }
        match event.kind {
            EventKind::DatabaseFailover => self.database_fails(failures, until, now),
            EventKind::CertificateExpiry => {
                let expired = failures.expiries().into_iter().find(|expired| now < expired.1);
                failures.certificate = expired.unwrap_or((now, until));
            }
            EventKind::RegionLost { .. } => {
                failures.region_back = failures.region_back.max(until);
                self.database_fails(failures, until, now);
                self.runs.all_mut().for_each(|run| run.cold = true);
                if let Some((at, before)) = failures.backups.get(&index) {
                    let progress = self.progress();
                    let counts = &mut failures.counts;
                    counts.started_since_backup += progress[0] - before[0];
                    counts.closed_since_backup += progress[1] - before[1];
                    counts.activities_since_backup += progress[2] - before[2];
                    counts.backup_age = now - *at;
                }
            }
            _ => {}
        }
        if had_frontend && !has_pod(&failures.services[0]) {
            (0..self.size.workers.pods.count).for_each(|pod| self.cut_polls(pod, schedule));
        }
        self.slow_down(failures);
    }

    fn failure_ends(&mut self, failures: &mut Failures, index: u32, schedule: &mut Schedule<Event>) {
        let now = schedule.now();
        failures.active[index as usize] = false;
        let event = failures.events[index as usize].clone();
        let had_frontend = has_pod(&failures.services[0]);
        if let Some(losses) = failures.losses(&event.kind, &self.size) {
            for (service, count) in losses.pods {
                failures.give_back(service, count);
            }
            self.move_shards(failures, now, (Nanos::ZERO, true));
        }
        if !had_frontend && has_pod(&failures.services[0]) {
            (0..self.size.workers.pods.count).for_each(|pod| self.polls_again(pod, schedule));
        }
        self.slow_down(failures);
    }

    fn slow_down(&mut self, failures: &mut Failures) {
        let disk = failures.apply();
        self.wals.iter_mut().for_each(|wal| wal.slower = disk);
    }

    /// History's pods are not those they were: shards go to other owners, who have none of their runs in the cache.
    fn move_shards(&mut self, failures: &mut Failures, now: Nanos, takes: (Nanos, bool)) {
        let moved = failures.shards.assign(&failures.services[Process::History as usize], now, takes);
        failures.counts.shards_moved += failures.shards.count(&moved);
        if moved.contains(&true) {
            let runs = self.runs.all_mut().filter(|run| moved.get(run.shard as usize) == Some(&true));
            runs.for_each(|run| run.cold = true);
        }
    }

    /// The database's connections are gone with it: as many as were open are opened again when it is back.
    fn database_fails(&mut self, failures: &mut Failures, until: Nanos, now: Nanos) {
        failures.database_back = failures.database_back.max(until);
        let kinds = [Pool::History, Pool::Matching, Pool::Visibility];
        let open = |kind| self.pools.all_mut(kind).iter_mut().map(|pool| pool.high_water(now)).sum::<u64>();
        failures.to_open = kinds.map(open).into_iter().sum();
    }

    /// Workflows started and closed, and activities scheduled so far.
    fn progress(&self) -> [u64; 3] {
        [self.counts.offered, self.counts.completed + self.counts.failed, self.work.activities]
    }

    /// How an attempt goes with what is slow or poisoned.
    pub(super) fn disturbed(&mut self, activity: u32, mut attempt: Attempt) -> Attempt {
        let Some(failures) = &mut self.failures else { return attempt };
        let state = &self.activities[activity];
        let spec = state.spec as usize;
        if state.attempt == 1 {
            // The number may have been another activity's.
            failures.poisoned.remove(&activity);
            let (share, retried) = failures.poison[spec];
            if share > 0.0 && failures.random.uniform() < share {
                failures.poisoned.insert(activity, retried);
                failures.counts.poisoned += 1;
            }
        }
        if failures.slow[spec] > 1.0 {
            attempt.takes = Nanos((attempt.takes.0 as f64 * failures.slow[spec]) as u64);
        }
        if failures.breaker[spec] {
            failures.counts.refused_attempts += 1;
            attempt = Attempt { takes: Nanos::ZERO, cpu: failures.cpu_of_refusal, fails: true, for_good: false };
        }
        if let Some(retried) = failures.poisoned.get(&activity) {
            failures.counts.poisoned_attempts += 1;
            attempt.fails = true;
            attempt.for_good = !retried;
        }
        attempt
    }

    /// A schedule's own workflow runs in the worker service: until when it does not; zero when it does.
    pub(super) fn schedules_stand_until(&self) -> Nanos {
        self.failures.as_ref().map_or(Nanos::ZERO, |failures| failures.worker_service_back())
    }

    /// Calls and tasks that wait for something that is down.
    pub(super) fn held_up(&self) -> u64 {
        self.failures.as_ref().map_or(0, |failures| failures.waiting.len() as u64)
    }

    /// What failures did so far.
    pub(super) fn failure_counts(&self) -> FailureCounts {
        self.failures.as_ref().map_or(FailureCounts::default(), |failures| failures.counts)
    }
}

fn has_pod(pods: &[LostPod]) -> bool {
    pods.iter().any(|pod| pod.lost == 0)
}

/// A uniform part of a time.
fn part_of(time: Nanos, random: &mut Stream) -> Nanos {
    Nanos((random.uniform() * time.0 as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_is_known_to_be_lost_stays_so_when_its_node_is_lost_too() {
        let seconds = Nanos::from_secs;
        let mut pod = LostPod::default();
        pod.lose(seconds(5), seconds(300), false);
        pod.lose(seconds(38), seconds(60), true);
        assert_eq!(pod, LostPod { lost: 2, known: seconds(5), back: seconds(300), hangs: true });
        // Lost again after it was back, it is noticed anew.
        pod.lost = 0;
        pod.lose(seconds(405), seconds(500), false);
        assert_eq!(pod, LostPod { lost: 1, known: seconds(405), back: seconds(500), hangs: false });
    }
}
