//! The cluster as it is written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::RawHostSize;
use super::database::{RawArchival, RawBackup, RawDatabase, RawVisibility};
use super::server::RawServer;
use crate::units::{Nanos, Rate, UnitError};

/// A Temporal cluster and its database: a shipped one by name, a file, or written here; with `use`, the keys given here override the cluster that is used.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cluster")]
pub(crate) struct RawCluster {
    /// A shipped cluster (kubernetes-production, staging, temporal-cloud, measured-2-core), or the path of a TOML file relative to the profile.
    #[serde(rename = "use")]
    #[allow(dead_code)]
    pub base: Option<String>,
    /// What reports call it. Default: the name of the cluster that is used, else "cluster".
    pub name: Option<String>,
    /// Temporal server version. Default: 1.31.2, the version the calibration was measured on.
    pub temporal_version: Option<String>,
    /// History shards, which cannot be changed after the cluster's creation: a number that is fixed, or "auto" to let the planner choose for the growth horizon. Default: auto.
    pub history_shards: Option<RawAuto>,
    /// Task queue partitions, read and write. Default: 4.
    pub task_queue_partitions: Option<u32>,
    /// The four services.
    pub services: Option<RawServices>,
    /// Connections of one service pod to the default store. Default: 20.
    pub max_connections: Option<u32>,
    /// Connections of one service pod to the visibility store. Default: 10.
    pub visibility_max_connections: Option<u32>,
    /// Whether the server starts activities with the workflow task's answer (system.enableActivityEagerExecution). Default: false, the server's default.
    pub eager_activities: Option<bool>,
    /// The database.
    pub database: Option<RawDatabase>,
    /// Where visibility is kept: lists and searches of workflows. Default: in the database, on the same server.
    pub visibility: Option<RawVisibility>,
    /// Backups of the database, and what they promise.
    pub backup: Option<RawBackup>,
    /// Closed histories go to object storage. Default: they do not.
    pub archival: Option<RawArchival>,
    /// Limits and caches of the server: its dynamic configuration.
    pub server: Option<RawServer>,
    /// Round trips between the parts.
    pub network: Option<RawNetwork>,
    /// One machine that carries everything: services, database, workers and clients. Default: every pod has its own cores.
    pub shared_host: Option<RawHostSize>,
    /// CPU time of plimsoll-load's canary on this cluster's machines (`canary_cpu` in a run's resources.csv): the calibration's CPU costs are scaled by its ratio to the calibration's own. Default: the calibration's, machines as fast as those it was measured on.
    pub canary_cpu: Option<Nanos>,
    /// Limits of a Temporal Cloud namespace; makes this a cluster that its user does not size.
    pub cloud: Option<RawCloud>,
}

/// A whole number, or "auto": the planner chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawAuto {
    Auto,
    Fixed(u32),
}

impl RawAuto {
    pub fn fixed(self) -> Option<u32> {
        match self {
            RawAuto::Auto => None,
            RawAuto::Fixed(number) => Some(number),
        }
    }
}

const EXPECTED_AUTO: &str = "a whole number, or \"auto\" to let the planner choose";

struct AutoVisitor;

impl Visitor<'_> for AutoVisitor {
    type Value = RawAuto;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED_AUTO)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RawAuto, E> {
        if text == "auto" {
            return Ok(RawAuto::Auto);
        }
        let reason = format!("{} is not a number", crate::units::quoted(text));
        Err(E::custom(UnitError { reason, expected: EXPECTED_AUTO }))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RawAuto, E> {
        u32::try_from(number).map(RawAuto::Fixed).map_err(|_| {
            let what = if number < 0 { "negative" } else { "too large" };
            E::custom(UnitError { reason: format!("{number} is {what}"), expected: EXPECTED_AUTO })
        })
    }
}

impl<'de> Deserialize<'de> for RawAuto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AutoVisitor)
    }
}

impl JsonSchema for RawAuto {
    fn schema_name() -> Cow<'static, str> {
        "NumberOrAuto".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let scalar = json_schema!({
            "anyOf": [{ "type": "integer", "minimum": 1, "maximum": u32::MAX }, { "const": "auto" }]
        });
        crate::schema::or_uncertain("A whole number, or \"auto\": the planner chooses.", scalar)
    }
}

/// Temporal's four services.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Services")]
pub(crate) struct RawServices {
    /// The gRPC gateway.
    pub frontend: Option<RawService>,
    /// Workflow state, shards and queues.
    pub history: Option<RawService>,
    /// Task queues.
    pub matching: Option<RawService>,
    /// Internal background workflows.
    pub worker: Option<RawService>,
}

/// The pods of one service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Service")]
pub(crate) struct RawService {
    /// Pods: a number that is fixed, or "auto" to let the planner choose; `simulate` takes min_pods for auto. Default: auto.
    pub pods: Option<RawAuto>,
    /// Fewest pods the planner may answer with. Default: 1.
    pub min_pods: Option<u32>,
    /// Most pods the planner may answer with. Default: 200.
    pub max_pods: Option<u32>,
    /// CPU and memory limit of one pod. Default: 2 cores, 4GiB.
    pub limit: Option<RawHostSize>,
    /// CPU and memory request of one pod. Default: half the limit.
    pub request: Option<RawHostSize>,
}

/// Round-trip times.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Network")]
pub(crate) struct RawNetwork {
    /// Client or worker to frontend. Default: 0.5ms.
    pub client_to_frontend: Option<Nanos>,
    /// Service to service. Default: 0.5ms.
    pub between_services: Option<Nanos>,
    /// Service to database. Default: 0.5ms.
    pub service_to_database: Option<Nanos>,
}

/// Limits of a Temporal Cloud namespace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cloud")]
pub(crate) struct RawCloud {
    /// Actions of the namespace before throttling. Default: 500/s.
    pub actions_per_second: Option<Rate>,
    /// The provider's published p50 of a start call. Default: 14ms.
    pub start_p50: Option<Nanos>,
    /// The provider's published p99 of a start call. Default: 69ms.
    pub start_p99: Option<Nanos>,
}
