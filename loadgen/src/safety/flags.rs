//! The flags that let a run begin, and make it stop.

use super::abort::AbortRule;

/// Whether anything may be sent, and what makes a run stop.
#[derive(Clone, Debug, Default, clap::Args)]
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

    /// Stop the run when this holds: error-ratio>10%/10s, backlog-growth>50/s/60s, p99>30s/30s or target-cpu>95%/60s; repeatable
    #[arg(long, value_name = "RULE", conflicts_with = "never_abort")]
    pub abort_if: Vec<AbortRule>,

    /// No abort rules, not even the default ones
    #[arg(long)]
    pub never_abort: bool,
}

impl SafetyFlags {
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
