//! The real binary, started with a small load, and what it leaves behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plimsoll_load::embedded::{Behaviour, Embedded};
use plimsoll_reports::run_dir;
use serde_json::Value;

/// One activity, over in milliseconds.
pub const SHORT: &str = r#"{ activity = "empty", takes = "0s", start_to_close = "10s" }"#;
/// A workflow that stays open for longer than a test lasts.
pub const LONG: &str = r#"{ timer = "10min" }"#;

/// A profile with these steps.
fn profile(steps: &str) -> String {
    format!(
        r#"
name = "fault"
sdk = "rust"
[arrivals]
phases = [{{ for = "60s", rate = "5/s" }}]
[[workflow]]
type = "Fault"
input = "10B"
steps = [{steps}]
[slo]
end_to_end = {{ p99 = "60s" }}
[cluster]
use = "measured-2-core"
"#
    )
}

/// The embedded target in the test's own process: one that misbehaves as it is told, and outlives the generator.
pub struct Target {
    address: String,
    _runtime: tokio::runtime::Runtime,
    /// The target itself, to break it.
    pub embedded: Embedded,
}

impl Target {
    /// Starts one.
    pub fn start(behaviour: Behaviour) -> Target {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let embedded = runtime.block_on(Embedded::start(behaviour)).unwrap();
        Target { address: embedded.address().to_string(), _runtime: runtime, embedded }
    }

    /// What a run needs to drive it.
    pub fn arguments(&self) -> [&str; 6] {
        ["--address", &self.address, "--workers", "own", "--completions", "long-poll"]
    }
}

/// A run under way.
pub struct Generator {
    child: Child,
    folder: tempfile::TempDir,
    /// Its run directory.
    pub out: PathBuf,
}

/// A run that has ended.
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// Everything it said, stdout and stderr.
    pub said: String,
    /// Its run directory.
    pub out: PathBuf,
    _folder: tempfile::TempDir,
}

/// The binary, with nothing of this process's Temporal settings.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-load"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TEMPORAL_") {
            command.env_remove(name);
        }
    }
    // No configuration file of the user's either.
    command.env("HOME", "/nonexistent").env("XDG_CONFIG_HOME", "/nonexistent").stdin(Stdio::null());
    command
}

impl Generator {
    /// Starts `run` with 5 starts per second of this workflow.
    pub fn start(steps: &str, arguments: &[&str]) -> Generator {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        Generator::start_in(folder, out, steps, arguments, |_| {})
    }

    /// The same with a run directory elsewhere, and the command changed.
    pub fn start_in(
        folder: tempfile::TempDir,
        out: PathBuf,
        steps: &str,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Generator {
        let file = folder.path().join("profile.toml");
        std::fs::write(&file, profile(steps)).unwrap();
        let mut command = binary();
        command
            .arg("run")
            .arg(&file)
            .args(["--rate", "5/s", "--ramp", "0s", "--warm-up", "0s", "--yes", "--longest-wait", "none", "--out"])
            .arg(&out)
            .args(arguments);
        command
            .stdout(File::create(folder.path().join("stdout")).unwrap())
            .stderr(File::create(folder.path().join("stderr")).unwrap());
        change(&mut command);
        Generator { child: command.spawn().unwrap(), folder, out }
    }

    /// Waits until this many seconds of the run are in its files.
    pub fn seconds_written(&mut self, seconds: usize) {
        let limit = Instant::now() + Duration::from_secs(60);
        loop {
            let rows = std::fs::read_to_string(self.out.join("resources.csv"))
                .map_or(0, |text| text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count());
            if rows >= seconds {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended early, {status}:\n{}", said(self.folder.path()));
            }
            assert!(Instant::now() < limit, "no {seconds} s of the run within a minute:\n{}", said(self.folder.path()));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end, at most so long.
    pub fn finish(mut self, at_most: Duration) -> Finished {
        let limit = Instant::now() + at_most;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() >= limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("it did not end within {at_most:?}:\n{}", said(self.folder.path()));
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let said = said(self.folder.path());
        Finished {
            status,
            said,
            out: self.out.clone(),
            _folder: std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()),
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(folder: &Path) -> String {
    ["stdout", "stderr"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap_or_default()).concat()
}

/// What became of the intended starts.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Intended.
    pub offered: u64,
    /// Ended well.
    pub completed: u64,
    /// Refused, or ended otherwise.
    pub failed: u64,
    /// Open at the end.
    pub unfinished: u64,
    /// Never sent.
    pub unsent: u64,
}

impl Finished {
    /// The manifest as it is.
    pub fn manifest(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.out.join("run.json")).unwrap()).unwrap()
    }

    /// Why the run is not simply valid, as in the manifest, and what was printed.
    pub fn told(&self) -> String {
        let reasons = self.manifest().pointer("/verdict/reasons").map_or_else(String::new, Value::to_string);
        format!("{reasons}\n{}", self.said)
    }

    /// Checks what must hold of every run that came to its end: all files can be read by their reader, and the counts add up to the unit.
    pub fn holds(&self) -> Counts {
        let run = run_dir::read(&self.out).unwrap_or_else(|error| panic!("{error}\n{}", self.said));
        assert!(!run.intervals.is_empty() && !run.resources.rows.is_empty(), "{}", self.said);
        let manifest = self.manifest();
        assert_ne!(manifest.pointer("/verdict/verdict").and_then(Value::as_str), Some("incomplete"), "{}", self.said);
        let count = |name: &str| {
            let value = manifest.pointer(&format!("/summary/counts/{name}")).and_then(Value::as_u64);
            value.unwrap_or_else(|| panic!("no summary.counts.{name} in run.json\n{}", self.said))
        };
        let counts = Counts {
            offered: count("offered"),
            completed: count("completed"),
            failed: count("failed"),
            unfinished: count("unfinished"),
            unsent: count("unsent"),
        };
        assert_eq!(counts.offered, counts.completed + counts.failed + counts.unfinished + counts.unsent, "{counts:?}");
        assert!(counts.offered > 0, "{}", self.said);
        let sent = |name: &str| manifest.pointer(&format!("/sent/{name}")).and_then(Value::as_u64).unwrap();
        assert_eq!((sent("offered"), sent("unsent")), (counts.offered, counts.unsent), "{manifest:#}");
        assert_eq!(sent("offered"), sent("sent") + sent("unsent"), "{manifest:#}");
        counts
    }

    /// Checks that at least one of these words was used to say what happened, in any case.
    pub fn says(&self, words: &[&str]) {
        let told = self.told().to_lowercase();
        assert!(words.iter().any(|word| told.contains(&word.to_lowercase())), "none of {words:?} in\n{}", self.told());
    }
}
