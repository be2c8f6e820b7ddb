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
        self.words().0
    }

    /// What it is, for the command line's help.
    pub fn about(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Helm => ("helm", "Values for the official Helm chart"),
            Kind::Worker => ("worker", "The workers' Deployment"),
            Kind::Hpa => ("hpa", "The workers' HorizontalPodAutoscaler"),
            Kind::Keda => ("keda", "The workers' KEDA ScaledObject, instead of the former"),
            Kind::Pdb => ("pdb", "The workers' PodDisruptionBudget"),
            Kind::Adapter => ("adapter", "The Prometheus adapter's rule for the backlog"),
            Kind::Alerts => ("alerts", "Prometheus alerts; with --out their unit tests for promtool too"),
            Kind::Grafana => ("grafana", "Grafana dashboards; without --out the overview"),
            Kind::Config => ("config", "temporal-config.yml: worker pools"),
            Kind::Dynamicconfig => ("dynamicconfig", "The server's dynamic configuration"),
            Kind::Postgres => ("postgres", "PostgreSQL settings"),
            Kind::Loadtest => ("loadtest", "The profile of the load test that would prove the plan"),
            Kind::Metrics => ("metrics", "The metrics that alerts and dashboards read"),
        }
    }
}
