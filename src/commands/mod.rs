//! One file per command. Each takes what the user typed and ends with an exit code or a failure.

mod answer;
mod compare;
mod completions;
mod cost;
mod emit;
mod forecast;
mod import;
mod lint;
mod load;
mod man;
mod plan;
mod prepare;
mod report;
mod rollouts;
mod rules;
mod scenarios;
mod schema;
mod simulate;
mod sweep;
mod vary;

use crate::cli::Command;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs the command.
///
/// # Errors
/// When it cannot give its answer.
pub fn run(command: Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Plan(arguments) => plan::run(&arguments, console),
        Command::Simulate(arguments) => simulate::run(&arguments, console),
        Command::Scenarios(arguments) => scenarios::run(&arguments, console),
        Command::Sweep(arguments) => sweep::run(&arguments, console),
        Command::Cost(arguments) => cost::run(&arguments, console),
        Command::Forecast(arguments) => forecast::run(&arguments, console),
        Command::Compare(arguments) => compare::run(&arguments, console),
        Command::Report(arguments) => report::run(&arguments, console),
        Command::Rollouts(arguments) => rollouts::run(&arguments, console),
        Command::Lint(arguments) => lint::run(&arguments, console),
        Command::Rules(rule) => rules::run(&rule, console),
        Command::Import(what) => import::run(&what, console),
        Command::Emit(arguments) => emit::run(&arguments, console),
        Command::Schema(arguments) => schema::run(&arguments, console),
        Command::Completions(arguments) => completions::run(&arguments, console),
        Command::Man => man::run(console),
        Command::Load(arguments) => load::run(&arguments),
    }
}
