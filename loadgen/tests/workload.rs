//! A profile as work: the same for the same seed, in the profile's shares, of exactly the profile's sizes.
#![allow(clippy::unwrap_used)]

use plimsoll_load::identity::RunId;
use plimsoll_load::workload::{FollowUp, Message, Request, Start, StartKind, Workload, payload};
use plimsoll_profiles::units::{Bytes, Nanos};
use plimsoll_profiles::{Document, World};
use temporalio_common::protos::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;

const HEAD: &str = "name = \"test\"\nsdk = \"rust\"\n[slo]\nstart = { p99 = \"1s\" }\n[cluster]\nuse = \"staging\"\n[arrivals]\nphases = [{ for = \"1min\", rate = \"5/s\" }]\n";

fn workload(workflows: &str, seed: u64) -> Workload {
    let text = format!("{HEAD}{workflows}");
    let document = Document::parse(&text, "test.toml", &[]).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let profile = document.profile(&World::mid()).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let run = RunId::parse("unit-test-0001").unwrap();
    Workload::new(&profile, seed, &run, "default", &run.task_queue()).unwrap()
}

fn started(start: &Start) -> &StartWorkflowExecutionRequest {
    match &start.request {
        StartKind::Start(request) => request,
        StartKind::SignalWithStart(_) => panic!("{} is started with a signal", start.workflow_id),
    }
}

fn type_of(start: &Start) -> &str {
    &started(start).workflow_type.as_ref().unwrap().name
}

const THREE: &str = r#"
[[workflow]]
type = "A"
share = 0.5
steps = [{ timer = "1s" }]
[[workflow]]
type = "B"
share = 0.3
steps = [{ timer = "1s" }]
[[workflow]]
type = "C"
share = 0.2
steps = [{ timer = "1s" }]
"#;

#[test]
fn a_start_depends_on_its_number_and_the_seed_alone() {
    let (one, other) = (workload(THREE, 7), workload(THREE, 7));
    let in_order: Vec<Start> = (0..200).map(|ordinal| one.start(ordinal)).collect();
    let mut backwards: Vec<Start> = (0..200).rev().map(|ordinal| other.start(ordinal)).collect();
    backwards.reverse();
    assert_eq!(in_order, backwards);
    let elsewhere = workload(THREE, 8);
    assert!((0..200).any(|ordinal| type_of(&elsewhere.start(ordinal)) != type_of(&in_order[ordinal as usize])));
}

#[test]
fn types_are_started_in_their_shares() {
    let (seed, n) = (20_261_121, 20_000_u32);
    let workload = workload(THREE, seed);
    let mut counts = [0_u32; 3];
    for ordinal in 0..u64::from(n) {
        counts[usize::from(type_of(&workload.start(ordinal)).as_bytes()[0] - b'A')] += 1;
    }
    let expected = [0.5, 0.3, 0.2].map(|share| share * f64::from(n));
    let terms = counts.iter().zip(expected).map(|(count, expected)| (f64::from(*count) - expected).powi(2) / expected);
    let chi_square: f64 = terms.sum();
    // 0.999 quantile with two degrees of freedom.
    assert!(chi_square < 13.816, "seed {seed}: {counts:?}, chi-square {chi_square}");
}

#[test]
fn an_input_has_exactly_the_profiles_bytes() {
    for (text, bytes) in [("0B", 0), ("1B", 1), ("3B", 3), ("2KiB", 2048), ("1500KiB", 1_536_000)] {
        let workload =
            workload(&format!("[[workflow]]\ntype = \"A\"\ninput = \"{text}\"\nsteps = [{{ timer = \"1s\" }}]\n"), 1);
        let start = workload.start(3);
        let payloads = &started(&start).input.as_ref().unwrap().payloads;
        assert_eq!(payloads.len(), 1);
        assert_eq!(payloads[0].data.len(), bytes, "{text}");
    }
}

#[test]
fn a_payload_above_every_limit_is_refused_before_anything_is_sent() {
    let text = format!("{HEAD}[[workflow]]\ntype = \"A\"\ninput = \"1GiB\"\nsteps = [{{ timer = \"1s\" }}]\n");
    let profile = Document::parse(&text, "test.toml", &[]).unwrap().profile(&World::mid()).unwrap();
    let run = RunId::parse("unit-test-0001").unwrap();
    let refused = Workload::new(&profile, 1, &run, "default", "q").unwrap_err().to_string();
    assert!(refused.contains("A: a payload of 1GiB"), "{refused}");
}

#[test]
fn a_continued_runs_input_keeps_its_size_and_tells_its_number() {
    for size in [4, 5, 100] {
        let payload = payload::of_continued(Bytes(size), "w", 70_000);
        assert_eq!(payload.data.len() as u64, size);
        assert_eq!(payload::run_number(Some(&payload)), 70_000);
    }
    assert_eq!(payload::of_continued(Bytes(0), "w", 1).data.len(), payload::RUN_NUMBER_BYTES);
    assert_eq!(payload::run_number(None), 0);
}

#[test]
fn payloads_do_not_compress() {
    let data = payload::of(Bytes(1 << 16), "w", 0).data;
    let mut counts = [0_u32; 256];
    data.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let bits: f64 = counts.iter().map(|count| f64::from(*count) / f64::from(1 << 16)).map(|p| -p * p.log2()).sum();
    assert!(bits > 7.99, "{bits} bits of entropy per byte");
}

#[test]
fn the_signal_that_comes_with_the_start_is_not_sent_again() {
    let text = r#"
[[workflow]]
type = "A"
signal_with_start = "go"
steps = [{ wait_signal = "go", payload = "321B", after = "2s", from_start = true, count = 3 }]
"#;
    let start = workload(text, 1).start(0);
    let StartKind::SignalWithStart(request) = &start.request else { panic!("{:?}", start.request) };
    assert_eq!(request.signal_name, "go");
    assert_eq!(request.signal_input.as_ref().unwrap().payloads[0].data.len(), 321);
    let due: Vec<Nanos> = start.follow_ups.iter().map(|follow_up| follow_up.after).collect();
    assert_eq!(due, [Nanos::from_secs(2), Nanos::from_secs(4)], "each after the one before");
}

#[test]
fn what_depends_on_a_step_is_left_to_the_worker_unless_there_is_none() {
    let text = r#"
[[workflow]]
type = "A"
steps = [
  { activity = "a", takes = "300ms" },
  { wait_signal = "go", after = "1s" },
  { timer = "5s" },
  { query = "state", count = 2 },
  { parallel = [{ timer = "1s" }, { timer = "3s" }] },
  { update = "change", after = "1s" },
]
"#;
    let attended = workload(text, 1);
    assert_eq!(attended.start(0).follow_ups, []);
    let unattended = attended.unattended().start(0);
    let due: Vec<(u64, &Message)> =
        unattended.follow_ups.iter().map(|follow_up| (follow_up.after.0 / 1_000_000, &follow_up.message)).collect();
    assert_eq!(
        due,
        [
            (1_300, &Message::Signal { name: "go".into(), payload: 100 }),
            (6_300, &Message::Query { name: "state".into(), times: 2 }),
            (10_300, &Message::Update { name: "change".into(), input: 100 }),
        ]
    );
}

#[test]
fn clients_end_the_profiles_share_of_workflows() {
    let (seed, n) = (4, 10_000_u32);
    let text = r#"
[[workflow]]
type = "A"
terminated = { probability = 0.3, after = "10s" }
steps = [{ timer = "1d" }]
"#;
    let workload = workload(text, seed);
    let ended = (0..u64::from(n)).filter(|ordinal| workload.start(*ordinal).may_end_unseen).count() as f64;
    let (mean, deviation) = (0.3 * f64::from(n), (0.3 * 0.7 * f64::from(n)).sqrt());
    assert!((ended - mean).abs() < 4.0 * deviation, "seed {seed}: {ended} of {n}");
}

#[test]
fn durations_are_drawn_from_the_profiles_distribution() {
    let (seed, n) = (11, 10_000_u32);
    let text = r#"
[[workflow]]
type = "A"
steps = [{ wait_signal = "go", from_start = true, after = { p50 = "40ms", p99 = "400ms" } }]
"#;
    let workload = workload(text, seed);
    let draws: Vec<Nanos> = (0..u64::from(n)).map(|ordinal| workload.start(ordinal).follow_ups[0].after).collect();
    for (level, limit) in [(0.5, Nanos::from_millis(40)), (0.99, Nanos::from_millis(400))] {
        let below = draws.iter().filter(|draw| **draw < limit).count() as f64;
        let deviation = (level * (1.0 - level) * f64::from(n)).sqrt();
        assert!((below - level * f64::from(n)).abs() < 4.0 * deviation, "seed {seed}: {below} of {n} below {limit}");
    }
}

#[test]
fn what_is_not_replayed_is_said() {
    let text = "[[workflow]]\ntype = \"A\"\neager_start = true\nsteps = [{ side_effect = \"id\" }]\n";
    let said = workload(text, 1).not_replayed().join("\n");
    assert!(said.contains("eager_start") && said.contains("side_effect"), "{said}");
    let plain = workload("[[workflow]]\ntype = \"A\"\nsteps = [{ timer = \"1s\" }]\n", 1).not_replayed().join("\n");
    assert!(!plain.contains("eager_start") && !plain.contains("side_effect"), "{plain}");
}

#[test]
fn a_message_asked_for_twice_is_one_to_the_server() {
    let text = "[[workflow]]\ntype = \"A\"\nsteps = [{ wait_signal = \"go\", from_start = true, count = 2 }]\n";
    let workload = workload(text, 1);
    let start = workload.start(5);
    let id = |follow_up: &FollowUp| match workload.request(&start.workflow_id, follow_up) {
        Request::Signal(request) => request.request_id,
        other => panic!("{other:?}"),
    };
    assert_eq!(id(&start.follow_ups[0]), id(&workload.start(5).follow_ups[0]));
    assert_ne!(id(&start.follow_ups[0]), id(&start.follow_ups[1]));
}
