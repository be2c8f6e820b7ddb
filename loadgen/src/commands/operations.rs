//! `plimsoll-load operations`: the operation table checked on a real server.

use std::path::Path;
use std::time::Duration;

use plimsoll_profiles::calibration::Calibration;
use plimsoll_profiles::units::Rate;

use super::interrupts::Interrupts;
use crate::calibrate::bench::Bench;
use crate::cli::{Format, OperationsArgs};
use crate::connect::Endpoint;
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::identity::RunId;
use crate::operations::compare::Comparison;
use crate::operations::table::Table;
use crate::operations::{Plan, measure, modelled, text};
use crate::safety::{Terminal, consent};
use crate::samplers::SamplerSettings;

/// Runs each operation alone, and compares; a finding when something differs.
///
/// # Errors
/// When the cluster or its database is not reached, or the table cannot be read or written.
pub fn run(arguments: &OperationsArgs, console: &Console) -> Result<Exit, Failure> {
    let plan = Plan {
        only: arguments.only.clone(),
        workflows: arguments.workflows,
        rate: arguments.rate,
        idle: Duration::from_nanos(arguments.idle.0),
    };
    plan.trials()?;
    let calibration =
        Calibration::load(&arguments.calibration, Path::new("")).map_err(|error| Failure::usage(error.to_string()))?;
    let table = match &arguments.table {
        Some(path) => Table::read(path)?,
        None => Table::shipped()?,
    };
    let measured = match &arguments.measured {
        Some(path) => Table::read(path)?,
        None => match on_the_cluster(arguments, &plan, console)? {
            Some(measured) => measured,
            None => return Ok(Exit::Success),
        },
    };
    // As it was measured, when that was another time.
    let plan = Plan { rate: Rate::per_second(measured.rate_per_second), workflows: measured.workflows, ..plan };
    let model = modelled(measured.history_shards, &plan, &calibration)?;
    let comparison = Comparison::of(&measured, Some(&table), &model);
    if let Some(path) = &arguments.write {
        measured.write(path)?;
        console.note(&format!("written: {}", path.display()));
    }
    console.answer(&match arguments.format {
        Format::Human => text::text(&comparison, &measured, Some(&table)),
        Format::Json => {
            format!("{}\n", serde_json::to_string_pretty(&comparison).map_err(|error| Failure::io(error.to_string()))?)
        }
    })?;
    Ok(if comparison.differs() { Exit::Finding } else { Exit::Success })
}

/// Runs the trials; `None` after a dry run.
fn on_the_cluster(arguments: &OperationsArgs, plan: &Plan, console: &Console) -> Result<Option<Table>, Failure> {
    let endpoint = Endpoint::resolve(&arguments.connect)?;
    let kinds = plan.trials()?.len();
    let what =
        format!("start {} workflows of {kinds} kinds, some with children", kinds as u32 * arguments.workflows + 10);
    if arguments.safety.dry_run {
        console.answer(&format!("This would {what} at {}.\n", endpoint.address().value))?;
        return Ok(None);
    }
    consent(&endpoint, &arguments.safety, &what, &mut Terminal)?;
    let measured = super::block_on(async {
        let interrupts = Interrupts::listen()?;
        let connected = endpoint.connect(&format!("{}-operations", RunId::new())).await?;
        let address = connected.endpoint.address().value.to_string();
        let settings = SamplerSettings::resolve(&arguments.samplers, Some(&address), &[], 1)?;
        let version = connected.server.version.clone();
        let mut bench = Bench::new(connected, &settings, &[], arguments.settle).await?;
        let mut say = |name: &str, number: usize, of: usize| console.note(&format!("{number:>3}/{of}  {name}"));
        let mut interrupted = interrupts.clone();
        tokio::select! {
            measured = measure(&mut bench, plan, &version, &mut say) => measured,
            () = interrupted.next() => {
                Err(Failure::Message(Exit::Interrupted, "interrupted; nothing was compared".to_owned()))
            }
        }
    })?;
    Ok(Some(measured))
}
