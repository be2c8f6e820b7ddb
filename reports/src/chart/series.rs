//! Values over time: storage over months, resources over seconds.

use super::canvas::{Axes, ChartError, Role, Shape, svg};
use super::scale::Scale;
use crate::number;

/// Mean length of a month in days (Gregorian calendar: 146,097 days in 4,800 months).
const DAYS_PER_MONTH: f64 = 30.436_875;

/// Values over days, shown by month, from zero; one alone as an area.
///
/// # Errors
/// When plotters cannot draw.
pub fn months(series: &[Vec<(f64, f64)>], label: &dyn Fn(f64) -> String, shape: Shape) -> Result<String, ChartError> {
    let points = || series.iter().flatten();
    let last_day = points().map(|(day, _)| *day).fold(1.0, f64::max);
    let y = Scale::from_zero(points().map(|(_, value)| *value).fold(0.0, f64::max));
    let axes = Axes {
        x: Scale::Linear(0.0, last_day),
        y,
        x_ticks: month_ticks(last_day, if shape.width < 400.0 { 4.0 } else { 7.0 }),
        y_ticks: y.ticks(4),
        x_label: &|day| match (day / DAYS_PER_MONTH).round() {
            0.0 => "now".into(),
            months if last_day >= DAYS_PER_MONTH => format!("{months:.0} mo"),
            _ => number::seconds(day * 86_400.0),
        },
        y_label: label,
        headroom: 4.0,
    };
    svg(shape, &axes, |canvas| {
        for (index, line) in series.iter().enumerate() {
            if series.len() == 1 {
                canvas.area(Role::Area, line)?;
            }
            canvas.curve(Role::Series(index), 2.4, line)?;
            if let Some((x, y)) = line.last() {
                canvas.circle(Role::Series(index), (canvas.x_at(*x), canvas.y_at(*y)), 4.0, None)?;
            }
        }
        Ok(())
    })
}

fn month_ticks(last_day: f64, wanted: f64) -> Vec<f64> {
    if last_day < DAYS_PER_MONTH {
        return Scale::Linear(0.0, last_day).ticks(4);
    }
    let months = last_day / DAYS_PER_MONTH;
    let step = [1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 60.0, 120.0].into_iter().find(|step| months / step <= wanted);
    let step = step.unwrap_or(240.0);
    // Half a day of room: 18 months are 547.9 days, a forecast may end at 540.
    let last = ((months + 0.3) / step).floor() as i32;
    (0..=last).map(|index| (f64::from(index) * step * DAYS_PER_MONTH).min(last_day)).collect()
}

/// Series over seconds, on a linear axis from 0 or a logarithmic one (latencies).
///
/// # Errors
/// When plotters cannot draw.
pub fn time(
    series: &[Vec<(f64, f64)>],
    label: &dyn Fn(f64) -> String,
    logarithmic: bool,
    shape: Shape,
) -> Result<String, ChartError> {
    let points = || series.iter().flatten();
    let last = points().map(|(seconds, _)| *seconds).fold(1.0, f64::max);
    let x = Scale::Linear(0.0, last);
    let y = if logarithmic {
        Scale::log_around(points().map(|(_, value)| *value))
    } else {
        Scale::from_zero(points().map(|(_, value)| *value).fold(0.0, f64::max))
    };
    let axes = Axes {
        x,
        y,
        x_ticks: time_ticks(last, shape),
        y_ticks: y.ticks(4),
        x_label: &number::seconds,
        y_label: label,
        headroom: 4.0,
    };
    svg(shape, &axes, |canvas| {
        for (index, line) in series.iter().enumerate() {
            canvas.curve(Role::Series(index), 1.8, &thinned(line, 240))?;
        }
        Ok(())
    })
}

/// Latencies against a varied number, on a logarithmic axis.
///
/// # Errors
/// When plotters cannot draw.
pub fn against(
    series: &[Vec<(f64, f64)>],
    x_label: &dyn Fn(f64) -> String,
    y_label: &dyn Fn(f64) -> String,
    shape: Shape,
) -> Result<String, ChartError> {
    let points = || series.iter().flatten();
    let low = points().map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
    let high = points().map(|(x, _)| *x).fold(f64::NEG_INFINITY, f64::max);
    let x = if low < high { Scale::Linear(low, high) } else { Scale::from_zero(high) };
    let y = Scale::log_around(points().map(|(_, y)| *y));
    let axes = Axes { x, y, x_ticks: x.ticks(5), y_ticks: y.ticks(5), x_label, y_label, headroom: 4.0 };
    svg(shape, &axes, |canvas| {
        for (index, line) in series.iter().enumerate() {
            canvas.curve(Role::Series(index), 2.2, line)?;
            for (x, y) in line {
                canvas.circle(Role::Series(index), (canvas.x_at(*x), canvas.y_at(*y)), 3.0, None)?;
            }
        }
        Ok(())
    })
}

/// Up to seven round times from 0, five on a phone.
pub(super) fn time_ticks(last: f64, shape: Shape) -> Vec<f64> {
    let most = if shape.width < 400.0 { 4.0 } else { 6.0 };
    const STEPS: [f64; 17] = [
        1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 21_600.0,
        43_200.0, 86_400.0,
    ];
    match STEPS.into_iter().find(|step| last / step <= most) {
        Some(step) if last >= 3.0 => (0..=(last / step + 1e-9) as i32).map(|index| f64::from(index) * step).collect(),
        _ => Scale::Linear(0.0, last).ticks(5),
    }
}

/// At most about `limit` points, by the lowest and the highest of each stretch: peaks stay.
pub(crate) fn thinned(line: &[(f64, f64)], limit: usize) -> Vec<(f64, f64)> {
    if line.len() <= limit {
        return line.to_vec();
    }
    let stretch = line.len().div_ceil(limit / 2);
    let mut kept = Vec::with_capacity(limit + 2);
    for part in line.chunks(stretch) {
        let low = part.iter().enumerate().min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
        let high = part.iter().enumerate().max_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
        let (Some((low_at, low)), Some((high_at, high))) = (low, high) else { continue };
        kept.extend(if low_at <= high_at { [*low, *high] } else { [*high, *low] });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{HALF, NARROW};

    #[test]
    fn thinning_keeps_the_peaks() {
        let line: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), if i == 6_543 { 99.0 } else { 1.0 })).collect();
        let kept = thinned(&line, 400);
        assert!(kept.len() <= 400, "{}", kept.len());
        assert!(kept.contains(&(6_543.0, 99.0)));
        assert!(kept.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    #[test]
    fn times_are_ticked_at_round_minutes() {
        assert_eq!(time_ticks(600.0, HALF), [0.0, 120.0, 240.0, 360.0, 480.0, 600.0]);
        assert_eq!(time_ticks(180.0, NARROW), [0.0, 60.0, 120.0, 180.0]);
        assert_eq!(time_ticks(1.0, HALF).len(), 6);
        assert!(time_ticks(1e9, HALF).len() <= 12);
    }

    #[test]
    fn months_are_ticked_as_people_count_them() {
        let months = |last_day| -> Vec<f64> {
            month_ticks(last_day, 7.0).iter().map(|day| (day / DAYS_PER_MONTH).round()).collect()
        };
        assert_eq!(months(540.0), [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0]);
        assert_eq!(months(365.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    }
}
