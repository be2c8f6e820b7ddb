//! Each rule of `plimsoll lint` finds what it is about, and nothing where it is not: a pair of profiles, a pair of histories, or both.
#![allow(clippy::unwrap_used)]

#[path = "common/recorded.rs"]
mod recorded;

use std::collections::BTreeSet;

use plimsoll::lint::{self, History, Rule, Settings};
use plimsoll_profiles::{Document, shipped};
use plimsoll_reports::lint_document::{LintDocument, LintSeverity};
use recorded::{Recorded, encrypted, plain};
use serde_json::json;

const FEW_ARRIVALS: &str = "arrivals.phases=[{ for = \"1min\", rate = \"0.01/s\" }]";

/// A rule, and the overrides of the shipped order-fulfilment with which it finds something, and with which it does not.
type Pair = (&'static str, Vec<String>, Vec<String>);

fn pair(rule: &'static str, fires: &[&str], quiet: &[&str]) -> Pair {
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    (rule, owned(fires), owned(quiet))
}

/// The steps of the only workflow type.
fn steps(steps: &str) -> String {
    format!("workflow.0.steps=[{steps}]")
}

fn many(count: usize, step: &str) -> String {
    steps(&format!("{{ parallel = [{}] }}", vec![step; count].join(",")))
}

const PODS: [&str; 3] = ["workers.pods=6", "workers.activity_slots=100", "workers.workflow_task_slots=100"];

fn with_pods(more: &[&'static str]) -> Vec<&'static str> {
    [&PODS[..], more].concat()
}

fn profile_pairs() -> Vec<Pair> {
    let activity = "{ activity = \"a\", takes = \"1s\", start_to_close = \"10s\" }";
    let long = "workflow.0.steps.0={ activity = \"a\", takes = \"90s\", start_to_close = \"5min\"";
    let long_with = |more: &str| vec![format!("{long}{more} }}")];
    let short_steps = steps(activity);
    let own = |rule, fires: Vec<String>, quiet: Vec<String>| -> Pair { (rule, fires, quiet) };
    let few_arrivals = |more: String| vec![FEW_ARRIVALS.to_owned(), more];
    vec![
        own(
            "PL101",
            few_arrivals(steps("{ repeat = { times = 900, steps = [{ activity = \"a\", takes = \"1s\" }] } }")),
            few_arrivals(steps("{ repeat = { times = 600, steps = [{ activity = \"a\", takes = \"1s\" }] } }")),
        ),
        own(
            "PL102",
            few_arrivals(steps(
                "{ repeat = { times = 40, steps = [{ side_effect = \"s\", payload = \"1B\" }, { repeat = { times = 30, steps = [{ timer = \"2s\" }] } }] } }",
            )),
            few_arrivals(steps("{ repeat = { times = 1000, steps = [{ timer = \"2s\" }] } }")),
        ),
        own(
            "PL103",
            few_arrivals(steps("{ repeat = { times = 50, steps = [{ side_effect = \"s\", payload = \"100KiB\" }] } }")),
            few_arrivals(steps("{ repeat = { times = 30, steps = [{ side_effect = \"s\", payload = \"100KiB\" }] } }")),
        ),
        pair("PL104", &["workflow.0.steps.0.output=512KiB"], &["workflow.0.steps.0.output=500KiB"]),
        pair("PL105", &["workflow.0.steps.0.output=1MiB"], &["workflow.0.steps.0.output=400KiB"]),
        own(
            "PL106",
            few_arrivals(many(3, "{ activity = \"a\", takes = \"1s\", input = \"1500KiB\" }")),
            few_arrivals(many(2, "{ activity = \"a\", takes = \"1s\", input = \"1500KiB\" }")),
        ),
        own("PL107", few_arrivals(many(501, activity)), few_arrivals(many(500, activity))),
        pair("PL109", &[FEW_ARRIVALS, "workflow.0.steps.2={ wait_signal = \"s\", count = 9000 }"], &[]),
        pair(
            "PL110",
            &[FEW_ARRIVALS, "workflow.0.steps.2={ update = \"u\", count = 1700 }"],
            &[FEW_ARRIVALS, "workflow.0.steps.2={ update = \"u\", count = 170 }"],
        ),
        own(
            "PL112",
            vec![steps("{ local_activity = \"l\", takes = \"5ms\" }, { continue_as_new = { runs = 3 } }")],
            vec![steps("{ timer = \"2s\" }, { continue_as_new = { runs = 3 } }")],
        ),
        pair("PL201", &["workflow.0.steps.0={ activity = \"a\", takes = \"1s\" }"], &[]),
        // p99.9 of { p50 = 300 ms, p99 = 4 s } is 9.4 s.
        pair("PL202", &["workflow.0.steps.1.start_to_close=9s"], &["workflow.0.steps.1.start_to_close=10s"]),
        own("PL203", long_with(""), long_with(", heartbeat = { every = \"10s\", timeout = \"30s\" }")),
        own(
            "PL204",
            long_with(", heartbeat = { every = \"10s\" }"),
            long_with(", heartbeat = { every = \"10s\", timeout = \"30s\" }"),
        ),
        own(
            "PL205",
            long_with(", heartbeat = { every = \"10s\", timeout = \"50s\" }"),
            long_with(", heartbeat = { every = \"10s\", timeout = \"45s\" }"),
        ),
        pair("PL206", &["workflow.0.steps.0.schedule_to_close=20s"], &["workflow.0.steps.0.schedule_to_close=21s"]),
        pair("PL207", &["workflow.0.steps.0.schedule_to_start=59s"], &["workflow.0.steps.0.schedule_to_start=1min"]),
        pair(
            "PL208",
            &["workflow.0.steps.0={ local_activity = \"l\", takes = \"10s\" }"],
            &["workflow.0.steps.0={ local_activity = \"l\", takes = \"9s\" }"],
        ),
        pair("PL209", &["workflow.0.steps.1.retry.attempts=0"], &[]),
        pair("PL210", &[], &["workflow.0.steps.1.non_retryable=0.3"]),
        pair("PL211", &["workflow.0.steps.1.retry={ initial = \"1s\", backoff = 1.0, attempts = 100 }"], &[]),
        pair("PL212", &["workflow.0.steps.1.retry.initial=100ms"], &[]),
        pair("PL213", &[], &["workflow.0.execution_timeout=30d"]),
        pair("PL214", &["workflow.0.execution_timeout=1h"], &["workflow.0.execution_timeout=30d"]),
        own("PL216", vec![steps("{ timer = \"200ms\" }")], vec![steps("{ timer = \"1s\" }")]),
        pair("PL301", &with_pods(&["workers.activity_pollers=1"]), &with_pods(&["workers.activity_pollers=40"])),
        pair(
            "PL302",
            &["workers.activity_pollers=21", "workers.activity_slots=20"],
            &["workers.activity_pollers=20", "workers.activity_slots=20"],
        ),
        pair(
            "PL303",
            &["workers.pods=361", "workers.activity_pollers=10", "workers.activity_slots=10"],
            &["workers.pods=360", "workers.activity_pollers=10", "workers.activity_slots=10"],
        ),
        pair("PL304", &["workers.pods=6"], &PODS),
        pair(
            "PL305",
            &["workers.pods=3", "workers.activity_slots=10"],
            &["workers.pods=3", "workers.activity_slots=200"],
        ),
        pair("PL306", &["workers.pods=3", "workers.pod.cpu=0.2"], &["workers.pods=6"]),
        // 128 MiB + 120 × 16 MiB is exactly 2 GiB.
        pair("PL307", &["workers.activity_slots=121"], &["workers.activity_slots=120"]),
        own(
            "PL308",
            with_pods(&["workers.cached_workflows=1000"]).iter().map(ToString::to_string).collect(),
            [PODS[0], "workers.cached_workflows=1000", short_steps.as_str()].map(str::to_owned).to_vec(),
        ),
        pair("PL309", &["workers.cached_workflows=0"], &["workers.cached_workflows=100"]),
        pair("PL310", &["workers.pods=1"], &["workers.pods=3"]),
        pair(
            "PL311",
            &[
                "workers.pods=6",
                "arrivals.phases=[{ for = \"20min\", rate = \"2/s\" }, { for = \"2min\", rate = \"20/s\" }]",
            ],
            &["workers.pods=6"],
        ),
        pair("PL313", &["workers.graceful_timeout=9s"], &["workers.graceful_timeout=10s"]),
        pair("PL314", &["workers.termination_grace=30s"], &["workers.termination_grace=31s"]),
        pair("PL401", &["cluster.history_shards=500"], &["cluster.history_shards=512"]),
        pair("PL402", &["cluster.history_shards=4"], &["cluster.history_shards=4096"]),
        pair("PL403", &["cluster.services.history.pods=4"], &["cluster.services.history.pods=5"]),
        pair("PL404", &["cluster.shared_host={ cpu = 16, memory = \"64GiB\" }"], &[]),
        pair(
            "PL405",
            &[
                "cluster.services.frontend.pods=3",
                "cluster.server.frontend_rps=100/s",
                "cluster.server.namespace_rps=100/s",
            ],
            &["cluster.services.frontend.pods=3"],
        ),
        pair(
            "PL406",
            &["cluster.services.history.pods=2", "cluster.max_connections=1"],
            &["cluster.services.history.pods=5"],
        ),
        pair(
            "PL407",
            &["cluster.use=temporal-cloud"],
            &["cluster.use=temporal-cloud", "cluster.cloud.actions_per_second=5000/s"],
        ),
        pair("PL408", &[], &["cluster.visibility.store=elasticsearch"]),
        pair("PL409", &["cluster.database.synchronous_commit=off"], &[]),
        pair("PL410", &["cluster.backup.wal_archive_interval=61min"], &["cluster.backup.wal_archive_interval=60min"]),
        pair("PL411", &["growth.retention=91d"], &["growth.retention=91d", "cluster.archival={ keep = \"365d\" }"]),
        pair("PL502", &["growth.survive_pod_loss=false"], &[]),
        pair("PL503", &["growth.headroom=0.05"], &["growth.headroom=0.1"]),
        pair("PL504", &["growth={ retention = \"30d\" }"], &[]),
        own(
            "PL505",
            vec![steps("{ timer = \"1h\" }"), "slo.end_to_end={ p99 = \"10min\" }".to_owned()],
            vec![steps("{ timer = \"1h\" }"), "slo.end_to_end={ p99 = \"2h\" }".to_owned()],
        ),
        pair("PL601", &["workflow.0.steps.0.activity=store-password"], &[]),
        pair("PL602", &["workflow.0.steps.0.activity=checkIban"], &[]),
    ]
}

/// Rules about what is not written: the shipped text, changed.
fn text_pairs() -> Vec<(&'static str, String, String)> {
    let text = || shipped::profile("order-fulfilment").unwrap().text.to_owned();
    let without = |start: &str, end: &str| {
        let text = text();
        let from = text.find(start).unwrap();
        let to = from + text[from..].find(end).unwrap();
        format!("{}{}", &text[..from], &text[to..])
    };
    let children = |times: u32| {
        format!(
            "name = \"t\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"0.01/s\" }}]\n[[workflow]]\ntype = \"W\"\nshare = 1.0\n\
             steps = [{{ repeat = {{ times = {times}, steps = [{{ child = \"C\", wait = false }}] }} }}]\n\
             [[workflow]]\ntype = \"C\"\nsteps = [{{ timer = \"2s\" }}]\n"
        )
    };
    vec![
        ("PL108", children(501), children(500)),
        ("PL312", without("graceful_timeout", "\n\n"), text()),
        ("PL501", without("[slo]", "[workers]"), text()),
    ]
}

fn history_pairs() -> Vec<(&'static str, Recorded, Recorded)> {
    let sound = Recorded::sound;
    let long = |events: u64| {
        let mut recorded = sound();
        for _ in 0..events {
            recorded.add("markerRecorded", json!({ "markerName": "SideEffect" }));
        }
        recorded
    };
    let sized = |bytes: u64| sound().task(json!({}), bytes);
    let activity = |seconds: u64, attempts: u64, changes| sound().activity(seconds, attempts, changes);
    let opened = |count: usize, kind: &str| {
        let mut recorded = sound();
        for _ in 0..count {
            recorded.add(kind, json!({}));
        }
        recorded
    };
    let result = |bytes: usize| sound().with("activityTaskCompleted", json!({ "result": encrypted(bytes) }));
    let timed_out = |kind: &str| {
        let mut recorded = sound();
        let scheduled = recorded.add("activityTaskScheduled", json!({ "activityType": { "name": "a" } })).to_string();
        let failure = json!({ "timeoutFailureInfo": { "timeoutType": "TIMEOUT_TYPE_START_TO_CLOSE" } });
        recorded.with(kind, json!({ "scheduledEventId": scheduled, "failure": failure }))
    };
    let failed = |cause: &str| sound().with("workflowTaskFailed", json!({ "cause": cause }));
    let external = |count: usize| opened(count, "signalExternalWorkflowExecutionInitiated");
    vec![
        ("PL101", long(4_092), long(4_091)),
        ("PL103", sized(4 << 20), sized((4 << 20) - 1)),
        ("PL104", result(600_000), result(400_000)),
        ("PL105", result(1_000_000), result(900_000)),
        ("PL107", opened(501, "activityTaskScheduled"), opened(500, "activityTaskScheduled")),
        (
            "PL108",
            opened(501, "startChildWorkflowExecutionInitiated"),
            opened(500, "startChildWorkflowExecutionInitiated"),
        ),
        ("PL109", opened(8_000, "workflowExecutionSignaled"), opened(7_999, "workflowExecutionSignaled")),
        ("PL110", opened(1_600, "workflowExecutionUpdateAccepted"), opened(1_599, "workflowExecutionUpdateAccepted")),
        (
            "PL111",
            external(501),
            external(500)
                .with("externalWorkflowExecutionSignaled", json!({}))
                .with("signalExternalWorkflowExecutionInitiated", json!({})),
        ),
        (
            "PL202",
            activity(9, 1, json!({ "startToCloseTimeout": "10s" })),
            activity(9, 1, json!({ "startToCloseTimeout": "30s" })),
        ),
        ("PL203", activity(90, 1, json!({ "heartbeatTimeout": "0s" })), activity(90, 1, json!({}))),
        ("PL205", activity(90, 1, json!({ "heartbeatTimeout": "60s" })), activity(90, 1, json!({}))),
        (
            "PL207",
            activity(5, 1, json!({ "scheduleToStartTimeout": "10s" })),
            activity(5, 1, json!({ "scheduleToStartTimeout": "90s" })),
        ),
        ("PL209", activity(5, 12, json!({ "retryPolicy": { "maximumAttempts": 0 } })), activity(5, 12, json!({}))),
        (
            "PL210",
            activity(5, 2, json!({ "retryPolicy": { "nonRetryableErrorTypes": [] } })),
            activity(5, 2, json!({})),
        ),
        ("PL212", activity(5, 2, json!({ "retryPolicy": { "initialInterval": "0.100s" } })), activity(5, 2, json!({}))),
        ("PL215", timed_out("activityTaskTimedOut"), timed_out("activityTaskFailed")),
        (
            "PL216",
            sound().with("timerStarted", json!({ "startToFireTimeout": "0.500s" })),
            sound().with("timerStarted", json!({ "startToFireTimeout": "5s" })),
        ),
        (
            "PL601",
            sound().with(
                "upsertWorkflowSearchAttributes",
                json!({ "searchAttributes": { "indexedFields": { "ApiKey": {} } } }),
            ),
            sound().with(
                "upsertWorkflowSearchAttributes",
                json!({ "searchAttributes": { "indexedFields": { "Region": {} } } }),
            ),
        ),
        (
            "PL602",
            sound().with("workflowExecutionSignaled", json!({ "signalName": "new-credit-card" })),
            sound().with("workflowExecutionSignaled", json!({ "signalName": "new-address" })),
        ),
        // {"user":"u","password":"p"} and {"user":"u","pass":true}.
        (
            "PL603",
            sound()
                .with("workflowExecutionSignaled", json!({ "input": plain("eyJ1c2VyIjoidSIsInBhc3N3b3JkIjoicCJ9") })),
            sound().with("workflowExecutionSignaled", json!({ "input": plain("eyJ1c2VyIjoidSIsInBhc3MiOnRydWV9") })),
        ),
        ("PL604", sound().with("workflowExecutionSignaled", json!({ "input": plain("e30=") })), sound()),
        (
            "PL701",
            failed("WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"),
            failed("WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE"),
        ),
        (
            "PL702",
            failed("WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE"),
            sound().with("workflowTaskTimedOut", json!({ "timeoutType": "TIMEOUT_TYPE_SCHEDULE_TO_START" })),
        ),
        (
            "PL703",
            Recorded::start(json!({ "workflowId": "01a1fd79-2b4c-7611-bfed-f3d969751c48" })).task(json!({}), 1),
            sound(),
        ),
        (
            "PL704",
            Recorded::start(json!({})).task(json!({ "deploymentVersion": { "buildId": "" } }), 1),
            Recorded::start(json!({}))
                .task(json!({ "deploymentVersion": { "buildId": "" } }), 1)
                .with("markerRecorded", json!({ "markerName": "core_patch" })),
        ),
    ]
}

fn lint_text(text: &str, overrides: &[String]) -> LintDocument {
    let document = Document::parse(text, "profile.toml", overrides).unwrap_or_else(|problems| panic!("{problems}"));
    lint::profile(&document, &Settings { seed: 42, ..Settings::default() }).unwrap_or_else(|error| panic!("{error:?}"))
}

fn lint_shipped(overrides: &[String]) -> LintDocument {
    lint_text(shipped::profile("order-fulfilment").unwrap().text, overrides)
}

fn lint_history(recorded: Recorded) -> LintDocument {
    let history = History::read("history.json", &recorded.text()).unwrap_or_else(|error| panic!("{error}"));
    lint::histories(&[history], &Settings::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Fails unless the rule is found in one and not in the other, with all that a finding has to say.
fn check(rule: &str, fires: &LintDocument, quiet: &LintDocument) {
    let found: Vec<_> = fires.findings.iter().filter(|finding| finding.rule == rule).collect();
    let all: Vec<&str> = fires.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert!(!found.is_empty(), "{rule} finds nothing where it should; found {all:?}");
    let entry = fires.rule(rule).unwrap();
    for finding in found {
        assert!(finding.severity <= entry.severity, "{finding:?}");
        assert!(!finding.message.is_empty() && !finding.found.is_empty() && !finding.limit.is_empty(), "{finding:?}");
        assert!(!finding.place.path.is_empty(), "{finding:?}");
    }
    let wrong: Vec<_> = quiet.findings.iter().filter(|finding| finding.rule == rule).collect();
    assert!(wrong.is_empty(), "{rule} finds something where nothing is: {wrong:#?}");
}

#[test]
fn each_rule_on_profiles_finds_its_case_and_not_the_one_beside_it() {
    for (rule, fires, quiet) in profile_pairs() {
        eprintln!("{rule}");
        check(rule, &lint_shipped(&fires), &lint_shipped(&quiet));
    }
    for (rule, fires, quiet) in text_pairs() {
        eprintln!("{rule}");
        check(rule, &lint_text(&fires, &[]), &lint_text(&quiet, &[]));
    }
}

#[test]
fn each_rule_on_histories_finds_its_case_and_not_the_one_beside_it() {
    for (rule, fires, quiet) in history_pairs() {
        eprintln!("{rule}");
        check(rule, &lint_history(fires), &lint_history(quiet));
    }
    assert_eq!(lint_history(Recorded::sound().activity(20, 1, json!({}))).findings, []);
}

#[test]
fn no_rule_is_without_its_pair() {
    let on_profiles: BTreeSet<&str> =
        profile_pairs().iter().map(|pair| pair.0).chain(text_pairs().iter().map(|pair| pair.0)).collect();
    let on_histories: BTreeSet<&str> = history_pairs().iter().map(|pair| pair.0).collect();
    let rules = lint::all_rules();
    let ids =
        |wanted: fn(&&&Rule) -> bool| -> BTreeSet<&str> { rules.iter().filter(wanted).map(|rule| rule.id).collect() };
    assert_eq!(on_profiles, ids(|rule| rule.checked.profiles()));
    assert_eq!(on_histories, ids(|rule| rule.checked.histories()));
}

#[test]
fn ids_and_names_are_unique_and_ids_are_in_the_order_of_their_groups() {
    let rules = lint::all_rules();
    let ids: BTreeSet<_> = rules.iter().map(|rule| rule.id).collect();
    let names: BTreeSet<_> = rules.iter().map(|rule| rule.name).collect();
    assert_eq!((ids.len(), names.len()), (rules.len(), rules.len()));
    for rule in &rules {
        assert!(rule.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.name);
        let hundred: usize = rule.id.strip_prefix("PL").unwrap()[..1].parse().unwrap();
        assert_eq!(hundred, rule.group as usize + 1, "{}", rule.id);
        for text in [rule.title, rule.source, rule.why, rule.mend] {
            assert!(!text.trim().is_empty() && !text.ends_with('.'), "{}: {text:?}", rule.id);
        }
    }
}

#[test]
fn the_checklist_page_names_every_rule_and_no_other_and_no_line_is_left_open() {
    let page = include_str!("../docs/checklist.md");
    let known: BTreeSet<String> = lint::all_rules().iter().map(|rule| rule.id.to_owned()).collect();
    let mut named = BTreeSet::new();
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 2, "{line}");
        let ids: Vec<String> = cells[1]
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.len() == 5 && word.starts_with("PL"))
            .map(str::to_owned)
            .collect();
        if cells[1].starts_with("Rule, or") {
            continue;
        }
        rows += 1;
        let reason =
            cells[1].split_once("No rule").and_then(|(_, rest)| rest.split_once(": ")).map_or("", |(_, reason)| reason);
        assert!(!ids.is_empty() || reason.len() > 10, "neither a rule nor a reason: {line}");
        named.extend(ids);
    }
    assert_eq!(named, known);
    assert!(rows > 90, "{rows} lines");
}

#[test]
fn shipped_profiles_have_no_errors_and_no_warnings() {
    for profile in shipped::PROFILES {
        let document = lint_text(profile.text, &[]);
        let bad: Vec<_> = document
            .findings
            .iter()
            .filter(|finding| finding.severity != LintSeverity::Note)
            .map(|f| (&f.rule, &f.message))
            .collect();
        assert!(bad.is_empty(), "{}: {bad:#?}", profile.name);
        assert!(document.passed);
    }
}

#[test]
fn severities_follow_the_servers_limits() {
    let severity = |events: u32| {
        let steps = format!(
            "workflow.0.steps=[{{ repeat = {{ times = {events}, steps = [{{ side_effect = \"s\", payload = \"1B\" }}] }} }}]"
        );
        let document = lint_shipped(&[FEW_ARRIVALS.to_owned(), steps]);
        document
            .findings
            .iter()
            .find(|finding| finding.rule == "PL101")
            .map(|finding| (finding.severity, finding.limit.clone()))
    };
    // Five events of the start, the workflow task and the end, one for each side effect.
    assert_eq!(severity(4_090), None);
    assert_eq!(severity(4_091).unwrap().1, "4,096 events: the server suggests continue-as-new");
    assert_eq!(severity(10_235).unwrap(), (LintSeverity::Warning, "10,240 events: the server warns".to_owned()));
    assert_eq!(
        severity(51_195).unwrap(),
        (LintSeverity::Error, "51,200 events: the server terminates the run".to_owned())
    );
}

fn of_rule<'d>(document: &'d LintDocument, rule: &str) -> Vec<&'d str> {
    document.findings.iter().filter(|finding| finding.rule == rule).map(|finding| finding.message.as_str()).collect()
}

#[test]
fn a_pod_is_killed_too_early_whether_or_not_it_runs_activities() {
    let timers = [FEW_ARRIVALS.to_owned(), steps("{ timer = \"2s\" }")];
    let with = |grace: &str| lint_shipped(&[&timers[..], &[format!("workers.termination_grace={grace}")]].concat());
    assert_eq!(of_rule(&with("5s"), "PL314").len(), 1);
    assert!(of_rule(&with("10min"), "PL314").is_empty());
    assert!(of_rule(&with("5s"), "PL313").is_empty() && of_rule(&with("5s"), "PL312").is_empty());
}

#[test]
fn the_frontends_of_temporal_cloud_are_not_ones_own_to_count() {
    let polls = ["workers.pods=900", "workers.activity_pollers=10", "workers.activity_slots=10"].map(str::to_owned);
    assert_eq!(of_rule(&lint_shipped(&polls), "PL303").len(), 1);
    let on_cloud = [&["cluster.use=temporal-cloud".to_owned()][..], &polls].concat();
    assert!(of_rule(&lint_shipped(&on_cloud), "PL303").is_empty());
}

#[test]
fn a_retry_storm_is_of_the_starts_of_its_own_type() {
    let with = |share: f64| {
        let other =
            format!("[[workflow]]\ntype = \"Other\"\nshare = {}\nsteps = [{{ timer = \"2s\" }}]\n", 1.0 - share);
        let text = format!(
            "name = \"t\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"10/s\" }}]\n[[workflow]]\ntype = \"W\"\nshare = {share}\n\
             steps = [{{ activity = \"a\", takes = \"10ms\", fails = 0.1, retry = {{ initial = \"1s\", backoff = 1.0, attempts = 100 }} }}]\n{}",
            if share < 1.0 { other.as_str() } else { "" }
        );
        of_rule(&lint_text(&text, &[]), "PL211").concat()
    };
    // All of ten minutes' activities try once a second.
    assert!(with(1.0).ends_with("up to 6,000 a second"), "{}", with(1.0));
    assert!(with(0.25).ends_with("up to 1,500 a second"), "{}", with(0.25));
}

#[test]
fn what_only_the_high_estimates_do_is_told_as_such_and_never_as_an_error() {
    let overrides =
        ["workflow.0.steps.1.takes={ p50 = \"300ms\", p99 = { low = \"2s\", mid = \"4s\", high = \"30s\" } }"
            .to_owned()];
    let document = lint_shipped(&overrides);
    let finding = document.findings.iter().find(|finding| finding.rule == "PL202").unwrap();
    assert_eq!(finding.severity, LintSeverity::Warning);
    assert!(finding.message.ends_with("when the uncertain inputs are high"), "{finding:?}");
}

#[test]
fn histories_are_as_long_as_real_ones() {
    // Events that a real server wrote for these shapes (the sample histories): exact where every completion has a workflow task of its own,
    // an upper bound where several share one.
    let cases = [
        ("act1-1", "{ activity = \"a\", takes = \"5ms\" }", true),
        ("act3_sequential-1", "{ activity = \"a\", takes = \"5ms\", count = 3 }", true),
        (
            "act4_parallel-1",
            "{ parallel = [{ activity = \"a\", takes = \"5ms\" }, { activity = \"a\", takes = \"5ms\" }, { activity = \"a\", takes = \"5ms\" }, { activity = \"a\", takes = \"5ms\" }] }",
            false,
        ),
        (
            "act4_parallel-2",
            "{ parallel = [{ activity = \"a\", takes = \"5ms\" }, { activity = \"a\", takes = \"5ms\" }, { activity = \"a\", takes = \"5ms\" }, { activity = \"a\", takes = \"5ms\" }] }",
            false,
        ),
        ("local3-1", "{ local_activity = \"a\", takes = \"5ms\", count = 3 }", true),
        ("heartbeat3_every_1s-1", "{ activity = \"a\", takes = \"3s\" }", true),
        ("retry1_after_100ms-1", "{ activity = \"a\", takes = \"5ms\" }", true),
        ("signal2-1", "{ wait_signal = \"go\", count = 2 }", false),
        ("signal2-2", "{ wait_signal = \"go\", count = 2 }", false),
        ("timer_2s-1", "{ timer = \"2s\" }", true),
    ];
    for (name, steps, exact) in cases {
        let path = format!("{}/tests/data/histories/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let real = History::read(name, &std::fs::read_to_string(path).unwrap()).unwrap().events;
        let text = format!(
            "name = \"t\"\n[arrivals]\nphases = [{{ for = \"1min\", rate = \"1/s\" }}]\n[[workflow]]\ntype = \"W\"\nsteps = [{steps}]\n"
        );
        let document = Document::parse(&text, "t.toml", &[]).unwrap();
        let counted = lint::events_of_longest_runs(&document).unwrap()[0];
        assert!(
            if exact { counted == real } else { counted >= real && counted <= real * 2 },
            "{name}: {counted} for {real}"
        );
    }
}

#[test]
fn a_load_that_takes_minutes_to_simulate_is_left_out_and_said() {
    let steps =
        "workflow.0.steps=[{ repeat = { times = 900, steps = [{ activity = \"a\", takes = \"1s\" }] } }]".to_owned();
    let document = lint_shipped(&[steps, "workers.pods=1".to_owned(), "workers.pod.cpu=0.1".to_owned()]);
    assert!(
        document.notes.iter().any(|note| note.contains("the rules on load were not checked")),
        "{:?}",
        document.notes
    );
    assert!(!document.findings.iter().any(|finding| finding.rule == "PL306"));
    assert!(lint_shipped(&["workers.pods=1".to_owned(), "workers.pod.cpu=0.1".to_owned()]).notes.is_empty());
}
