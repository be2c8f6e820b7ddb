//! Staging is shared: what a run would do is shown first, nothing is sent without a yes, and a run that harms stops by itself.
//!
//! | file | subject |
//! | --- | --- |
//! | `flags` | the flags |
//! | `dry_run`, `estimate`, `price` | what would be started, done, stored and paid |
//! | `consent` | the yes: of a flag or a person; names that look like production; targets elsewhere |
//! | `caps` | hard caps |
//! | `abort` | rules over the last seconds that end a run |
//!
//! The order in a command: connect, then [`DryRun::of`] (which checks the caps), then [`consent`], and only then load. While the run
//! goes on, [`AbortWatch::feed`] once a second.

mod abort;
mod caps;
mod consent;
mod dry_run;
mod estimate;
mod flags;
mod price;

pub use abort::{AbortKind, AbortRule, AbortWatch, Second};
pub use caps::Caps;
pub use consent::{Ask, Terminal, consent, looks_like_production};
pub use dry_run::{DryRun, Intent};
pub use estimate::Demand;
pub use flags::SafetyFlags;
