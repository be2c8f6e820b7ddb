//! Latency against load, up to the knee, with the plan's own mark on it.

use super::canvas::{Anchor, Axes, Canvas, ChartError, Role, Shape, svg};
use super::scale::Scale;
use crate::number;
use crate::plan_document::LoadCurve;

/// One curve per series, promises as horizontal lines, the planned peak as a Plimsoll mark (a circle crossed by a line
/// on the waterline), and everything beyond the knee shaded.
///
/// # Errors
/// When plotters cannot draw.
pub fn load(curve: &LoadCurve, shape: Shape) -> Result<String, ChartError> {
    let points = || curve.series.iter().flat_map(|series| &series.points);
    let limits = || curve.series.iter().filter_map(|series| series.limit_seconds);
    let highest = points()
        .map(|point| point.x)
        .chain([curve.planned_per_second])
        .chain(curve.knee_per_second)
        .fold(0.0, f64::max);
    let x = Scale::Linear(0.0, if highest > 0.0 { highest * 1.04 } else { 1.0 });
    let y = Scale::log_around(points().map(|point| point.y).chain(limits()));
    let axes = Axes {
        x,
        y,
        x_ticks: x.ticks(if shape.width < 500.0 { 4 } else { 8 }),
        y_ticks: y.ticks(5),
        x_label: &number::rate,
        y_label: &number::seconds,
        headroom: 50.0,
    };
    svg(shape, &axes, |canvas| {
        let (left, right, top, bottom) = canvas.bounds();
        if let Some(knee) = curve.knee_per_second {
            let at = canvas.x_at(knee);
            canvas.rectangle(Role::Beyond, (at, top), (right, bottom))?;
        }
        for (index, series) in curve.series.iter().enumerate() {
            if let Some(limit) = series.limit_seconds {
                let y = canvas.y_at(limit);
                canvas.line(Role::Promise(index), 1.2, &[(left, y), (right, y)])?;
            }
        }
        for (index, series) in curve.series.iter().enumerate() {
            let line: Vec<(f64, f64)> = series.points.iter().filter(|p| p.y > 0.0).map(|p| (p.x, p.y)).collect();
            canvas.curve(Role::Series(index), 2.2, &line)?;
            for point in line {
                canvas.circle(Role::Series(index), (canvas.x_at(point.0), canvas.y_at(point.1)), 2.4, None)?;
            }
        }
        if let Some(knee) = curve.knee_per_second {
            let at = canvas.x_at(knee);
            canvas.line(Role::Knee, 1.6, &[(at, top), (at, bottom)])?;
            let mark = canvas.x_at(curve.planned_per_second);
            let labels = [format!("breaks at {}", number::rate(knee)), number::rate(knee)];
            let fitting = labels.iter().find_map(|label| Some((clear_of(canvas, at, mark, label)?, label)));
            if let Some((middle, label)) = fitting {
                canvas.label(Role::Knee, (middle, top - 10.0), Anchor::Middle, label)?;
            }
        }
        plimsoll_mark(canvas, curve.planned_per_second)
    })
}

/// The mark of a hull: a circle, and the line through it that may not go under.
fn plimsoll_mark(canvas: &Canvas<'_>, planned: f64) -> Result<(), ChartError> {
    let (_, _, top, bottom) = canvas.bounds();
    let at = canvas.x_at(planned);
    let centre = (at, top - 36.0);
    canvas.line(Role::Mark, 2.6, &[(at, centre.1), (at, bottom)])?;
    canvas.circle(Role::Mark, centre, 9.0, Some(2.4))?;
    canvas.line(Role::Mark, 2.4, &[(centre.0 - 15.0, centre.1), (centre.0 + 15.0, centre.1)])?;
    beside(canvas, Role::Mark, at, centre.1, 21.0, &format!("plan: {}", number::rate(planned)))
}

/// The middle of the knee's label: over the knee, or as near as it gets without crossing the mark's line; `None` where
/// there is no room for it.
fn clear_of(canvas: &Canvas<'_>, knee: f64, mark: f64, text: &str) -> Option<f64> {
    let (left, right, _, _) = canvas.bounds();
    // Bold digits and letters are some 7.8 pixels wide on average; plotters cannot measure text.
    let half = text.chars().count() as f64 * 7.8 / 2.0;
    let apart = half + 8.0;
    let (lowest, highest) = (left + half - 20.0, right + 28.0 - half);
    let (lowest, highest) =
        if knee >= mark { (lowest.max(mark + apart), highest) } else { (lowest, highest.min(mark - apart)) };
    (lowest <= highest).then(|| knee.clamp(lowest, highest))
}

/// A label on the side of a mark that has more room.
fn beside(canvas: &Canvas<'_>, role: Role, at: f64, y: f64, gap: f64, text: &str) -> Result<(), ChartError> {
    let (left, right, _, _) = canvas.bounds();
    if at - left > right - at {
        canvas.label(role, (at - gap, y), Anchor::End, text)
    } else {
        canvas.label(role, (at + gap, y), Anchor::Start, text)
    }
}
