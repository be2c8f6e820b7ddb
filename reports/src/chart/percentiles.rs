//! Latency percentile curves on an axis of `1/(1−q)`.

use super::canvas::{Axes, ChartError, Role, Shape, svg};
use super::scale::Scale;
use crate::number;
use crate::quantity::QuantileCurve;

/// A promise to mark in the plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PercentilePromise {
    /// Index of the curve it is made for.
    pub curve: usize,
    /// Quantile, 0 to 1.
    pub quantile: f64,
    /// Limit in seconds.
    pub seconds: f64,
}

/// One curve per metric, series 0 first; promises as rings in their curve's colour.
///
/// # Errors
/// When plotters cannot draw.
pub fn percentiles(
    curves: &[&QuantileCurve],
    promises: &[PercentilePromise],
    shape: Shape,
) -> Result<String, ChartError> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let last = points()
        .map(|point| point.x)
        .chain(promises.iter().map(|promise| promise.quantile))
        .filter(|q| *q < 1.0)
        .fold(0.5, f64::max);
    let y = Scale::log_around(points().map(|point| point.y).chain(promises.iter().map(|promise| promise.seconds)));
    svg(shape, &percentile_axes(last, y), |canvas| {
        for (index, curve) in curves.iter().enumerate() {
            let line: Vec<(f64, f64)> =
                curve.points.iter().filter(|p| p.y > 0.0 && p.x < 1.0).map(|p| (p.x, p.y)).collect();
            canvas.curve(Role::Series(index), 2.2, &line)?;
        }
        for promise in promises {
            let centre = (canvas.x_at(promise.quantile), canvas.y_at(promise.seconds));
            canvas.circle(Role::Promise(promise.curve), centre, 5.0, Some(2.0))?;
        }
        Ok(())
    })
}

/// Axes of a percentile curve up to the quantile `last`: x is `1/(1−q)`, y is seconds.
pub(super) fn percentile_axes(last: f64, y: Scale) -> Axes<'static> {
    let x = Scale::Tail(last);
    Axes {
        x,
        y,
        x_ticks: x.ticks(5),
        y_ticks: y.ticks(5),
        x_label: &|q| number::quantile(q).trim_start_matches('p').to_string() + " %",
        y_label: &number::seconds,
        headroom: 4.0,
    }
}
