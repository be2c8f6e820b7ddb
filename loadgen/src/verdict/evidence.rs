//! What a run is judged by.

use plimsoll_profiles::units::{Cores, Nanos, Rate};
use plimsoll_reports::measured::DISPATCH_LAG;
use plimsoll_reports::run_dir::{Buckets, CanarySummary, DispatchLag, GeneratorCpu, IntervalHistogram, MeasuredCounts};

use super::gaps::Gap;
use super::limits;
use super::trend::median;

/// Everything a run has collected about itself.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Begin of the measured window, from the start of the run: warm-up lies before it.
    pub begin: Nanos,
    /// End of the measured window: drain lies after it.
    pub end: Nanos,
    /// Counts over the whole run.
    pub counts: MeasuredCounts,
    /// What was to be sent and was sent, second by second, warm-up and drain included.
    pub seconds: Vec<Second>,
    /// Sampled gaps between sends ([`super::GapReservoir::gaps`]).
    pub gaps: Vec<Gap>,
    /// The interval log, as written: `dispatch_lag`, `e2e.response`, `start.response`, …
    pub intervals: Vec<IntervalHistogram>,
    /// The in-flight cap, where there is one.
    pub in_flight_cap: Option<u64>,
    /// The longest that a start was held at the cap.
    pub longest_delay: Nanos,
    /// Completions that were announced but not recorded, e.g. because a channel was full or a worker went away.
    pub completions_lost: u64,
    /// The generator's own CPU.
    pub generator: GeneratorUse,
    /// CPU times of the machine-speed canary's computation, one a second.
    pub canary: Vec<Nanos>,
    /// The highest dispatch rate at which the self-test's lag stayed under its limit.
    pub self_test: Option<Rate>,
    /// How the run ended, where not at the end of its schedule.
    pub ended: Option<Ended>,
}

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// Begin, from the start of the run.
    pub start: Nanos,
    /// Length: a second, but for the last.
    pub length: Nanos,
    /// Starts the schedule has in it.
    pub intended: u64,
    /// Starts the dispatcher took from the schedule for it, sent or not, by intended time.
    pub offered: u64,
    /// Starts sent in it, by the time of the send.
    pub sent: u64,
    /// Workflows that closed in it, in whatever way; `None` where completions are not observed.
    pub closed: Option<u64>,
    /// Workflows open at its end; `None` where completions are not observed.
    pub open: Option<u64>,
}

/// The generator's own CPU.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratorUse {
    /// Cores it may use; zero where that is not known.
    pub limit: Cores,
    /// Cores it used, with the time the sample ends.
    pub used: Vec<(Nanos, Cores)>,
}

/// A run that ended before its schedule did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By an abort rule.
    Aborted {
        /// When.
        at: Nanos,
        /// The rule, in words.
        rule: String,
        /// What it saw.
        found: String,
    },
    /// From outside, as by Ctrl-C.
    Interrupted {
        /// When.
        at: Nanos,
        /// By what.
        by: String,
    },
}

impl Evidence {
    /// The seconds of the measured window.
    pub fn measured(&self) -> impl Iterator<Item = &Second> {
        self.seconds.iter().filter(|second| second.start >= self.begin && second.start < self.end)
    }

    /// The intervals of a metric within the measured window, in time order.
    pub fn intervals(&self, metric: &str) -> Vec<&IntervalHistogram> {
        let mut intervals: Vec<&IntervalHistogram> = self
            .intervals
            .iter()
            .filter(|interval| interval.metric == metric && interval.start >= self.begin && interval.start < self.end)
            .collect();
        intervals.sort_by_key(|interval| interval.start);
        intervals
    }

    /// All samples of a metric within the measured window.
    pub fn merged(&self, metric: &str) -> Buckets {
        Buckets::merged(self.intervals(metric).into_iter().map(|interval| &interval.buckets))
    }

    /// Mean rate of the intended starts in the measured window; zero of an empty one.
    pub fn offered_rate(&self) -> Rate {
        let seconds: f64 = self.measured().map(|second| second.length.as_secs_f64()).sum();
        let starts: u64 = self.measured().map(|second| second.intended).sum();
        if seconds > 0.0 { Rate::per_second(starts as f64 / seconds) } else { Rate::ZERO }
    }

    /// The smallest median of a response in the measured window: what dispatch lag must be small against.
    pub fn smallest_median(&self) -> Option<Nanos> {
        ["start.response", "e2e.response"]
            .into_iter()
            .filter_map(|name| self.merged(name).quantile(0.5))
            .min()
            .map(Nanos)
    }

    /// How late starts may be: see [`limits::DISPATCH_LAG_P99`].
    pub fn lag_limit(&self) -> Nanos {
        let share = self.smallest_median().map_or(0.0, |median| median.as_secs_f64() * limits::DISPATCH_LAG_SHARE);
        limits::DISPATCH_LAG_P99.max(Nanos::from_secs_f64(share))
    }

    /// How late starts were sent in the measured window; `None` when none was.
    pub fn dispatch_lag(&self) -> Option<DispatchLag> {
        let lag = self.merged(DISPATCH_LAG);
        let seconds = |q: f64| lag.quantile(q).map(|nanos| Nanos(nanos).as_secs_f64());
        Some(DispatchLag {
            samples: lag.total(),
            p50_seconds: seconds(0.5)?,
            p99_seconds: seconds(0.99)?,
            max_seconds: seconds(1.0)?,
        })
    }

    /// The generator's own CPU in the measured window; `None` where it or its limit is not known.
    pub fn generator_cpu(&self) -> Option<GeneratorCpu> {
        let mut used: Vec<f64> = self
            .generator
            .used
            .iter()
            .filter(|(at, _)| *at > self.begin && *at <= self.end)
            .map(|(_, cores)| cores.get())
            .collect();
        if used.is_empty() || self.generator.limit.get() <= 0.0 {
            return None;
        }
        used.sort_unstable_by(f64::total_cmp);
        let rank = (used.len() * 95).div_ceil(100) - 1;
        Some(GeneratorCpu {
            limit_cores: self.generator.limit.get(),
            mean_cores: used.iter().sum::<f64>() / used.len() as f64,
            p95_cores: used[rank],
        })
    }

    /// How even the machine's speed was; `None` without a canary.
    pub fn canary(&self) -> Option<CanarySummary> {
        let singly: Vec<f64> = self.canary.iter().map(|time| time.as_secs_f64()).collect();
        // A spell is several seconds long: a single reading also tells which of the load's own threads ran beside it.
        let spell = |at: usize| {
            let half = limits::CANARY_SPELL / 2;
            let around = &singly[at.saturating_sub(half)..(at + half + 1).min(singly.len())];
            around.iter().sum::<f64>() / around.len() as f64
        };
        let mut seconds: Vec<f64> = (0..singly.len()).map(spell).collect();
        let median_seconds = median(&mut seconds).filter(|median| *median > 0.0)?;
        let away = |value: &&f64| (*value / median_seconds - 1.0).abs() > limits::CANARY_DEVIATION;
        Some(CanarySummary {
            samples: seconds.len() as u64,
            median_seconds,
            deviating_share: seconds.iter().filter(away).count() as f64 / seconds.len() as f64,
            slowest_relative: seconds.last()? / median_seconds - 1.0,
        })
    }
}
