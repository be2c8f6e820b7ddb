//! What a profile says to `plimsoll lint`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Rules of `plimsoll lint` that this profile is excused from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lint")]
pub(crate) struct RawLint {
    /// Ids or names of rules, e.g. ["PL403", "single-host"]; a comment beside it says why.
    #[allow(dead_code)]
    pub allow: Option<Vec<String>>,
}
