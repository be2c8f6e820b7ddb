//! The rollout that a profile asks for, `[rollout]`, as far as a Deployment is told of it.

use plimsoll_profiles::units::Nanos;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::error::EmitError;

/// What is written under `[rollout]`; what only a simulation needs is passed over. Both numbers of pods are there where there is a rollout.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    pub max_unavailable: Option<Pods>,
    pub max_surge: Option<Pods>,
    #[serde(default)]
    pub drain: Drain,
}

#[derive(Default, Deserialize)]
pub(super) struct Drain {
    pub graceful_timeout: Option<Nanos>,
    pub grace: Option<Nanos>,
}

/// Pods, or a share of them such as "25%".
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Pods {
    Number(u32),
    Share(String),
}

impl Asked {
    pub fn of(context: &Context<'_>) -> Result<Self, EmitError> {
        let Some(asked) = context.basis.profile.get("rollout") else {
            return Ok(Asked::default());
        };
        let mut asked: Asked =
            serde_json::from_value(asked.clone()).map_err(|error| EmitError::Profile(format!("rollout: {error}")))?;
        for pods in [&mut asked.max_unavailable, &mut asked.max_surge] {
            *pods = Some(pods.take().map_or_else(|| Pods::Share(QUARTER.to_owned()), Pods::plain));
        }
        Ok(asked)
    }
}

/// A Deployment's default of both: it is what a rollout that does not say is simulated with.
const QUARTER: &str = "25%";

impl Pods {
    /// A share as Kubernetes reads it: profiles may write `25 %`.
    fn plain(self) -> Self {
        match self {
            Pods::Share(share) => match share.trim_end_matches('%').trim().parse::<u32>() {
                Ok(percent) => Pods::Share(format!("{percent}%")),
                Err(_) => Pods::Share(share),
            },
            number => number,
        }
    }
}
