//! Distributions of spans of time.

use super::{Stream, normal_cdf, normal_quantile};
use crate::units::Nanos;
use thiserror::Error;

/// How long something takes.
///
/// Samples are rounded to the nearest nanosecond and capped at [`Nanos::MAX_INPUT`].
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(Nanos),
    /// Memoryless.
    Exponential {
        /// The mean.
        mean: Nanos,
    },
    /// The logarithm of the span in seconds is normal.
    LogNormal {
        /// The mean of the logarithm of seconds.
        mu: f64,
        /// The standard deviation of the logarithm of seconds.
        sigma: f64,
    },
    /// A curve through measured quantiles.
    Quantiles(QuantileCurve),
    /// Uniform between two spans.
    Uniform {
        /// The smallest span.
        low: Nanos,
        /// The largest span.
        high: Nanos,
    },
}

/// Why quantiles do not make a distribution.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum QuantileError {
    /// One point leaves the spread unknown.
    #[error("at least two quantiles are needed, found {0}")]
    TooFew(usize),
    /// A quantile level of 0, 1, or outside.
    #[error("the quantile level {0} is not strictly between 0 and 1")]
    Level(f64),
    /// A span of zero has no logarithm.
    #[error("the span at quantile {0} is zero; it must be positive")]
    Zero(f64),
    /// Levels must rise strictly, spans must not fall.
    #[error("quantile {level} = {span} does not rise from the one before it")]
    NotRising {
        /// The level at fault.
        level: f64,
        /// Its span.
        span: Nanos,
    },
}

/// A piecewise lognormal distribution: the logarithm of the span is linear in the normal score Φ⁻¹(q) between given points.
///
/// Below the first point and beyond the last, the first and the last piece go on: the tail past a given p99 is the lognormal tail through the last
/// two points. That is the least surprising extension for latencies: longer than an exponential, all moments finite.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileCurve {
    pieces: Vec<Piece>,
}

/// ln(seconds) = a + b z, up to the normal score `until`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    until: f64,
    a: f64,
    b: f64,
}

impl QuantileCurve {
    fn new(points: &[(f64, Nanos)]) -> Self {
        let mut pieces: Vec<Piece> = points
            .windows(2)
            .map(|pair| {
                let (z0, z1) = (normal_quantile(pair[0].0), normal_quantile(pair[1].0));
                let (t0, t1) = (libm::log(pair[0].1.as_secs_f64()), libm::log(pair[1].1.as_secs_f64()));
                let b = (t1 - t0) / (z1 - z0);
                Piece { until: z1, a: t0 - b * z0, b }
            })
            .collect();
        if let Some(last) = pieces.last_mut() {
            last.until = f64::INFINITY;
        }
        QuantileCurve { pieces }
    }

    fn at_score(&self, z: f64) -> Nanos {
        let last = self.pieces[self.pieces.len() - 1];
        let piece = self.pieces.iter().find(|piece| z < piece.until).unwrap_or(&last);
        from_log_seconds(piece.a + piece.b * z)
    }

    /// The sum over pieces of the integral of exp(a + b z) φ(z).
    fn mean_seconds(&self) -> f64 {
        let mut low = f64::NEG_INFINITY;
        let mut mean = 0.0;
        for piece in &self.pieces {
            let mass = normal_cdf(piece.until - piece.b) - normal_cdf(low - piece.b);
            mean += libm::exp(piece.a + 0.5 * piece.b * piece.b) * mass;
            low = piece.until;
        }
        mean
    }
}

/// `exp(ln_seconds)` seconds, capped at the longest span of an input.
fn from_log_seconds(ln_seconds: f64) -> Nanos {
    nearest(libm::exp(ln_seconds) * 1e9)
}

/// The nearest whole nanosecond of a span not negative, capped at the longest span of an input.
#[inline]
fn nearest(nanos: f64) -> Nanos {
    // By way of i64, for which processors have an instruction; what is too long for it is capped all the same.
    Nanos(((nanos + 0.5) as i64 as u64).min(Nanos::MAX_INPUT.0))
}

#[inline]
fn exponential(mean: Nanos, stream: &mut Stream) -> Nanos {
    nearest(mean.0 as f64 * stream.exponential())
}

impl Distribution {
    /// The lognormal with this mean and this coefficient of variation (standard deviation divided by mean); a constant when either is zero.
    ///
    /// # Panics
    /// In debug builds, when `cv` is negative or not finite.
    pub fn from_mean_cv(mean: Nanos, cv: f64) -> Self {
        debug_assert!(cv.is_finite() && cv >= 0.0, "coefficient of variation {cv}");
        if cv == 0.0 || mean == Nanos::ZERO {
            return Distribution::Constant(mean);
        }
        let variance = libm::log1p(cv * cv);
        Distribution::LogNormal { mu: libm::log(mean.as_secs_f64()) - 0.5 * variance, sigma: libm::sqrt(variance) }
    }

    /// The distribution through measured quantiles `(level, span)`, in rising order: lognormal through two, piecewise lognormal through more.
    ///
    /// # Errors
    /// Fewer than two points, levels not strictly within (0, 1) or not rising, spans of zero or falling.
    pub fn from_quantiles(points: &[(f64, Nanos)]) -> Result<Self, QuantileError> {
        if points.len() < 2 {
            return Err(QuantileError::TooFew(points.len()));
        }
        for &(level, span) in points {
            if !(level > 0.0 && level < 1.0) {
                return Err(QuantileError::Level(level));
            }
            if span == Nanos::ZERO {
                return Err(QuantileError::Zero(level));
            }
        }
        for pair in points.windows(2) {
            if pair[1].0 <= pair[0].0 || pair[1].1 < pair[0].1 {
                return Err(QuantileError::NotRising { level: pair[1].0, span: pair[1].1 });
            }
        }
        if points.iter().all(|point| point.1 == points[0].1) {
            return Ok(Distribution::Constant(points[0].1));
        }
        let curve = QuantileCurve::new(points);
        if let [only] = curve.pieces[..] {
            return Ok(Distribution::LogNormal { mu: only.a, sigma: only.b });
        }
        Ok(Distribution::Quantiles(curve))
    }

    /// One span.
    #[inline]
    pub fn sample(&self, stream: &mut Stream) -> Nanos {
        // Apart from the others, so that the shortest and most frequent way is inlined where it is called.
        if let Distribution::Exponential { mean } = self {
            return exponential(*mean, stream);
        }
        self.sample_other(stream)
    }

    #[inline(never)]
    fn sample_other(&self, stream: &mut Stream) -> Nanos {
        match self {
            Distribution::Constant(span) => *span,
            Distribution::Exponential { mean } => exponential(*mean, stream),
            Distribution::LogNormal { mu, sigma } => from_log_seconds(mu + sigma * stream.normal()),
            Distribution::Quantiles(curve) => curve.at_score(stream.normal()),
            Distribution::Uniform { low, high } => Nanos(low.0 + stream.below(high.0.saturating_sub(low.0) + 1)),
        }
    }

    /// The mean, exact up to the rounding of samples.
    pub fn mean(&self) -> Nanos {
        match self {
            Distribution::Constant(span) => *span,
            Distribution::Exponential { mean } => *mean,
            Distribution::LogNormal { mu, sigma } => from_log_seconds(mu + 0.5 * sigma * sigma),
            Distribution::Quantiles(curve) => nearest(curve.mean_seconds() * 1e9),
            Distribution::Uniform { low, high } => Nanos(low.0 / 2 + high.0 / 2 + (low.0 % 2 + high.0 % 2) / 2),
        }
    }

    /// The span not exceeded with probability `p`; for `p` of 1 the largest possible, capped at [`Nanos::MAX_INPUT`].
    ///
    /// # Panics
    /// In debug builds, when `p` is outside 0 to 1.
    pub fn quantile(&self, p: f64) -> Nanos {
        debug_assert!((0.0..=1.0).contains(&p), "quantile level {p}");
        match self {
            Distribution::Constant(span) => *span,
            Distribution::Exponential { mean } => nearest(mean.0 as f64 * -libm::log1p(-p)),
            Distribution::LogNormal { sigma: 0.0, .. } => self.mean(),
            Distribution::LogNormal { mu, sigma } => from_log_seconds(mu + sigma * normal_quantile(p)),
            Distribution::Quantiles(curve) => curve.at_score(normal_quantile(p)),
            Distribution::Uniform { low, high } => nearest(low.0 as f64 + p * high.0.saturating_sub(low.0) as f64),
        }
    }

    /// The same shape, every span multiplied by `factor`.
    ///
    /// # Panics
    /// In debug builds, when the factor is not positive and finite.
    pub fn scaled(&self, factor: f64) -> Self {
        debug_assert!(factor.is_finite() && factor > 0.0, "factor {factor}");
        let span = |nanos: Nanos| nearest(nanos.0 as f64 * factor);
        match self {
            Distribution::Constant(value) => Distribution::Constant(span(*value)),
            Distribution::Exponential { mean } => Distribution::Exponential { mean: span(*mean) },
            Distribution::LogNormal { mu, sigma } => {
                Distribution::LogNormal { mu: mu + libm::log(factor), sigma: *sigma }
            }
            Distribution::Quantiles(curve) => {
                let shift = libm::log(factor);
                let pieces = curve.pieces.iter().map(|piece| Piece { a: piece.a + shift, ..*piece }).collect();
                Distribution::Quantiles(QuantileCurve { pieces })
            }
            Distribution::Uniform { low, high } => Distribution::Uniform { low: span(*low), high: span(*high) },
        }
    }
}
