//! `plimsoll`: what a Temporal cluster and its workers need before they are bought.
//!
//! `cli` is what the user typed, `commands` does it (one file each) with the library's `model` and `rules`.
//! The answer goes to stdout, everything else to stderr; `exit` holds the exit codes.

mod cancel;
mod cli;
mod commands;
mod console;
mod exit;
mod failure;
mod import;
mod output;
mod plan_file;
mod profile_file;
mod progress;
mod run_files;

use std::process::ExitCode;

use clap::Parser;
use plimsoll::{model, rules};

use crate::cli::Cli;
use crate::console::Console;
use crate::exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that went away, as in `plimsoll --help | head -1`, is no error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let console = Console::new(cli.display);
    match commands::run(cli.command, &console) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            console.failure(&failure);
            failure.exit().into()
        }
    }
}
