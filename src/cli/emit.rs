//! `emit`: files to deploy, from a plan.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `plimsoll emit`.
#[derive(Debug, Args)]
pub struct EmitArgs {
    /// What to make
    #[arg(value_enum)]
    pub kind: EmitKind,
    /// A plan.json, the directory of `plan --out`, or a profile, which is planned first; `-` reads a profile from stdin
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// For which load the sizes are
    #[arg(long, value_enum, default_value_t)]
    pub at: EmitAt,
    /// Write the files into this directory, instead of the first of them to stdout
    #[arg(long, value_name = "DIR", help_heading = "Output", required_if_eq("kind", "all"))]
    pub out: Option<PathBuf>,
    /// Image of the workers
    #[arg(long, value_name = "IMAGE", help_heading = "Names")]
    pub image: Option<String>,
    /// Kubernetes namespace of the workers [default: none is written]
    #[arg(long, value_name = "NAME", help_heading = "Names")]
    pub namespace: Option<String>,
    /// Task queue of the workers [default: the profile's name]
    #[arg(long, value_name = "NAME", help_heading = "Names")]
    pub task_queue: Option<String>,
    /// Temporal namespace
    #[arg(long, value_name = "NAME", default_value = "default", help_heading = "Names")]
    pub temporal_namespace: String,
    /// Host and port of the frontend, as workers see it
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "temporal-frontend.temporal.svc:7233",
        help_heading = "Names"
    )]
    pub address: String,
    /// Host and port of PostgreSQL, or of the PgBouncer before it, as the services see it
    #[arg(long, value_name = "HOST:PORT", help_heading = "Names")]
    pub database: Option<String>,
    /// Override a value of the profile that is planned, e.g. `workers.pods=8`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Model")]
    pub set: Vec<String>,
    /// Seed of the profile that is planned [default: 42]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub seed: Option<u64>,
    /// Threads; the answer does not depend on it [default: one per core]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub threads: Option<NonZeroUsize>,
}

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmitKind {
    /// Values for the official Helm chart
    Helm,
    /// The workers' Deployment
    Worker,
    /// The workers' HorizontalPodAutoscaler
    Hpa,
    /// The workers' KEDA ScaledObject, instead of the former
    Keda,
    /// The workers' PodDisruptionBudget
    Pdb,
    /// The Prometheus adapter's rule for the backlog
    Adapter,
    /// Prometheus alerts; with --out their unit tests for promtool too
    Alerts,
    /// Grafana dashboards; without --out the overview
    Grafana,
    /// temporal-config.yml: worker pools
    Config,
    /// The server's dynamic configuration
    Dynamicconfig,
    /// PostgreSQL settings
    Postgres,
    /// The profile of the load test that would prove the plan
    Loadtest,
    /// The metrics that alerts and dashboards read
    Metrics,
    /// All of it, into --out
    All,
}

/// For which load the sizes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EmitAt {
    /// Today's
    #[default]
    Now,
    /// The end of the planning horizon
    Horizon,
}
