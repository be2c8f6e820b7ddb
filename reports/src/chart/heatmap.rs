//! Latencies over time as a heatmap: time to the right, latency upwards on a logarithmic axis, samples as depth of colour.

use super::canvas::{Axes, ChartError, HEAT, NARROW, Role, Shape, svg};
use super::scale::Scale;
use super::series::time_ticks;
use crate::number;
use crate::run_dir::Buckets;

/// Cells across and up: enough to see a stall of a second in two minutes, few enough for a small page.
const COLUMNS: (usize, usize) = (120, 60);
const ROWS: (usize, usize) = (32, 22);

/// Samples by time (begin in seconds) and latency; `seconds` is the length of the whole.
///
/// # Errors
/// When plotters cannot draw.
pub fn heatmap(parts: &[(f64, Buckets)], seconds: f64, shape: Shape) -> Result<String, ChartError> {
    let narrow = shape.width <= NARROW.width;
    let (columns, rows) = if narrow { (COLUMNS.1, ROWS.1) } else { (COLUMNS.0, ROWS.0) };
    let seconds = if seconds.is_finite() && seconds > 0.0 { seconds } else { 1.0 };
    let values = parts.iter().flat_map(|(_, buckets)| buckets.iter()).map(|(nanos, _)| nanos as f64 / 1e9);
    let y = Scale::log_around(values);
    let x = Scale::Linear(0.0, seconds);
    // A column is never shorter than the parts are: else there would be empty ones between them.
    let columns = columns.min(parts.len()).max(1);
    let cells = cells(parts, columns, rows, |at| x.place(at), |value| y.place(value));
    let axes = Axes {
        x,
        y,
        x_ticks: time_ticks(seconds, shape),
        y_ticks: y.ticks(5),
        x_label: &number::seconds,
        y_label: &number::seconds,
        headroom: 4.0,
    };
    svg(shape, &axes, |canvas| {
        let (left, right, top, bottom) = canvas.bounds();
        let (wide, high) = ((right - left) / columns as f64, (bottom - top) / rows as f64);
        for (row, levels) in cells.iter().enumerate() {
            let (low, up) = (bottom - high * row as f64, bottom - high * (row + 1) as f64);
            // Neighbours of one level are one rectangle.
            let mut column = 0;
            for run in levels.chunk_by(|a, b| a == b) {
                let (from, to) = (column as f64, (column + run.len()) as f64);
                column += run.len();
                if let Some(level) = run[0].checked_sub(1) {
                    let corner = (left + wide * from, up);
                    canvas.rectangle(Role::Heat(level), corner, (left + wide * to, low))?;
                }
            }
        }
        Ok(())
    })
}

/// The level of each cell, by row from below and column: 0 is empty, 1 to [`HEAT`] by the logarithm of its samples.
fn cells(
    parts: &[(f64, Buckets)],
    columns: usize,
    rows: usize,
    x: impl Fn(f64) -> f64,
    y: impl Fn(f64) -> f64,
) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0u64; columns]; rows];
    let place = |share: f64, of: usize| ((share * of as f64) as usize).min(of - 1);
    for (at, buckets) in parts {
        for (nanos, count) in buckets.iter() {
            counts[place(y(nanos as f64 / 1e9), rows)][place(x(*at), columns)] += count;
        }
    }
    let most = counts.iter().flatten().copied().max().unwrap_or(0);
    let level = |count: u64| {
        if count == 0 {
            return 0;
        }
        let share = ((1 + count) as f64).ln() / ((1 + most) as f64).ln();
        ((share * HEAT as f64).ceil() as usize).clamp(1, HEAT)
    };
    counts.into_iter().map(|row| row.into_iter().map(level).collect()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chart::HALF;

    #[test]
    fn every_sample_is_in_its_cell() {
        let parts = [
            (0.0, Buckets::from_pairs([(1_000_000, 100), (1_000_000_000, 1)])),
            (1.0, Buckets::from_pairs([(1_000_000, 1)])),
        ];
        let levels = cells(&parts, 2, 2, |at| at / 2.0, |value| if value < 0.1 { 0.0 } else { 0.9 });
        assert_eq!(levels[0][0], HEAT, "the most samples");
        assert!((1..HEAT).contains(&levels[0][1]), "one sample is seen");
        assert_eq!(levels[1], [levels[0][1], 0], "one slow sample in the first second, none in the second");
    }

    #[test]
    fn odd_data_is_drawn_all_the_same() {
        for parts in
            [vec![], vec![(0.0, Buckets::default())], vec![(f64::NAN, Buckets::from_pairs([(0, 3), (u64::MAX, 1)]))]]
        {
            for seconds in [0.0, f64::NAN, 1e12] {
                let svg = heatmap(&parts, seconds, HALF).unwrap();
                assert!(svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
            }
        }
    }
}
