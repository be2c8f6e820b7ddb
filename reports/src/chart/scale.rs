//! From values to pixels, and where the ticks go.

/// How an axis maps values to the share of its length (0 to 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Evenly from the first to the second value.
    Linear(f64, f64),
    /// Evenly in the logarithm; both ends above 0.
    Log(f64, f64),
    /// Quantiles by `log10(1/(1−q))`, from 0 to the given quantile: 90 %, 99 %, 99.9 % at even distances, as the
    /// HdrHistogram plots have it.
    Tail(f64),
}

impl Scale {
    /// A logarithmic scale around values, rounded outwards to 1, 2 or 5 times a power of ten.
    pub fn log_around(values: impl Iterator<Item = f64>) -> Scale {
        let mut low = f64::INFINITY;
        let mut high = 0.0f64;
        for value in values.filter(|value| value.is_finite() && *value > 0.0) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            return Scale::Log(0.001, 1.0);
        }
        let (low, high) = (round_log(low * 0.9, false), round_log(high * 1.05, true));
        if high / low < 5.0 { Scale::Log(low, low * 5.0) } else { Scale::Log(low, high) }
    }

    /// A linear scale from 0 to a round number at or above the highest value.
    pub fn from_zero(highest: f64) -> Scale {
        if !highest.is_finite() || highest <= 0.0 {
            return Scale::Linear(0.0, 1.0);
        }
        let step = nice_step(highest / 4.0);
        Scale::Linear(0.0, (highest / step - 1e-9).ceil().max(1.0) * step)
    }

    /// The place of a value as a share of the axis, kept within 0 to 1.
    pub fn place(self, value: f64) -> f64 {
        let share = match self {
            Scale::Linear(low, high) => (value - low) / (high - low),
            Scale::Log(low, high) => (value.max(low) / low).log10() / (high / low).log10(),
            Scale::Tail(last) => decades(value.min(last)) / decades(last),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Values worth a tick, about `wanted` of them.
    pub fn ticks(self, wanted: usize) -> Vec<f64> {
        match self {
            Scale::Linear(low, high) => {
                let step = nice_step((high - low) / wanted.max(1) as f64);
                let first = (low / step - 1e-9).ceil() as i64;
                let last = (high / step + 1e-9).floor() as i64;
                (first..=last).map(|index| index as f64 * step).collect()
            }
            Scale::Log(low, high) => {
                let span = (high / low).log10();
                let factors: &[f64] = if span <= 2.2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let mut ticks = Vec::new();
                for power in low.log10().floor() as i32..=high.log10().ceil() as i32 {
                    ticks.extend(factors.iter().map(|factor| factor * 10f64.powi(power)));
                }
                ticks.retain(|tick| *tick >= low * 0.999 && *tick <= high * 1.001);
                ticks
            }
            Scale::Tail(last) => [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999]
                .into_iter()
                .filter(|quantile| *quantile <= last + 1e-12)
                .collect(),
        }
    }
}

fn decades(quantile: f64) -> f64 {
    -(1.0 - quantile.clamp(0.0, 0.999_999_9)).log10()
}

/// 1, 2, 2.5 or 5 times a power of ten, at or above the value.
fn nice_step(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * power >= value * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

fn round_log(value: f64, up: bool) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0].into_iter();
    let rounded = if up {
        factors.into_iter().find(|factor| factor * power >= value * (1.0 - 1e-9))
    } else {
        factors.rev().find(|factor| factor * power <= value * (1.0 + 1e-9))
    };
    rounded.unwrap_or(1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nines_are_at_even_distances() {
        let scale = Scale::Tail(0.999);
        assert!((scale.place(0.9) - 1.0 / 3.0).abs() < 1e-9);
        assert!((scale.place(0.99) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(scale.place(0.0), 0.0);
        assert_eq!(scale.ticks(5), [0.5, 0.9, 0.99, 0.999]);
    }

    #[test]
    fn scales_end_at_round_numbers_around_the_values() {
        assert_eq!(Scale::from_zero(237.0), Scale::Linear(0.0, 300.0));
        assert_eq!(Scale::from_zero(0.0), Scale::Linear(0.0, 1.0));
        let Scale::Log(low, high) = Scale::log_around([0.013, 4.2, 0.0, f64::NAN].into_iter()) else { panic!() };
        assert!((low - 0.01).abs() < 1e-12 && (high - 5.0).abs() < 1e-12, "{low} {high}");
        assert_eq!(Scale::log_around(std::iter::empty()), Scale::Log(0.001, 1.0));
    }

    #[test]
    fn places_stay_on_the_axis() {
        for scale in [Scale::Linear(0.0, 10.0), Scale::Log(0.1, 10.0), Scale::Tail(0.99), Scale::Tail(0.0)] {
            for value in [-1.0, 0.0, 5.0, 1e300, f64::NAN, f64::INFINITY] {
                let place = scale.place(value);
                assert!((0.0..=1.0).contains(&place), "{scale:?} {value}: {place}");
            }
        }
    }
}
