//! CPU costs separated from measured CPU: one regression for all processes, over how often the model did what costs CPU.
//!
//! The unknowns are the calibration's `[cpu]` and `[generator]` costs. An equation is a process in a run: the counts of the model, times the costs, are the CPU that
//! was measured. It is as exact as the measurement: 4 % of it, and so many seconds of garbage collection more or less per run (the same as
//! `benches/fit/fit.py`, whose hand-made steps these are). Every unknown is also pulled towards its value in the base calibration, so weakly
//! that it decides only what the runs do not: those are named ([`Fit::kept`]), and so are pairs that only appear together ([`Fit::pairs`]).

use plimsoll_profiles::calibration::{Calibration, CpuCosts, Operation, OperationKind, SdkCosts};
use plimsoll_profiles::random::Streams;
use plimsoll_profiles::units::Nanos;
use plimsoll_sim::temporal::{Outcome, Process, by_client, collection_share};
use serde::{Deserialize, Serialize};

use super::nnls::{NoSolution, System, inverse};

/// A cost of the calibration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Its section.
    pub section: &'static str,
    /// Its key there.
    pub key: &'static str,
    /// Whose CPU it is.
    pub process: Process,
    /// What it is counted by.
    counts: Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Requests,
    Forwards,
    Updates,
    QueueTasks,
    TimerReads,
    Statements,
    Visibility,
    WakeUps,
    IdleCores,
    WorkflowTasks,
    Activities,
    LocalActivities,
    ClientRequests,
}

/// All of them, in the file's order.
pub const COSTS: [Cost; 23] = [
    cost("frontend_request", Process::Frontend, Count::Requests),
    cost("frontend_wake", Process::Frontend, Count::WakeUps),
    cost("frontend_idle_core", Process::Frontend, Count::IdleCores),
    cost("matching_request", Process::Matching, Count::Requests),
    cost("matching_forward", Process::Matching, Count::Forwards),
    cost("matching_wake", Process::Matching, Count::WakeUps),
    cost("matching_idle_core", Process::Matching, Count::IdleCores),
    cost("history_request", Process::History, Count::Requests),
    cost("history_update", Process::History, Count::Updates),
    cost("history_task", Process::History, Count::QueueTasks),
    cost("history_timer", Process::History, Count::TimerReads),
    cost("history_wake", Process::History, Count::WakeUps),
    cost("history_idle_core", Process::History, Count::IdleCores),
    cost("database_statement", Process::Database, Count::Statements),
    cost("database_visibility", Process::Database, Count::Visibility),
    cost("database_wake", Process::Database, Count::WakeUps),
    cost("database_idle_core", Process::Database, Count::IdleCores),
    of_generator("workflow_task", Count::WorkflowTasks),
    of_generator("activity", Count::Activities),
    of_generator("local_activity", Count::LocalActivities),
    of_generator("client_request", Count::ClientRequests),
    of_generator("wake", Count::WakeUps),
    of_generator("idle_core", Count::IdleCores),
];

const fn cost(key: &'static str, process: Process, counts: Count) -> Cost {
    Cost { section: "cpu", key, process, counts }
}

const fn of_generator(key: &'static str, counts: Count) -> Cost {
    Cost { section: GENERATOR, key, process: Process::Worker, counts }
}

/// The load generator's clients and workers: its section in the file, and its name in the counters.
pub const GENERATOR: &str = "generator";

/// The processes whose CPU is fitted, and their names in the counters.
pub const PROCESSES: [(Process, &str); 5] = [
    (Process::Frontend, "frontend"),
    (Process::History, "history"),
    (Process::Matching, "matching"),
    (Process::Database, "database"),
    (Process::Worker, GENERATOR),
];

impl Cost {
    /// Whether it is work, which takes as much longer on a slower machine as the canary does, and not the waking of a process or a core, which
    /// hardly does (`docs/calibration.md`).
    pub fn is_work(&self) -> bool {
        !matches!(self.counts, Count::WakeUps | Count::IdleCores)
    }

    /// Its value in a calibration, milliseconds.
    pub fn of(&self, calibration: &Calibration) -> f64 {
        let mut cpu = calibration.cpu.clone();
        let mut generator = generator_of(calibration);
        self.place(&mut cpu, &mut generator).as_secs_f64() * 1e3
    }

    /// Puts a value in, milliseconds.
    pub fn set(&self, calibration: &mut Calibration, milliseconds: f64) {
        let mut generator = generator_of(calibration);
        *self.place(&mut calibration.cpu, &mut generator) = Nanos::from_secs_f64(milliseconds / 1e3);
        calibration.generator = Some(generator);
    }

    fn place<'a>(&self, cpu: &'a mut CpuCosts, generator: &'a mut SdkCosts) -> &'a mut Nanos {
        match self.key {
            "frontend_request" => &mut cpu.frontend_request,
            "frontend_wake" => &mut cpu.frontend_wake,
            "frontend_idle_core" => &mut cpu.frontend_idle_core,
            "matching_request" => &mut cpu.matching_request,
            "matching_forward" => &mut cpu.matching_forward,
            "matching_wake" => &mut cpu.matching_wake,
            "matching_idle_core" => &mut cpu.matching_idle_core,
            "history_request" => &mut cpu.history_request,
            "history_update" => &mut cpu.history_update,
            "history_task" => &mut cpu.history_task,
            "history_timer" => &mut cpu.history_timer,
            "history_wake" => &mut cpu.history_wake,
            "history_idle_core" => &mut cpu.history_idle_core,
            "database_statement" => &mut cpu.database_statement,
            "database_visibility" => &mut cpu.database_visibility,
            "database_wake" => &mut cpu.database_wake,
            "database_idle_core" => &mut cpu.database_idle_core,
            "workflow_task" => &mut generator.workflow_task,
            "activity" => &mut generator.activity,
            "local_activity" => &mut generator.local_activity,
            "client_request" => &mut generator.client_request,
            "wake" => &mut generator.wake,
            _ => &mut generator.idle_core,
        }
    }
}

/// A base that says nothing of the load generator takes the shipped calibration's.
fn generator_of(calibration: &Calibration) -> SdkCosts {
    calibration.generator.or_else(|| Calibration::reference().generator).unwrap_or_default()
}

/// How often the model did what each cost is counted by, per workflow, its share of garbage collection included: each cost comes with
/// that much more.
pub fn counts(outcomes: &[Outcome], calibration: &Calibration) -> Vec<f64> {
    let offered: f64 = outcomes.iter().map(|outcome| outcome.counts.offered as f64).sum();
    COSTS
        .iter()
        .map(|cost| {
            let total: f64 = outcomes.iter().map(|outcome| one(outcome, cost, calibration)).sum();
            total / offered * (1.0 + collection_share(cost.process, calibration))
        })
        .collect()
}

fn one(outcome: &Outcome, cost: &Cost, calibration: &Calibration) -> f64 {
    let work = &outcome.work;
    let process = cost.process;
    let visits = |of: &dyn Fn(&Operation) -> f64| -> f64 {
        let each =
            |kind: OperationKind| of(calibration.operation(kind)) * work.requests.visits(Process::History, kind) as f64;
        OperationKind::ALL.into_iter().map(each).sum()
    };
    let asked = |is: &dyn Fn(OperationKind) -> bool| -> f64 {
        let kinds = OperationKind::ALL.into_iter().filter(|kind| is(*kind));
        kinds.map(|kind| work.requests.visits(Process::Frontend, kind) as f64).sum()
    };
    use OperationKind::*;
    match cost.counts {
        Count::WakeUps => work.wake_ups[process as usize] as f64,
        Count::IdleCores => work.idle_cores[process as usize] as f64,
        Count::Requests => {
            let all = work.requests.served(process, calibration);
            // One that is passed on to another partition is a cost of its own.
            all - if process == Process::Matching { work.requests.forwarded() } else { 0.0 }
        }
        Count::Forwards => work.requests.forwarded(),
        Count::Updates => visits(&|op| {
            let writes = op.append || op.new_branch || op.has_transaction();
            f64::from(u8::from(writes && op.name != OperationKind::Spool))
        }),
        Count::QueueTasks => visits(&|op| f64::from(u8::from(op.queue_task))),
        Count::TimerReads => visits(&|op| f64::from(u8::from(op.timer_task))) * f64::from(Operation::TIMER_READS),
        Count::Statements => work.statements as f64,
        Count::WorkflowTasks => asked(&|kind| matches!(kind, WorkflowTaskCompleted | SpeculativeTaskCompleted)),
        Count::Activities => asked(&|kind| {
            matches!(kind, ActivityCompleted | ActivityCompletedBuffered | ActivityFailed | ActivityFailedForGood)
        }),
        Count::LocalActivities => work.local_activities as f64,
        Count::ClientRequests => asked(&by_client),
        Count::Visibility => work.visibility_statements as f64,
    }
}

/// Of the CPU of each of [`PROCESSES`], by a calibration's costs: the share that is work.
pub fn work_shares(counts: &[f64], calibration: &Calibration) -> [f64; PROCESSES.len()] {
    PROCESSES.map(|(process, _)| {
        let (mut work, mut all) = (0.0, 0.0);
        for (cost, count) in COSTS.iter().zip(counts).filter(|(cost, _)| cost.process == process) {
            let cpu = cost.of(calibration) * count;
            all += cpu;
            work += if cost.is_work() { cpu } else { 0.0 };
        }
        if all > 0.0 { work / all } else { 1.0 }
    })
}

/// A run: the model's counts, and the CPU measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Of each of [`COSTS`], per workflow.
    pub counts: Vec<f64>,
    /// Milliseconds of each of [`PROCESSES`], per workflow; `None` where it was not measured.
    pub cpu_ms: [Option<f64>; PROCESSES.len()],
    /// Workflows of the run.
    pub workflows: f64,
    /// How many times as long as at the speed that costs are told for the machine's work took, by the canary.
    pub slowness: f64,
}

/// What a measurement is uncertain by, beside the garbage collections that fall into a run or not.
const SHARE: f64 = 0.04;
/// How much of what another speed adds or takes away is uncertain. Seen: in runs whose canary took 1.6 to 1.8 times as long a workflow in overload cost 1.3 to
/// 1.65 times the CPU.
const SPEED_SHARE: f64 = 0.2;
/// Seconds of CPU of one collection of history more or less: 90 to 220 ms on a new cluster (the shipped calibration's notes).
const HISTORY_COLLECTION: f64 = 0.2;
/// The same of frontend and matching, and what the clock ticks leave open of any process.
const OTHER_COLLECTION: f64 = 0.05;
/// A cost is pulled to its base value by an equation as uncertain as this share of it.
const PULL: f64 = 0.25;
/// Bootstrap samples.
const SAMPLES: usize = 400;
/// Two costs whose errors are correlated as much as this are only known together.
const TOGETHER: f64 = -0.7;

/// A cost and how well it is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Its section.
    #[serde(default)]
    pub section: String,
    /// Its key there.
    pub key: String,
    /// Milliseconds.
    pub value: f64,
    /// 5th and 95th percentile of the bootstrap.
    pub interval: [f64; 2],
    /// Its value in the base calibration.
    pub base: f64,
    /// Which part of its uncertainty the runs took away: 0 where it is the base's, 1 where the base does not matter.
    pub from_runs: f64,
}

/// Costs fitted to runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// In the order of [`COSTS`].
    pub costs: Vec<Estimate>,
    /// Pairs that the runs cannot tell apart, with the correlation of their errors.
    pub pairs: Vec<(String, String, f64)>,
}

impl Fit {
    /// Fits. `seed` is the bootstrap's.
    ///
    /// # Errors
    /// When no run has CPU.
    pub fn of(runs: &[Run], base: &Calibration, seed: u64) -> Result<Fit, NoSolution> {
        let prior: Vec<f64> = COSTS.iter().map(|cost| cost.of(base)).collect();
        let all: Vec<&Run> = runs.iter().filter(|run| run.cpu_ms.iter().any(Option::is_some)).collect();
        if all.is_empty() {
            return Err(NoSolution::Empty);
        }
        let system = equations(&all, &prior);
        let values = system.solve()?;
        let mut samples = vec![Vec::with_capacity(SAMPLES); COSTS.len()];
        let mut draws = Streams::new(seed).stream("calibrate", "bootstrap", 0);
        for _ in 0..SAMPLES {
            let drawn: Vec<&Run> = all.iter().map(|_| all[draws.below(all.len() as u64) as usize]).collect();
            // What is the base's is as uncertain as the base is said to be.
            let moved: Vec<f64> = prior.iter().map(|value| (value * (1.0 + PULL * draws.normal())).max(0.0)).collect();
            let solved = equations(&drawn, &moved).solve()?;
            samples.iter_mut().zip(solved).for_each(|(list, value)| list.push(value));
        }
        let covariance = inverse(&system.information()).ok_or(NoSolution::Singular)?;
        let costs = COSTS
            .iter()
            .enumerate()
            .map(|(index, cost)| {
                let list = &mut samples[index];
                list.sort_by(f64::total_cmp);
                let at = |q: f64| list[((list.len() - 1) as f64 * q).round() as usize];
                let pulled = (PULL * pull_of(prior[index])).powi(2);
                Estimate {
                    section: cost.section.to_owned(),
                    key: cost.key.to_owned(),
                    value: values[index],
                    interval: [at(0.05).min(values[index]), at(0.95).max(values[index])],
                    base: prior[index],
                    from_runs: (1.0 - covariance[index][index] / pulled).clamp(0.0, 1.0),
                }
            })
            .collect();
        Ok(Fit { costs, pairs: pairs(&covariance) })
    }

    /// Costs that are the base calibration's more than the runs'.
    pub fn kept(&self) -> impl Iterator<Item = &Estimate> {
        self.costs.iter().filter(|cost| cost.from_runs < 0.5)
    }

    /// Puts the costs into a calibration.
    pub fn put_into(&self, calibration: &mut Calibration) {
        for (cost, estimate) in COSTS.iter().zip(&self.costs) {
            cost.set(calibration, estimate.value);
        }
    }
}

/// A cost of zero in the base is pulled as one of a hundredth of a millisecond.
fn pull_of(base: f64) -> f64 {
    base.max(0.01)
}

fn equations(runs: &[&Run], prior: &[f64]) -> System {
    let mut system = System::default();
    for run in runs {
        for (index, (process, _)) in PROCESSES.iter().enumerate() {
            let Some(cpu) = run.cpu_ms[index] else { continue };
            let own = |(cost, count): (&Cost, &f64)| match cost.process == *process {
                true if cost.is_work() => *count * run.slowness,
                true => *count,
                false => 0.0,
            };
            let row: Vec<f64> = COSTS.iter().zip(&run.counts).map(own).collect();
            let collection = if *process == Process::History { HISTORY_COLLECTION } else { OTHER_COLLECTION };
            let share = libm::hypot(SHARE, SPEED_SHARE * (run.slowness - 1.0));
            let error = libm::hypot(collection * 1e3 / run.workflows.max(1.0), share * cpu.abs());
            system.add(&row, cpu, error.max(1e-6));
        }
    }
    for (index, value) in prior.iter().enumerate() {
        let mut unit = vec![0.0; COSTS.len()];
        unit[index] = 1.0;
        system.add(&unit, *value, PULL * pull_of(*value));
    }
    system
}

fn pairs(covariance: &[Vec<f64>]) -> Vec<(String, String, f64)> {
    let mut list = Vec::new();
    for i in 0..COSTS.len() {
        for j in i + 1..COSTS.len() {
            let correlation = covariance[i][j] / (covariance[i][i] * covariance[j][j]).sqrt();
            if correlation < TOGETHER {
                list.push((COSTS[i].key.to_owned(), COSTS[j].key.to_owned(), correlation));
            }
        }
    }
    list.sort_by(|a, b| a.2.total_cmp(&b.2));
    list
}

#[cfg(test)]
#[path = "costs_tests.rs"]
mod tests;
