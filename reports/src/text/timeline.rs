//! What happened in a run, as text.

use super::layout::{Page, Style, Table};
use crate::timeline::{PartKind, Timeline};
use crate::wording::{self, episode as words};

/// Events of a run, at most; the others are in the report.
const MOST_EVENTS: usize = 6;

/// What was before, during and after each event; empty where nothing happened.
pub fn timeline(timeline: &Timeline, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    if timeline.episodes.is_empty() {
        return page.finish();
    }
    for episode in timeline.episodes.iter().take(MOST_EVENTS) {
        let when = words::when(episode.at_seconds, episode.span_end());
        let kept = episode.time_to_recover_seconds.is_some();
        page.paragraph(
            if kept { Style::Bold } else { Style::Bad },
            &format!("{}, {when}", wording::capital(&episode.label)),
        );
        page.hanging(Style::Plain, &words::cost(episode), 2);
        let mut header = vec![""];
        header.extend(PartKind::ALL.map(PartKind::word));
        // The last column is text in these tables.
        header.push("");
        let mut table = Table::new(&header);
        for (name, cells) in words::rows(episode) {
            let row = std::iter::once(wording::capital(&name)).chain(cells).chain([String::new()]);
            table.push(Style::Plain, row.collect());
        }
        page.table(&table);
        page.gap();
    }
    if timeline.episodes.len() > MOST_EVENTS {
        let more = timeline.episodes.len() - MOST_EVENTS;
        page.paragraph(Style::Dim, &format!("and {more} more events (plimsoll report RUN --html FILE)"));
    }
    page.hanging(Style::Dim, &words::definition(timeline.window), 2);
    page.finish()
}
