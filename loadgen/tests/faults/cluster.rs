//! A real cluster for a test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One cluster, one run at a time: the machine is small, and a fault meets every run on it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A running cluster; goes down with the test that brought it up.
pub struct Cluster {
    name: String,
    environment: BTreeMap<String, String>,
    ours: bool,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// A plain one. `None`, with the reason on stderr, where there is none to be had.
    pub fn plain() -> Option<Cluster> {
        Cluster::up("faults", 23_000, &[], std::env::var("PLIMSOLL_TEST_ENV").ok())
    }

    /// One that asks its clients for certificates.
    pub fn mtls() -> Option<Cluster> {
        Cluster::up("faults-mtls", 24_000, &["--mtls"], std::env::var("PLIMSOLL_TEST_MTLS_ENV").ok())
    }

    fn up(name: &str, ports: u16, more: &[&str], given: Option<String>) -> Option<Cluster> {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = given {
            let environment = read(Path::new(&file));
            return Some(Cluster {
                name: environment["PLIMSOLL_CLUSTER_NAME"].clone(),
                environment,
                ours: false,
                _turn: turn,
            });
        }
        let output = Command::new(script("up"))
            .args(["--name", name, "--ports", &free(ports).to_string(), "--shards", "16"])
            .args(more)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() {
            assert!(
                std::env::var("PLIMSOLL_CLUSTER").as_deref() != Ok("required"),
                "a cluster is required and there is none: {said}"
            );
            eprintln!("not tested, because there is no cluster: {said}");
            return None;
        }
        let file = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Some(Cluster { name: name.to_owned(), environment: read(Path::new(&file)), ours: true, _turn: turn })
    }

    /// A variable of the cluster's environment file.
    pub fn get(&self, name: &str) -> &str {
        self.environment
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the environment file of cluster {}", self.name))
    }

    /// The frontend's address.
    pub fn address(&self) -> &str {
        self.get("TEMPORAL_ADDRESS")
    }

    /// `cluster/service ACTION PART`.
    pub fn service(&self, action: &str, part: &str) {
        let output = Command::new(script("service")).args([action, part, "--name", &self.name]).output().unwrap();
        assert!(output.status.success(), "service {action} {part}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Workflows open in the default namespace whose id begins with this.
    pub fn open(&self, prefix: &str) -> u64 {
        let query = format!("ExecutionStatus='Running' AND WorkflowId STARTS_WITH '{prefix}'");
        let output = Command::new(self.get("PLIMSOLL_CLI"))
            .args(["workflow", "count", "--address", self.address(), "-n", "default", "-o", "json", "--query", &query])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        match answer.get("count") {
            None => 0,
            Some(serde_json::Value::String(count)) => count.parse().unwrap(),
            Some(count) => count.as_u64().unwrap(),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What a failed test left broken is mended for the next one.
        let action = if self.ours { "reset" } else { "up" };
        let _ = Command::new(script(action)).args(["--name", &self.name]).output();
    }
}

/// The first hundred ports from here on of which a cluster's are free.
fn free(from: u16) -> u16 {
    let taken = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_err();
    let fits = |base: &u16| (30..100).all(|offset| !taken(base + offset));
    (from..from + 1_000).step_by(100).find(fits).expect("ten times a hundred ports, and none is free")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster").join(name)
}

fn read(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect()
}
