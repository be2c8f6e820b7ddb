//! The profiles and clusters that come with Plimsoll, embedded.

/// A shipped file: the name it is used by, and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Without `.toml`.
    pub name: &'static str,
    /// The TOML.
    pub text: &'static str,
}

/// What `[cluster] use = "…"` may name.
pub const CLUSTERS: [Shipped; 4] = [
    Shipped { name: "kubernetes-production", text: include_str!("../clusters/kubernetes-production.toml") },
    Shipped { name: "staging", text: include_str!("../clusters/staging.toml") },
    Shipped { name: "temporal-cloud", text: include_str!("../clusters/temporal-cloud.toml") },
    Shipped { name: "measured-2-core", text: include_str!("../clusters/measured-2-core.toml") },
];

/// The shipped workload profiles.
pub const PROFILES: [Shipped; 9] = [
    Shipped { name: "worked-example", text: include_str!("../worked-example.toml") },
    Shipped { name: "order-fulfilment", text: include_str!("../order-fulfilment.toml") },
    Shipped { name: "agent-pipeline", text: include_str!("../agent-pipeline.toml") },
    Shipped { name: "iot-devices", text: include_str!("../iot-devices.toml") },
    Shipped { name: "nightly-batch", text: include_str!("../nightly-batch.toml") },
    Shipped { name: "subscriptions", text: include_str!("../subscriptions.toml") },
    Shipped { name: "one-activity", text: include_str!("../one-activity.toml") },
    Shipped { name: "hpa-source-example", text: include_str!("../hpa-source-example.toml") },
    Shipped { name: "rolling-example", text: include_str!("../rolling-example.toml") },
];

/// The shipped cluster of this name.
pub fn cluster(name: &str) -> Option<Shipped> {
    CLUSTERS.into_iter().find(|shipped| shipped.name == name)
}

/// The shipped profile of this name.
pub fn profile(name: &str) -> Option<Shipped> {
    PROFILES.into_iter().find(|shipped| shipped.name == name)
}
