//! The statements that the model makes of a workflow, by kind.
//!
//! The model counts which operations come to history; the calibration's operation table says which statements each makes. What commands and
//! events add to them is the model's code, repeated here by kind ([`Trial`] says which commands there are).

use std::collections::BTreeMap;

use plimsoll_profiles::calibration::{Calibration, Operation, OperationKind, Statement};
use plimsoll_profiles::profile::Profile;
use plimsoll_profiles::units::Rate;
use plimsoll_sim::temporal::{Outcome, Process, Settings, SystemSize, simulate};

use super::catalogue::{Command, Trial};
use crate::calibrate::statement::Kind;

/// Statements per workflow by kind.
pub type Counts = BTreeMap<Kind, f64>;

/// Workflows simulated: what batches is a mean over them.
const WORKFLOWS: f64 = 600.0;

/// Reads of `current_executions` by the client's wait for a workflow's end.
const RUNS_LOOKED_UP: f64 = 1.0;

/// What the model makes of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// By kind.
    pub statements: Counts,
    /// The model's own sum of them, both databases, per workflow.
    pub total: f64,
}

impl Expected {
    /// The model's sum less that of the kinds: zero, else this module does not know what the model does.
    pub fn unexplained(&self) -> f64 {
        self.total - self.statements.values().sum::<f64>()
    }
}

/// Simulates a trial's profile at a rate and names the statements.
pub fn expected(trial: &Trial, profile: &Profile, rate: Rate, calibration: &Calibration) -> Expected {
    let outcome = simulated(profile, rate, WORKFLOWS, 0, calibration);
    let offered = outcome.counts.offered as f64;
    let mut counts = Counts::new();
    let mut add = |kind: Kind, count: f64| *counts.entry(kind).or_insert(0.0) += count;
    // A completion that continues as new is decided while it is under way: the model counts its request as any completion's.
    let continues = tasks(trial).filter(|task| task.contains(&Command::Continue)).count() as f64;
    for kind in OperationKind::ALL {
        let visits = match kind {
            OperationKind::ContinueAsNew => continues,
            OperationKind::WorkflowTaskCompleted => visits(&outcome, kind) / offered - continues,
            // History's processor is not visited for these alone: once per run, and as many as the model spooled.
            OperationKind::ColdLoad => cold_loads(trial),
            OperationKind::Spool => outcome.work.spooled as f64 / offered,
            _ => visits(&outcome, kind) / offered,
        };
        if visits > 0.0 {
            of_operation(calibration.operation(kind), &mut |kind, count| add(kind, count * visits));
        }
    }
    for (kind, count) in of_commands(trial) {
        add(kind, count);
    }
    // The record of a start is written after a race of its own, which is no visit of history's.
    let shown = outcome.work.visibility_statements as f64 - visits(&outcome, OperationKind::Visibility);
    add(Kind::named("visibility_upsert"), shown / offered);
    let total = (outcome.work.statements + outcome.work.visibility_statements) as f64 / offered;
    let explained: f64 = counts.values().sum();
    // What is left are checkpoints of queues: their number is not told, their statements are.
    let checkpoint = calibration.operation(OperationKind::Checkpoint);
    let checkpoints = (total - explained).max(0.0) / f64::from(checkpoint.statements().max(1));
    of_operation(checkpoint, &mut |kind, count| *counts.entry(kind).or_insert(0.0) += count * checkpoints);
    // The generator's long poll names no run, so that it follows a chain of them: the server looks it up. The model's client names it.
    *counts.entry(Kind::of(Statement::CurrentRead)).or_insert(0.0) += RUNS_LOOKED_UP;
    Expected { statements: counts, total: total + RUNS_LOOKED_UP }
}

/// A run of the model: Poisson starts, all of them awaited, and what is left to do afterwards done.
pub fn simulated(
    profile: &Profile,
    rate: Rate,
    workflows: f64,
    replication: u32,
    calibration: &Calibration,
) -> Outcome {
    let settings = Settings::counted(rate, workflows, replication);
    simulate(profile, calibration, SystemSize::of(profile), settings, &|| false)
}

fn visits(outcome: &Outcome, kind: OperationKind) -> f64 {
    outcome.work.requests.visits(Process::History, kind) as f64
}

fn tasks(trial: &Trial) -> impl Iterator<Item = &Vec<Command>> {
    trial.runs.iter().flatten()
}

/// One per run, before its first task is run.
fn cold_loads(trial: &Trial) -> f64 {
    trial.runs.len() as f64
}

fn of_operation(operation: &Operation, add: &mut impl FnMut(Kind, f64)) {
    let mut named = |name: &str| add(Kind::named(name), 1.0);
    if operation.timer_task {
        (0..Operation::TIMER_READS).for_each(|_| named("timer_read"));
    }
    if operation.new_branch {
        ["begin", "node_insert", "tree_insert", "commit"].into_iter().for_each(&mut named);
    }
    if operation.append {
        named("node_insert");
    }
    if operation.append_twice {
        named("node_insert");
    }
    if operation.has_transaction() {
        named("begin");
        named("commit");
    }
    if operation.update {
        let update = ["shards_share", "current_lock", "current_update", "executions_lock", "executions_update"];
        update.into_iter().for_each(&mut named);
    }
    if operation.visibility {
        named("visibility_upsert");
    }
    let listed = [&operation.read, &operation.delete, &operation.and, &operation.then_read];
    listed.into_iter().flatten().for_each(|statement| add(Kind::of(*statement), 1.0));
}

/// What commands and events add to their operations' transactions (the model's `completion`, `workflow::decide_event`,
/// `activity::decide_activity_start`).
fn of_commands(trial: &Trial) -> Vec<(Kind, f64)> {
    let mut list: Vec<Statement> = Vec::new();
    for run in &trial.runs {
        for (index, task) in run.iter().enumerate() {
            let has = |command: Command| task.contains(&command);
            let closes = has(Command::Close) || has(Command::Continue);
            if has(Command::Activity) || has(Command::Child) || closes {
                list.push(Statement::TransferInsert);
            }
            if has(Command::Activity) {
                list.push(Statement::ActivityUpsert);
            }
            if has(Command::Timer) || closes {
                list.push(Statement::TimerInsert);
            }
            if has(Command::Timer) || has(Command::TimerNeverFires) {
                list.push(Statement::TimerInfoUpsert);
            }
            if has(Command::Child) {
                list.push(Statement::ChildUpsert);
            }
            if closes || index == 0 {
                list.push(Statement::VisibilityInsert);
            }
        }
    }
    let woken = [Statement::TransferInsert, Statement::TimerInsert];
    (0..trial.wakes).for_each(|_| list.extend(woken));
    (0..trial.attempts + trial.timeouts).for_each(|_| list.push(Statement::TimerInsert));
    list.into_iter().map(|statement| (Kind::of(statement), 1.0)).collect()
}

/// The difference of a workflow's counts and others', divided by how often the operation is in it.
pub fn difference<'a>(of: &Counts, less: impl Iterator<Item = &'a Counts>, times: u32) -> Counts {
    let mut counts = of.clone();
    for other in less {
        for (kind, count) in other {
            *counts.entry(kind.clone()).or_insert(0.0) -= count;
        }
    }
    counts.values_mut().for_each(|count| *count /= f64::from(times));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::catalogue::trials;
    use plimsoll_profiles::units::Nanos;

    /// The kinds add up to what the model itself counts, so every statement of the model has a name here. With queues that are trimmed
    /// once only, next to nothing of it is a mean.
    #[test]
    fn the_statements_named_are_all_that_the_model_makes() {
        let mut calibration = Calibration::reference();
        calibration.queues.checkpoint_interval = Nanos::from_secs(1_000_000);
        let rate = Rate::per_second(6.0);
        let mut off = String::new();
        for trial in trials() {
            let profile = trial.shape.profile(rate, 60, 64, &[]).expect("a profile");
            let expected = expected(&trial, &profile, rate, &calibration);
            let checkpoints = expected.statements.get(&Kind::named("outbound_read")).copied().unwrap_or(0.0);
            let unexplained = expected.unexplained() + checkpoints * 5.0;
            if unexplained.abs() > 0.2 {
                off += &format!("{}: {unexplained:+.3} of {:.3}\n", trial.shape.name, expected.total);
            }
        }
        assert!(off.is_empty(), "statements that the model makes and nobody names:\n{off}");
    }
}
