//! The small program on the Go SDK (`loadgen/reference`).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Settings;

/// Builds it into a folder; nothing, after saying why, where it cannot be built.
///
/// # Panics
/// When it cannot be built and `PLIMSOLL_CLUSTER=required`.
pub fn build(folder: &Path) -> Option<PathBuf> {
    match built(folder) {
        Ok(program) => Some(program),
        Err(reason) if std::env::var("PLIMSOLL_CLUSTER").as_deref() == Ok("required") => panic!("{reason}"),
        Err(reason) => {
            eprintln!("not run: {reason}");
            None
        }
    }
}

fn built(folder: &Path) -> Result<PathBuf, String> {
    let program = folder.join("reference");
    let output = Command::new("go")
        .args(["build", "-buildvcs=false", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/reference"))
        .output()
        .map_err(|error| format!("go: {error}"))?;
    match output.status.success() {
        true => Ok(program),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The program as a client of the cluster's task queue.
pub fn command(program: &Path, settings: &Settings, queue: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(["-address", &settings["TEMPORAL_ADDRESS"], "-namespace", &settings["TEMPORAL_NAMESPACE"]])
        .args(["-task-queue", queue]);
    command
}

/// The program's workers; they end with the test, whose end closes their stdin.
pub struct Workers {
    child: Child,
    /// What they said when they polled.
    pub said: String,
}

impl Workers {
    /// Starts them; they poll when this returns.
    pub fn start(program: &Path, settings: &Settings, queue: &str, more: &[&str]) -> Workers {
        let mut child = command(program, settings, queue)
            .arg("-serve")
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.starts_with("polling"), "{said:?}");
        Workers { child, said }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
