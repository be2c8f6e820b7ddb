//! The environment file that `loadgen/cluster/up` leaves: where the parts of a cluster on this machine are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Temporal's services, by the name the file has for them and the name of their columns.
pub(super) const SERVICES: [(&str, &str); 4] =
    [("FRONTEND", "frontend"), ("HISTORY", "history"), ("MATCHING", "matching"), ("WORKER", "system_worker")];

/// A cluster of `loadgen/cluster/up` on this machine. It has no `Debug`: the file holds the database's password.
#[derive(Clone)]
pub struct LocalCluster {
    file: PathBuf,
    values: BTreeMap<String, String>,
}

impl LocalCluster {
    /// Reads an environment file; `None` when it is not one or the cluster is down (`down` removes the file).
    pub fn read(file: &Path) -> Option<LocalCluster> {
        let text = fs::read_to_string(file).ok()?;
        let values: BTreeMap<String, String> = text
            .lines()
            .filter(|line| !line.starts_with(['#', ' ']))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        values.contains_key("PLIMSOLL_CLUSTER_NAME").then(|| LocalCluster { file: file.to_owned(), values })
    }

    /// The running cluster whose frontend has this address (`host:port`; a scheme before it is ignored).
    pub fn at(address: &str) -> Option<LocalCluster> {
        let address = address.rsplit("://").next().unwrap_or(address).trim_end_matches('/');
        let port = address.strip_prefix("localhost:").or_else(|| address.strip_prefix("127.0.0.1:"))?;
        LocalCluster::all().into_iter().find(|cluster| cluster.address() == Some(&format!("127.0.0.1:{port}")))
    }

    /// The running cluster with the name `default`, as `loadgen/cluster/up` starts it without options.
    pub fn default_one() -> Option<LocalCluster> {
        LocalCluster::all().into_iter().find(|cluster| cluster.name() == "default")
    }

    /// All clusters whose file can be read.
    pub fn all() -> Vec<LocalCluster> {
        let mut folders: Vec<PathBuf> = state_roots()
            .iter()
            .filter_map(|root| fs::read_dir(root).ok())
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        folders.sort();
        folders.iter().filter_map(|folder| LocalCluster::read(&folder.join("env"))).collect()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.get("PLIMSOLL_CLUSTER_NAME").unwrap_or_default()
    }

    /// The frontend's address, `127.0.0.1:17233`.
    pub fn address(&self) -> Option<&str> {
        self.get("TEMPORAL_ADDRESS")
    }

    /// A variable of the file, `TEMPORAL_TLS_SERVER_CA_CERT_PATH` for one; `None` when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Where `up` keeps its clusters: as root, as another user, and where `PLIMSOLL_STATE` says.
fn state_roots() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    let mut roots: Vec<PathBuf> = variable("PLIMSOLL_STATE").into_iter().collect();
    roots.push(PathBuf::from("/var/lib/plimsoll"));
    roots.extend(own.map(|state| state.join("plimsoll")));
    roots
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_of_up_is_read_and_another_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        fs::write(&file, "# Cluster 'x'\nPLIMSOLL_CLUSTER_NAME=x\nunset A B\nTEMPORAL_ADDRESS=127.0.0.1:17233\nPLIMSOLL_PG_DSN=postgres://u:p@h/d?sslmode=disable\nPLIMSOLL_WORKER_PID=\nexport A B\n").unwrap();
        let cluster = LocalCluster::read(&file).unwrap();
        assert_eq!((cluster.name(), cluster.address()), ("x", Some("127.0.0.1:17233")));
        assert_eq!(cluster.get("PLIMSOLL_PG_DSN"), Some("postgres://u:p@h/d?sslmode=disable"));
        assert_eq!(cluster.get("PLIMSOLL_WORKER_PID"), None);
        fs::write(&file, "PATH=/bin\n").unwrap();
        assert!(LocalCluster::read(&file).is_none());
        assert!(LocalCluster::read(&folder.path().join("none")).is_none());
    }
}
