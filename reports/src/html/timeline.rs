//! What happened over time: aligned timelines of one run, before and after each event, several runs as small multiples, and two
//! runs over each other.

use maud::{Markup, html};
use serde::Serialize;

use super::parts::{Cell, State, drawing, page, swatch, table, tied};
use super::run::identifier;
use crate::chart::{self, Flag, Line, Panel, Role, Shape};
use crate::number;
use crate::run_dir::{Mark, MarkKind, Run, columns};
use crate::timeline::{Episode, LatencyWindows, PartKind, Recovery, ScenarioSummary, Series, Timeline};
use crate::wording::{self, episode as words};

/// A panel across the page, on a page half as broad, and on a phone; its axis of time takes the rest of the height.
const ACROSS: Shape = Shape { width: 1000.0, height: 118.0 };
const MIDDLE: Shape = Shape { width: 600.0, height: 118.0 };
const PHONE: Shape = Shape { width: 350.0, height: 118.0 };
const DATED: f64 = 20.0;
const LETTERED: f64 = 16.0;
/// Rows of the table of numbers, at most.
const ROWS: usize = 60;

/// A timeline's title, what it says, what its lines are, and the drawing.
pub(super) struct Track {
    pub title: String,
    pub finding: String,
    pub legend: Vec<(Role, String)>,
    pub panel: Panel,
    pub unit: String,
}

impl Track {
    /// Whether it is the first of a stack, which has the letters, and the last, which has the axis of time.
    fn placed(mut self, first: bool, last: bool) -> Track {
        self.panel.lettered = first;
        self.panel.dated = last;
        self
    }

    /// On an axis of time of its stack.
    fn over(mut self, span: (f64, f64)) -> Track {
        self.panel.span = span;
        self
    }
}

/// The section of a run; nothing where there is no story to tell.
pub(super) fn section(run: &Run) -> Markup {
    let timeline = Timeline::of(run);
    if !timeline.has_a_story() {
        return html! {};
    }
    let tracks = tracks(&timeline);
    html! {
        h2 { "What happened over time" }
        p class="lead" { (tied(&lead(&timeline))) }
        (stack("timelines", "Timelines", &timeline.marks, tracks, numbers(&timeline)))
        @for (index, episode) in timeline.episodes.iter().enumerate() { (before_and_after(index, episode)) }
        @if !timeline.episodes.is_empty() { p class="lead" { (tied(&words::definition(timeline.window))) } }
    }
}

fn lead(timeline: &Timeline) -> String {
    format!(
        "Times count from the begin of the schedule, as those of the profile's events do. A latency is that of what began in a \
         window of {}; windows in which a promise was missed are shaded.",
        number::seconds(timeline.window)
    )
}

/// The letter of each mark: A to Z, then numbers; none for a small step.
pub(super) fn letters(marks: &[Mark]) -> Vec<String> {
    let mut events = 0u32;
    let mut each = |mark: &Mark| {
        if mark.kind == MarkKind::Action {
            return String::new();
        }
        events += 1;
        match events {
            1..=26 => char::from(b'A' + (events - 1) as u8).to_string(),
            _ => events.to_string(),
        }
    };
    marks.iter().map(&mut each).collect()
}

pub(super) fn flags(marks: &[Mark]) -> Vec<Flag> {
    let flag = |(mark, letter): (&Mark, String)| Flag {
        at: mark.at_seconds,
        until: mark.until_seconds,
        letter,
        label: mark.label.clone(),
    };
    marks.iter().zip(letters(marks)).map(flag).collect()
}

fn tracks(timeline: &Timeline) -> Vec<Track> {
    let mut tracks = Vec::new();
    tracks.extend(pods(&timeline.pods));
    tracks.extend(backlog(&timeline.backlog));
    tracks.extend(timeline.latencies.iter().filter_map(|latency| self::latency(latency, timeline.window)));
    tracks.extend(plain("Throughput", &timeline.throughput));
    tracks.extend(plain("CPU", &timeline.cpu));
    for track in &mut tracks {
        track.panel.span = timeline.span;
        track.panel.flags = flags(&timeline.marks);
    }
    tracks
}

fn pods(pods: &[Series]) -> Option<Track> {
    let mut track = plain("Pods", pods)?;
    track.panel.steps = true;
    let ready = pods
        .iter()
        .find(|series| series.name == "worker_pods_ready")
        .or_else(|| pods.iter().find(|series| series.name.ends_with("_ready")));
    if let Some(ready) = ready {
        let values = || ready.points.iter().map(|(_, value)| *value);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        track.finding =
            format!("{}: {} to {}.", series_name(&ready.name), number::quantity(low), number::quantity(high));
    }
    Some(track)
}

fn backlog(backlog: &[Series]) -> Option<Track> {
    let track = plain("Backlog", backlog)?;
    let whole = backlog.iter().find(|series| series.name == columns::BACKLOG).or(backlog.first())?;
    let (at, highest) = whole.points.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Track {
        finding: format!("Most tasks waiting: {}, at {}.", number::quantity(highest), number::seconds(at)),
        ..track
    })
}

fn latency(latency: &LatencyWindows, window: f64) -> Option<Track> {
    let quantiles = [
        ("p50", Role::Series(0), latency.line(window, |w| w.p50)),
        ("p90", Role::Series(2), latency.line(window, |w| w.p90)),
        ("p99", Role::Series(1), latency.line(window, |w| w.p99)),
    ];
    let (at, highest) = quantiles[2].2.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let missed = latency.missed(window);
    let missed_seconds: f64 = missed.iter().map(|(from, until)| until - from).sum();
    let promised: Vec<String> = latency
        .targets
        .iter()
        .map(|target| format!("{} ≤ {}", number::quantile(target.quantile), number::seconds(target.limit_seconds)))
        .collect();
    let mut finding = format!("Highest p99: {}, near {}", number::seconds(highest), number::seconds(at));
    match (promised.is_empty(), missed_seconds > 0.0) {
        (true, _) => finding.push('.'),
        (false, true) => {
            finding.push_str(&format!("; the promise was missed for {}.", number::seconds(missed_seconds)))
        }
        (false, false) => finding.push_str("; the promise was kept throughout."),
    }
    let mut legend: Vec<(Role, String)> = quantiles.iter().map(|(name, role, _)| (*role, (*name).to_owned())).collect();
    if !promised.is_empty() {
        legend.push((Role::Knee, format!("promised: {}", promised.join(", "))));
    }
    Some(Track {
        title: wording::capital(&wording::metric(&latency.metric)),
        finding,
        legend,
        panel: Panel {
            lines: quantiles.into_iter().map(|(_, role, points)| Line { role, points }).collect(),
            logarithmic: true,
            limits: latency.targets.iter().map(|target| target.limit_seconds).collect(),
            shaded: missed,
            ..Panel::default()
        },
        unit: "s".into(),
    })
}

/// Series as they are, each in its colour.
fn plain(title: &str, series: &[Series]) -> Option<Track> {
    let first = series.first()?;
    let line = |(index, series): (usize, &Series)| Line { role: Role::Series(index), points: series.points.clone() };
    let mean =
        |series: &Series| series.points.iter().map(|(_, value)| value).sum::<f64>() / series.points.len().max(1) as f64;
    let means: Vec<String> = series
        .iter()
        .map(|series| format!("{} {}", series_name(&series.name), wording::with_unit(mean(series), &series.unit)))
        .collect();
    Some(Track {
        title: title.to_owned(),
        finding: format!("Mean: {}.", means.join(", ")),
        legend: series.iter().enumerate().map(|(i, s)| (Role::Series(i), series_name(&s.name))).collect(),
        panel: Panel { lines: series.iter().enumerate().map(line).collect(), ..Panel::default() },
        unit: first.unit.clone(),
    })
}

fn series_name(name: &str) -> String {
    match name {
        columns::BACKLOG => "all tasks".into(),
        columns::OFFERED => "started".into(),
        name => wording::column(name.strip_prefix("backlog_").unwrap_or(name.strip_suffix("_cpu").unwrap_or(name))),
    }
}

/// Aligned timelines in one card: the letters on the first, the axis of time under the last.
pub(super) fn stack(id: &str, title: &str, marks: &[Mark], tracks: Vec<Track>, numbers: Markup) -> Markup {
    let last = tracks.len().saturating_sub(1);
    let title_id = format!("{id}-title");
    html! {
        figure class="card timelines" id=(id) role="group" aria-labelledby=(title_id) {
            figcaption { h3 id=(title_id) { (title) } (happened(marks)) }
            @for (index, track) in tracks.into_iter().enumerate() {
                (track_of(&track.placed(index == 0, index == last)))
            }
            details { summary { "The numbers" } (numbers) }
        }
    }
}

fn track_of(track: &Track) -> Markup {
    let room = |shape: Shape| {
        let more = if track.panel.dated { DATED } else { 0.0 } + if track.panel.lettered { LETTERED } else { 0.0 };
        Shape { height: shape.height + more, ..shape }
    };
    let draw = |shape: Shape| chart::panel(&track.panel, &|value| wording::tick(value, &track.unit), room(shape));
    html! {
        div class="track-head" {
            h4 { (track.title) }
            @if track.legend.len() > 1 { ul class="legend" { @for (role, name) in &track.legend { li { (swatch(*role)) (name) } } } }
        }
        p class="finding" { (tied(&track.finding)) }
        div class="plot" role="img" aria-label={ (track.title) ": " (track.finding) } {
            div class="broad" { (drawing(draw(ACROSS))) }
            div class="middle" { (drawing(draw(MIDDLE))) }
            div class="narrow" { (drawing(draw(PHONE))) }
        }
    }
}

/// What the letters stand for.
fn happened(marks: &[Mark]) -> Markup {
    let events: Vec<(&Mark, String)> =
        marks.iter().zip(letters(marks)).filter(|(_, letter)| !letter.is_empty()).collect();
    let actions: Vec<&Mark> = marks.iter().filter(|mark| mark.kind == MarkKind::Action).collect();
    html! {
        @if !events.is_empty() {
            ul class="happened" {
                @for (mark, letter) in &events { li { b { (letter) } " " (mark.label) " " span class="soft" { (tied(&words::when(mark.at_seconds, mark.until_seconds))) } } }
            }
        }
        @if !actions.is_empty() {
            details { summary { (actions.len()) " small steps" }
                ul class="happened" { @for mark in &actions { li { (mark.label) " " span class="soft" { (tied(&words::when(mark.at_seconds, mark.until_seconds))) } } } }
            }
        }
    }
}

/// All timelines by windows.
fn numbers(timeline: &Timeline) -> Markup {
    let latency = |latency: &LatencyWindows| format!("{} p99", wording::metric(&latency.metric));
    let others: Vec<&Series> = timeline.pods.iter().chain(&timeline.backlog).chain(&timeline.throughput).collect();
    let mut header = vec!["from".to_owned()];
    header.extend(timeline.latencies.iter().map(latency));
    header.extend(others.iter().map(|series| wording::column(&series.name)));
    let windows = ((timeline.span.1 - timeline.span.0) / timeline.window).ceil().max(0.0) as usize;
    let first = (timeline.span.0 / timeline.window).floor();
    let rows = (0..windows).step_by(windows.div_ceil(ROWS).max(1)).map(|index| {
        let start = (first + index as f64) * timeline.window;
        let mut row = vec![Cell::Text(number::seconds(start))];
        row.extend(timeline.latencies.iter().map(|latency| {
            let found = latency.windows.iter().find(|window| (window.start - start).abs() < timeline.window / 100.0);
            Cell::Number(found.and_then(|window| window.p99).map_or_else(|| number::MISSING.into(), number::seconds))
        }));
        row.extend(others.iter().map(|series| {
            let value = series.points.iter().find(|(at, _)| *at > start).map(|(_, value)| *value);
            Cell::Number(value.map_or_else(|| number::MISSING.into(), |value| wording::tick(value, &series.unit)))
        }));
        row
    });
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table("Timelines", "", &header, rows.collect())
}

/// An event: what it cost, and the table of before, during, recovering and after.
fn before_and_after(index: usize, episode: &Episode) -> Markup {
    let rows = words::rows(episode).into_iter().map(|(name, cells)| {
        let mut row = vec![Cell::Text(wording::capital(&name))];
        row.extend(cells.into_iter().map(Cell::Number));
        row
    });
    let mut header = vec![String::new()];
    header.extend(PartKind::ALL.map(|kind| kind.word().to_owned()));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    html! {
        section class="card" id={ "event-" (index + 1) } {
            h3 { (wording::capital(&episode.label)) ", " (tied(&words::when(episode.at_seconds, episode.span_end()))) }
            p class="finding" { (tied(&words::cost(episode))) }
            (table(&episode.label, "", &header, rows.collect()))
        }
    }
}

/// Several runs: a table with a row each, and their timelines beside each other on common axes. Any program with several runs can
/// use it; the first word of each pair is what the run is called.
pub fn scenarios(runs: &[(String, Timeline)]) -> Markup {
    if !runs.iter().any(|(_, timeline)| timeline.has_a_story()) {
        return html! {};
    }
    let rows = runs.iter().map(|(name, timeline)| {
        let summary = ScenarioSummary::of(timeline);
        let events: Vec<&str> = timeline.events().map(|mark| mark.label.as_str()).collect();
        let (state, recovery) = match summary.recovery {
            Recovery::NoEvents => (State::Good, "nothing happened".to_owned()),
            Recovery::WithinSeconds(seconds) => (State::Good, format!("after {}", number::seconds(seconds))),
            Recovery::NotWithinTheRun => (State::Bad, "not within the run".to_owned()),
        };
        vec![
            Cell::Text(name.clone()),
            Cell::Number(summary.backlog_peak.map_or_else(|| number::MISSING.into(), number::quantity)),
            Cell::Main(number::quantity(summary.missed_seconds / 60.0)),
            Cell::State(state, recovery),
            Cell::Number(summary.pod_hours.map_or_else(|| number::MISSING.into(), number::quantity)),
            Cell::Prose(if events.is_empty() { number::MISSING.into() } else { events.join("; ") }),
        ]
    });
    let header = ["", "backlog peak", "SLO minutes lost", "all as before", "pod-hours", "what happened"];
    let longest = runs.iter().map(|(_, timeline)| timeline.window).fold(0.0, f64::max);
    html! {
        h2 { "What happened over time" }
        p class="lead" { "Side by side from the begin of each schedule, on the same axes; windows in which a promise was missed are shaded." }
        div class="card" { (table("Scenarios", "", &header, rows.collect())) }
        p class="lead" { (tied(&words::definition(longest))) }
        (multiples(runs))
    }
}

/// The kinds of timelines in a grid, each with the range that all runs share.
fn multiples(runs: &[(String, Timeline)]) -> Markup {
    const SMALL: Shape = Shape { width: 350.0, height: 112.0 };
    let span = runs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, timeline)| {
        (low.min(timeline.span.0), high.max(timeline.span.1))
    });
    let mut grid: Vec<(&str, Vec<Track>)> = runs
        .iter()
        .map(|(name, timeline)| {
            let mut tracks = tracks(timeline);
            tracks.retain(|track| track.title != "CPU");
            (name.as_str(), tracks)
        })
        .collect();
    let mut titles: Vec<String> = Vec::new();
    for track in grid.iter().flat_map(|(_, tracks)| tracks) {
        if !titles.contains(&track.title) {
            titles.push(track.title.clone());
        }
    }
    for title in &titles {
        let is_title = move |track: &&Track| track.title == *title;
        let of_title = grid.iter().flat_map(|(_, tracks)| tracks.iter()).filter(is_title);
        let values = of_title.flat_map(|track| {
            let points = track.panel.lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
            points.chain(track.panel.limits.iter().copied())
        });
        let positive = values.filter(|value| value.is_finite() && *value > 0.0);
        let range = positive.fold((f64::INFINITY, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
        let same = grid.iter_mut().flat_map(|(_, tracks)| tracks.iter_mut()).filter(|track| track.title == *title);
        same.for_each(|track| track.panel.range = (range.1 > 0.0).then_some(range));
    }
    let mut legends: Vec<(String, Vec<(Role, String)>)> = Vec::new();
    for track in grid.iter().flat_map(|(_, tracks)| tracks).filter(|track| track.legend.len() > 1) {
        match legends.iter_mut().find(|(title, _)| *title == track.title) {
            Some((_, known)) if known.len() < track.legend.len() => known.clone_from(&track.legend),
            Some(_) => {}
            None => legends.push((track.title.clone(), track.legend.clone())),
        }
    }
    html! {
        // Once for all: within the grid it would move the timelines of one run out of line with the others'.
        div class="card" {
            @for (title, legend) in &legends {
                div class="track-head" { h4 { (title) } ul class="legend" { @for (role, name) in legend { li { (swatch(*role)) (name) } } } }
            }
        }
        div class="multiples" {
            @for (index, (name, tracks)) in grid.into_iter().enumerate() {
                @let last = tracks.len().saturating_sub(1);
                figure class="card timelines" id={ "scenario-" (index) "-" (identifier(name)) } role="group" aria-label=(name) {
                    figcaption { h3 { (name) } (happened(&runs[index].1.marks)) }
                    @for (place, track) in tracks.into_iter().enumerate() {
                        @let track = track.over(span).placed(place == 0, place == last);
                        @let more = if place == last { DATED } else { 0.0 } + if place == 0 { LETTERED } else { 0.0 };
                        @let shape = Shape { height: SMALL.height + more, ..SMALL };
                        div class="track-head" { h4 { (track.title) } }
                        div class="plot" role="img" aria-label={ (track.title) ": " (track.finding) } {
                            (drawing(chart::panel(&track.panel, &|value| wording::tick(value, &track.unit), shape)))
                        }
                    }
                }
            }
        }
    }
}

/// Scenarios as a page of their own, with the document that their table came from.
pub fn scenario_page(title: &str, lead: &str, runs: &[(String, Timeline)], document: &impl Serialize) -> String {
    let body = html! {
        h1 class="title" { (title) }
        p class="lead" { (tied(lead)) }
        (scenarios(runs))
    };
    page(title, "scenarios", "scenarios.json", document, &body)
}
