//! A measured run as a page: its verdict about itself first, then what was sent, what came back, and why to believe it.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::parts::{Cell, Figure, State, figure, notes, page as whole_page, table, tied, tile, verdict};
use super::run::{kind_word, latency, latency_over_time, per_workflow, resource_over_time, trust, utilisation};
use super::{database, finding, named_percentiles, self_check};
use crate::chart::{self, BROAD, HALF, HEAT, Role, Shape};
use crate::number;
use crate::quantity::QuantileCurve;
use crate::run_dir::{Buckets, Measurement, Run, Trust, columns};
use crate::run_document::{Quantiles, RunDocument, SteadyState};
use crate::wording;

/// Columns of the generator: drawn together or in the self-check, not among the resources.
const OWN_COLUMNS: [&str; 12] = [
    columns::OFFERED,
    columns::SENT,
    columns::COMPLETED,
    columns::FAILED,
    columns::OPEN_WORKFLOWS,
    columns::IN_FLIGHT,
    columns::WAITING,
    columns::BACKLOG,
    columns::GENERATOR_CPU,
    columns::CANARY,
    "canary_wall",
    "generator_memory",
];

/// Series that are drawn at once, by what their names begin with and in this order; the others unfold.
const FIRST_COLUMNS: [&str; 8] =
    ["frontend_cpu", "history_cpu", "matching_cpu", "database_cpu", "postgres", "statements", "fsyncs", "wal_bytes"];
/// With at most so many series, all are drawn at once.
const FEW_SERIES: usize = 12;

/// The page.
pub fn page(document: &RunDocument, run: &Run, measurement: &Measurement) -> String {
    let remarks: Vec<String> = run.notes.iter().chain(&document.warnings).map(|text| wording::sentence(text)).collect();
    let body = html! {
        (banner(document, run, measurement))
        (reasons(run))
        (notes(&remarks))
        h2 { "What became of every start" }
        p class="lead" { "Offered are the starts that the schedule intended; each of them is in one row below." }
        div class="card" { (counts(measurement)) }
        (super::timeline::section(run))
        h2 { "Load" }
        p class="lead" { "The whole run, warm-up included; the measured window is " (window(measurement)) "." }
        @if let Some(figure) = load(run, measurement) { (figure) }
        @if let Some(figure) = in_flight(run) { (figure) }
        h2 { "Latency" }
        p class="lead" { (tied(latency_lead(document))) }
        div class="card" { (latency(document)) }
        @for pair in percentiles(document).chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
        @if let Some(figure) = heatmap(run) { (figure) }
        @for pair in over_time(run).chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
        h2 { "Resources and cost" }
        p class="lead" { (resources_lead(measurement)) }
        div class="pair" { (utilisation(document)) (per_workflow(document)) }
        (resources(run))
        (database::section(measurement))
        (self_check::section(run, measurement))
        h2 { "Where this comes from" }
        (origin(document, run, measurement))
    };
    whole_page(&format!("Run: {}", document.profile), "measured run", "run.json", document, &body)
}

fn banner(document: &RunDocument, run: &Run, measurement: &Measurement) -> Markup {
    let (state, word) = trust(run.manifest.verdict.verdict);
    let overloaded = document.steady_state == Some(SteadyState::Overloaded);
    let state = if overloaded && state == State::Good { State::Warn } else { state };
    let word = match (run.manifest.verdict.verdict, overloaded) {
        (Trust::Valid, true) => "Valid, of an overload".to_owned(),
        _ => wording::capital(&word.to_lowercase()),
    };
    let sentence = format!(
        "{} completed of {} offered, over {} after {} of warm-up.",
        number::rate(document.throughput_per_second),
        number::rate(document.offered_per_second),
        number::seconds(document.measured_seconds),
        number::seconds(document.warmup_seconds)
    );
    let p99 = |quantiles: &Option<Quantiles>| match quantiles.as_ref().map(|quantiles| quantiles.p99) {
        Some(Some(interval)) => number::seconds(interval.estimate),
        Some(None) if overloaded => "growing".to_owned(),
        Some(None) => "too few".to_owned(),
        _ => number::MISSING.to_owned(),
    };
    let counts = &measurement.counts;
    let lag = measurement.dispatch_lag;
    let tiles = [
        tile("End to end p99", p99(&document.latency.e2e), "from the intended start"),
        tile("Start p99", p99(&document.latency.start), "from the intended start"),
        tile(
            "Failed or not finished",
            match counts.offered {
                0 => number::MISSING.to_owned(),
                _ => number::count(counts.failed + counts.unfinished + counts.unsent),
            },
            format!("of {} offered", number::count(counts.offered)),
        ),
        tile(
            "Dispatch lag p99",
            lag.map_or_else(|| number::MISSING.into(), |lag| number::seconds(lag.p99_seconds)),
            "how late the generator sent",
        ),
    ];
    let about = format!(
        "{} on {}, namespace {} · {} · seed {}",
        document.profile,
        measurement.target.address,
        measurement.target.namespace,
        kind_word(document.kind),
        document.seed
    );
    verdict(state, &word, &sentence, &about, &tiles)
}

/// Why the verdict is what it is, the worst first.
fn reasons(run: &Run) -> Markup {
    let verdict = &run.manifest.verdict;
    let (state, _) = trust(verdict.verdict);
    html! {
        @if verdict.reasons.is_empty() {
            p class="lead" { "Every check of the run about itself passed: see the self-check below." }
        } @else {
            ul class="notes" {
                @for reason in &verdict.reasons {
                    li { b class={ "state " (state.class()) } { "Why" } (tied(&wording::sentence(&wording::capital(reason)))) }
                }
            }
        }
    }
}

fn window(measurement: &Measurement) -> String {
    let window = &measurement.window;
    format!("from {} to {}", number::seconds(window.start_seconds), number::seconds(window.end_seconds))
}

fn counts(measurement: &Measurement) -> Markup {
    let counts = &measurement.counts;
    let share = |count: u64| number::percent(count as f64 / counts.offered.max(1) as f64);
    let row = |name: &str, count: u64, note: &str| {
        vec![
            Cell::Text(name.into()),
            Cell::Main(number::count(count)),
            Cell::Number(share(count)),
            Cell::Prose(note.into()),
        ]
    };
    let rows = vec![
        row("Completed", counts.completed, "seen to complete"),
        row("Failed", counts.failed, "start refused, or workflow failed, timed out, cancelled or terminated"),
        row("Unfinished", counts.unfinished, "sent, and not seen to close by the end of the drain"),
        row("Unsent", counts.unsent, "the run ended first, or a cap forbade it"),
        row("Offered", counts.offered, "the sum of these"),
        row("of them sent late at the in-flight cap", counts.delayed, "response times count the waiting"),
    ];
    if counts.offered == 0 {
        return html! { p { "Not known: the run was killed before it counted, or is still under way. Its series below go on until then." } };
    }
    html! {
        (table("Counts", "", &["", "starts", "share", ""], rows))
        @if counts.retries > 0 { p class="finding" { (number::count(counts.retries)) " start requests were sent again after an error." } }
    }
}

fn load(run: &Run, measurement: &Measurement) -> Option<Markup> {
    let named = [(columns::OFFERED, "offered"), (columns::SENT, "sent"), (columns::COMPLETED, "completed")];
    let series: Vec<(&str, Vec<(f64, f64)>)> = named
        .into_iter()
        .map(|(column, name)| (name, run.resources.column(column)))
        .filter(|(_, values)| values.len() > 1)
        .collect();
    let offered = &series.iter().find(|(name, _)| *name == "offered")?.1;
    let of = |name: &str| series.iter().find(|(other, _)| *other == name).map(|(_, values)| values);
    let (begin, end) = (measurement.window.start_seconds, measurement.window.end_seconds);
    let sum = |values: &Vec<(f64, f64)>| -> f64 {
        values.iter().filter(|(at, _)| *at > begin && *at <= end).map(|(_, value)| value).sum()
    };
    let whole = sum(offered).max(f64::MIN_POSITIVE);
    let mut text: Vec<String> = ["sent", "completed"]
        .into_iter()
        .filter_map(|name| Some(format!("{} {name}", precise(sum(of(name)?) / whole))))
        .collect();
    if let Some(sent) = of("sent") {
        let at = |at: f64| sent.iter().find(|(other, _)| *other == at).map(|(_, value)| *value);
        let worst = offered
            .iter()
            .filter_map(|(seconds, offered)| Some((*seconds, (at(*seconds)? - offered).abs(), *offered)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((seconds, away, _)) = worst.filter(|(_, away, _)| *away > 0.0) {
            text.push(format!(
                "the second furthest from the schedule ends at {}, off by {}",
                number::seconds(seconds),
                number::quantity(away)
            ));
        }
    }
    let finding = format!("Of what was offered in the measured window, {}.", text.join(", "));
    let rows = offered.iter().step_by(offered.len().div_ceil(60)).map(|(seconds, value)| {
        let mut row = vec![Cell::Text(number::seconds(*seconds)), Cell::Number(number::quantity(*value))];
        row.extend(series.iter().skip(1).map(|(_, values)| {
            let value = values.iter().find(|(at, _)| at == seconds).map(|(_, value)| number::quantity(*value));
            Cell::Number(value.unwrap_or_else(|| number::MISSING.into()))
        }));
        row
    });
    let mut header = vec!["at"];
    header.extend(series.iter().map(|(name, _)| *name));
    let numbers = table("Offered against achieved", "", &header, rows.collect());
    let lines: Vec<Vec<(f64, f64)>> = series.iter().map(|(_, values)| values.clone()).collect();
    Some(figure(Figure {
        id: "load",
        title: "Offered against achieved",
        finding,
        legend: series.iter().enumerate().map(|(index, (name, _))| (Role::Series(index), (*name).to_owned())).collect(),
        shape: Shape { height: 320.0, ..BROAD },
        draw: &|shape| chart::time(&lines, &number::rate, false, shape),
        numbers,
    }))
}

/// 99.4 % is not 99 %.
fn precise(share: f64) -> String {
    let tenths = (share * 1_000.0).round() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0} %") } else { format!("{tenths:.1} %") }
}

/// Work in flight, and what of it waits in task queues.
fn in_flight(run: &Run) -> Option<Markup> {
    let named = [
        (columns::OPEN_WORKFLOWS, "workflows open"),
        (columns::IN_FLIGHT, "requests in flight"),
        (columns::WAITING, "held back at the cap"),
        (columns::BACKLOG, "tasks waiting in queues"),
    ];
    let series: Vec<(&str, Vec<(f64, f64)>)> = named
        .into_iter()
        .map(|(column, name)| (name, run.resources.column(column)))
        .filter(|(_, values)| values.len() > 1)
        .collect();
    let first = &series.first()?.1;
    let said = |(name, values): &(&str, Vec<(f64, f64)>)| {
        let highest = values.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let last = values.last()?.1;
        if highest.1 == 0.0 {
            return Some(format!("{name}: none"));
        }
        Some(format!(
            "{name}: at most {} (at {}), {} at the end",
            number::quantity(highest.1),
            number::seconds(highest.0),
            number::quantity(last)
        ))
    };
    let finding = wording::sentence(&wording::capital(&series.iter().filter_map(said).collect::<Vec<_>>().join("; ")));
    let at = |values: &[(f64, f64)], at: f64| values.iter().find(|(other, _)| *other == at).map(|(_, value)| *value);
    let rows = first.iter().step_by(first.len().div_ceil(60)).map(|(seconds, _)| {
        let values =
            series.iter().map(|(_, values)| at(values, *seconds).map_or(number::MISSING.into(), number::quantity));
        std::iter::once(Cell::Text(number::seconds(*seconds))).chain(values.map(Cell::Number)).collect()
    });
    let mut header = vec!["at"];
    header.extend(series.iter().map(|(name, _)| *name));
    let numbers = table("In flight and backlog", "", &header, rows.collect());
    let lines: Vec<Vec<(f64, f64)>> = series.iter().map(|(_, values)| values.clone()).collect();
    Some(figure(Figure {
        id: "in-flight",
        title: "In flight and backlog",
        finding,
        legend: series.iter().enumerate().map(|(index, (name, _))| (Role::Series(index), (*name).to_owned())).collect(),
        shape: Shape { height: 300.0, ..BROAD },
        draw: &|shape| chart::time(&lines, &number::quantity, false, shape),
        numbers,
    }))
}

fn units(run: &Run) -> BTreeMap<&str, &str> {
    run.manifest.resources.iter().map(|column| (column.name.as_str(), column.unit.as_str())).collect()
}

fn latency_lead(document: &RunDocument) -> &'static str {
    match document.steady_state {
        Some(SteadyState::Overloaded) => {
            "The target did not keep up: latencies that wait for it grew as long as the load lasted, so that their quantiles \
             are not defined: where one would stand it says “growing”. The curves show what was seen in this run, and would be others in a longer one."
        }
        Some(SteadyState::Drifting) => {
            "From the intended start, so that waiting at the generator counts. The window is not a steady state: these \
             quantiles are of this window alone. Intervals are of 95 %."
        }
        _ => {
            "From the intended start, so that waiting at the generator counts; “from the send” leaves it out. Intervals are \
             of 95 %, for correlated samples; no quantile is given beyond which fewer than ten independent ones lie."
        }
    }
}

/// Response and service of each operation on one chart.
fn percentiles(document: &RunDocument) -> Vec<Markup> {
    let operation = |metric: &str| -> String {
        metric.strip_suffix(".response").or_else(|| metric.strip_suffix(".service")).unwrap_or(metric).to_owned()
    };
    let mut operations: Vec<String> = Vec::new();
    for curve in &document.latency_curves {
        let name = operation(&curve.metric);
        if !curve.points.is_empty() && !curve.metric.ends_with(".failed") && !operations.contains(&name) {
            operations.push(name);
        }
    }
    // What the users of the cluster feel comes first.
    operations.sort_by_key(|name| match name.as_str() {
        "e2e" => 0,
        "start" => 1,
        _ => 2,
    });
    operations
        .iter()
        .map(|name| {
            let of = |suffix: &str| -> Option<&QuantileCurve> {
                let metric = format!("{name}{suffix}");
                document.latency_curves.iter().find(|curve| curve.metric == metric && !curve.points.is_empty())
            };
            let named =
                [(".response", "response, from the intended start"), (".service", "service, from the send"), ("", "")];
            let present: Vec<(&QuantileCurve, &str)> =
                named.into_iter().filter_map(|(suffix, words)| Some((of(suffix)?, words))).collect();
            let curves: Vec<&QuantileCurve> = present.iter().map(|(curve, _)| *curve).collect();
            let title = wording::capital(&wording::metric(name));
            let legend = present
                .iter()
                .enumerate()
                .map(|(index, (_, words))| {
                    (Role::Series(index), if words.is_empty() { title.clone() } else { (*words).to_owned() })
                })
                .collect();
            let id = format!("percentiles-{}", super::run::identifier(name));
            named_percentiles(&id, &title, both(&curves), legend, &curves, &[], HALF)
        })
        .collect()
}

/// What waiting before the send adds, at the highest quantile that both curves have.
fn both(curves: &[&QuantileCurve]) -> String {
    let [response, service] = curves else { return finding::percentiles(curves) };
    let quantiles = [0.999, 0.99, 0.9, 0.5];
    let at = |q: f64| Some((q, finding::at(&response.points, q)?, finding::at(&service.points, q)?));
    match quantiles.into_iter().find_map(at) {
        Some((q, response, service)) => {
            let apart = (response - service).max(0.0);
            let means = if apart > 0.05 * response {
                format!("waiting before the send is {} of it", number::seconds(apart))
            } else {
                "hardly any of it is waiting before the send".to_owned()
            };
            format!(
                "At {}, response is {} and service {}: {means}.",
                number::quantile(q),
                number::seconds(response),
                number::seconds(service)
            )
        }
        None => "Too few samples.".into(),
    }
}

fn heatmap(run: &Run) -> Option<Markup> {
    let metric = ["e2e.response", "start.response"].into_iter().find(|metric| run.by_start(metric).len() > 1)?;
    let parts: Vec<(f64, Buckets)> =
        run.by_start(metric).into_iter().map(|(start, buckets)| (start.as_secs_f64(), buckets.clone())).collect();
    let last = parts.last()?.0 + 1.0;
    let stretch = parts.len().div_ceil(30);
    let stretches: Vec<(f64, Buckets)> = parts
        .chunks(stretch)
        .map(|part| (part[0].0, Buckets::merged(part.iter().map(|(_, buckets)| buckets))))
        .collect();
    let median = |buckets: &Buckets| buckets.quantile(0.5).unwrap_or(0);
    let slowest = stretches.iter().max_by_key(|(_, buckets)| median(buckets))?;
    let fastest =
        stretches.iter().filter(|(_, buckets)| buckets.total() > 0).min_by_key(|(_, buckets)| median(buckets))?;
    let seconds = |nanos: u64| number::seconds(nanos as f64 / 1e9);
    let finding = format!(
        "The median moved between {} (from {} on) and {} (from {} on).",
        seconds(median(&fastest.1)),
        number::seconds(fastest.0),
        seconds(median(&slowest.1)),
        number::seconds(slowest.0)
    );
    const SHOWN: [f64; 4] = [0.1, 0.5, 0.9, 1.0];
    let rows = stretches.iter().map(|(at, buckets)| {
        let mut row = vec![Cell::Text(number::seconds(*at))];
        row.extend(SHOWN.iter().map(|q| Cell::Number(buckets.quantile(*q).map_or(number::MISSING.into(), seconds))));
        row.push(Cell::Number(number::count(buckets.total())));
        row
    });
    let title = format!("{} over time", wording::capital(&wording::metric(metric)));
    let numbers = table(&title, "", &["from", "p10", "p50", "p90", "highest", "samples"], rows.collect());
    Some(figure(Figure {
        id: "heatmap",
        title: &title,
        finding,
        legend: vec![(Role::Heat(0), "few samples".into()), (Role::Heat(HEAT - 1), "many".into())],
        shape: Shape { height: 340.0, ..BROAD },
        draw: &|shape| chart::heatmap(&parts, last, shape),
        numbers,
    }))
}

fn over_time(run: &Run) -> Vec<Markup> {
    let shown = |metric: &&str| !metric.ends_with(".service") && *metric != crate::measured::DISPATCH_LAG;
    let mut metrics: Vec<&str> = run.metrics().into_iter().filter(shown).collect();
    metrics.sort_by_key(|metric| !metric.starts_with("e2e.response") && !metric.starts_with("start.response"));
    metrics.into_iter().filter_map(|metric| latency_over_time(run, metric)).collect()
}

fn resources_lead(measurement: &Measurement) -> &'static str {
    if measurement.idle_baseline.is_empty() {
        "Over the measured window. No idle baseline was measured: costs per workflow include what the cluster does when idle."
    } else {
        "Over the measured window; costs per workflow have subtracted what the cluster did before the run, with nothing sent."
    }
}

fn resources(run: &Run) -> Markup {
    let units = units(run);
    let own: BTreeSet<&str> = OWN_COLUMNS.into_iter().collect();
    let columns: Vec<&String> = run.resources.columns.iter().filter(|column| !own.contains(column.as_str())).collect();
    let first =
        |column: &&&String| columns.len() <= FEW_SERIES || FIRST_COLUMNS.iter().any(|begin| column.starts_with(begin));
    let draw = |columns: &mut dyn Iterator<Item = &&String>| -> Vec<Markup> {
        let unit = |column: &str| units.get(column).copied().unwrap_or("");
        columns.filter_map(|column| resource_over_time(run, column, unit(column))).collect()
    };
    let (at_once, later) =
        (draw(&mut columns.iter().filter(first)), draw(&mut columns.iter().filter(|column| !first(column))));
    html! {
        @for pair in at_once.chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
        @if !later.is_empty() {
            details class="more" {
                summary { (later.len()) " more series" }
                @for pair in later.chunks(2) { div class="pair" { @for figure in pair { (figure) } } }
            }
        }
    }
}

fn origin(document: &RunDocument, run: &Run, measurement: &Measurement) -> Markup {
    let target = &measurement.target;
    let encrypted = if target.tls { "encrypted" } else { "not encrypted" };
    html! {
        section class="card" {
            dl class="facts" {
                dt { "Run" } dd { (measurement.run_id) }
                dt { "Target" } dd {
                    @if target.embedded { "the embedded server" } @else { (target.address) ", " (encrypted) }
                    ", namespace " (target.namespace) ", task queue " (target.task_queue)
                }
                dt { "Workers" } dd { (measurement.workers.words()) }
                dt { "Completions seen" } dd { (measurement.completions.words()) }
                dt { "Seed" } dd { (document.seed) }
                @for (component, version) in &run.manifest.versions { dt { (wording::capital(component)) } dd { (version) } }
                @if let Some(started) = &run.manifest.clock.started_at { dt { "Started" } dd { (started) } }
                @for phase in &run.manifest.phases {
                    dt { (wording::capital(&phase.name)) } dd { (number::seconds(phase.start_seconds)) " to " (number::seconds(phase.end_seconds)) }
                }
                @for cap in &measurement.caps {
                    dt { "Cap" } dd { (number::quantity(cap.limit)) " " (cap.of) @if cap.reached { ", reached" } }
                }
                @for rule in &measurement.abort_rules {
                    dt { "Abort rule" } dd {
                        (rule.rule)
                        @if let Some(at) = rule.fired_at_seconds { ", fired at " (number::seconds(at)) } @else { ", did not fire" }
                        @if let Some(found) = &rule.found { ": " (found) }
                    }
                }
                @if let Some(ended) = &measurement.interruption {
                    dt { "Interrupted" } dd { "at " (number::seconds(ended.at_seconds)) " by " (ended.by) }
                }
            }
            details { summary { "The profile" } pre { code { (run.manifest.profile) } } }
            details { summary { "The cluster" } pre { code { (run.manifest.cluster) } } }
        }
    }
}
