//! A sweep as text.

use super::layout::{Page, Style, Table};
use crate::number;
use crate::quantity::Interval;
use crate::run_document::Quantiles;
use crate::sweep_document::SweepDocument;

/// The sweep for a terminal of `width` columns (below 60 it is taken as 60).
pub fn sweep(document: &SweepDocument, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    page.ends(
        &format!("{} on {}", document.profile, document.cluster),
        &format!("{} points · seed {}", document.points.len(), document.seed),
    );
    page.gap();
    let mut header: Vec<&str> = document.vary.iter().map(String::as_str).collect();
    header.extend(["per second", "e2e p99", "start p99", "wf s-t-s p99", "act s-t-s p99", "SLO", "busiest"]);
    let mut table = Table::new(&header);
    table.wrap_last = true;
    for point in &document.points {
        let mut cells = point.settings.clone();
        cells.resize(document.vary.len(), String::new());
        cells.push(number::quantity(point.throughput_per_second));
        let latency = &point.latency;
        for quantiles in
            [&latency.e2e, &latency.start, &latency.schedule_to_start_workflow, &latency.schedule_to_start_activity]
        {
            cells.push(p99(quantiles));
        }
        cells.push(match point.slo_met {
            Some(true) => "met".into(),
            Some(false) => "missed".into(),
            None => number::MISSING.into(),
        });
        let busiest = point.utilisation.iter().max_by(|(_, x), (_, y)| x.total_cmp(y));
        cells.push(
            busiest.map_or(number::MISSING.into(), |(name, share)| format!("{name} {}", number::percent(*share))),
        );
        table.push(if point.slo_met == Some(false) { Style::Bad } else { Style::Plain }, cells);
    }
    page.table(&table);
    page.finish()
}

fn p99(quantiles: &Option<Quantiles>) -> String {
    let interval: Option<&Interval> = quantiles.as_ref().and_then(|quantiles| quantiles.p99.as_ref());
    interval.map_or(number::MISSING.into(), |interval| number::seconds(interval.estimate))
}
