//! Values for the official Helm chart (temporalio/helm-charts, `charts/temporal`, as it is for server 1.31.2).

use std::collections::BTreeMap;

use plimsoll_profiles::profile::{Service, Visibility};
use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::dynamicconfig::{self, DynamicConfig};
use super::error::EmitError;
use super::kind::Kind;
use super::kubernetes::{Amounts, Resources};
use super::pdb::MAX_UNAVAILABLE;
use crate::plan_document::ServicePlan;

/// The Secret that holds the database's password: the source documents' name.
const SECRET: &str = "temporal-db-secret";

#[derive(Serialize)]
struct Values {
    server: Server,
    #[serde(skip_serializing_if = "Option::is_none")]
    admintools: Option<Image>,
    shims: Shims,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    image: Tag,
    config: Config,
    dynamic_config: DynamicConfig,
    frontend: ServiceValues,
    history: ServiceValues,
    matching: ServiceValues,
    worker: ServiceValues,
}

#[derive(Serialize)]
struct Image {
    image: Tag,
}

#[derive(Clone, Serialize)]
struct Tag {
    tag: String,
}

#[derive(Serialize)]
struct Config {
    persistence: Persistence,
    namespaces: Namespaces,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Persistence {
    default_store: &'static str,
    visibility_store: &'static str,
    num_history_shards: u32,
    datastores: BTreeMap<&'static str, Store>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Store {
    Sql(Sql),
    Elasticsearch(Elasticsearch),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sql {
    plugin_name: &'static str,
    driver_name: &'static str,
    database_name: &'static str,
    connect_addr: String,
    connect_protocol: &'static str,
    user: &'static str,
    existing_secret: &'static str,
    secret_key: &'static str,
    max_conns: u32,
    max_idle_conns: u32,
    max_conn_lifetime: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Elasticsearch {
    version: &'static str,
    url: Url,
    username: &'static str,
    existing_secret: &'static str,
    secret_key: &'static str,
    indices: Indices,
}

#[derive(Serialize)]
struct Url {
    scheme: &'static str,
    host: &'static str,
}

#[derive(Serialize)]
struct Indices {
    visibility: &'static str,
}

#[derive(Serialize)]
struct Namespaces {
    create: bool,
    namespace: Vec<Namespace>,
}

#[derive(Serialize)]
struct Namespace {
    name: String,
    retention: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceValues {
    replica_count: u32,
    resources: Resources,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_disruption_budget: Option<Budget>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Budget {
    max_unavailable: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shims {
    dockerize: bool,
    elasticsearch_tool: bool,
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    context.self_hosted(Kind::Helm)?;
    let cluster = &context.profile.cluster;
    if !context.is_postgresql() {
        return Err(EmitError::OtherDatabase(cluster.database.engine.clone()));
    }
    let (plan, services) = (&context.sizes.server, &cluster.services);
    let tag = Tag { tag: cluster.temporal_version.clone() };
    // From 1.30 on the images need neither shim, and the tools' tags are the server's.
    let recent = is_at_least_1_30(&cluster.temporal_version);
    let values = Values {
        server: Server {
            image: tag.clone(),
            config: Config {
                persistence: Persistence {
                    default_store: "default",
                    visibility_store: "visibility",
                    num_history_shards: context.plan.history_shards,
                    datastores: BTreeMap::from([("default", main_store(context)), ("visibility", visibility(context))]),
                },
                namespaces: Namespaces {
                    create: true,
                    namespace: vec![Namespace {
                        name: context.settings.temporal_namespace.clone(),
                        retention: retention(context.profile.growth.retention.as_secs_f64()),
                    }],
                },
            },
            dynamic_config: dynamicconfig::of(context),
            frontend: service(&plan.frontend, &services.frontend),
            history: service(&plan.history, &services.history),
            matching: service(&plan.matching, &services.matching),
            worker: service(&plan.worker, &services.worker),
        },
        admintools: recent.then_some(Image { image: tag }),
        shims: Shims { dockerize: !recent, elasticsearch_tool: !recent },
    };
    let about = [
        "Values for the official Helm chart, temporalio/helm-charts, charts/temporal as of server 1.31.2:".to_owned(),
        "    helm install temporal temporalio/temporal --namespace temporal --values FILE".to_owned(),
        format!("numHistoryShards {} is for the horizon: it can never be changed.", context.plan.history_shards),
        "Limits are what the plan counts on; requests are those of the profile's cluster.".to_owned(),
        format!(
            "The database's password is in the Secret {SECRET}, key \"password\"; `--database` says where the database is."
        ),
    ];
    Ok(vec![context.yaml(Kind::Helm, "temporal/helm-values.yaml", &about, &values)?])
}

fn service(plan: &ServicePlan, service: &Service) -> ServiceValues {
    let request = |cores: f64, bytes: u64| Amounts::new(cores.min(plan.cpu), bytes.min(plan.memory_bytes));
    ServiceValues {
        replica_count: plan.pods,
        resources: Resources {
            requests: request(service.request.cpu.get(), service.request.memory.0),
            limits: Amounts::new(plan.cpu, plan.memory_bytes),
        },
        pod_disruption_budget: (plan.pods > 1).then_some(Budget { max_unavailable: MAX_UNAVAILABLE }),
    }
}

fn main_store(context: &Context<'_>) -> Store {
    Store::Sql(sql(context, "temporal", context.profile.cluster.max_connections, "postgresql"))
}

fn visibility(context: &Context<'_>) -> Store {
    let connections = context.profile.cluster.visibility_max_connections;
    match &context.profile.cluster.visibility {
        Visibility::Database => Store::Sql(sql(context, "temporal_visibility", connections, "postgresql")),
        Visibility::SeparateDatabase { .. } => Store::Sql(Sql {
            connect_addr: "postgresql-visibility:5432".to_owned(),
            ..sql(context, "temporal_visibility", connections, "postgresql-visibility")
        }),
        Visibility::Elasticsearch(_) => Store::Elasticsearch(Elasticsearch {
            version: "v8",
            url: Url { scheme: "http", host: "elasticsearch:9200" },
            username: "elastic",
            existing_secret: "temporal-es-secret",
            secret_key: "password",
            indices: Indices { visibility: "temporal_visibility_v1" },
        }),
    }
}

fn sql(context: &Context<'_>, database_name: &'static str, connections: u32, host: &str) -> Sql {
    let address = || match context.profile.cluster.database.pgbouncer {
        Some(_) => "pgbouncer:6432".to_owned(),
        None => format!("{host}:5432"),
    };
    Sql {
        plugin_name: "postgres12",
        driver_name: "postgres12",
        database_name,
        connect_addr: context.settings.database.clone().unwrap_or_else(address),
        connect_protocol: "tcp",
        user: "temporal",
        existing_secret: SECRET,
        secret_key: "password",
        max_conns: connections,
        max_idle_conns: connections,
        max_conn_lifetime: "1h",
    }
}

/// A namespace's retention as the chart hands it to the CLI: whole days where they are, else hours, rounded up.
fn retention(seconds: f64) -> String {
    let hours = (seconds / 3_600.0).ceil().max(1.0) as u64;
    if hours.is_multiple_of(24) { format!("{}d", hours / 24) } else { format!("{hours}h") }
}

fn is_at_least_1_30(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (1, 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (version, recent) in
            [("1.31.2", true), ("v1.30.0", true), ("1.27.2", false), ("1.4", false), ("2.0", true), ("", false)]
        {
            assert_eq!(is_at_least_1_30(version), recent, "{version}");
        }
    }

    #[test]
    fn retention_is_never_shorter_than_planned() {
        assert_eq!([retention(86_400.0 * 30.0), retention(90_000.0), retention(10.0)], ["30d", "25h", "1h"]);
    }
}
