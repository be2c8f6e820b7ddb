//! `plimsoll-load target`.

use std::net::SocketAddr;

use clap::Args;
use plimsoll_profiles::random::Distribution;
use plimsoll_profiles::units::{Nanos, Probability, Rate};

use super::Format;
use crate::embedded::{Behaviour, Delay, ErrorRule, Window, span};

/// `plimsoll-load target`.
#[derive(Clone, Debug, Args)]
pub struct TargetArgs {
    /// Address to listen on, loopback only; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// End after this time
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub r#for: Nanos,
    /// End when stdin is closed, as by the end of the program that started this one
    #[arg(long)]
    pub until_stdin_closes: bool,
    /// Ask the system to run it before other programs (SCHED_FIFO): for measurements of a generator on the same machine
    #[arg(long)]
    pub real_time: bool,
    /// What it does.
    #[command(flatten)]
    pub behaviour: BehaviourArgs,
    /// Format of the counts that are written at the end
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What the embedded target does. Times of freezes, resets and outages count from the first start it receives.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Behaviour")]
pub struct BehaviourArgs {
    /// How long answers take, of all methods or of one: `1ms`, `exp:5ms`, `QueryWorkflow=p50=5ms,p99=80ms`; may be repeated
    #[arg(long, value_name = "[METHOD=]SPAN")]
    pub delay: Vec<Delay>,
    /// When workflows close by themselves, from their start; `never` leaves them open
    #[arg(long, value_name = "SPAN", default_value = "100ms")]
    pub close_after: CloseAfter,
    /// Which part of them closes as failed
    #[arg(long, value_name = "P", default_value = "0%")]
    pub close_failed: Probability,
    /// Errors by chance: `unavailable:1%`, `StartWorkflowExecution=resource-exhausted:0.1`; may be repeated
    #[arg(long, value_name = "[METHOD=]CODE:P")]
    pub error: Vec<ErrorRule>,
    /// Receive requests and answer nothing from a time for a time: `5s+2s`; may be repeated
    #[arg(long, value_name = "FROM+FOR")]
    pub freeze: Vec<Window>,
    /// Reset all connections at this time; may be repeated
    #[arg(long, value_name = "AT")]
    pub reset: Vec<Nanos>,
    /// Refuse connections from a time for a time: `5s+2s`; may be repeated
    #[arg(long, value_name = "FROM+FOR")]
    pub gone: Vec<Window>,
    /// The most requests per second that are worked off; the others wait in a queue
    #[arg(long, value_name = "RATE")]
    pub capacity: Option<Rate>,
    /// Namespace that exists; may be repeated [default: any]
    #[arg(long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// Seed of everything left to chance
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// When workflows close by themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct CloseAfter(pub Option<Distribution>);

impl std::str::FromStr for CloseAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(CloseAfter(None));
        }
        span(text).map(|after| CloseAfter(Some(after)))
    }
}

impl BehaviourArgs {
    /// What the flags say. Of several delays for the same method the last counts.
    ///
    /// # Errors
    /// When the capacity is zero.
    pub fn behaviour(&self) -> Result<Behaviour, String> {
        if self.capacity.is_some_and(|capacity| capacity.as_per_second() <= 0.0) {
            return Err("--capacity 0/s would answer nothing at all; give --freeze for that".to_owned());
        }
        let mut behaviour = Behaviour {
            close_after: self.close_after.0.clone(),
            close_failed: self.close_failed,
            errors: self.error.clone(),
            freezes: self.freeze.clone(),
            resets: self.reset.clone(),
            outages: self.gone.clone(),
            capacity: self.capacity,
            namespaces: self.namespace.clone(),
            seed: self.seed,
            ..Behaviour::default()
        };
        for Delay { method, takes } in self.delay.iter().cloned() {
            match method {
                Some(method) => drop(behaviour.delays.insert(method, takes)),
                None => behaviour.delay = takes,
            }
        }
        Ok(behaviour)
    }
}
