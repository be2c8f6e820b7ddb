//! `plimsoll schema`.

use crate::cli::{SchemaArgs, SchemaName};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Prints a published JSON Schema.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(arguments: &SchemaArgs, console: &Console) -> Result<Exit, Failure> {
    let text = match arguments.of {
        SchemaName::Profile => format!("{:#}\n", plimsoll_profiles::profile_schema()),
        SchemaName::Cluster => format!("{:#}\n", plimsoll_profiles::cluster_schema()),
        SchemaName::Plan => published("plan")?,
        SchemaName::Autoscale => published("autoscale")?,
        SchemaName::Simulate => published("simulate")?,
        SchemaName::Sweep => published("sweep")?,
        SchemaName::Compare => published("compare")?,
        SchemaName::Run => published("run")?,
        SchemaName::Validation => published("validation")?,
    };
    console.answer(&text)?;
    Ok(Exit::Success)
}

fn published(name: &str) -> Result<String, Failure> {
    plimsoll_reports::schema::all()
        .into_iter()
        .find(|schema| schema.name == name)
        .map(|schema| schema.text())
        .ok_or_else(|| Failure::usage(format!("there is no schema {name}")))
}
