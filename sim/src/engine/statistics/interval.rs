//! Confidence intervals and the quantiles of Student's t.

use super::Tally;
use plimsoll_profiles::random::normal_quantile;

/// An estimate with the range that holds the true value with the probability `confidence`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The point estimate.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The nominal coverage, such as 0.95.
    pub confidence: f64,
}

impl Interval {
    /// The interval of half-width t·s/√n around `estimate`, where s² is the variance of n independent values.
    ///
    /// `None` below two values.
    pub fn around(estimate: f64, values: &Tally, confidence: f64) -> Option<Self> {
        let count = values.count();
        let error = libm::sqrt(values.variance()? / count as f64);
        let half = student_t_quantile(0.5 + 0.5 * confidence, count - 1) * error;
        Some(Interval { estimate, low: estimate - half, high: estimate + half, confidence })
    }

    /// The t interval of the mean of independent values, such as replications. `None` below two.
    pub fn of_mean(values: &Tally, confidence: f64) -> Option<Self> {
        Interval::around(values.mean()?, values, confidence)
    }

    /// True when the value lies within, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half of the width.
    pub fn half_width(&self) -> f64 {
        0.5 * (self.high - self.low)
    }

    /// Half of the width as a share of the estimate; infinite around zero unless the width is zero too.
    pub fn relative_half_width(&self) -> f64 {
        let half = self.half_width();
        if half == 0.0 { 0.0 } else { half / self.estimate.abs() }
    }
}

/// The quantile of Student's t with `degrees` degrees of freedom, to about 1e-12.
///
/// The inverse, by Newton's method from the expansion of Cornish and Fisher (Abramowitz and Stegun 26.7.5), of the
/// finite sums 26.7.3 and 26.7.4; from 200 degrees on the expansion itself, whose error there is below 1e-10.
///
/// # Panics
/// In debug builds, when `p` is not within (0, 1) or `degrees` is zero.
pub fn student_t_quantile(p: f64, degrees: u64) -> f64 {
    debug_assert!(p > 0.0 && p < 1.0 && degrees > 0, "p {p}, {degrees} degrees of freedom");
    if p == 0.5 {
        return 0.0;
    }
    if p < 0.5 {
        return -student_t_quantile(1.0 - p, degrees);
    }
    match degrees {
        1 => return libm::tan(std::f64::consts::PI * (p - 0.5)),
        2 => return (2.0 * p - 1.0) / libm::sqrt(2.0 * p * (1.0 - p)),
        _ => {}
    }
    let n = degrees as f64;
    let mut t = cornish_fisher(normal_quantile(p), n);
    if degrees >= 200 {
        return t;
    }
    let log_scale = libm::lgamma(0.5 * (n + 1.0)) - libm::lgamma(0.5 * n) - 0.5 * libm::log(n * std::f64::consts::PI);
    for _ in 0..60 {
        let density = libm::exp(log_scale - 0.5 * (n + 1.0) * libm::log1p(t * t / n));
        let step = (student_t_upper(t, degrees) - (1.0 - p)) / density;
        // The expansion starts too low far in the tail; there Newton overshoots unless its step is bounded.
        let next = t + step.clamp(-0.5 * t, t);
        if (next - t).abs() <= 1e-14 * t {
            return next;
        }
        t = next;
    }
    t
}

fn cornish_fisher(z: f64, n: f64) -> f64 {
    let z2 = z * z;
    let g1 = z * (z2 + 1.0) / 4.0;
    let g2 = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let g3 = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    let g4 = z * ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92_160.0;
    z + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n
}

/// The probability that Student's t exceeds `t`, for positive `t`.
fn student_t_upper(t: f64, degrees: u64) -> f64 {
    let n = degrees as f64;
    let cos2 = n / (n + t * t);
    let angle = libm::atan2(t, libm::sqrt(n));
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    let odd = degrees % 2 == 1;
    let (mut term, mut sum) = if odd { (cos, cos) } else { (1.0, 1.0) };
    let first = if odd { 3 } else { 2 };
    for k in (first..degrees.saturating_sub(1)).step_by(2) {
        term *= cos2 * (k - 1) as f64 / k as f64;
        sum += term;
    }
    let within = if odd { (angle + sin * sum) * std::f64::consts::FRAC_2_PI } else { sin * sum };
    0.5 * (1.0 - within)
}
