//! The random numbers all contenders share: one seed gives everyone the same inter-arrival and service times.

use plimsoll_profiles::random::{Distribution, Stream, Streams};
use plimsoll_profiles::units::Nanos;

use crate::hold::Increment;

/// Inter-arrival and service times of an M/M/10 queue at utilisation 0.8, service times of mean one second.
///
/// Each from its own stream, so the order in which an engine asks does not matter. At least one nanosecond long:
/// nexosim refuses a delay of zero.
pub struct QueueDraws {
    inter_arrival: Stream,
    service: Stream,
}

/// 1 / (servers × utilisation) = 1 / 8 s.
const INTER_ARRIVAL: Distribution = Distribution::Exponential { mean: Nanos::from_millis(125) };
const SERVICE: Distribution = Distribution::Exponential { mean: Nanos::from_secs(1) };

impl QueueDraws {
    /// The streams of one seed.
    pub fn new(seed: u64) -> Self {
        let streams = Streams::new(seed);
        Self {
            inter_arrival: streams.stream("mm10", "inter-arrival", 0),
            service: streams.stream("mm10", "service", 0),
        }
    }

    /// The next inter-arrival time.
    #[inline]
    pub fn inter_arrival(&mut self) -> Nanos {
        INTER_ARRIVAL.sample(&mut self.inter_arrival).max(Nanos(1))
    }

    /// The next service time.
    #[inline]
    pub fn service(&mut self) -> Nanos {
        SERVICE.sample(&mut self.service).max(Nanos(1))
    }
}

/// The increments of the hold model.
pub struct HoldDraws {
    stream: Stream,
}

impl HoldDraws {
    /// The stream of one seed.
    pub fn new(seed: u64) -> Self {
        Self { stream: Streams::new(seed).stream("hold", "increment", 0) }
    }

    /// The next increment in nanoseconds.
    #[inline]
    pub fn next(&mut self, increment: Increment) -> u64 {
        match increment {
            Increment::Exponential => (self.stream.exponential() * 1e9) as u64,
            Increment::Bimodal => {
                let u = self.stream.uniform();
                let longest = if u < SHORT_SHARE { SHORT } else { LONG };
                (self.stream.uniform() * longest) as u64
            }
        }
    }

    /// The time to the next occurrence seen from a random instant, in nanoseconds: density (1 − F(x)) / mean
    /// (the equilibrium distribution of a renewal process; Cox, Renewal Theory, 1962, 5.3).
    pub fn residual(&mut self, increment: Increment) -> u64 {
        if increment == Increment::Exponential {
            return self.next(increment);
        }
        let short = SHORT_SHARE * SHORT;
        let long = (1.0 - SHORT_SHARE) * LONG;
        let longest = if self.stream.uniform() < short / (short + long) { SHORT } else { LONG };
        (longest * (1.0 - (1.0 - self.stream.uniform()).sqrt())) as u64
    }
}

const SHORT_SHARE: f64 = 0.9;
const SHORT: f64 = 0.1e9;
const LONG: f64 = 1_000e9;
