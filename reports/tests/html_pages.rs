//! Pages are one offline file each, the same every time, and nothing in a document can break out of its place.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/measured.rs"]
mod fixture;
#[path = "common/outage.rs"]
mod outage;

use fixture::Story;
use plimsoll_reports::chart::{self, HALF, NARROW, Role};
use plimsoll_reports::compare::{Tolerances, compare};
use plimsoll_reports::html::{self, RunEntry};
use plimsoll_reports::number;
use plimsoll_reports::plan_document::LoadCurve;
use plimsoll_reports::quantity::{CurvePoint, QuantileCurve};
use plimsoll_reports::run_dir::{self, Run, Trust};
use plimsoll_reports::run_document::RunKind;
use plimsoll_reports::sweep_document::{SWEEP_SCHEMA_VERSION, SweepDocument, SweepPoint};
use plimsoll_reports::timeline::Timeline;

fn directory(kind: RunKind, shift: u64) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(kind, 40.0);
    run_dir::read(&common::write_run(folder.path(), &manifest, &common::shape(40, 100, shift))).unwrap()
}

fn measured(story: Story) -> String {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::write(folder.path(), story);
    html::run(run.manifest.summary.as_ref().unwrap(), Some(&run))
}

fn sweep(settings: &[&str]) -> SweepDocument {
    let point = |setting: &&str| SweepPoint::from_run(vec![setting.to_string()], &common::run(), Some(true));
    SweepDocument {
        schema_version: SWEEP_SCHEMA_VERSION,
        profile: "order fulfilment".into(),
        cluster: "kubernetes-production".into(),
        seed: 42,
        vary: vec!["workers.pods".into()],
        points: settings.iter().map(point).collect(),
    }
}

fn eventful(kind: RunKind) -> Run {
    outage::run(common::manifest(kind, 300.0), 10, 1.0)
}

fn eventful_runs() -> String {
    let entry = |name: &str| RunEntry { name: name.into(), verdict: Trust::Valid, run: common::run(), scenario: None };
    let timelines = ["a", "b"].map(|name| (name.to_owned(), Timeline::of(&eventful(RunKind::Simulated))));
    html::runs_over_time(&[entry("a"), entry("b")], &timelines)
}

/// Every kind of page, by name.
fn pages() -> Vec<(&'static str, String)> {
    let (a, b) = (directory(RunKind::Simulated, 0), directory(RunKind::Measured, 1_000));
    let entry = |name: &str, run| RunEntry { name: name.into(), verdict: Trust::Valid, run, scenario: None };
    vec![
        ("plan", html::plan(&common::plan())),
        ("infeasible plan", html::plan(&common::infeasible_plan())),
        ("run", html::run(&common::run(), None)),
        ("run with its directory", html::run(&common::run(), Some(&a))),
        ("measured run", measured(Story::Steady)),
        ("overloaded run", measured(Story::Overloaded)),
        ("comparison", html::comparison(&compare(&a, &b, &Tolerances::default()))),
        ("sweep", html::sweep(&sweep(&["2", "4", "8"]))),
        ("eventful run", html::run(&common::run(), Some(&eventful(RunKind::Simulated)))),
        ("eventful runs", eventful_runs()),
        ("eventful comparison", {
            let (a, b) = (eventful(RunKind::Simulated), eventful(RunKind::Measured));
            html::comparison(&compare(&a, &b, &Tolerances::default()))
        }),
        ("runs", html::runs(&[entry("a", common::run()), entry("b", common::measured_run())])),
    ]
}

#[test]
fn no_page_reaches_out() {
    for (name, page) in pages() {
        // Not even the SVG namespace: nothing that looks like an address, and nothing that loads.
        for address in
            ["http:", "https:", "//www", "url(", "@import", "<link", "<img", "<iframe", "<object", " src=", " href="]
        {
            assert!(!page.contains(address), "{name} has {address}");
        }
        assert!(page.contains("default-src 'none'"), "{name} has no content security policy");
    }
}

#[test]
fn pages_are_small_and_the_same_every_time() {
    for ((name, page), (_, again)) in pages().into_iter().zip(pages()) {
        assert!(page == again, "{name}");
        let most = if name.ends_with(" run") || name.starts_with("eventful") { 1_500_000 } else { 300_000 };
        assert!(page.len() < most, "{name}: {} bytes", page.len());
    }
}

#[test]
fn what_only_one_run_has_is_a_count_with_its_list_folded_away() {
    let (a, b) = (directory(RunKind::Simulated, 0), directory(RunKind::Measured, 0));
    let mut comparison = compare(&a, &b, &Tolerances::default());
    comparison.only_in_a = vec!["wal_flush".into(), "full_page_images".into()];
    comparison.only_in_b = vec!["generator_cpu".into()];
    let page = html::comparison(&comparison);
    let said =
        "2 numbers are only in the first run.<details><summary>Which</summary><p>wal_flush, full_page_images.</p>";
    assert!(page.contains(said), "{page}");
    assert!(page.contains("1 number is only in the second run.<details>"));
    (comparison.only_in_a, comparison.only_in_b) = (Vec::new(), Vec::new());
    assert!(!html::comparison(&comparison).contains("only in the"));
}

#[test]
fn elements_are_closed_in_order() {
    const VOID: [&str; 4] = ["meta", "br", "!DOCTYPE", "hr"];
    for (name, page) in pages() {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = page.as_str();
        while let Some(start) = rest.find('<') {
            rest = &rest[start + 1..];
            let end = rest.find('>').unwrap();
            let tag = &rest[..end];
            rest = &rest[end + 1..];
            let element = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
            if let Some(closing) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closing), "{name}");
            } else if !tag.ends_with('/') && !VOID.contains(&element) {
                open.push(element);
            }
            if ["script", "style"].contains(&element) && !tag.starts_with('/') {
                // Their content is not markup.
                rest = &rest[rest.find("</").unwrap()..];
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

#[test]
fn text_of_a_document_stays_text() {
    let attack = "</script><script>alert(1)</script><b onload='x'>\"&";
    let mut plan = common::plan();
    plan.profile = attack.into();
    plan.cluster = attack.into();
    plan.verdict_text = attack.into();
    plan.horizon_label = attack.into();
    plan.warnings = vec![attack.into()];
    plan.reasons[0].why = attack.into();
    plan.reasons[0].label = attack.into();
    plan.bottlenecks[0].resource = attack.into();
    plan.utilisation[0].resource = attack.into();
    plan.latency_curves[0].metric = attack.into();
    plan.load_curve.series[0].name = attack.into();
    plan.storage.at_horizon[0].table = attack.into();
    plan.sensitivity[0].input = attack.into();
    plan.rules[0].unit = attack.into();
    plan.not_modelled[0].what = attack.into();
    plan.calibration.name = attack.into();
    let page = html::plan_with_command(&plan, attack);
    assert!(!page.contains("<script>alert") && !page.contains("<b onload"), "an attack got through");
    // The two scripts of the page itself, and no third.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn the_page_holds_its_document_as_json() {
    let plan = common::plan();
    let page = html::plan(&plan);
    let start = page.find("id=\"document\">").unwrap() + "id=\"document\">".len();
    let end = start + page[start..].find("</script>").unwrap();
    let back: plimsoll_reports::plan_document::PlanDocument = serde_json::from_str(&page[start..end]).unwrap();
    assert_eq!(back, plan);
}

#[test]
fn the_plan_page_says_the_answer_first_and_marks_the_plan() {
    let page = html::plan(&common::plan());
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    let order = [
        "Fits",
        "Worker pods",
        "What to provision",
        "How much load",
        "What breaks first",
        "Storage",
        "How wrong",
        "--seed 42",
    ];
    let body = place("<main>");
    let places: Vec<usize> = order.iter().map(|text| body + page[body..].find(text).unwrap()).collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
    // The load line: its label, and the circle of a Plimsoll mark in broad and narrow.
    assert_eq!(page.matches("\nplan: 180/s\n").count(), 2);
    let mark = format!("<circle cx=\"{}", "");
    assert!(page.contains(&mark) && page.contains(&format!("stroke=\"{}\"", Role::Mark.sentinel())));
    assert!(page.contains("The first promise breaks at 241/s, 34\u{a0}% above the mark."));
    assert!(html::plan(&common::infeasible_plan()).contains("Does not fit"));
}

#[test]
fn every_role_of_a_chart_has_its_place_in_the_style_sheet() {
    let page = html::plan(&common::plan());
    for part in page.split(['"']).filter(|part| part.len() == 7 && part.starts_with("#0")) {
        let rule = page.contains(&format!("[stroke=\"{part}\"]{{stroke:"))
            && page.contains(&format!("[fill=\"{part}\"]{{fill:"));
        assert!(rule, "no rule for {part}");
    }
}

fn curve(points: &[(f64, f64)]) -> QuantileCurve {
    let points = points.iter().map(|(x, y)| CurvePoint { x: *x, y: *y }).collect();
    QuantileCurve { metric: "start".into(), points, samples: 1_000 }
}

#[test]
fn a_small_chart_is_drawn_as_ever() {
    let curve = curve(&[(0.0, 0.01), (0.5, 0.02), (0.9, 0.04), (0.99, 0.08)]);
    insta::assert_snapshot!(chart::percentiles(&[&curve], &[], NARROW).unwrap());
}

#[test]
fn the_skeleton_of_the_page_is_as_ever() {
    // Headings and figures only: numbers and drawings have their own tests.
    let page = html::plan(&common::plan());
    let mut skeleton = String::new();
    for part in page.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let element = tag.split(' ').next().unwrap_or("");
        if ["title", "h1", "h2", "h3", "figure", "summary", "button", "main", "footer", "dt"].contains(&element) {
            skeleton.push_str(&format!("{tag}: {}\n", text.trim()));
        }
    }
    insta::assert_snapshot!(skeleton);
}

#[test]
fn a_sweep_is_drawn_where_its_values_are_numbers_of_one_unit() {
    assert_eq!(html::sweep(&sweep(&["10ms", "20ms"])).matches("<figure").count(), 4);
    assert_eq!(html::sweep(&sweep(&["10ms", "1s"])).matches("<figure").count(), 0);
    assert_eq!(html::sweep(&sweep(&["go", "java"])).matches("<figure").count(), 0);
}

#[test]
fn charts_stand_odd_data() {
    let odd = [
        curve(&[]),
        curve(&[(0.5, 0.0)]),
        curve(&[(0.5, f64::NAN), (1.0, f64::INFINITY)]),
        curve(&[(0.0, 1e-300), (0.999_999_999, 1e300)]),
    ];
    for shape in [HALF, NARROW] {
        for curve in &odd {
            let svg = chart::percentiles(&[curve], &[], shape).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"), "{svg}");
        }
        let empty = LoadCurve { series: Vec::new(), planned_per_second: 0.0, knee_per_second: Some(f64::NAN) };
        assert!(chart::load(&empty, shape).unwrap().contains("plan: 0/s"));
        assert!(chart::months(&[], &number::storage, shape).is_ok());
        let hundred_years = vec![(0.0, 0.0), (36_500.0, 1e18)];
        assert!(chart::months(&[hundred_years, vec![]], &number::storage, shape).is_ok());
        assert!(chart::time(&[vec![(0.0, -1.0), (1e12, f64::NAN)]], &|value| value.to_string(), false, shape).is_ok());
    }
}

#[test]
fn a_plan_of_nothing_is_still_a_page() {
    let mut plan = common::plan();
    plan.bottlenecks.clear();
    plan.slo.clear();
    plan.reasons.clear();
    plan.rules.clear();
    plan.limits.clear();
    plan.latency_curves.clear();
    plan.load_curve.series.clear();
    plan.load_curve.knee_per_second = None;
    plan.load.breaks_at_per_second = None;
    plan.utilisation.clear();
    plan.storage.total.clear();
    plan.sensitivity.clear();
    plan.not_modelled.clear();
    plan.warnings.clear();
    let page = html::plan(&plan);
    assert!(page.contains("The profile makes no promise.") && page.contains("Nothing known that matters"));
}

#[test]
fn a_measured_run_says_its_verdict_first_and_then_why_to_believe_it() {
    let page = measured(Story::Steady);
    let order = [
        "Suspect",
        "3 starts of 7,203 were not sent",
        "What became of every start",
        "Offered against achieved",
        "few samples",
        "Resources and cost",
        "Self-check",
        "Machine speed",
        "plimsoll-20260102T030405Z-abc123",
    ];
    let body = page.find("<main>").unwrap();
    let place = |text: &&str| page[body..].find(*text).unwrap_or_else(|| panic!("{text} is missing"));
    let places: Vec<usize> = order.iter().map(place).collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
    // Each chart has its numbers: as many tables to unfold as figures with a drawing.
    assert_eq!(page.matches("class=\"plot\"").count(), page.matches("The numbers</summary>").count());
    // Response and service on one chart.
    assert!(page.contains("response, from the intended start") && page.contains("service, from the send"));
}

#[test]
fn the_counts_of_a_measured_run_add_up_on_its_page() {
    let page = measured(Story::Overloaded);
    let count = |row: &str| -> u64 {
        let start = page.find(&format!(">{row}</th>")).unwrap_or_else(|| panic!("no row {row}"));
        let cell = &page[start..][page[start..].find("big\"").unwrap()..];
        let cell = &cell[cell.find('>').unwrap() + 1..];
        cell[..cell.find('<').unwrap()].replace(',', "").parse().unwrap()
    };
    let parts: u64 = ["Completed", "Failed", "Unfinished", "Unsent"].into_iter().map(count).sum();
    assert!(parts > 1_000 && count("Unfinished") > 0);
    assert_eq!(parts, count("Offered"));
}

#[test]
fn an_overloaded_run_shows_no_quantile_of_its_latency() {
    let page = measured(Story::Overloaded);
    assert!(page.contains("Valid, of an overload") && page.contains("growing") && page.contains("did not keep up"));
    let table = &page[page.find("aria-label=\"Latency\"").unwrap()..];
    let table = &table[..table.find("</table>").unwrap()];
    assert!(table.contains("growing") && !table.contains("too few"), "{table}");
}
