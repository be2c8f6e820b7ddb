//! One of several aligned timelines: they share their axis of time, so that what happened at once stands in one line.

use super::canvas::{Anchor, Axes, ChartError, Role, Shape, svg};
use super::scale::Scale;
use super::series::thinned;

/// Width of a letter in shown pixels, roughly: to tell which labels fit.
const LETTER: f64 = 7.2;
/// Points of a line beyond which it is thinned.
const POINTS: usize = 400;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// When it began.
    pub at: f64,
    /// When it was over; a line instead of a band where it took no time.
    pub until: Option<f64>,
    /// The letter by which the words beside the chart name it; none for a small step.
    pub letter: String,
    /// What it was, written where there is room.
    pub label: String,
}

/// A line and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its look.
    pub role: Role,
    /// (Seconds, value), in order of time.
    pub points: Vec<(f64, f64)>,
}

/// A timeline. Seconds may be below zero: a ramp comes before the schedule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// First and last second of the shared axis.
    pub span: (f64, f64),
    /// The lines.
    pub lines: Vec<Line>,
    /// Values stay until the next one, as numbers of pods do.
    pub steps: bool,
    /// A logarithmic axis, for latencies.
    pub logarithmic: bool,
    /// Lowest and highest value of the axis, where several charts share it; else those of the lines.
    pub range: Option<(f64, f64)>,
    /// Limits, drawn across.
    pub limits: Vec<f64>,
    /// Times at which a promise was missed, shaded.
    pub shaded: Vec<(f64, f64)>,
    /// What happened.
    pub flags: Vec<Flag>,
    /// Whether the flags have their letters: in the top one of several timelines.
    pub lettered: bool,
    /// Whether the axis of time has labels: in the lowest one of several timelines.
    pub dated: bool,
}

/// Draws a timeline.
///
/// # Errors
/// When plotters cannot draw.
pub fn panel(panel: &Panel, label: &dyn Fn(f64) -> String, shape: Shape) -> Result<String, ChartError> {
    let (first, last) = panel.span;
    let last = if last > first { last } else { first + 1.0 };
    let x = Scale::Linear(first, last);
    let y = vertical(panel);
    let dated = |seconds: f64| if panel.dated { time(seconds, last - first) } else { String::new() };
    let axes = Axes {
        x,
        y,
        x_ticks: ticks_between(first, last, shape),
        y_ticks: y_ticks(y),
        x_label: &dated,
        y_label: label,
        headroom: if panel.lettered { 18.0 } else { 2.0 },
    };
    svg(shape, &axes, |canvas| {
        let (left, right, top, bottom) = canvas.bounds();
        for (from, until) in &panel.shaded {
            let (a, b) = (canvas.x_at(*from), canvas.x_at(*until));
            canvas.rectangle(Role::Beyond, (a, top), (b, bottom))?;
        }
        for flag in panel.flags.iter().filter(|flag| flag.until.is_some_and(|until| until > flag.at)) {
            let (a, b) = (canvas.x_at(flag.at), canvas.x_at(flag.until.unwrap_or(flag.at)));
            canvas.rectangle(Role::Band, (a, top), (b, bottom))?;
        }
        for limit in &panel.limits {
            let height = canvas.y_at(*limit);
            canvas.line(Role::Knee, 1.2, &[(left, height), (right, height)])?;
        }
        for line in &panel.lines {
            let points = thinned(&line.points, POINTS);
            let points = if panel.steps { stepped(&points) } else { points };
            canvas.curve(line.role, 1.8, &points)?;
        }
        let mut free = left;
        for flag in &panel.flags {
            let at = canvas.x_at(flag.at);
            let (role, width) = if flag.letter.is_empty() { (Role::Label, 0.5) } else { (Role::Axis, 1.2) };
            canvas.line(role, width, &[(at, if panel.lettered { top - 8.0 } else { top - 2.0 }), (at, bottom)])?;
            if !panel.lettered || flag.letter.is_empty() || at < free {
                continue;
            }
            let whole = format!("{} {}", flag.letter, flag.label);
            let next = panel.flags.iter().filter(|next| !next.letter.is_empty() && next.at > flag.at);
            let room = next.map(|next| canvas.x_at(next.at)).fold(right, f64::min) - at - 8.0;
            let width = |text: &str| text.chars().count() as f64 * LETTER;
            let text = if width(&whole) <= room { whole } else { flag.letter.clone() };
            free = at + 4.0 + width(&text) + 4.0;
            canvas.label(Role::Mark, (at + 4.0, top - 10.0), Anchor::Start, &text)?;
        }
        Ok(())
    })
}

fn vertical(panel: &Panel) -> Scale {
    let values = || panel.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    if panel.logarithmic {
        return match panel.range {
            Some((low, high)) => Scale::log_around([low, high].into_iter()),
            None => Scale::log_around(values().chain(panel.limits.iter().copied())),
        };
    }
    Scale::from_zero(panel.range.map_or_else(|| values().fold(0.0, f64::max), |(_, high)| high))
}

/// Few ticks: timelines are low.
fn y_ticks(y: Scale) -> Vec<f64> {
    let ticks = y.ticks(3);
    let step = ticks.len().div_ceil(4).max(1);
    ticks.into_iter().step_by(step).collect()
}

/// Up to ten round times, fewer on a narrow chart.
fn ticks_between(first: f64, last: f64, shape: Shape) -> Vec<f64> {
    const STEPS: [f64; 20] = [
        1.0,
        2.0,
        5.0,
        10.0,
        20.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        1_800.0,
        3_600.0,
        7_200.0,
        14_400.0,
        21_600.0,
        43_200.0,
        86_400.0,
        604_800.0,
        2_592_000.0,
        7_776_000.0,
    ];
    let most = match shape.width {
        narrow if narrow < 400.0 => 4.0,
        middle if middle < 700.0 => 6.0,
        _ => 10.0,
    };
    let Some(step) = STEPS.into_iter().find(|step| (last - first) / step <= most) else {
        return Scale::Linear(first, last).ticks(5);
    };
    let (from, until) = ((first / step - 1e-9).ceil() as i64, (last / step + 1e-9).floor() as i64);
    (from..=until).map(|index| index as f64 * step).collect()
}

/// A time on the axis: all ticks of an axis in one unit, the largest of which the whole axis holds several.
fn time(seconds: f64, whole: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| whole >= 4.0 * unit).unwrap_or((1.0, "s"));
    let value = (seconds / unit * 100.0).round() / 100.0;
    format!("{}{} {name}", if value < 0.0 { "−" } else { "" }, value.abs())
}

/// The corners of values that stay until the next one.
fn stepped(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners = Vec::with_capacity(points.len());
    for (index, (at, value)) in points.iter().enumerate() {
        if index > 0 && points[index - 1].1 != *value {
            corners.push((*at, points[index - 1].1));
        }
        if index == 0 || index + 1 == points.len() || points[index - 1].1 != *value {
            corners.push((*at, *value));
        }
    }
    corners
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chart::{BROAD, NARROW};

    fn example() -> Panel {
        Panel {
            span: (-20.0, 300.0),
            lines: vec![Line {
                role: Role::Series(0),
                points: vec![(-20.0, 4.0), (60.0, 0.0), (80.0, 4.0), (300.0, 4.0)],
            }],
            flags: vec![Flag { at: 60.0, until: Some(80.0), letter: "A".into(), label: "workers stop".into() }],
            lettered: true,
            ..Panel::default()
        }
    }

    #[test]
    fn a_tick_of_time_is_at_one_place_in_every_panel() {
        let (with, without) = (Panel { dated: true, ..example() }, Panel { logarithmic: true, ..example() });
        let shape = Shape { width: 1000.0, height: 120.0 };
        let grid = |svg: &str| -> Vec<String> {
            let lines =
                svg.split("<line").chain(svg.split("<polyline")).filter(|part| part.contains(&Role::Grid.sentinel()));
            let xs = lines.filter_map(|part| part.split("points=\"").nth(1).and_then(|p| p.split(',').next()));
            let mut xs: Vec<String> = xs.map(str::to_owned).collect();
            xs.sort();
            xs.dedup();
            xs
        };
        let label = |value: f64| value.to_string();
        let (a, b) = (panel(&with, &label, shape).unwrap(), panel(&without, &label, shape).unwrap());
        assert!(grid(&a).len() > 5, "{a}");
        assert_eq!(grid(&a), grid(&b));
        assert!(a.contains("1 min") || a.contains("60 s"), "{a}");
    }

    #[test]
    fn a_label_is_written_where_it_fits_and_its_letter_where_it_does_not() {
        let drawn = panel(&example(), &|value| value.to_string(), BROAD).unwrap();
        assert!(drawn.contains("A workers stop"), "{drawn}");
        let mut close = example();
        close.flags.push(Flag { at: 65.0, until: None, letter: "B".into(), label: "another".into() });
        let drawn = panel(&close, &|value| value.to_string(), NARROW).unwrap();
        assert!(!drawn.contains("A workers stop"), "{drawn}");
    }

    #[test]
    fn steps_turn_at_right_angles() {
        assert_eq!(
            stepped(&[(0.0, 1.0), (1.0, 1.0), (2.0, 3.0), (3.0, 3.0)]),
            [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0), (3.0, 3.0)]
        );
    }

    #[test]
    fn times_of_one_axis_have_one_unit() {
        assert_eq!(time(90.0, 300.0), "1.5 min");
        assert_eq!(time(0.0, 300.0), "0 min");
        assert_eq!(time(-20.0, 200.0), "−20 s");
        assert_eq!(time(7_200.0, 40_000.0), "2 h");
    }

    #[test]
    fn odd_data_is_drawn_all_the_same() {
        let nothing = Panel { span: (0.0, 0.0), ..Panel::default() };
        let wild = Panel {
            lines: vec![Line { role: Role::Series(1), points: vec![(f64::NAN, 1.0), (1e300, f64::INFINITY)] }],
            limits: vec![0.0, f64::NAN],
            ..example()
        };
        for panel in [nothing, wild] {
            assert!(super::panel(&panel, &|value| value.to_string(), NARROW).unwrap().starts_with("<svg"));
        }
    }
}
