//! Why there is no file.

use super::kind::Kind;
use crate::plan_document::PLAN_SCHEMA_VERSION;

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The plan does not fit: what it could not size cannot be deployed.
    #[error("the plan does not fit, so there is nothing to deploy: {0}")]
    Infeasible(String),
    /// The document is of another version.
    #[error(
        "the plan is of schema version {0}, and this plimsoll reads version {PLAN_SCHEMA_VERSION}: make it again with `plimsoll plan PROFILE --out DIR`"
    )]
    OtherVersion(u32),
    /// The document is of before there was `emit`.
    #[error(
        "the plan does not say what it was made from (it is of an older plimsoll): make it again with `plimsoll plan PROFILE --out DIR`"
    )]
    NoBasis,
    /// The profile in the plan cannot be read.
    #[error(
        "the profile within the plan cannot be read: {0}; make the plan again with `plimsoll plan PROFILE --out DIR`"
    )]
    Profile(String),
    /// The plan is for Temporal Cloud, whose servers are its provider's.
    #[error("the plan is for Temporal Cloud, whose server and database are its provider's: there is nothing for `{}` to configure", .0.name())]
    OnCloud(Kind),
    /// The database is not PostgreSQL.
    #[error("the plan's database is {0}: settings are written for PostgreSQL only")]
    OtherDatabase(String),
    /// The profile's HPA scales on nothing that Kubernetes can be told.
    #[error(
        "no metric of the profile's autoscaler.hpa can be served to Kubernetes: give it cpu, memory or, on a cluster of your own, a backlog"
    )]
    NoMetric,
    /// A document that cannot be written as YAML, JSON or TOML.
    #[error("cannot write the file: {0}")]
    Write(String),
}
