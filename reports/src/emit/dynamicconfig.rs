//! The server's dynamic configuration: what the plan was made with.

use std::collections::BTreeMap;

use plimsoll_profiles::units::Rate;
use serde::Serialize;

use super::EmittedFile;
use super::context::Context;
use super::error::EmitError;
use super::kind::Kind;

/// A value and for whom it holds.
#[derive(Serialize)]
pub(super) struct Constrained {
    value: Setting,
    constraints: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Setting {
    Whole(u64),
    Decimal(f64),
    Text(String),
    Flag(bool),
}

/// As the server reads it: keys of `common/dynamicconfig/constants.go` (Temporal 1.31.2).
pub(super) type DynamicConfig = BTreeMap<&'static str, Vec<Constrained>>;

/// What stands for no limit: the server has no word for it.
const NO_LIMIT: u64 = 1_000_000;

pub(super) fn of(context: &Context<'_>) -> DynamicConfig {
    let cluster = &context.profile.cluster;
    let server = &cluster.server;
    let rate = |rate: Option<Rate>| match rate.map(Rate::as_per_second) {
        Some(rate) if rate.fract() == 0.0 => Setting::Whole(rate as u64),
        Some(rate) => Setting::Decimal(rate),
        None => Setting::Whole(NO_LIMIT),
    };
    let whole = |number: u32| Setting::Whole(u64::from(number));
    let partitions = || whole(cluster.task_queue_partitions);
    let settings = [
        ("frontend.rps", rate(server.frontend_rps)),
        ("frontend.namespaceRPS", rate(server.namespace_rps)),
        ("frontend.namespaceBurstRatio", Setting::Decimal(server.namespace_burst_ratio)),
        ("frontend.namespaceRPS.visibility", rate(server.visibility_rps)),
        ("frontend.namespaceCount", whole(server.polls_per_frontend)),
        ("history.rps", rate(server.history_rps)),
        ("history.persistenceMaxQPS", rate(server.history_persistence_qps)),
        ("history.shardIOConcurrency", whole(server.shard_io_concurrency)),
        ("history.hostLevelCacheMaxSize", whole(server.history_cache_entries)),
        ("history.cacheTTL", Setting::Text(format!("{}s", server.history_cache_ttl.as_secs_f64()))),
        ("history.eventsCacheMaxSizeBytes", Setting::Whole(server.events_cache.0)),
        ("matching.rps", rate(server.matching_rps)),
        ("matching.persistenceMaxQPS", rate(server.matching_persistence_qps)),
        ("matching.numTaskqueueReadPartitions", partitions()),
        ("matching.numTaskqueueWritePartitions", partitions()),
        ("system.enableActivityEagerExecution", Setting::Flag(cluster.eager_activities)),
    ];
    let constrained = |value| vec![Constrained { value, constraints: BTreeMap::new() }];
    settings.into_iter().map(|(key, value)| (key, constrained(value))).collect()
}

pub(super) fn files(context: &Context<'_>) -> Result<Vec<EmittedFile>, EmitError> {
    context.self_hosted(Kind::Dynamicconfig)?;
    let about = [
        "Dynamic configuration of the Temporal server: what the plan was made with, the server's defaults included."
            .to_owned(),
        "Rates are per pod. The Helm values hold the same under server.dynamicConfig.".to_owned(),
    ];
    Ok(vec![context.yaml(Kind::Dynamicconfig, "temporal/dynamicconfig.yaml", &about, &of(context))?])
}
