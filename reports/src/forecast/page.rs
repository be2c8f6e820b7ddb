//! A forecast as a page.

use maud::{Markup, html};

use super::render::{HEADER, cells, days};
use super::{ForecastDocument, ForecastMonth};
use crate::chart::{self, BROAD, HALF, Role};
use crate::html::parts::{Cell, Figure, figure, notes, page, table, tied};
use crate::number;

/// The forecast as one offline HTML page.
pub fn forecast_html(document: &ForecastDocument) -> String {
    let rows = document.months.iter().map(|month| {
        let mut cells: Vec<Cell> = cells(month).into_iter().map(Cell::Number).collect();
        cells.push(Cell::Text(month.busiest.clone()));
        cells
    });
    let header: Vec<&str> = HEADER.iter().copied().chain(["busiest"]).collect();
    let levels = document.levels.iter().map(|level| {
        let mut row = vec![Cell::Number(number::rate(level.per_second))];
        row.extend(level.seconds.iter().map(|s| Cell::Number(s.map_or(number::MISSING.into(), number::seconds))));
        row.push(Cell::Text(format!("{} {}", level.busiest, number::percent(level.busy))));
        row
    });
    let mut level_header = vec!["simulated load"];
    level_header.extend(document.promises.iter().map(|promise| promise.name.as_str()));
    level_header.push("busiest");
    let body = html! {
        h1 class="title" { (document.profile) " over " (days(document.horizon_days)) }
        p class="lead" { (tied(&document.finding)) " With " (document.system) "." }
        (load(document))
        div class="pair" { (stored(document)) (money(document)) }
        div class="card" { h3 { "By month" } (table("By month", "", &header, rows.collect())) }
        div class="card" { h3 { "Simulated loads" } (table("Levels", "", &level_header, levels.collect())) }
        (notes(&document.warnings))
    };
    page(&format!("Forecast: {}", document.profile), "forecast", "forecast.json", document, &body)
}

/// A month's value at its end; today's is taken to be the first month's.
fn line(document: &ForecastDocument, value: impl Fn(&ForecastMonth) -> f64) -> Vec<(f64, f64)> {
    let mut day = 0.0;
    let today = document.months.first().map(|month| (0.0, value(month)));
    let months = document.months.iter().map(|month| {
        day += month.hours / 24.0;
        (day, value(month))
    });
    today.into_iter().chain(months).collect()
}

fn numbers(
    name: &str,
    header: &[&str],
    document: &ForecastDocument,
    row: impl Fn(&ForecastMonth) -> Vec<String>,
) -> Markup {
    let rows = document.months.iter().map(|month| {
        let values = row(month).into_iter().map(Cell::Number);
        std::iter::once(Cell::Number(month.month.to_string())).chain(values).collect()
    });
    table(name, "", header, rows.collect())
}

fn load(document: &ForecastDocument) -> Markup {
    let lines = [
        line(document, |month| month.peak_per_second),
        line(document, |month| month.mean_per_second),
        line(document, |_| document.capacity_per_second),
    ];
    let highest = document.months.iter().map(|month| month.peak_per_second).fold(0.0, f64::max);
    let capacity = number::rate(document.capacity_per_second);
    let finding = match highest > document.capacity_per_second {
        true => format!(
            "The busiest hour asks for {}; {} carries {capacity} at most.",
            number::rate(highest),
            document.limit
        ),
        false => format!(
            "The busiest hour asks for {}, of {capacity} that {} carries at most.",
            number::rate(highest),
            document.limit
        ),
    };
    figure(Figure {
        id: "load",
        title: "Load",
        finding,
        legend: vec![
            (Role::Series(0), "busiest hour".into()),
            (Role::Series(1), "mean".into()),
            (Role::Series(2), "carried at most".into()),
        ],
        shape: BROAD,
        draw: &|shape| chart::months(&lines, &number::rate, shape),
        numbers: numbers("Load", &["month", "busiest hour", "mean"], document, |month| {
            vec![number::rate(month.peak_per_second), number::rate(month.mean_per_second)]
        }),
    })
}

fn stored(document: &ForecastDocument) -> Markup {
    let lines = [line(document, |month| month.stored_bytes)];
    let last = document.months.last().map_or(0.0, |month| month.stored_bytes);
    figure(Figure {
        id: "stored",
        title: "Storage",
        finding: format!("{} in PostgreSQL at the end.", number::storage(last)),
        legend: Vec::new(),
        shape: HALF,
        draw: &|shape| chart::months(&lines, &number::storage, shape),
        numbers: numbers("Storage", &["month", "stored"], document, |month| vec![number::storage(month.stored_bytes)]),
    })
}

fn money(document: &ForecastDocument) -> Markup {
    let lines = [line(document, |month| month.self_hosted_usd), line(document, |month| month.cloud_usd)];
    let total = |value: fn(&ForecastMonth) -> f64| document.months.iter().map(value).sum::<f64>();
    let dollars = |value: f64| format!("${}", number::count(value.round().max(0.0) as u64));
    figure(Figure {
        id: "money",
        title: "Cost a month",
        finding: format!(
            "In all {} self-hosted, {} on Temporal Cloud ({}), workers in both.",
            dollars(total(|month| month.self_hosted_usd)),
            dollars(total(|month| month.cloud_usd)),
            document.cloud_plan
        ),
        legend: vec![(Role::Series(0), "self-hosted".into()), (Role::Series(1), "Temporal Cloud".into())],
        shape: HALF,
        draw: &|shape| chart::months(&lines, &dollars, shape),
        numbers: numbers("Cost a month", &["month", "self-hosted", "Temporal Cloud"], document, |month| {
            vec![dollars(month.self_hosted_usd), dollars(month.cloud_usd)]
        }),
    })
}
