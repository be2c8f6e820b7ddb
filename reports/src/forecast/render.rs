//! A forecast as text and CSV.

use super::{ForecastDocument, ForecastMonth};
use crate::csv::Table as Csv;
use crate::number;
use crate::text::layout::{Page, Style, Table};

/// The forecast for a terminal of `width` columns (below 60 it is taken as 60).
pub fn forecast_text(document: &ForecastDocument, width: usize, colour: bool) -> String {
    let mut text = Page::new(width, colour);
    text.ends(
        &format!("{} on {}", document.profile, document.cluster),
        &format!("{} over {}", number::large_count(document.started as u64), days(document.horizon_days)),
    );
    text.paragraph(if document.fits { Style::Good } else { Style::Bad }, &document.finding);
    text.paragraph(Style::Plain, &format!("With {}.", document.system));
    text.gap();
    let mut months = Table::new(&HEADER);
    for month in &document.months {
        let style = if month.unfit_hours > 0.0 { Style::Bad } else { Style::Plain };
        months.push(style, cells(month).to_vec());
    }
    text.table(&months);
    text.paragraph(
        Style::Dim,
        "Hours that do not fit break a promise or leave work waiting. Dollars: self-hosted and Temporal Cloud, workers in both.",
    );
    text.gap();
    let mut header = vec!["simulated load".to_owned()];
    header.extend(document.promises.iter().map(|promise| short(&promise.name)));
    header.push("busiest".to_owned());
    let busiest = |name: &str, share: f64| format!("{name} {}", number::percent(share));
    let names: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut levels = Table::new(&names);
    for level in &document.levels {
        let mut row = vec![number::rate(level.per_second)];
        row.extend(level.seconds.iter().map(|s| s.map_or(number::MISSING.into(), number::seconds)));
        row.push(busiest(&level.busiest, level.busy));
        levels.push(Style::Plain, row);
    }
    text.table(&levels);
    let promised: Vec<String> =
        document.promises.iter().map(|p| format!("{} ≤ {}", p.name, number::seconds(p.limit_seconds))).collect();
    text.paragraph(Style::Plain, &format!("Promised: {}.", promised.join(", ")));
    document.warnings.iter().for_each(|warning| text.hanging(Style::Plain, &format!("- {warning}"), 2));
    text.paragraph(
        Style::Dim,
        &format!(
            "{} events in {} simulations · seed {} · {} · Cloud plan {}",
            number::large_count(document.events_simulated),
            document.simulations,
            document.seed,
            document.prices,
            document.cloud_plan
        ),
    );
    text.finish()
}

pub(super) const HEADER: [&str; 9] =
    ["month", "started", "peak", "busy", "not fit", "waiting", "stored", "own $", "Cloud $"];

pub(super) fn cells(month: &ForecastMonth) -> [String; 9] {
    let whole = |value: f64| number::count(value.round().max(0.0) as u64);
    [
        month.month.to_string(),
        number::large_count(month.started as u64),
        number::rate(month.peak_per_second),
        number::percent(month.busy),
        if month.unfit_hours > 0.0 { format!("{} h", whole(month.unfit_hours)) } else { "–".to_owned() },
        if month.backlog >= 1.0 { number::large_count(month.backlog as u64) } else { "–".to_owned() },
        number::storage(month.stored_bytes),
        whole(month.self_hosted_usd),
        whole(month.cloud_usd),
    ]
}

/// Names of waits as sweeps head them.
fn short(name: &str) -> String {
    name.replace("schedule to start workflow", "wf s-t-s").replace("schedule to start activity", "act s-t-s")
}

pub(super) fn days(days: f64) -> String {
    match days {
        d if (d - 365.0).abs() < 0.6 => "a year".to_owned(),
        d => number::seconds(d * 86_400.0),
    }
}

/// One row a month, in base units.
pub fn forecast_csv(document: &ForecastDocument) -> String {
    let mut header: Vec<String> = [
        "month",
        "hours",
        "started",
        "mean_per_second",
        "peak_per_second",
        "busiest",
        "busy",
        "unfit_hours",
        "backlog",
        "stored_bytes",
        "visibility_bytes",
        "history_bytes",
        "actions",
        "self_hosted_usd",
        "cloud_usd",
        "capacity_units",
    ]
    .map(String::from)
    .to_vec();
    header.extend(document.promises.iter().map(|promise| format!("worst {} seconds", promise.name)));
    let mut csv = Csv::new(&header);
    for month in &document.months {
        let mut row = vec![
            month.month.to_string(),
            month.hours.to_string(),
            month.started.to_string(),
            month.mean_per_second.to_string(),
            month.peak_per_second.to_string(),
            month.busiest.clone(),
            month.busy.to_string(),
            month.unfit_hours.to_string(),
            month.backlog.to_string(),
            month.stored_bytes.to_string(),
            month.visibility_bytes.to_string(),
            month.history_bytes.to_string(),
            month.actions.to_string(),
            month.self_hosted_usd.to_string(),
            month.cloud_usd.to_string(),
            month.capacity_units.to_string(),
        ];
        row.extend(month.worst_seconds.iter().map(|s| s.map_or(String::new(), |s| s.to_string())));
        csv.push(&row);
    }
    csv.finish()
}
