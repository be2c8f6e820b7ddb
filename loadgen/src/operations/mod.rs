//! The model's operation table beside a real server: every operation alone, statement by statement.
//!
//! | module | subject |
//! | --- | --- |
//! | [`catalogue`] | the operations, and the small workflows whose differences they are |
//! | [`expected`] | the statements the model makes of a workflow |
//! | [`table`] | the statements a server version made, as data |
//! | [`compare`] | what differs |
//! | [`text`] | the same for people |

pub mod catalogue;
pub mod compare;
pub mod expected;
pub mod table;
pub mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::Rate;

use crate::calibrate::bench::Bench;
use crate::failure::Failure;
use catalogue::{OPERATIONS, Trial, trials};
use expected::Counts;
use table::{TABLE_SCHEMA_VERSION, Table};

/// What is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Names of operations; all when empty.
    pub only: Vec<String>,
    /// Workflows of each trial.
    pub workflows: u32,
    /// Starts per second.
    pub rate: Rate,
    /// How long the idle rate is measured.
    pub idle: Duration,
}

impl Plan {
    /// The trials it needs.
    ///
    /// # Errors
    /// When an operation has no such name.
    pub fn trials(&self) -> Result<Vec<Trial>, Failure> {
        let mut wanted: Vec<&str> = Vec::new();
        for name in &self.only {
            let operation = OPERATIONS.iter().find(|operation| operation.name == name).ok_or_else(|| {
                let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
                Failure::usage(format!("no operation '{name}'; there are {}", names.join(", ")))
            })?;
            wanted.push(operation.of);
            wanted.extend(operation.less);
        }
        let mut all = trials();
        all.retain(|trial| self.only.is_empty() || wanted.contains(&trial.shape.name));
        Ok(all)
    }
}

/// Runs the trials on the cluster; `say` is told of each before it begins, with its number and how many there are.
///
/// # Errors
/// When the cluster does not answer, or workflows do not end.
pub async fn measure(
    bench: &mut Bench,
    plan: &Plan,
    temporal: &str,
    say: &mut (dyn FnMut(&str, usize, usize) + Send),
) -> Result<Table, Failure> {
    let trials = plan.trials()?;
    let mut table = Table {
        schema_version: TABLE_SCHEMA_VERSION,
        temporal: temporal.to_owned(),
        database: bench.reader().version().await?,
        history_shards: bench.shards(),
        workflows: plan.workflows,
        rate_per_second: plan.rate.as_per_second(),
        statements: BTreeMap::new(),
        trials: BTreeMap::new(),
    };
    // The first workflows of a queue load its partitions, and what the server knows of a namespace and a type.
    let warm_up = trials.iter().find(|trial| trial.shape.name == "activity").unwrap_or(&trials[0]).shape.clone();
    say("warm-up and idle rate", 0, trials.len());
    bench.run(&warm_up, plan.rate, 10, 0).await?;
    let idle = bench.idle(plan.idle).await?.counters;
    for (index, trial) in trials.iter().enumerate() {
        say(trial.shape.name, index + 1, trials.len());
        let measured = bench.run(&trial.shape, plan.rate, plan.workflows, 1 + index as u64).await?;
        let each = measured.counters.per_workflow(&idle, f64::from(measured.workflows));
        table.add(trial.shape.name, &each);
    }
    Ok(table)
}

/// What the model makes of the same trials on a cluster with so many history shards.
///
/// # Errors
/// When a trial is no profile.
pub fn modelled(shards: u32, plan: &Plan, calibration: &Calibration) -> Result<BTreeMap<String, Counts>, Failure> {
    let mut all = BTreeMap::new();
    for trial in plan.trials()? {
        let profile = trial.shape.profile(plan.rate, plan.workflows, shards, &[])?;
        let expected = expected::expected(&trial, &profile, plan.rate, calibration);
        all.insert(trial.shape.name.to_owned(), expected.statements);
    }
    Ok(all)
}
