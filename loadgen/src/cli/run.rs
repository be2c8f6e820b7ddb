//! `plimsoll-load run`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use plimsoll_profiles::units::{Nanos, Rate};

use super::Format;
use crate::connect::ConnectFlags;
use crate::safety::SafetyFlags;
use crate::samplers::SamplerFlags;

/// `plimsoll-load run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Workload profile (TOML), or the name of a shipped one; `-` reads it from stdin
    #[arg(value_name = "PROFILE")]
    pub profile: PathBuf,
    /// Override a value of the profile, e.g. `workers.activity_slots=50`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Load")]
    pub set: Vec<String>,
    /// Seed of all random numbers: the same seed gives the same schedule
    #[arg(long, value_name = "N", default_value_t = 42, help_heading = "Load")]
    pub seed: u64,
    /// When workflows are started.
    #[command(flatten)]
    pub arrivals: ArrivalArgs,
    /// What is driven: a cluster, or a server inside this program that answers without doing anything
    #[arg(long, value_enum, default_value_t, help_heading = "Target")]
    pub target: TargetChoice,
    /// Where the cluster is, and who we are to it.
    #[command(flatten)]
    pub connect: ConnectFlags,
    /// Who does the work: `in-process`, `processes=N`, or `own` (your workers; only starts, signals and so on are sent)
    #[arg(long, value_name = "WHO", default_value = "in-process", help_heading = "Target")]
    pub workers: WorkersChoice,
    /// Task queue of your own workers [default: the run's id]
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub task_queue: Option<String>,
    /// Serve the workers' SDK metrics to Prometheus at http://HOST:PORT/metrics, each further worker at the next port (0: any free one), named as the profile's `sdk` names them
    #[arg(long, value_name = "HOST:PORT", help_heading = "Target")]
    pub sdk_metrics: Option<SocketAddr>,
    /// How a workflow's end is seen [default: `hook` with the run's workers, else `long-poll`]
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Target")]
    pub completions: Option<CompletionsChoice>,
    /// Connections to the frontend
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Target")]
    pub connections: u16,
    /// Whether anything may be sent, and what makes the run stop.
    #[command(flatten)]
    pub safety: SafetyFlags,
    /// Bounds of the run.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What is read beside the load.
    #[command(flatten)]
    pub samplers: SamplerFlags,
    /// Where the answer goes.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// When workflows are started. Without `--rate` or `--steps` the profile's own arrivals are used.
#[derive(Clone, Debug, Default, Args)]
pub struct ArrivalArgs {
    /// Starts per unit of time, e.g. `10/s`, instead of the profile's arrivals
    #[arg(long, value_name = "RATE", help_heading = "Load", conflicts_with = "steps")]
    pub rate: Option<Rate>,
    /// How long that rate is measured, or how much of the profile's arrivals is run [default with --rate: 60s]
    #[arg(long, value_name = "TIME", help_heading = "Load")]
    pub duration: Option<Nanos>,
    /// Phases instead of the profile's arrivals: `30s@50/s, 1m@200/s, 5m@50/s..200/s`
    #[arg(long, value_name = "PHASES", help_heading = "Load")]
    pub steps: Option<String>,
    /// Rise to the first rate in this time, before what is measured [default: 10/s each second from 20/s on; 0s is none]
    #[arg(long, value_name = "TIME", help_heading = "Load")]
    pub ramp: Option<Nanos>,
    /// Keep the first rate for this time (after the ramp), before what is measured [default: 5s and the longest wait of a workflow; 0s is none]
    #[arg(long, value_name = "TIME", help_heading = "Load")]
    pub warm_up: Option<Nanos>,
    /// Shorten every wait of a workflow (timers, the time until a signal comes) to at most this; `none` keeps them
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Load")]
    pub longest_wait: LongestWait,
    /// Search the highest rate that meets the profile's SLO, up to --rate, by runs of --duration each [default: 30s]
    #[arg(long, help_heading = "Load", requires = "rate")]
    pub find_capacity: bool,
}

/// Bounds of the run.
#[derive(Clone, Debug, Args)]
pub struct LimitArgs {
    /// Requests that may be without an answer at once; further ones wait, and are counted and timed
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Safety")]
    pub max_in_flight: u32,
    /// Most workflows started; a schedule that would start more is refused
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "Safety")]
    pub max_starts: u64,
    /// Longest schedule; a longer one is refused
    #[arg(long, value_name = "TIME", default_value = "2h", help_heading = "Safety")]
    pub max_duration: Nanos,
    /// How long to wait for open workflows after the last start
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Safety")]
    pub drain: Nanos,
    /// Terminate what is still open at the end
    #[arg(long, help_heading = "Safety")]
    pub cleanup: bool,
}

/// Where the answer goes.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// Format of the answer on stdout
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,
    /// Run directory [default: named by the run's id, in the working directory]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Also write the HTML report to this file (it is in the run directory anyway)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,
}

/// What is driven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TargetChoice {
    /// A Temporal cluster.
    #[default]
    Cluster,
    /// The server inside this program.
    Embedded,
}

/// How a workflow's end is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletionsChoice {
    /// The run's own workers tell.
    Hook,
    /// A long poll per workflow.
    LongPoll,
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkersChoice {
    /// Workers in this process.
    InProcess,
    /// So many worker processes.
    Processes(u16),
    /// The user's.
    Own,
}

impl FromStr for WorkersChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected in-process, processes=N (1 to 256) or own";
        match text.split_once('=') {
            None if text == "in-process" => Ok(WorkersChoice::InProcess),
            None if text == "own" => Ok(WorkersChoice::Own),
            Some(("processes", count)) => match count.parse() {
                Ok(count @ 1..=256) => Ok(WorkersChoice::Processes(count)),
                _ => Err(EXPECTED.to_owned()),
            },
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

/// The longest wait that a workflow keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongestWait(pub Option<Nanos>);

impl FromStr for LongestWait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(LongestWait(None));
        }
        text.parse().map(|wait| LongestWait(Some(wait))).map_err(|error| error.to_string())
    }
}

impl Default for LongestWait {
    fn default() -> Self {
        LongestWait(Some(Nanos::from_secs(10)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_read_as_people_write_them() {
        assert_eq!("in-process".parse(), Ok(WorkersChoice::InProcess));
        assert_eq!("own".parse(), Ok(WorkersChoice::Own));
        assert_eq!("processes=3".parse(), Ok(WorkersChoice::Processes(3)));
        for text in ["", "processes", "processes=0", "processes=x", "three"] {
            assert!(text.parse::<WorkersChoice>().is_err(), "{text}");
        }
    }
}
