//! `plimsoll-load`: open-loop load for a real Temporal cluster.

use std::process::ExitCode;

use clap::Parser;
use plimsoll_load::cli::Cli;
use plimsoll_load::commands;
use plimsoll_load::console::Console;
use plimsoll_load::failure::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that went away, as in `plimsoll-load --help | head -1`, is no error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Success.code() });
        }
    };
    let console = Console::new(cli.display);
    let exit = commands::run(cli.command, &console).unwrap_or_else(|failure| {
        console.failure(&failure);
        failure.exit()
    });
    ExitCode::from(exit.code())
}
