//! What the terminal UI shows: the numbers of the last second, and their course.

use std::collections::VecDeque;

use plimsoll_profiles::units::Nanos;
use plimsoll_reports::number;
use plimsoll_reports::run_dir::Phase;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

use crate::progress::Snapshot;

/// Seconds that the charts go back.
const PAST: usize = 300;
/// Wider than this, charts stand side by side.
const BROAD: u16 = 100;
/// Notes shown.
const NOTES: usize = 3;

/// One line of a chart: its name, its colour, its points.
type Series<'s> = (&'s str, Color, Vec<(f64, f64)>);

/// The state of the screen.
#[derive(Debug, Default)]
pub struct View {
    past: VecDeque<Snapshot>,
    phases: Vec<Phase>,
    phase: String,
    /// What others said, the newest last.
    pub notes: Vec<String>,
}

impl View {
    /// Of a run with these phases.
    pub fn new(phases: &[Phase]) -> View {
        View { phases: phases.to_vec(), ..View::default() }
    }

    /// Takes the newest second in.
    pub fn push(&mut self, snapshot: Snapshot, phase: &str) {
        self.past.push_back(snapshot);
        if self.past.len() > PAST {
            self.past.pop_front();
        }
        phase.clone_into(&mut self.phase);
    }

    /// Draws it all.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let Some(now) = self.past.back() else { return };
        let notes: Vec<&String> = self.notes.iter().rev().take(NOTES).rev().collect();
        let [head, charts, below, foot] = Layout::vertical([
            Constraint::Length(3),
            Constraint::Min(8),
            Constraint::Length(notes.len() as u16),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(vec![self.phase_line(now), rates_line(now), latency_line(now)]), head);
        self.charts(frame, charts);
        let lines: Vec<Line<'_>> = notes.into_iter().map(|note| Line::from(note.as_str())).collect();
        frame.render_widget(Paragraph::new(lines), below);
        let keys = "q or Ctrl-C: stop sending and wait for what is open; again: end at once";
        frame.render_widget(Paragraph::new(keys).style(Style::new().add_modifier(Modifier::DIM)), foot);
    }

    fn phase_line(&self, now: &Snapshot) -> Line<'_> {
        let seconds = now.at.0 / 1_000_000_000;
        let mut spans = vec![Span::styled(
            format!("{:02}:{:02} {}", seconds / 60, seconds % 60, self.phase),
            Style::new().add_modifier(Modifier::BOLD),
        )];
        if let Some(last) = self.phases.last() {
            let end = number::seconds(last.end_seconds);
            let left = (last.end_seconds - now.at.as_secs_f64()).max(0.0);
            spans.push(Span::raw(match self.phases.iter().position(|phase| phase.name == self.phase) {
                Some(index) => {
                    format!(" ({} of {}) · {} of {end} left", index + 1, self.phases.len(), number::seconds(left))
                }
                None => format!(" · nothing more is sent since {end}"),
            }));
        }
        Line::from(spans)
    }

    fn charts(&self, frame: &mut Frame<'_>, area: Rect) {
        let places: [Rect; 3] = if area.width >= BROAD {
            Layout::horizontal([Constraint::Fill(1); 3]).areas(area)
        } else {
            Layout::vertical([Constraint::Fill(1); 3]).areas(area)
        };
        let over_time = |of: &dyn Fn(&Snapshot) -> Option<f64>| -> Vec<(f64, f64)> {
            self.past.iter().filter_map(|snapshot| Some((snapshot.at.as_secs_f64(), of(snapshot)?))).collect()
        };
        let rates: [Series<'_>; 3] = [
            ("offered", Color::Gray, over_time(&|s| Some(s.offered))),
            ("sent", Color::Cyan, over_time(&|s| Some(s.sent))),
            ("done", Color::Green, over_time(&|s| Some(s.completed))),
        ];
        self.chart(frame, places[0], "per second", &rates, &|value| number::quantity(value));
        let log = |nanos: Nanos| Some(libm::log10(nanos.as_secs_f64().max(1e-6)));
        let latencies: [Series<'_>; 4] = [
            ("start p50", Color::Cyan, over_time(&|s| log(s.start?.0))),
            ("p99", Color::Blue, over_time(&|s| log(s.start?.1))),
            ("e2e p50", Color::Green, over_time(&|s| log(s.e2e?.0))),
            ("p99", Color::Yellow, over_time(&|s| log(s.e2e?.1))),
        ];
        self.chart(frame, places[1], "latency (log)", &latencies, &|value| number::seconds(libm::pow(10.0, value)));
        let work: [Series<'_>; 4] = [
            ("open", Color::Green, over_time(&|s| Some(s.open as f64))),
            ("in flight", Color::Cyan, over_time(&|s| Some(s.in_flight as f64))),
            ("waiting", Color::Red, over_time(&|s| (s.waiting > 0).then_some(s.waiting as f64))),
            ("backlog", Color::Yellow, over_time(&|s| s.backlog)),
        ];
        self.chart(frame, places[2], "work", &work, &|value| number::quantity(value));
    }

    fn chart(
        &self,
        frame: &mut Frame<'_>,
        place: Rect,
        title: &str,
        series: &[Series<'_>],
        label: &dyn Fn(f64) -> String,
    ) {
        let values = || series.iter().flat_map(|(_, _, points)| points.iter().map(|(_, value)| *value));
        let highest = values().fold(f64::MIN, f64::max);
        if highest == f64::MIN {
            frame.render_widget(Block::bordered().title(title), place);
            return;
        }
        let lowest = values().fold(f64::MAX, f64::min).min(if title.contains("log") { f64::MAX } else { 0.0 });
        let highest = highest.max(lowest + 1.0);
        let (first, last) = (self.past.front().map_or(0.0, time), self.past.back().map_or(1.0, time));
        let named: Vec<Span<'_>> = std::iter::once(Span::raw(format!("{title}: ")))
            .chain(
                series
                    .iter()
                    .filter(|(_, _, points)| !points.is_empty())
                    .map(|(name, colour, _)| Span::styled(format!("{name} "), Style::new().fg(*colour))),
            )
            .collect();
        let lines = series
            .iter()
            .map(|(_, colour, points)| {
                let style = Style::new().fg(*colour);
                Dataset::default().data(points).graph_type(GraphType::Line).marker(Marker::Braille).style(style)
            })
            .collect();
        let chart = Chart::new(lines)
            .block(Block::bordered().title(Line::from(named)))
            .x_axis(
                Axis::default()
                    .bounds([first, last.max(first + 1.0)])
                    .labels([number::seconds(first), number::seconds(last)]),
            )
            .y_axis(Axis::default().bounds([lowest, highest]).labels([label(lowest), label(highest)]))
            .legend_position(None);
        frame.render_widget(chart, place);
    }
}

fn time(snapshot: &Snapshot) -> f64 {
    snapshot.at.as_secs_f64()
}

fn rates_line(now: &Snapshot) -> Line<'_> {
    let mut text = format!(
        "offered {} · sent {} · done {} · open {} · in flight {}",
        number::rate(now.offered),
        number::rate(now.sent),
        number::rate(now.completed),
        number::count(now.open),
        number::count(now.in_flight as u64)
    );
    if now.waiting > 0 {
        text.push_str(&format!(" · waiting at the cap {}", number::count(now.waiting as u64)));
    }
    if let Some(backlog) = now.backlog {
        text.push_str(&format!(" · backlog {}", number::quantity(backlog)));
    }
    let failed = Span::styled(
        format!(" · failed {}", number::count(now.failed)),
        Style::new().fg(if now.failed > 0 { Color::Red } else { Color::Reset }),
    );
    Line::from(vec![Span::raw(text), failed])
}

fn latency_line(now: &Snapshot) -> Line<'_> {
    let of = |name: &str, quantiles: Option<(Nanos, Nanos)>| match quantiles {
        Some((p50, p99)) => format!("{name} p50 {} p99 {}", p50.brief(), p99.brief()),
        None => format!("{name} {}", number::MISSING),
    };
    Line::from(format!("{} · {}", of("start", now.start), of("end to end", now.e2e)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn shown(view: &View, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn view(seconds: u64) -> View {
        let phase =
            |name: &str, start: f64, end: f64| Phase { name: name.into(), start_seconds: start, end_seconds: end };
        let mut view = View::new(&[phase("warm-up", 0.0, 5.0), phase("phase 1", 5.0, 65.0)]);
        for second in 1..=seconds {
            let snapshot = Snapshot {
                at: Nanos::from_secs(second),
                offered: 10.0,
                sent: 9.0,
                completed: 8.0,
                in_flight: 3,
                open: 2 * second,
                start: Some((Nanos::from_millis(9), Nanos::from_millis(41))),
                e2e: (second > 2).then_some((Nanos::from_millis(400), Nanos::from_millis(900 + second))),
                failed: second / 10,
                backlog: Some(7.0),
                ..Snapshot::default()
            };
            view.push(snapshot, if second <= 5 { "warm-up" } else { "phase 1" });
        }
        view
    }

    #[test]
    fn every_number_of_the_last_second_is_on_the_screen() {
        let screen = shown(&view(25), 120, 24);
        for text in [
            "00:25 phase 1 (2 of 2) · 40 s of 65 s left",
            "offered 10/s · sent 9/s · done 8/s · open 50 · in flight 3 · backlog 7 · failed 2",
            "start p50 9ms p99 41ms · end to end p50 400ms p99 925ms",
            "latency (log)",
            "q or Ctrl-C",
        ] {
            assert!(screen.contains(text), "'{text}' is not on\n{screen}");
        }
        assert!(screen.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)), "no line is drawn on\n{screen}");
    }

    #[test]
    fn what_waits_at_the_cap_and_the_newest_notes_are_told() {
        let mut view = view(3);
        let last = *view.past.back().unwrap();
        view.push(Snapshot { waiting: 12, at: Nanos::from_secs(70), ..last }, "drain");
        view.notes = ["alpha", "beta", "gamma", "delta"].map(str::to_owned).to_vec();
        let screen = shown(&view, 120, 24);
        assert!(
            screen.contains("waiting at the cap 12")
                && screen.contains("01:10 drain · nothing more is sent since 65 s"),
            "{screen}"
        );
        assert!(!screen.contains("alpha") && screen.contains("beta") && screen.contains("delta"), "{screen}");
    }

    #[test]
    fn any_terminal_will_do() {
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 90)] {
            for seconds in [0, 1, 400] {
                shown(&view(seconds), width, height);
            }
        }
        assert_eq!(view(400).past.len(), PAST);
    }
}
