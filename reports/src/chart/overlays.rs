//! Two distributions over each other: distribution functions, a Q-Q plot, and a curve over the range of several runs.

use super::canvas::{Axes, ChartError, Role, Shape, svg};
use super::percentiles::percentile_axes;
use super::scale::Scale;
use crate::number;
use crate::quantity::QuantileCurve;

/// Quantiles that are marked in a Q-Q plot.
const MARKED: [f64; 3] = [0.5, 0.9, 0.99];

/// The range of several runs at one quantile, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangePoint {
    /// Quantile, 0 to 1.
    pub quantile: f64,
    /// Lowest.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// Highest.
    pub high: f64,
}

/// Distribution functions: latency on a logarithmic axis, the share of samples at or below it. Each series is
/// (seconds, share), ascending.
///
/// # Errors
/// When plotters cannot draw.
pub fn distributions(series: &[Vec<(f64, f64)>], shape: Shape) -> Result<String, ChartError> {
    let x = Scale::log_around(series.iter().flatten().map(|(seconds, _)| *seconds));
    let y = Scale::Linear(0.0, 1.0);
    let axes = Axes {
        x,
        y,
        x_ticks: few(x.ticks(5), shape),
        y_ticks: vec![0.0, 0.25, 0.5, 0.75, 1.0],
        x_label: &number::seconds,
        y_label: &number::percent,
        headroom: 4.0,
    };
    svg(shape, &axes, |canvas| {
        for (index, line) in series.iter().enumerate() {
            let line: Vec<(f64, f64)> = line.iter().copied().filter(|(seconds, _)| *seconds > 0.0).collect();
            canvas.curve(Role::Series(index), 2.2, &line)?;
        }
        Ok(())
    })
}

/// A Q-Q plot: (quantile, seconds in the reference, seconds in the other), both axes logarithmic and alike, so that equal
/// distributions lie on the diagonal and a factor moves them beside it. p50, p90 and p99 are marked.
///
/// # Errors
/// When plotters cannot draw.
pub fn quantiles_against(points: &[(f64, f64, f64)], shape: Shape) -> Result<String, ChartError> {
    let both = Scale::log_around(points.iter().flat_map(|(_, a, b)| [*a, *b]));
    let ticks = both.ticks(5);
    let axes = Axes {
        x: both,
        y: both,
        x_ticks: few(ticks.clone(), shape),
        y_ticks: ticks,
        x_label: &number::seconds,
        y_label: &number::seconds,
        headroom: 4.0,
    };
    svg(shape, &axes, |canvas| {
        let (left, right, top, bottom) = canvas.bounds();
        canvas.line(Role::Axis, 1.0, &[(left, bottom), (right, top)])?;
        let shown = points.iter().filter(|(_, a, b)| *a > 0.0 && *b > 0.0);
        let line: Vec<(f64, f64)> = shown.map(|(_, a, b)| (*a, *b)).collect();
        canvas.curve(Role::Series(1), 2.2, &line)?;
        for (quantile, a, b) in points {
            if MARKED.iter().any(|marked| (marked - quantile).abs() < 1e-9) {
                canvas.circle(Role::Series(1), (canvas.x_at(*a), canvas.y_at(*b)), 3.5, None)?;
            }
        }
        Ok(())
    })
}

/// A percentile curve (series 0) over the range of several runs (a band, its median series 1), on an axis of `1/(1−q)`.
///
/// # Errors
/// When plotters cannot draw.
pub fn over_range(curve: &QuantileCurve, range: &[RangePoint], shape: Shape) -> Result<String, ChartError> {
    let last = curve.points.iter().map(|point| point.x).chain(range.iter().map(|point| point.quantile));
    let last = last.filter(|q| *q < 1.0).fold(0.5, f64::max);
    let values = curve.points.iter().map(|point| point.y);
    let y = Scale::log_around(values.chain(range.iter().flat_map(|point| [point.low, point.high])));
    svg(shape, &percentile_axes(last, y), |canvas| {
        let shown = || range.iter().filter(|point| point.quantile < 1.0 && point.low > 0.0);
        let edge = |of: &dyn Fn(&RangePoint) -> f64| -> Vec<(f64, f64)> {
            shown().map(|point| (point.quantile, of(point))).collect()
        };
        canvas.band(Role::Area, &edge(&|point| point.low), &edge(&|point| point.high))?;
        canvas.curve(Role::Series(1), 1.8, &edge(&|point| point.median))?;
        let line: Vec<(f64, f64)> = curve
            .points
            .iter()
            .filter(|point| point.y > 0.0 && point.x < 1.0)
            .map(|point| (point.x, point.y))
            .collect();
        canvas.curve(Role::Series(0), 2.2, &line)
    })
}

/// On a half or narrow plot, every other tick where they would stand too close.
fn few(ticks: Vec<f64>, shape: Shape) -> Vec<f64> {
    let most = if shape.width < 600.0 { 5 } else { 9 };
    let step = ticks.len().div_ceil(most).max(1);
    ticks.into_iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chart::NARROW;
    use crate::quantity::CurvePoint;

    fn polylines(svg: &str, role: Role) -> Vec<Vec<(f64, f64)>> {
        let of_role = svg.split("<polyline").filter(|part| part.contains(&role.sentinel()));
        let points = of_role.map(|part| part.split("points=\"").nth(1).unwrap().split('"').next().unwrap());
        points.map(|text| text.split_whitespace().map(pair).collect()).collect()
    }

    fn pair(text: &str) -> (f64, f64) {
        let (x, y) = text.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    }

    #[test]
    fn equal_distributions_lie_on_the_diagonal() {
        let points: Vec<(f64, f64, f64)> =
            (1..=99).map(|p| (f64::from(p) / 100.0, 0.001 * f64::from(p), 0.001 * f64::from(p))).collect();
        let svg = quantiles_against(&points, NARROW).unwrap();
        let (diagonal, curve) = (polylines(&svg, Role::Axis), polylines(&svg, Role::Series(1)));
        let diagonal = diagonal.iter().find(|line| line[0].1 != line[1].1).expect("a line that is not the axis");
        let slope = (diagonal[1].1 - diagonal[0].1) / (diagonal[1].0 - diagonal[0].0);
        for (x, y) in &curve[0] {
            let exact = diagonal[0].1 + slope * (x - diagonal[0].0);
            assert!((y - exact).abs() <= 2.0, "({x}, {y}) is not on the diagonal ({exact})");
        }
    }

    #[test]
    fn a_factor_moves_the_curve_beside_the_diagonal_by_as_much_everywhere() {
        let points: Vec<(f64, f64, f64)> =
            (10..=90).map(|p| (f64::from(p) / 100.0, 0.001 * f64::from(p), 0.002 * f64::from(p))).collect();
        let curve = polylines(&quantiles_against(&points, NARROW).unwrap(), Role::Series(1)).remove(0);
        // Both axes run alike: the curve rises as the diagonal does.
        let (first, last) = (curve[0], curve[curve.len() - 1]);
        let axis = (NARROW.width - 90.0) / (NARROW.height - 26.0 - 12.0);
        let slope = (first.1 - last.1) / (last.0 - first.0);
        assert!((slope * axis - 1.0).abs() < 0.02, "{slope}");
    }

    #[test]
    fn a_band_has_its_curve_within_where_the_model_is_within_the_runs() {
        let q = |step: u32| 1.0 - 10f64.powf(-f64::from(step) / 10.0);
        let points = (0..20).map(|step| CurvePoint { x: q(step), y: 0.01 + 0.01 * f64::from(step) }).collect();
        let curve = QuantileCurve { metric: "start".into(), points, samples: 1_000 };
        let range: Vec<RangePoint> = curve
            .points
            .iter()
            .map(|point| RangePoint { quantile: point.x, low: point.y * 0.9, median: point.y, high: point.y * 1.1 })
            .collect();
        let svg = over_range(&curve, &range, NARROW).unwrap();
        assert!(svg.contains("<polygon"), "{svg}");
        assert_eq!(polylines(&svg, Role::Series(0)), polylines(&svg, Role::Series(1)));
    }
}
