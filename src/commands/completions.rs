//! `plimsoll completions`.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Prints the completion script of a shell.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(arguments: &CompletionsArgs, console: &Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "plimsoll", &mut script);
    console.answer(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
