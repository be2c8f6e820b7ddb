//! One module per command. Each takes what the user typed and ends with an exit code or a failure.

mod calibrate;
mod cleanup;
mod interrupts;
mod operations;
mod run;
mod selftest;
mod target;
mod validate;
mod worker;

use std::future::Future;

use crate::cli::Command;
use crate::console::Console;
use crate::failure::{Exit, Failure};

/// Runs the command.
///
/// # Errors
/// When it cannot give its answer.
pub fn run(command: Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments, console),
        Command::Validate(arguments) => validate::run(&arguments, console),
        Command::Calibrate(arguments) => calibrate::run(&arguments, console),
        Command::Operations(arguments) => operations::run(&arguments, console),
        Command::Cleanup(arguments) => cleanup::run(&arguments, console),
        Command::Worker(arguments) => worker::run(&arguments, console),
        Command::SelfTest(arguments) => selftest::run(&arguments, console),
        Command::Target(arguments) => target::run(&arguments, console),
    }
}

/// Waits for a command's work on an async runtime of its own. What still runs then is left behind: the command is over.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("main")
        .enable_all()
        .build()
        .map_err(|error| Failure::io(format!("cannot start threads: {error}")))?;
    let answer = runtime.block_on(work);
    runtime.shutdown_background();
    answer
}
