//! The flags that bound a run.

use plimsoll_profiles::units::Nanos;

use super::abort::AbortRule;
use super::caps::Caps;

/// What a run may do, and what makes it stop.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Safety")]
pub struct SafetyFlags {
    /// Show what would be started, stored and paid, and send nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,

    /// Send without asking; a target that is not on this machine must be named with --i-know-this-is too
    #[arg(long, short = 'y')]
    pub yes: bool,

    /// Host or namespace that may be loaded although it looks like production or is not on this machine; must equal its name; repeatable
    #[arg(long, value_name = "NAME")]
    pub i_know_this_is: Vec<String>,

    /// Most workflows open at once; starts above it are delayed, counted, and the run is judged for it
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub max_in_flight: u32,

    /// Most workflows started by a run; a profile that would start more is refused
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub max_starts: u64,

    /// Longest run; a longer profile is refused
    #[arg(long, value_name = "DURATION", default_value = "2h")]
    pub max_duration: Nanos,

    /// How long the rate rises to the profile's first one; 0s: not at all [default: by the rate, from 20/s on]
    #[arg(long, value_name = "DURATION")]
    pub ramp: Option<Nanos>,

    /// Stop the run when this holds: error-ratio>10%/10s, backlog-growth>50/s/60s, p99>30s/30s or target-cpu>95%/60s; repeatable
    #[arg(long, value_name = "RULE", conflicts_with = "never_abort")]
    pub abort_if: Vec<AbortRule>,

    /// No abort rules, not even the default ones
    #[arg(long)]
    pub never_abort: bool,
}

impl SafetyFlags {
    /// The hard caps.
    pub fn caps(&self) -> Caps {
        Caps { max_in_flight: self.max_in_flight, max_starts: self.max_starts, max_duration: self.max_duration }
    }

    /// The abort rules: those given, and the default ones of kinds that are not given. On this machine itself only errors abort by
    /// default: nobody else is disturbed, and overload may be just what is to be seen.
    pub fn rules(&self, loopback: bool) -> Vec<AbortRule> {
        if self.never_abort {
            return Vec::new();
        }
        let mut rules = self.abort_if.clone();
        for rule in AbortRule::defaults(loopback) {
            if !self.abort_if.iter().any(|given| given.kind == rule.kind) {
                rules.push(rule);
            }
        }
        rules
    }
}
