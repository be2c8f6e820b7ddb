//! Has a series a trend: Mann and Kendall's test, and the slope of Theil and Sen.

use plimsoll_profiles::random::normal_cdf;

/// A monotone trend of a series in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Kendall's S: pairs that rise less pairs that fall.
    pub s: i64,
    /// Probability of an |S| as large without a trend (normal approximation with Kendall's correction for ties and
    /// continuity; Kendall, *Rank Correlation Methods*, 1975, ch. 4).
    pub p: f64,
    /// Median of the slopes of all pairs, per unit of time (Sen 1968).
    pub slope: f64,
}

impl Trend {
    /// Of points in order of time; `None` below two points.
    pub fn of(points: &[(f64, f64)]) -> Option<Trend> {
        let n = points.len();
        if n < 2 {
            return None;
        }
        let mut s = 0i64;
        let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
        for (index, (earlier, low)) in points.iter().enumerate() {
            for (later, high) in &points[index + 1..] {
                let rise = high - low;
                s += if rise > 0.0 { 1 } else { 0 } - if rise < 0.0 { 1 } else { 0 };
                if later > earlier {
                    slopes.push(rise / (later - earlier));
                }
            }
        }
        Some(Trend { s, p: probability(s, points), slope: median(&mut slopes).unwrap_or(0.0) })
    }

    /// Whether a trend upwards is significant at the level, by a one-sided test.
    pub fn rises(&self, level: f64) -> bool {
        self.s > 0 && self.p < 2.0 * level
    }

    /// Whether a trend either way is significant at the level.
    pub fn significant(&self, level: f64) -> bool {
        self.p < level
    }
}

fn probability(s: i64, points: &[(f64, f64)]) -> f64 {
    let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let term = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|group| term(group.len() as f64)).sum();
    let variance = (term(values.len() as f64) - ties) / 18.0;
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (s.unsigned_abs() as f64 - 1.0).max(0.0) / libm::sqrt(variance);
    2.0 * normal_cdf(-z)
}

/// The median; `None` of nothing. Sorts.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let high = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(high);
    }
    Some(0.5 * (values[values.len() / 2 - 1] + high))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plimsoll_profiles::random::Streams;

    /// How many orders of n different values have each S, from the number of inversions (Mahonian numbers; the exact
    /// null distribution of S).
    fn exact_upper_tail(n: usize, s: i64) -> f64 {
        let mut orders = vec![1.0f64];
        for length in 2..=n {
            let mut longer = vec![0.0; orders.len() + length - 1];
            for (inversions, count) in orders.iter().enumerate() {
                for more in 0..length {
                    longer[inversions + more] += count;
                }
            }
            orders = longer;
        }
        let pairs = (n * (n - 1) / 2) as i64;
        let total: f64 = orders.iter().sum();
        let beyond = orders.iter().enumerate().filter(|(inversions, _)| pairs - 2 * *inversions as i64 >= s);
        beyond.map(|(_, count)| count).sum::<f64>() / total
    }

    /// A series of n different values with the given S, by its Lehmer code: as many inversions as early as possible.
    fn series_with(n: usize, s: i64) -> Vec<(f64, f64)> {
        let falling = (n * (n - 1) / 2) as i64 - s;
        assert_eq!(falling % 2, 0, "S has the parity of the number of pairs");
        let mut inversions = (falling / 2) as usize;
        let mut left: Vec<f64> = (0..n).map(|value| value as f64).collect();
        let mut series = Vec::new();
        for at in 0..n {
            let place = inversions.min(left.len() - 1);
            inversions -= place;
            series.push((at as f64, left.remove(place)));
        }
        series
    }

    #[test]
    fn probabilities_are_those_of_the_tables() {
        // Gilbert, Statistical Methods for Environmental Pollution Monitoring (1987), table A18: P(S ≥ s).
        for (n, s, tabulated) in [(4, 6, 0.042), (5, 8, 0.042), (6, 11, 0.028), (8, 16, 0.031), (10, 23, 0.023)] {
            assert!((exact_upper_tail(n, s) - tabulated).abs() < 0.0006, "{n} {s}: {}", exact_upper_tail(n, s));
        }
        // From ten values on the approximation is as good as the exact distribution.
        for (n, s) in [(10, 15), (10, 23), (10, 29), (20, 60), (20, 90), (30, 141)] {
            let trend = Trend::of(&series_with(n, s)).unwrap();
            assert_eq!(trend.s, s);
            let exact = 2.0 * exact_upper_tail(n, s);
            assert!((trend.p - exact).abs() < 0.012, "{n} {s}: {} against {exact}", trend.p);
        }
    }

    #[test]
    fn a_series_without_a_trend_is_found_to_have_one_as_often_as_the_level_says() {
        let mut found = 0;
        for trial in 0..4_000 {
            let mut stream = Streams::new(trial).stream("trend", "trial", 0);
            let points: Vec<(f64, f64)> = (0..20).map(|at| (f64::from(at), stream.exponential())).collect();
            found += u64::from(Trend::of(&points).unwrap().significant(0.05));
        }
        let share = found as f64 / 4_000.0;
        assert!((0.035..0.062).contains(&share), "{share}");
    }

    #[test]
    fn the_slope_is_robust_and_ties_are_no_trend() {
        let mut line: Vec<(f64, f64)> = (0..20).map(|at| (f64::from(at) * 2.0, 3.0 * f64::from(at))).collect();
        line[7].1 = 1e6;
        let trend = Trend::of(&line).unwrap();
        assert!((trend.slope - 1.5).abs() < 0.02, "{trend:?}");
        assert!(trend.rises(0.001) && trend.significant(0.001));
        let falling: Vec<(f64, f64)> = line.iter().map(|(at, value)| (*at, -value)).collect();
        assert!(!Trend::of(&falling).unwrap().rises(0.01) && Trend::of(&falling).unwrap().significant(0.01));
        let flat = Trend::of(&[(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)]).unwrap();
        assert_eq!((flat.s, flat.p, flat.slope), (0, 1.0, 0.0));
        assert_eq!(Trend::of(&[(0.0, 1.0)]), None);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
