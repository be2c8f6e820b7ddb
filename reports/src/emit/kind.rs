//! What can be made from a plan.

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Values for the official Helm chart.
    Helm,
    /// The workers' Deployment.
    Worker,
    /// Its HorizontalPodAutoscaler.
    Hpa,
    /// Its KEDA ScaledObject, instead of the former.
    Keda,
    /// Its PodDisruptionBudget.
    Pdb,
    /// The rule with which the Prometheus adapter serves the backlog to the autoscaler.
    Adapter,
    /// Prometheus alerts, and their unit tests for promtool.
    Alerts,
    /// Grafana dashboards.
    Grafana,
    /// `temporal-config.yml`: worker pools.
    Config,
    /// The server's dynamic configuration.
    Dynamicconfig,
    /// PostgreSQL settings.
    Postgres,
    /// The profile of the load test that would prove the plan.
    Loadtest,
    /// The metrics that alerts and dashboards read.
    Metrics,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 13] = [
        Kind::Helm,
        Kind::Worker,
        Kind::Hpa,
        Kind::Keda,
        Kind::Pdb,
        Kind::Adapter,
        Kind::Alerts,
        Kind::Grafana,
        Kind::Config,
        Kind::Dynamicconfig,
        Kind::Postgres,
        Kind::Loadtest,
        Kind::Metrics,
    ];

    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Helm => "helm",
            Kind::Worker => "worker",
            Kind::Hpa => "hpa",
            Kind::Keda => "keda",
            Kind::Pdb => "pdb",
            Kind::Adapter => "adapter",
            Kind::Alerts => "alerts",
            Kind::Grafana => "grafana",
            Kind::Config => "config",
            Kind::Dynamicconfig => "dynamicconfig",
            Kind::Postgres => "postgres",
            Kind::Loadtest => "loadtest",
            Kind::Metrics => "metrics",
        }
    }
}
