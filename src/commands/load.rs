//! `plimsoll load …`: runs `plimsoll-load …`, as git and cargo run their external subcommands.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::cli::LoadArgs;
use crate::exit::Exit;
use crate::failure::Failure;

const NOT_FOUND: &str = "`plimsoll load` runs the program plimsoll-load, which is neither beside this one nor on PATH.
Build it with `cargo build --release -p plimsoll-load`; plan, simulate, sweep and import work without it.";

/// Hands over to `plimsoll-load`, with its exit code.
///
/// # Errors
/// When it is not there or cannot be started.
pub fn run(arguments: &LoadArgs) -> Result<Exit, Failure> {
    let program = program().ok_or_else(|| Failure::usage(NOT_FOUND))?;
    let status = Command::new(&program)
        .args(&arguments.arguments)
        .status()
        .map_err(|error| Failure::io("run", &program, &error))?;
    // The exit codes of both programs are the same; a signal has none.
    Ok(Exit::Foreign(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::Interrupted.code())))
}

/// Beside the own executable first, then on PATH.
fn program() -> Option<PathBuf> {
    let name: OsString = format!("plimsoll-load{}", std::env::consts::EXE_SUFFIX).into();
    let beside = std::env::current_exe().ok().and_then(|own| own.parent().map(|folder| folder.join(&name)));
    let on_path = std::env::var_os("PATH");
    let folders = on_path.iter().flat_map(std::env::split_paths).map(|folder| folder.join(&name));
    beside.into_iter().chain(folders).find(|candidate| candidate.is_file())
}
