//! The plan as a page: verdict, numbers, the Plimsoll line, then why and how sure.

use maud::{Markup, html};

use super::parts::{Cell, Figure, State, figure, notes, page, table, tied, tile, verdict};
use super::{bars, finding};
use crate::chart::{self, BROAD, HALF, Role};
use crate::number;
use crate::plan_document::{LoadCurve, PlanDocument, RecoveryPlan, StorageForecast, TableBytes, Verdict};
use crate::quantity::QuantileCurve;
use crate::sizes;
use crate::wording;

/// The plan as one offline HTML page; the command to make it again is `plimsoll plan` with the profile's name.
pub fn plan(document: &PlanDocument) -> String {
    plan_with_command(document, &format!("plimsoll plan {:?} --seed {}", document.profile, document.seed))
}

/// As [`plan`], with the command line that makes the plan again.
pub fn plan_with_command(document: &PlanDocument, command: &str) -> String {
    let body = html! {
        (banner(document))
        (notes(&document.warnings))
        @match document.verdict {
            Verdict::Fits => {
                h2 { "What to provision" }
                p class="lead" { "Each number is the smallest that keeps every promise at the peak, with one pod of each kind lost." }
            }
            Verdict::Infeasible => {
                h2 { "What the search ended with" }
                p class="lead" { "No sizes within the limits keep every promise. These do not either; what holds them back is below." }
            }
        }
        div class="card" { (sizes_table(document)) }
        h2 { "How much load it carries" }
        p class="lead" { "Latency against load. The mark is the plan's own load line: what it was sized to carry." }
        (load_figure(&document.load_curve))
        div class="pair" { (promises(document)) (bottlenecks(document)) }
        h2 { "At the planned peak" }
        p class="lead" { "Simulated at " (number::rate(document.load_curve.planned_per_second)) ": the peak and its headroom." }
        div class="pair" { (percentile_figure(document)) (utilisation(document)) }
        @if !document.storage.total.is_empty() {
            h2 { "Storage" }
            p class="lead" { "Retention and growth of the load taken together." }
            div class="pair" { (storage_figure(&document.storage, &document.horizon_label)) (storage_tables(document)) }
            @if let Some(plan) = &document.recovery { (recovery(plan)) }
        }
        h2 { "How wrong may this be?" }
        p class="lead" { (tied(&wording::how_wrong(document))) }
        (doubts(document))
        h2 { "Where this comes from" }
        (origin(document, command))
    };
    let title = format!("{}: {}", wording::verdict_word(document.verdict), document.profile);
    page(&title, "capacity plan", "plan.json", document, &body)
}

fn banner(document: &PlanDocument) -> Markup {
    let state = match document.verdict {
        Verdict::Fits => State::Good,
        Verdict::Infeasible => State::Bad,
    };
    let word = match document.verdict {
        Verdict::Fits => "Fits",
        Verdict::Infeasible => "Does not fit",
    };
    let load = &document.load;
    let workers = &document.workers;
    let growth = load.peak_per_second_horizon / load.peak_per_second_now;
    let breaks = match load.breaks_at_per_second {
        Some(at) if at >= load.peak_per_second_horizon => {
            let above = number::percent(at / load.peak_per_second_horizon - 1.0);
            tile("Breaks at", number::rate(at), format!("{above} above the peak"))
        }
        Some(at) => tile("Breaks at", number::rate(at), "below the peak"),
        None => tile("Breaks at", "not found", "within the search"),
    };
    let database = if sizes::sized_by_provider(document) {
        tile("Services and database", "provider", "sized by Temporal Cloud")
    } else {
        let vcpu = number::count(u64::from(document.database.vcpu));
        let now = format!(
            "{} today, {}",
            document.now.database.vcpu,
            number::storage(document.database.storage_bytes as f64)
        );
        tile("Database", format!("{vcpu} vCPU"), format!("{now} in the end"))
    };
    let tiles = [
        tile(
            &format!("Peak in {}", document.horizon_label),
            number::rate(load.peak_per_second_horizon),
            format!("{} today's {}", number::times(growth), number::rate(load.peak_per_second_now)),
        ),
        tile(
            "Worker pods",
            number::count(u64::from(workers.pods)),
            format!("{} today", number::count(u64::from(document.now.workers.pods))),
        ),
        database,
        breaks,
    ];
    let about = format!("{} on {} · {}", document.profile, document.cluster, document.versions);
    verdict(state, word, &wording::capital(wording::verdict_sentence(document)), &about, &tiles)
}

fn sizes_table(document: &PlanDocument) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="What to provision" {
            table class="sizes" {
                thead { tr {
                    th scope="col" { "" }
                    th scope="col" class="n" { "now" }
                    th scope="col" class="n" { (document.horizon_label) }
                    th scope="col" { "why not one less" }
                } }
                tbody {
                    @for row in sizes::rows(document) {
                        tr class=[row.nested.then_some("nested")] {
                            th scope="row" { (row.label) }
                            td class="n" { (row.now) }
                            td class={ "n" @if row.now != row.horizon || !row.nested { " big" } } { (row.horizon) }
                            td class="why" { (tied(&row.why)) }
                        }
                    }
                }
            }
        }
    }
}

fn load_figure(curve: &LoadCurve) -> Markup {
    let mut legend: Vec<(Role, String)> = Vec::new();
    for (index, series) in curve.series.iter().enumerate() {
        let promised =
            series.limit_seconds.map_or(String::new(), |limit| format!(", promised {}", number::seconds(limit)));
        legend.push((Role::Series(index), format!("{}{promised}", wording::series(&series.name))));
    }
    let numbers = curve.series.iter().flat_map(|series| {
        series.points.iter().map(|point| {
            vec![
                Cell::Text(wording::series(&series.name)),
                Cell::Number(number::rate(point.x)),
                Cell::Number(number::seconds(point.y)),
            ]
        })
    });
    figure(Figure {
        id: "load",
        title: "Latency against load",
        finding: finding::load(curve),
        legend,
        shape: BROAD,
        draw: &|shape| chart::load(curve, shape),
        numbers: table("Latency against load", "", &["series", "load", "latency"], numbers.collect()),
    })
}

fn promises(document: &PlanDocument) -> Markup {
    let rows = document.slo.iter().map(|slo| {
        let achieved = match &slo.achieved_seconds {
            Some(interval) => number::seconds(interval.estimate),
            None => "too few".into(),
        };
        let (state, word) = match (slo.met, &slo.achieved_seconds) {
            (true, Some(_)) => (State::Good, "kept"),
            (true, None) => (State::Warn, "unknown"),
            (false, _) => (State::Bad, "missed"),
        };
        vec![
            Cell::Text(format!("{} {}", wording::metric(&slo.metric), number::quantile(slo.quantile))),
            Cell::Main(achieved),
            Cell::Number(number::seconds(slo.limit_seconds)),
            Cell::State(state, word.into()),
        ]
    });
    let limits = document.limits.iter().map(|limit| {
        let (state, word) = if limit.ok { (State::Good, "within") } else { (State::Bad, "exceeded") };
        vec![
            Cell::Text(limit.limit.clone()),
            Cell::Main(number::quantity(limit.needed)),
            Cell::Number(number::quantity(limit.allowed)),
            Cell::State(state, word.into()),
        ]
    });
    html! {
        section class="card" {
            h3 { "Promises" }
            p class="finding" { (finding::slo(document)) }
            (table("Promises", "", &["", "reached", "promised", ""], rows.collect()))
            @if !document.limits.is_empty() {
                br;
                h3 { "Limits" }
                (table("Limits", "", &["", "needed", "allowed", ""], limits.collect()))
            }
        }
    }
}

fn bottlenecks(document: &PlanDocument) -> Markup {
    let finding = match document.bottlenecks.first() {
        Some(first) => {
            format!("First to break: {}, at {}.", first.resource, number::rate(first.saturates_at_per_second))
        }
        None => "No resource comes near saturation.".into(),
    };
    html! {
        section class="card" {
            h3 { "What breaks first" }
            p class="finding" { (finding) }
            div class="scroll" tabindex="0" role="region" aria-label="Bottlenecks" {
                table {
                    thead { tr { th scope="col" { "" } th scope="col" class="n" { "busy" } th scope="col" class="n" { "saturates at" } } }
                    tbody {
                        @for bottleneck in &document.bottlenecks {
                            tr {
                                th scope="row" { (bottleneck.resource) }
                                td class="n" { (number::percent(bottleneck.utilisation)) }
                                td class="n big" { (number::rate(bottleneck.saturates_at_per_second)) }
                            }
                            tr class="under" { td class="why" colspan="3" { (tied(&bottleneck.finding)) } }
                        }
                    }
                }
            }
        }
    }
}

fn percentile_figure(document: &PlanDocument) -> Markup {
    let curves: Vec<&QuantileCurve> = document.latency_curves.iter().collect();
    let promises: Vec<chart::PercentilePromise> = document
        .slo
        .iter()
        .filter_map(|slo| {
            let curve = curves.iter().position(|curve| curve.metric == slo.metric)?;
            Some(chart::PercentilePromise { curve, quantile: slo.quantile, seconds: slo.limit_seconds })
        })
        .collect();
    super::percentile_figure("percentiles", "Latency percentiles", &curves, &promises, HALF)
}

fn utilisation(document: &PlanDocument) -> Markup {
    let mut usage = document.utilisation.clone();
    usage.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    bars("Utilisation", &finding::utilisation(&usage), "mean", usage.iter().map(|u| (u.resource.clone(), u.mean)))
}

fn storage_figure(storage: &StorageForecast, horizon: &str) -> Markup {
    let numbers = storage
        .total
        .iter()
        .map(|point| vec![Cell::Text(number::seconds(point.x * 86_400.0)), Cell::Number(number::storage(point.y))]);
    let total: Vec<(f64, f64)> = storage.total.iter().map(|point| (point.x, point.y)).collect();
    figure(Figure {
        id: "storage",
        title: "Storage over time",
        finding: finding::storage(storage, horizon),
        legend: Vec::new(),
        shape: HALF,
        draw: &|shape| chart::months(std::slice::from_ref(&total), &number::storage, shape),
        numbers: table("Storage over time", "", &["from now", "stored"], numbers.collect()),
    })
}

fn storage_tables(document: &PlanDocument) -> Markup {
    let storage = &document.storage;
    let whole: f64 = storage.at_horizon.iter().map(|table| table.bytes).sum();
    let of = |tables: &[TableBytes], name: &str| {
        let found = tables.iter().find(|table| table.table == name);
        found.map_or(number::MISSING.into(), |table| number::storage(table.bytes))
    };
    let indexes = |table: &TableBytes| match table.indexes > 0.0 {
        true => number::percent(table.indexes / table.bytes.max(1.0)),
        false => number::MISSING.into(),
    };
    let rows = storage.at_horizon.iter().map(|table| {
        vec![
            Cell::Text(table.table.clone()),
            Cell::Bar(if whole > 0.0 { table.bytes / whole } else { 0.0 }, false),
            Cell::Main(number::storage(table.bytes)),
            Cell::Number(of(&storage.at_retention, &table.table)),
            Cell::Number(of(&storage.bytes_per_workflow, &table.table)),
            Cell::Number(indexes(table)),
        ]
    });
    let head = ["table", "", &document.horizon_label, "today's load", "per workflow", "indexes"];
    let each: f64 = storage.bytes_per_workflow.iter().map(|table| table.bytes).sum();
    html! {
        section class="card" {
            h3 { "What fills it" }
            p class="finding" { (number::storage(each)) " per closed workflow, indexes included." }
            (table("Storage by table", "bars share", &head, rows.collect()))
        }
    }
}

fn recovery(recovery: &RecoveryPlan) -> Markup {
    let row = |what: &str, takes: f64, allowed: f64, met: bool| {
        let (state, word) = if met { (State::Good, "kept") } else { (State::Bad, "missed") };
        vec![
            Cell::Text(what.into()),
            Cell::Main(number::seconds(takes)),
            Cell::Number(number::seconds(allowed)),
            Cell::State(state, word.into()),
        ]
    };
    let rows = vec![
        row("time to restore (RTO)", recovery.restore_seconds, recovery.rto_seconds, recovery.rto_met),
        row("writes lost (RPO)", recovery.lost_seconds, recovery.rpo_seconds, recovery.rpo_met),
    ];
    html! {
        section class="card" {
            h3 { "Recovery" }
            p class="finding" { (wording::capital(&wording::backups(recovery))) "; " (number::storage(recovery.wal_per_day_bytes)) " of WAL a day." }
            (table("Recovery", "", &["", "at most", "promised", ""], rows))
            p class="finding" { (tied(&recovery.assumptions)) }
        }
    }
}

fn doubts(document: &PlanDocument) -> Markup {
    let sensitivity = document.sensitivity.iter().map(|input| {
        let range = |(low, high): (u32, u32)| if low == high { low.to_string() } else { format!("{low} – {high}") };
        vec![
            Cell::Text(input.input.clone()),
            Cell::Number(format!("{} – {}", input.low, input.high)),
            Cell::Main(range(input.worker_pods)),
            Cell::Main(range(input.database_vcpu)),
            Cell::Prose(input.finding.clone()),
        ]
    });
    let rules = document.rules.iter().map(|rule| {
        let (by_rule, by_model) = wording::rule_values(rule);
        vec![
            Cell::Text(wording::capital(&rule.number)),
            Cell::Number(by_rule),
            Cell::Main(by_model),
            Cell::Prose(rule.why.clone()),
        ]
    });
    html! {
        @if !document.sensitivity.is_empty() {
            section class="card" {
                h3 { "Inputs that move the plan" }
                p class="finding" { "Each input at its low and its high, all others at their middle; the most important first." }
                (table("Sensitivity", "", &["input", "low – high", "worker pods", "database vCPU", ""], sensitivity.collect()))
            }
        }
        @if !document.rules.is_empty() {
            section class="card" {
                h3 { "Rules of thumb beside the model" }
                (table("Rules of thumb", "", &["", "rule", "model", "why they differ"], rules.collect()))
            }
        }
        section class="card" {
            h3 { "Not modelled" }
            @if document.not_modelled.is_empty() { p class="finding" { "Nothing known that matters for this profile." } }
            @else {
                p class="finding" { "What may matter for this profile and is not in the numbers above." }
                (table("Not modelled", "", &["", "may change the plan"], document.not_modelled.iter().map(|item| {
                    vec![Cell::Text(item.what.clone()), Cell::Prose(item.effect.clone())]
                }).collect()))
            }
        }
    }
}

fn origin(document: &PlanDocument, command: &str) -> Markup {
    let calibration = &document.calibration;
    html! {
        section class="card" {
            dl class="facts" {
                dt { "Calibration" } dd { (calibration.name) ", measured on " (calibration.measured_on) " up to " (number::rate(calibration.measured_up_to_per_second)) }
                dt { "Known error" } dd { (calibration.known_error) }
                dt { "Extrapolation" } dd { (number::times(calibration.extrapolation)) " the calibrated rate" }
                dt { "Load" } dd { "mean " (number::rate(document.load.mean_per_second_now)) ", peak " (number::rate(document.load.peak_per_second_now)) " today; " (number::percent(document.load.headroom)) " headroom above the peak" }
                dt { "Simulated" } dd { (wording::provenance(document)) }
                dt { "Seed" } dd { (document.seed) ": the same inputs and seed give the same bytes" }
            }
            pre { code { (command) } }
        }
    }
}
