//! Two runs over each other from the begin of their schedule: what happened, and what it cost in each.

use maud::{Markup, html};

use super::parts::{Cell, table, tied};
use super::timeline::{Track, flags, stack};
use crate::chart::{Line, Panel, Role};
use crate::compare::{EpisodePair, LatencyPair, LinePair, TimelineComparison};
use crate::number;
use crate::timeline::{Episode, PartKind};
use crate::wording::{self, episode as words};

/// The section; `judged` is the table of what each event cost, with tolerances.
pub(super) fn section(timelines: &TimelineComparison, names: &[String; 2], judged: Markup) -> Markup {
    let mut tracks: Vec<Track> = Vec::new();
    for (name, pods) in &timelines.pods {
        let mut track = overlay(&wording::capital(&wording::column(name)), pods, "pods", names);
        track.panel.steps = true;
        tracks.push(track);
    }
    if !timelines.backlog.a.is_empty() || !timelines.backlog.b.is_empty() {
        tracks.push(overlay("Backlog", &timelines.backlog, "tasks", names));
    }
    for latency in &timelines.latencies {
        tracks.extend(quantiles(latency, names));
    }
    for track in &mut tracks {
        track.panel.span = timelines.span_seconds;
        track.panel.flags = flags(&timelines.marks);
    }
    html! {
        h2 { "What happened over time" }
        p class="lead" {
            (tied(&format!(
                "Both from the begin of the schedule, as the profile's events count; latencies are those of what began in a window of {}.",
                number::seconds(timelines.window_seconds)
            )))
        }
        (stack("timelines", "Timelines", &timelines.marks, tracks, numbers(timelines, names)))
        (judged)
        @for pair in &timelines.events { (event(pair, names)) }
        @if !timelines.events.is_empty() { p class="lead" { (tied(&words::definition(timelines.window_seconds))) } }
    }
}

fn legend(names: &[String; 2]) -> Vec<(Role, String)> {
    vec![(Role::Series(0), names[0].clone()), (Role::Series(1), names[1].clone())]
}

fn lines(pair: &LinePair) -> Vec<Line> {
    vec![Line { role: Role::Series(0), points: pair.a.clone() }, Line { role: Role::Series(1), points: pair.b.clone() }]
}

fn overlay(title: &str, pair: &LinePair, unit: &str, names: &[String; 2]) -> Track {
    let highest = |points: &[(f64, f64)]| points.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
    let told = |points: &[(f64, f64)]| match highest(points) {
        Some((at, value)) => format!("{} near {}", wording::tick(value, unit), number::seconds(at)),
        None => "nothing".to_owned(),
    };
    Track {
        title: title.to_owned(),
        finding: format!("Highest: {} {}, {} {}.", names[0], told(&pair.a), names[1], told(&pair.b)),
        legend: legend(names),
        panel: Panel { lines: lines(pair), ..Panel::default() },
        unit: unit.to_owned(),
    }
}

/// The p50 and the p99 of a latency, each in a timeline of its own.
fn quantiles(latency: &LatencyPair, names: &[String; 2]) -> Vec<Track> {
    let name = wording::capital(&wording::metric(&latency.metric));
    let both = [("p50", &latency.p50), ("p99", &latency.p99)].into_iter();
    let both = both.filter(|(_, pair)| !pair.a.is_empty() && !pair.b.is_empty());
    both.map(|(quantile, pair)| {
        let mut track = overlay(&format!("{name}, {quantile}"), pair, "s", names);
        track.panel.logarithmic = true;
        if quantile == "p99" && !latency.limits.is_empty() {
            track.panel.limits = latency.limits.clone();
            track.legend.push((Role::Knee, "promised".into()));
        }
        track
    })
    .collect()
}

fn numbers(timelines: &TimelineComparison, names: &[String; 2]) -> Markup {
    const ROWS: usize = 40;
    let mut header = vec!["at".to_owned()];
    let mut pairs: Vec<(&LinePair, &str)> = Vec::new();
    let mut push = |name: String, pair, unit| {
        header.extend(names.iter().map(|run| format!("{name}, {run}")));
        pairs.push((pair, unit));
    };
    push("backlog".into(), &timelines.backlog, "tasks");
    for latency in &timelines.latencies {
        push(format!("{} p99", wording::metric(&latency.metric)), &latency.p99, "s");
    }
    let (first, last) = timelines.span_seconds;
    let step = timelines.window_seconds * ((last - first) / timelines.window_seconds / ROWS as f64).ceil().max(1.0);
    let count = ((last - first) / step).ceil().clamp(0.0, 2.0 * ROWS as f64) as usize;
    let rows = (0..count).map(|index| {
        let at = first + index as f64 * step;
        let mut row = vec![Cell::Text(number::seconds(at))];
        for (pair, unit) in &pairs {
            for points in [&pair.a, &pair.b] {
                let value = points.iter().find(|(seconds, _)| *seconds >= at && *seconds < at + step);
                let text = value.map_or_else(|| number::MISSING.into(), |(_, value)| wording::tick(*value, unit));
                row.push(Cell::Number(text));
            }
        }
        row
    });
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table("Timelines", "", &header, rows.collect())
}

/// An event in both: each cell the first run's number and the second's.
fn event(pair: &EpisodePair, names: &[String; 2]) -> Markup {
    let Some(either) = pair.a.as_ref().or(pair.b.as_ref()) else { return html! {} };
    let of_a = pair.a.as_ref().map(words::rows).unwrap_or_default();
    let of_b = pair.b.as_ref().map(words::rows).unwrap_or_default();
    let mut keys: Vec<&str> = Vec::new();
    for (name, _) in of_a.iter().chain(&of_b) {
        if !keys.contains(&name.as_str()) {
            keys.push(name);
        }
    }
    let cells = |rows: &[(String, [String; 4])], key: &str| {
        let found = rows.iter().find(|(name, _)| name == key);
        found.map_or_else(|| std::array::from_fn(|_| number::MISSING.to_owned()), |(_, cells)| cells.clone())
    };
    let rows = keys.into_iter().map(|key| {
        let (a, b) = (cells(&of_a, key), cells(&of_b, key));
        let both = a.into_iter().zip(b).map(|(a, b)| Cell::Number(format!("{a} / {b}")));
        std::iter::once(Cell::Text(wording::capital(key))).chain(both).collect()
    });
    let mut header = vec![format!("{} / {}", names[0], names[1])];
    header.extend(PartKind::ALL.map(|kind| kind.word().to_owned()));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let told = |name: &str, episode: &Option<Episode>| match episode {
        Some(episode) => format!("{}: {}", wording::capital(name), words::cost(episode)),
        None => format!("{}: it did not happen.", wording::capital(name)),
    };
    html! {
        section class="card" {
            h3 { (wording::capital(&either.label)) ", " (tied(&words::when(either.at_seconds, either.span_end()))) }
            p class="finding" { (tied(&told(&names[0], &pair.a))) }
            p class="finding" { (tied(&told(&names[1], &pair.b))) }
            (table(&either.label, "", &header, rows.collect()))
        }
    }
}
