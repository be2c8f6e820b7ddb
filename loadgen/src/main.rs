//! `plimsoll-load`: open-loop load for a real Temporal cluster.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
