//! What the model has to be told of the cluster that is run against.

use plimsoll_profiles::profile::Cluster;
use plimsoll_reports::run_dir::Run;
use serde_json::Value;

use crate::identity::RunId;
use crate::samplers::local_cluster::LocalCluster;
use crate::worker;

/// The shipped description of the machine on which a cluster of `loadgen/cluster/up` was measured.
pub const MEASURED_MACHINE: &str = "measured-2-core";

/// Its cores.
const CORES: usize = 2;

/// Whether the user set a key, or the whole table it is in.
fn is_set(set: &[String], key: &str) -> bool {
    let table = key.split('.').next().unwrap_or(key);
    set.iter().filter_map(|one| one.split('=').next()).any(|path| path.trim() == table || path.trim() == key)
}

/// Overrides that make the profile's cluster the local one that is run against, and each of them in words. What the user set
/// stays; a cluster elsewhere is as the profile says.
pub fn overrides(profile: &Cluster, set: &[String], local: &LocalCluster) -> (Vec<String>, Vec<String>) {
    let number = |name: &str| local.get(name).and_then(|value| value.parse::<u32>().ok());
    let (shards, connections) = (number("PLIMSOLL_SHARDS"), number("PLIMSOLL_CONNECTIONS"));
    let (mut overrides, mut changes) = (Vec::new(), Vec::new());
    let another = profile.name != MEASURED_MACHINE && !set.iter().any(|one| one.starts_with("cluster"));
    if another {
        overrides.push(format!("cluster={{ use = \"{MEASURED_MACHINE}\" }}"));
        changes.push(format!(
            "the cluster is {MEASURED_MACHINE}, as '{}' is one of loadgen/cluster/up, not {}",
            local.name(),
            profile.name
        ));
    }
    let mut number = |key: &str, wanted: Option<u32>, has: Option<u32>| {
        let Some(wanted) = wanted.filter(|wanted| Some(*wanted) != has && !is_set(set, key)) else { return };
        overrides.push(format!("{key}={wanted}"));
        changes.push(format!("{key} is {wanted}, as the cluster has it"));
    };
    // Those of the description where it was put in the profile's place.
    let (has_shards, has_connections) = match another {
        true => (Some(64), Some(20)),
        false => (profile.history_shards, Some(profile.max_connections)),
    };
    number("cluster.history_shards", shards, has_shards);
    number("cluster.max_connections", connections, has_connections);
    (overrides, changes)
}

/// Overrides that give the model the names which this program's workers put into history events, where the user set none.
pub fn names(set: &[String]) -> Vec<String> {
    let run = RunId::new();
    let lengths = [
        ("workers.identity_bytes", worker::identity(&run, 0).len()),
        ("workers.task_queue_bytes", run.task_queue().len()),
        ("workers.build_id_bytes", worker::BUILD_ID.len()),
    ];
    lengths
        .into_iter()
        .filter(|(key, _)| !is_set(set, key))
        .map(|(key, length)| format!("{key}=\"{length}B\""))
        .collect()
}

/// The shards and connections that the model was told of when a run was measured, as overrides.
pub fn as_measured(run: &Run, set: &[String]) -> Vec<String> {
    let cluster: Value = serde_json::from_str(&run.manifest.cluster).unwrap_or_default();
    let keys = ["history_shards", "max_connections"].into_iter();
    let told = keys.filter_map(|key| Some((format!("cluster.{key}"), cluster.get(key)?.as_u64()?)));
    told.filter(|(key, _)| !is_set(set, key)).map(|(key, n)| format!("{key}={n}")).collect()
}

/// What cannot be carried over: the description has the cores of the machine it was made on.
pub fn other_machine() -> Option<String> {
    let cores = std::thread::available_parallelism().map_or(CORES, std::num::NonZero::get);
    (cores != CORES).then(|| {
        format!("this machine has {cores} cores, {MEASURED_MACHINE} has {CORES}: describe it with --set cluster.shared_host.cpu={cores} and so on")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use plimsoll_profiles::{Document, World, shipped};

    use super::*;

    fn local(shards: u32) -> (tempfile::TempDir, LocalCluster) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let text = format!("PLIMSOLL_CLUSTER_NAME=x\nPLIMSOLL_SHARDS={shards}\nPLIMSOLL_CONNECTIONS=20\n");
        std::fs::write(&file, text).unwrap();
        let cluster = LocalCluster::read(&file).unwrap();
        (folder, cluster)
    }

    fn cluster(profile: &str, set: &[String]) -> Cluster {
        let text = shipped::profile(profile).unwrap().text;
        Document::parse(text, "test.toml", set).unwrap().profile(&World::mid()).unwrap().cluster
    }

    #[test]
    fn a_profile_of_the_measured_machine_stays_as_it_is() {
        let (_folder, local) = local(64);
        assert_eq!(overrides(&cluster("one-activity", &[]), &[], &local), (vec![], vec![]));
    }

    #[test]
    fn another_profiles_cluster_becomes_the_one_that_is_there() {
        let (_folder, local) = local(512);
        let (set, changes) = overrides(&cluster("order-fulfilment", &[]), &[], &local);
        let made = cluster("order-fulfilment", &set);
        assert_eq!((made.name.as_str(), made.history_shards, made.max_connections), (MEASURED_MACHINE, Some(512), 20));
        assert_eq!(changes.len(), 2, "{changes:?}");
    }

    #[test]
    fn what_the_user_set_is_not_changed() {
        let (_folder, local) = local(512);
        let set = ["cluster.history_shards=4".to_owned()];
        assert_eq!(overrides(&cluster("one-activity", &set), &set, &local).0, [""; 0]);
    }
}
