//! Files to deploy, from a plan: one file here per kind.
//!
//! [`emit`] needs nothing but the plan document: its [`PlanBasis`](crate::plan_basis::PlanBasis) holds the profile. The same plan gives the same
//! bytes: nothing here knows the date, the machine, or a random number. What is YAML or JSON is serialised from typed structs; only comments
//! are written as text. `docs/emit.md` says for every number where it comes from.

mod adapter;
mod alerts;
mod autoscaler;
mod config;
mod context;
mod dynamicconfig;
mod error;
mod grafana;
mod helm;
mod hpa;
mod keda;
mod kind;
mod kubernetes;
mod loadtest;
mod metrics;
mod panels;
mod pdb;
mod postgres;
mod provenance;
mod rollout;
mod scaling;
mod thresholds;
mod worker;

pub use context::{At, Settings};
pub use error::EmitError;
pub use kind::Kind;
pub use metrics::{Endpoint, Metric, MetricType, catalogue};
pub use provenance::plan_hash;

use crate::plan_document::PlanDocument;
use context::Context;

/// A file of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmittedFile {
    /// Where, relative to the folder that is asked for.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Everything that can be made from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Everything {
    /// The files.
    pub files: Vec<EmittedFile>,
    /// What there is nothing to make of for this plan, and why.
    pub left_out: Vec<(Kind, EmitError)>,
}

/// The files of one kind; the first is the one that is meant when only one can be shown.
///
/// # Errors
/// When the plan does not fit, lacks its basis, or there is nothing of this kind for its cluster.
pub fn emit(plan: &PlanDocument, kind: Kind, settings: &Settings) -> Result<Vec<EmittedFile>, EmitError> {
    files(&Context::new(plan, settings)?, kind)
}

/// The files of all kinds.
///
/// # Errors
/// When the plan does not fit or lacks its basis. A kind that this cluster has no use for is left out.
pub fn emit_all(plan: &PlanDocument, settings: &Settings) -> Result<Everything, EmitError> {
    let context = Context::new(plan, settings)?;
    let mut everything = Everything { files: Vec::new(), left_out: Vec::new() };
    for kind in Kind::ALL {
        match files(&context, kind) {
            Ok(files) => everything.files.extend(files),
            Err(error @ (EmitError::OnCloud(_) | EmitError::OtherDatabase(_) | EmitError::NoMetric)) => {
                everything.left_out.push((kind, error))
            }
            Err(error) => return Err(error),
        }
    }
    Ok(everything)
}

fn files(context: &Context<'_>, kind: Kind) -> Result<Vec<EmittedFile>, EmitError> {
    match kind {
        Kind::Helm => helm::files(context),
        Kind::Worker => worker::files(context),
        Kind::Hpa => hpa::files(context),
        Kind::Keda => keda::files(context),
        Kind::Pdb => pdb::files(context),
        Kind::Adapter => adapter::files(context),
        Kind::Alerts => alerts::files(context),
        Kind::Grafana => grafana::files(context),
        Kind::Config => config::files(context),
        Kind::Dynamicconfig => dynamicconfig::files(context),
        Kind::Postgres => postgres::files(context),
        Kind::Loadtest => loadtest::files(context),
        Kind::Metrics => metrics::files(context),
    }
}
