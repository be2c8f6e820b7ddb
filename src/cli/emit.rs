//! `emit`: files to deploy, from a plan.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValue};
use clap::{Args, ValueEnum};
use plimsoll_reports::emit::Kind;

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
    #[arg(long, value_name = "NAME", help_heading = "Names", value_parser = kubernetes_namespace)]
    pub namespace: Option<String>,
    /// Task queue of the workers [default: the profile's name]
    #[arg(long, value_name = "NAME", help_heading = "Names", value_parser = NonEmptyStringValueParser::new())]
    pub task_queue: Option<String>,
    /// Temporal namespace
    #[arg(long, value_name = "NAME", default_value = "default", help_heading = "Names")]
    pub temporal_namespace: String,
    /// Host and port of the frontend, as workers see it [default: temporal-frontend.temporal.svc:7233; on Temporal Cloud the namespace's]
    #[arg(long, value_name = "HOST:PORT", help_heading = "Names")]
    pub address: Option<String>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmitKind {
    /// The files of one kind.
    One(Kind),
    /// All of it, into --out.
    All,
}

impl EmitKind {
    const VARIANTS: [EmitKind; Kind::ALL.len() + 1] = {
        let mut variants = [EmitKind::All; Kind::ALL.len() + 1];
        let mut index = 0;
        while index < Kind::ALL.len() {
            variants[index] = EmitKind::One(Kind::ALL[index]);
            index += 1;
        }
        variants
    };
}

impl ValueEnum for EmitKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::VARIANTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, about) = match self {
            EmitKind::One(kind) => (kind.name(), kind.about()),
            EmitKind::All => ("all", "All of it, into --out"),
        };
        Some(PossibleValue::new(name).help(about))
    }
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

/// A label of DNS: what Kubernetes takes for the name of a namespace.
fn kubernetes_namespace(text: &str) -> Result<String, String> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = |c: Option<&u8>| c.is_some_and(|c| plain(*c));
    let bytes = text.as_bytes();
    if bytes.len() <= 63 && bytes.iter().all(|c| plain(*c) || *c == b'-') && ends(bytes.first()) && ends(bytes.last()) {
        return Ok(text.to_owned());
    }
    Err("expected a namespace's name as Kubernetes takes it: at most 63 of a to z, 0 to 9 and hyphens, none at the ends".to_owned())
}
