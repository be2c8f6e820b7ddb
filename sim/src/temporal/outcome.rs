//! Running a simulation, and what comes out of it.

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Nanos;

use super::failures::FailureCounts;
use super::fleet::{FleetPlan, FleetRecord, PodCounts};
use super::model::Model;
use super::outages::Outage;
use super::record::{Counts, Metric, Work};
use super::recorder::Recorder;
use super::steps::{StepTimes, Steps};
use super::system::{Settings, SystemSize};
use super::visits::{Pool, Process};
use crate::engine::Simulation;
use crate::engine::statistics::{BatchMeans, Interval};

/// How busy each resource was over the measured window, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Utilisations {
    /// CPU of the busiest frontend pod.
    pub frontend: f64,
    /// CPU of the busiest history pod.
    pub history: f64,
    /// CPU of the busiest matching pod.
    pub matching: f64,
    /// CPU of the database.
    pub database: f64,
    /// CPU of the worker pods, mean.
    pub workers: f64,
    /// Activity slots in use.
    pub activity_slots: f64,
    /// Workflow task slots in use.
    pub workflow_task_slots: f64,
    /// The busiest history shard's permit.
    pub history_shard: f64,
    /// Connections of the history pods to the default store.
    pub connections: f64,
    /// The WAL device.
    pub wal: f64,
    /// CPU of visibility's own database; 0 where there is none.
    pub visibility_database: f64,
    /// PgBouncer's connections to the database; 0 without it.
    pub server_connections: f64,
}

impl Utilisations {
    fn mean(&self, weight: f64, other: &Utilisations, its: f64) -> Utilisations {
        let mean = |a: f64, b: f64| (a * weight + b * its) / (weight + its);
        Utilisations {
            frontend: mean(self.frontend, other.frontend),
            history: mean(self.history, other.history),
            matching: mean(self.matching, other.matching),
            database: mean(self.database, other.database),
            workers: mean(self.workers, other.workers),
            activity_slots: mean(self.activity_slots, other.activity_slots),
            workflow_task_slots: mean(self.workflow_task_slots, other.workflow_task_slots),
            history_shard: mean(self.history_shard, other.history_shard),
            connections: mean(self.connections, other.connections),
            wal: mean(self.wal, other.wal),
            visibility_database: mean(self.visibility_database, other.visibility_database),
            server_connections: mean(self.server_connections, other.server_connections),
        }
    }
}

/// Populations that sizes follow from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Populations {
    /// Activities running, mean over the measured window, all pods.
    pub activities: f64,
    /// Most activities in one pod at once.
    pub most_activities: u64,
    /// Workflow tasks running, mean, all pods.
    pub workflow_tasks: f64,
    /// Most workflow tasks in one pod at once.
    pub most_workflow_tasks: u64,
    /// Memory of running activities, mean over pods, in bytes.
    pub activity_memory: f64,
    /// Most memory of running activities in one pod, in bytes.
    pub most_activity_memory: u64,
    /// History shard permits held, mean.
    pub shards_held: f64,
    /// Most connections in use at once, one history pod.
    pub most_connections: u64,
    /// Mean wait for a connection.
    pub connection_wait: Nanos,
    /// Open workflows at the end of the measured window, long waits not counted.
    pub open_workflows: u32,
    /// Open workflows in long waits, mean: they do not exist one by one, but follow from the rate and the length of those waits
    /// (Little's law; Eick, Massey, Whitt 1993 for the Mt/G/∞ queue).
    pub long_waits: f64,
    /// Tasks waiting at the end of the measured window.
    pub backlog: u64,
}

/// Why a simulation ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedEarly {
    /// More work came than the system does.
    Overloaded,
    /// The event limit.
    Events,
    /// Asked to stop.
    Cancelled,
}

/// What came out of a simulation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Sizes simulated.
    pub size: SystemSize,
    /// Latencies.
    pub recorder: Recorder,
    /// Workflows over the whole run.
    pub counts: Counts,
    /// Workflows open at the end of the run.
    pub unfinished: u64,
    /// Work over the whole run.
    pub work: Work,
    /// Work within the measured window.
    pub measured_work: Work,
    /// Workflows completed or failed within the measured window.
    pub measured_closed: u64,
    /// Starts within the measured window.
    pub measured_offered: u64,
    /// How busy everything was.
    pub utilisation: Utilisations,
    /// How much of everything was there.
    pub populations: Populations,
    /// Events handled.
    pub events: u64,
    /// Of them those of the measured window.
    pub measured_events: u64,
    /// Tasks and requests under way at the begin of the measured window, and how many more at its end; running activities are not
    /// counted.
    pub under_way: (i64, i64),
    /// Length of the measured window.
    pub measured: Nanos,
    /// Why it ended early, if it did.
    pub ended_early: Option<EndedEarly>,
    /// One a [`Settings::interval`], where samples were asked for.
    pub samples: Vec<Sample>,
    /// What failures did to requests.
    pub failures: FailureCounts,
    /// Times of single tasks, of [`simulate_with_steps`].
    pub steps: StepTimes,
    /// What happened to the worker pods, where they came and went.
    pub fleet: Option<FleetRecord>,
}

/// The state of a run at one instant, for time series.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When.
    pub at: Nanos,
    /// Work done so far.
    pub work: Work,
    /// Workflows so far.
    pub counts: Counts,
    /// Open workflows.
    pub open: u32,
    /// Tasks waiting for a poller.
    pub backlog: u64,
    /// Those of them that are workflow tasks.
    pub workflow_task_backlog: u64,
    /// Calls and tasks held up by something that is down.
    pub held_up: u64,
    /// Activities running.
    pub activities: u64,
    /// Connections in use, all history pods.
    pub connections: u64,
    /// Worker pods.
    pub pods: PodCounts,
    /// Activities that were cut off with their pods so far.
    pub cut_off: u64,
}

/// A latency promise on one outcome: kept, broken, or not to be told from these samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The interval of the share of late ones is below what is allowed.
    Kept,
    /// It is above.
    Broken,
    /// It holds the limit: more samples are needed.
    Undecided,
}

impl Outcome {
    /// Takes in another replication of the same run: counts, work and times are those of both, and so is the time measured; how busy everything was
    /// is the mean. Populations and samples stay this one's.
    pub fn merge(&mut self, other: Outcome) {
        let (own, its) = (self.measured.as_secs_f64(), other.measured.as_secs_f64());
        self.utilisation = self.utilisation.mean(own, &other.utilisation, its);
        self.recorder.merge(other.recorder);
        self.counts.offered += other.counts.offered;
        self.counts.completed += other.counts.completed;
        self.counts.failed += other.counts.failed;
        self.unfinished += other.unfinished;
        self.work = self.work.and(&other.work);
        self.measured_work = self.measured_work.and(&other.measured_work);
        self.measured_closed += other.measured_closed;
        self.measured_offered += other.measured_offered;
        self.events += other.events;
        self.measured_events += other.measured_events;
        self.under_way.0 += other.under_way.0;
        self.under_way.1 += other.under_way.1;
        self.measured += other.measured;
        self.ended_early = self.ended_early.or(other.ended_early);
        for (step, times) in other.steps {
            self.steps.entry(step).or_default().extend(times);
        }
    }

    /// Work per workflow: over the whole run when every workflow came to its end, else over the measured window.
    pub fn work_and_workflows(&self) -> (&Work, f64) {
        let closed = self.counts.completed + self.counts.failed;
        if self.unfinished == 0 && self.ended_early.is_none() {
            return (&self.work, closed as f64);
        }
        (&self.measured_work, self.measured_closed as f64)
    }

    /// Completed workflows per second of the measured window.
    pub fn throughput(&self) -> f64 {
        self.measured_closed as f64 / self.measured.as_secs_f64()
    }

    /// A quantile of a latency, in seconds, with its interval from batches; `None` when the tail has too few samples.
    pub fn quantile(&self, metric: Metric, q: f64) -> Option<Interval> {
        self.recorder.quantile(metric, q)
    }

    /// Whether what is under way grew by more than chance explains: then the system is slower than its load, and waits that are short in a
    /// short simulation grow without end.
    pub fn falls_behind(&self) -> bool {
        let (before, growth) = self.under_way;
        let offered = self.measured_offered as f64;
        growth as f64 > FLOW_TOLERANCE * offered + 4.0 * (2.0 * before.max(0) as f64 + 50.0).sqrt()
    }

    /// Whether at most the share 1 − q of latencies is beyond the limit, by batch means of the share.
    pub fn promise(&self, metric: Metric, q: f64, limit: Nanos) -> Promise {
        if self.ended_early == Some(EndedEarly::Overloaded) {
            return Promise::Broken;
        }
        self.recorder.promise(metric, q, limit, 0.95)
    }
}

/// Part of the workflows by which flow out may be less than flow in: each that is stuck has one task at least.
const FLOW_TOLERANCE: f64 = 0.03;
/// Samples beyond a quantile below which it has no interval here.
const FEWEST_TAIL_SAMPLES: f64 = 10.0;
/// Batches of the share below the quantile.
const INVERSION_BATCHES: usize = 5;

/// A quantile of a correlated series with a 95 % interval, where sections are too short to have quantiles of their own: the
/// interval of the share of values below the estimate, by batch means, read off the sorted series (Bahadur's
/// representation; Asmussen and Glynn 2007, III.4a). `None` with fewer than ten values beyond the quantile.
pub fn quantile_by_inversion(series: &[f64], q: f64) -> Option<Interval> {
    let count = series.len() as f64;
    if count * q.min(1.0 - q) < FEWEST_TAIL_SAMPLES {
        return None;
    }
    let mut sorted = series.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = libm::ceil(share * count - 1e-9).clamp(1.0, count) as usize;
        sorted[rank - 1]
    };
    let estimate = at(q);
    let below: Vec<f64> = series.iter().map(|value| if *value <= estimate { 1.0 } else { 0.0 }).collect();
    let share = BatchMeans::new(INVERSION_BATCHES, 0.95).mean(&below)?.interval;
    let half = share.half_width();
    let (low, high) = (at((q - half).max(0.0)), at((q + half).min(1.0)));
    Some(Interval { estimate, low, high, confidence: 0.95 })
}

/// Runs a simulation to its end. `cancelled` is asked now and then.
pub fn simulate(
    profile: &Profile,
    calibration: &Calibration,
    size: SystemSize,
    settings: Settings,
    cancelled: &dyn Fn() -> bool,
) -> Outcome {
    simulate_until(profile, calibration, size, settings, cancelled, &|_| false)
}

/// The same; `enough` looks at the latencies now and then and ends the measured window when it has seen enough.
pub fn simulate_until(
    profile: &Profile,
    calibration: &Calibration,
    size: SystemSize,
    settings: Settings,
    cancelled: &dyn Fn() -> bool,
    enough: &dyn Fn(&Recorder) -> bool,
) -> Outcome {
    run(Model::simulation(profile, calibration, size, settings), size, settings, cancelled, enough)
}

/// The same, and the times of each workflow task and activity by its place in the history: more memory, the same results.
pub fn simulate_with_steps(
    profile: &Profile,
    calibration: &Calibration,
    size: SystemSize,
    settings: Settings,
    cancelled: &dyn Fn() -> bool,
) -> Outcome {
    let mut simulation = Model::simulation(profile, calibration, size, settings);
    simulation.model_mut().take_steps(profile);
    run(simulation, size, settings, cancelled, &|_| false)
}

/// The same with workers that stop for a while.
pub fn simulate_under(
    profile: &Profile,
    calibration: &Calibration,
    size: SystemSize,
    settings: Settings,
    outages: &[Outage],
    cancelled: &dyn Fn() -> bool,
) -> Outcome {
    let simulation = Model::simulation_under(profile, calibration, size, settings, outages);
    run(simulation, size, settings, cancelled, &|_| false)
}

/// The same, with the times of single tasks, and worker pods that come and go as the plan says.
pub fn simulate_with_fleet(
    profile: &Profile,
    calibration: &Calibration,
    size: SystemSize,
    settings: Settings,
    plan: FleetPlan,
    cancelled: &dyn Fn() -> bool,
) -> Outcome {
    let outages = Model::outages_of(profile, &size, &settings);
    let mut simulation = Model::simulation_with_fleet(profile, calibration, size, settings, &outages, Some(plan));
    simulation.model_mut().take_steps(profile);
    run(simulation, size, settings, cancelled, &|_| false)
}

fn run(
    simulation: Simulation<Model>,
    size: SystemSize,
    settings: Settings,
    cancelled: &dyn Fn() -> bool,
    enough: &dyn Fn(&Recorder) -> bool,
) -> Outcome {
    let mut run = Run { simulation, settings, ended_early: None, samples: Vec::new() };
    run.until(settings.warmup, cancelled, &|_| false);
    let now = run.simulation.schedule().now().max(settings.warmup);
    run.simulation.model_mut().reset_statistics(now);
    let (work, counts) = run.readings();
    let before = run.simulation.schedule().events_handled();
    let under_way = run.simulation.model().under_way();
    let end = settings.warmup + settings.measured;
    run.until(end, cancelled, enough);
    let measured_until = run.simulation.schedule().now().min(end).max(settings.warmup);
    let measured = Nanos(measured_until.saturating_sub(settings.warmup).0.max(1));
    let measured_events = run.simulation.schedule().events_handled() - before;
    let growth = run.simulation.model().under_way() - under_way;
    let (work_then, counts_then) = run.readings();
    let utilisation = run.simulation.model_mut().utilisations(measured_until);
    let mut populations = run.simulation.model_mut().populations(measured_until);
    populations.long_waits = (work_then.skipped - work.skipped) as f64 / measured.0 as f64;
    if settings.drain > Nanos::ZERO && run.ended_early.is_none() {
        run.drain(end + settings.drain, cancelled);
    }
    let events = run.simulation.schedule().events_handled();
    let ended_early = run.ended_early;
    let samples = run.samples;
    let ended_at = run.simulation.schedule().now();
    let mut model = run.simulation.into_model();
    model.recorder.finish();
    debug_assert_eq!(
        model.counts.offered,
        model.counts.completed + model.counts.failed + u64::from(model.open_roots),
        "every workflow is completed, failed or open"
    );
    Outcome {
        size,
        counts: model.counts,
        unfinished: u64::from(model.open_roots),
        work: model.work,
        measured_work: work_then.since(&work),
        measured_closed: counts_then.completed + counts_then.failed - counts.completed - counts.failed,
        measured_offered: counts_then.offered - counts.offered,
        utilisation,
        populations,
        events,
        measured_events,
        under_way: (under_way, growth),
        measured,
        ended_early,
        samples,
        failures: model.failure_counts(),
        steps: model.steps.take().map(|steps| steps.times()).unwrap_or_default(),
        fleet: model.fleet.take().map(|fleet| fleet.finish(ended_at)),
        recorder: model.recorder,
    }
}

struct Run {
    simulation: Simulation<Model>,
    settings: Settings,
    ended_early: Option<EndedEarly>,
    samples: Vec<Sample>,
}

/// Timers that no longer matter still fire for a while after the last workflow is done, and cost something.
const AFTERMATH: Nanos = Nanos::from_secs(15);

/// Simulated time between two looks at whether to stop.
const SLICE: Nanos = Nanos::from_secs(10);

impl Run {
    fn readings(&self) -> (Work, Counts) {
        let model = self.simulation.model();
        (model.work, model.counts)
    }

    fn until(&mut self, end: Nanos, cancelled: &dyn Fn() -> bool, enough: &dyn Fn(&Recorder) -> bool) {
        // Short enough that a run of months still stops soon when asked to.
        let slice = Nanos((end.0 / 32).max(1_000_000)).min(SLICE);
        let mut next_sample = self.simulation.schedule().now() + self.settings.interval;
        while self.ended_early.is_none() && !enough(&self.simulation.model().recorder) {
            let now = self.simulation.schedule().now();
            if now >= end {
                return;
            }
            let mut until = (now + slice).min(end);
            if self.settings.sample {
                until = until.min(next_sample);
            }
            self.simulation.run_until(until);
            if self.settings.sample && until == next_sample {
                self.samples.push(self.simulation.model().sample(until));
                next_sample += self.settings.interval;
            }
            self.check(cancelled);
        }
    }

    fn drain(&mut self, end: Nanos, cancelled: &dyn Fn() -> bool) {
        while self.ended_early.is_none() && self.simulation.schedule().now() < end {
            let now = self.simulation.schedule().now();
            if self.simulation.model().open_roots == 0 {
                self.simulation.run_until((now + AFTERMATH).min(end));
                return;
            }
            self.simulation.run_until(now + Nanos::from_secs(1));
            self.check(cancelled);
        }
    }

    fn check(&mut self, cancelled: &dyn Fn() -> bool) {
        if cancelled() {
            self.ended_early = Some(EndedEarly::Cancelled);
        } else if self.simulation.model().overloaded {
            self.ended_early = Some(EndedEarly::Overloaded);
        } else if self.simulation.schedule().events_handled() > self.settings.max_events {
            self.ended_early = Some(EndedEarly::Events);
        }
    }
}

impl Model {
    fn take_steps(&mut self, profile: &Profile) {
        let workflows = profile.workflows.iter().map(|workflow| workflow.name.clone()).collect();
        let (from, until) = (self.settings.warmup, self.settings.warmup + self.settings.measured);
        self.steps = Some(Box::new(Steps::new(workflows, from, until)));
    }

    fn sample(&self, at: Nanos) -> Sample {
        Sample {
            at,
            work: self.work,
            counts: self.counts,
            open: self.open_roots,
            backlog: self.backlogs().iter().sum::<usize>() as u64,
            workflow_task_backlog: self.backlogs()[0] as u64,
            held_up: self.held_up(),
            activities: self.workers.iter().map(|worker| worker.activities.value()).sum(),
            connections: self.pools.all(Pool::History).iter().map(|pool| u64::from(pool.in_use())).sum(),
            pods: self.pod_counts(),
            cut_off: self.fleet.as_ref().map_or(0, |fleet| fleet.record.cut.len() as u64),
        }
    }

    fn reset_statistics(&mut self, now: Nanos) {
        self.keep_cpu_of_pods(now);
        self.hosts.iter_mut().for_each(|host| host.reset_statistics(now));
        self.shards.iter_mut().for_each(|shard| shard.reset_statistics(now));
        self.pools.every_mut().iter_mut().for_each(|pool| pool.reset_statistics(now));
        self.wals.iter_mut().for_each(|wal| wal.station.reset_statistics(now));
        for worker in &mut self.workers {
            worker.activities.reset(now);
            worker.workflow_tasks.reset(now);
            worker.activity_memory.reset(now);
        }
    }

    fn utilisations(&mut self, now: Nanos) -> Utilisations {
        let fleet = self.size.workers;
        let pods = self.mean_worker_pods(now);
        let slots = |busy: f64, per_pod: u32| busy / (pods * f64::from(per_pod.max(1)));
        let activities: f64 = self.workers.iter().map(|w| w.activities.mean(now)).sum();
        let workflow_tasks: f64 = self.workers.iter().map(|w| w.workflow_tasks.mean(now)).sum();
        let workers = self.host_utilisations(Process::Worker, now);
        // On one machine every pod, whether it is there or not, is seen as busy as the machine.
        let hosts = if self.hosts.len() == 1 { workers.len() as f64 } else { pods };
        Utilisations {
            frontend: greatest(&self.host_utilisations(Process::Frontend, now)),
            history: greatest(&self.host_utilisations(Process::History, now)),
            matching: greatest(&self.host_utilisations(Process::Matching, now)),
            database: greatest(&self.host_utilisations(Process::Database, now)),
            workers: workers.iter().sum::<f64>() / hosts,
            activity_slots: slots(activities, fleet.activity_slots),
            workflow_task_slots: slots(workflow_tasks, fleet.workflow_task_slots),
            history_shard: self.shards.iter_mut().map(|s| s.report(now).utilisation()).fold(0.0, f64::max),
            connections: self.pool_utilisation(Pool::History, now),
            wal: self.wals[0].station.report(now).station.utilisation(),
            visibility_database: greatest(&self.host_utilisations(Process::VisibilityDatabase, now)),
            server_connections: self.pool_utilisation(Pool::Server, now),
        }
    }

    /// Of the pool used most.
    fn pool_utilisation(&mut self, pool: Pool, now: Nanos) -> f64 {
        self.pools.all_mut(pool).iter_mut().map(|pool| pool.report(now).utilisation()).fold(0.0, f64::max)
    }

    fn host_utilisations(&mut self, process: Process, now: Nanos) -> Vec<f64> {
        let pods = self.pods.of(process).iter();
        pods.map(|pod| self.hosts[pod.host as usize].report(now).utilisation()).collect()
    }

    /// Tasks that wait for a worker, and requests on their way or in a queue.
    fn under_way(&self) -> i64 {
        let backlog = self.backlogs().iter().sum::<usize>();
        let running: u64 = self.workers.iter().map(|worker| worker.activities.value()).sum();
        let lost = self.fleet.as_ref().map_or(0, |fleet| fleet.lost_chains);
        (backlog + self.chains.len()) as i64 - running as i64 - lost as i64
    }

    fn populations(&mut self, now: Nanos) -> Populations {
        let pods = self.mean_worker_pods(now);
        let most_connections =
            self.pools.all_mut(Pool::History).iter_mut().map(|p| p.high_water(now)).max().unwrap_or(0);
        let waits = self.pools.all_mut(Pool::History).iter_mut().map(|p| p.report(now).mean_wait);
        Populations {
            connection_wait: waits.max().unwrap_or(Nanos::ZERO),
            most_connections,
            shards_held: self.shards.iter_mut().map(|shard| shard.report(now).mean_busy).sum(),
            activities: self.workers.iter().map(|w| w.activities.mean(now)).sum(),
            most_activities: self.workers.iter().map(|w| w.activities.max()).max().unwrap_or(0),
            workflow_tasks: self.workers.iter().map(|w| w.workflow_tasks.mean(now)).sum(),
            most_workflow_tasks: self.workers.iter().map(|w| w.workflow_tasks.max()).max().unwrap_or(0),
            activity_memory: self.workers.iter().map(|w| w.activity_memory.mean(now)).sum::<f64>() / pods,
            most_activity_memory: self.workers.iter().map(|w| w.activity_memory.max()).max().unwrap_or(0),
            open_workflows: self.open_roots,
            long_waits: 0.0,
            backlog: self.backlogs().iter().sum::<usize>() as u64,
        }
    }
}

fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
