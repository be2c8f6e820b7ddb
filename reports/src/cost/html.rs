//! Money as a page.

use maud::html;

use super::text::{actions, usd};
use super::{ActionsDocument, CostColumn, CostDocument};
use crate::html::parts::{Cell, notes, page, table, tied};
use crate::number;

/// The costs as one offline HTML page.
pub fn cost_html(document: &CostDocument) -> String {
    let money = |usd_of: Option<f64>| Cell::Number(usd_of.map_or_else(|| number::MISSING.into(), usd));
    let steps = document.steps.iter().map(|step| {
        vec![
            Cell::Text(format!("{} {}", step.workflow, step.place)),
            Cell::Text(step.step.clone()),
            Cell::Number(actions(step.actions)),
            Cell::Prose(step.what.clone()),
        ]
    });
    let (now, then) = (&document.now, &document.horizon);
    let of =
        |column: &CostColumn, plan: &str| column.cloud.iter().find(|bill| bill.plan == plan).map(|bill| bill.total_usd);
    let cloud = now.cloud.iter().map(|bill| {
        let fee =
            bill.plan_fee_usd.map_or("plan: ask sales, not in the sum".to_owned(), |fee| format!("plan {}", usd(fee)));
        vec![
            Cell::Text(format!("Temporal Cloud, {}", bill.plan)),
            money(Some(bill.total_usd)),
            money(of(then, &bill.plan)),
            Cell::Prose(fee),
        ]
    });
    let own = now.self_hosted.iter().flat_map(|own| {
        let other = then.self_hosted.iter().find(|other| other.prices == own.prices);
        let line = |name: &str| {
            let all = other.map(|own| own.items.iter().chain([&own.workers]));
            all.and_then(|mut items| items.find(|item| item.name == name)).and_then(|item| item.usd)
        };
        let sum = vec![
            Cell::Main(format!("Self-hosted, {} ({}), without workers", own.prices, own.region)),
            money(Some(own.server_usd)),
            money(other.map(|own| own.server_usd)),
            Cell::Text(String::new()),
        ];
        let items = own.items.iter().chain([&own.workers]).map(move |item| {
            vec![Cell::Text(item.name.clone()), money(item.usd), money(line(&item.name)), Cell::Prose(item.how.clone())]
        });
        [sum].into_iter().chain(items).collect::<Vec<_>>()
    });
    let bills: Vec<Vec<Cell>> = cloud.chain(own).collect();
    let matrix = document.matrix.iter().map(|row| {
        [&row.factor, &row.cloud, &row.self_hosted]
            .map(|text| Cell::Text(text.clone()))
            .into_iter()
            .chain([Cell::Prose(row.here.clone())])
            .collect()
    });
    let prices = document.prices.iter().map(|price| {
        vec![
            Cell::Text(price.key.clone()),
            Cell::Number(price.usd.to_string()),
            Cell::Text(price.date.clone()),
            Cell::Prose(price.source.clone()),
        ]
    });
    let body = html! {
        h1 class="title" { "What it costs" }
        p class="lead" { (document.profile) " on " (document.cluster) " · " (actions(document.actions_per_workflow)) " billable actions a workflow" }
        (notes(&document.warnings))
        div class="card" { h3 { "A month in US dollars" } (table("Costs", "", &["", &now.label, &then.label, ""], bills)) }
        div class="card" { h3 { "Break-even" } @for row in &document.break_even { p { (tied(&row.finding)) } } }
        div class="card" { h3 { "Actions, step by step" } (table("Actions", "", &["place", "step", "actions", "what"], steps.collect())) }
        div class="card" { h3 { "Temporal Cloud or self-hosted" } (table("Decision matrix", "", &["factor", "Cloud", "self-hosted", "here"], matrix.collect())) }
        div class="card" { h3 { "Prices and where they are from" } (table("Prices", "", &["price", "USD", "of", "source"], prices.collect())) }
    };
    page(&format!("Cost: {}", document.profile), "cost", "cost.json", document, &body)
}

/// The actions of histories as one offline HTML page.
pub fn actions_html(document: &ActionsDocument) -> String {
    let kinds = document.kinds.iter().map(|row| {
        let numbers = [row.count, row.billed, row.server_counter].map(|count| Cell::Number(number::count(count)));
        [Cell::Text(row.kind.clone())].into_iter().chain(numbers).chain([Cell::Prose(row.event.clone())]).collect()
    });
    let labels = document.server_labels.iter();
    let labels = labels.map(|row| vec![Cell::Text(row.action_type.clone()), Cell::Number(number::count(row.count))]);
    let body = html! {
        h1 class="title" { (number::count(document.billed)) " billable actions" }
        p class="lead" { "in " (number::count(document.runs)) " runs; the server's own counter: " (number::count(document.server_counter)) }
        (notes(&document.notes))
        div class="card" { (table("Actions", "", &["action", "events", "billed", "server", "event"], kinds.collect())) }
        div class="card" { (table("The server's counter", "", &["action_type", "count"], labels.collect())) }
        div class="card" { h3 { "What histories do not show" } ul { @for what in &document.not_in_histories { li { (tied(what)) } } } }
    };
    page("Billable actions", "cost", "actions.json", document, &body)
}
