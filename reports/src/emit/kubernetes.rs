//! What Kubernetes objects have in common. Field names are those of its API.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::Context;

/// Labels, annotations, and other maps of text.
pub(super) type Map = BTreeMap<String, String>;

/// An object with a spec.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<S> {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: Metadata,
    pub spec: S,
}

#[derive(Serialize)]
pub(super) struct Metadata {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub labels: Map,
    pub annotations: Map,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LabelSelector {
    pub match_labels: Map,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetRef {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub name: String,
}

#[derive(Serialize)]
pub(super) struct Resources {
    pub requests: Amounts,
    pub limits: Amounts,
}

#[derive(Serialize)]
pub(super) struct Amounts {
    pub cpu: String,
    pub memory: String,
}

impl Amounts {
    pub fn new(cores: f64, bytes: u64) -> Self {
        Amounts { cpu: cpu(cores), memory: memory(bytes) }
    }
}

/// A map of a few entries.
pub(super) fn map<const N: usize>(entries: [(&str, &str); N]) -> Map {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The labels by which the workers' pods are found.
pub(super) fn worker_labels(context: &Context<'_>) -> Map {
    map([("app.kubernetes.io/name", &context.worker_name()), ("app.kubernetes.io/component", "temporal-worker")])
}

/// Name, labels, and which plan made it: comments do not outlive `kubectl apply`.
pub(super) fn worker_metadata(context: &Context<'_>) -> Metadata {
    Metadata {
        name: context.worker_name(),
        namespace: context.settings.namespace.clone(),
        labels: worker_labels(context),
        annotations: map([
            ("plimsoll/profile", &context.plan.profile),
            ("plimsoll/plan", &format!("sha256:{}", context.settings.plan_hash)),
        ]),
    }
}

/// The workers' Deployment as what is scaled.
pub(super) fn worker_reference(context: &Context<'_>) -> TargetRef {
    TargetRef { api_version: "apps/v1", kind: "Deployment", name: context.worker_name() }
}

/// Cores as a quantity: whole ones, or thousandths rounded up.
pub(super) fn cpu(cores: f64) -> String {
    let milli = (cores * 1000.0 - 1e-6).ceil().max(0.0) as u64;
    if milli.is_multiple_of(1000) { (milli / 1000).to_string() } else { format!("{milli}m") }
}

/// Bytes as a quantity: GiB where they are whole, else MiB rounded up.
pub(super) fn memory(bytes: u64) -> String {
    let mib = bytes.div_ceil(1 << 20);
    if mib.is_multiple_of(1024) { format!("{}Gi", mib / 1024) } else { format!("{mib}Mi") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_never_less_than_planned() {
        assert_eq!([cpu(2.0), cpu(0.5), cpu(0.0001), cpu(1.2345)], ["2", "500m", "1m", "1235m"]);
        assert_eq!([memory(2 << 30), memory(1 << 29), memory((1 << 30) + 1)], ["2Gi", "512Mi", "1025Mi"]);
    }
}
