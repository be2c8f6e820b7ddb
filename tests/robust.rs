//! No input makes the program panic or hang: broken arguments, and shipped profiles with something changed.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::plimsoll;
use plimsoll_profiles::{Document, World, shipped};
use proptest::prelude::*;

/// Values that fit nowhere, or only just.
const ODD: [&str; 24] = [
    "0",
    "-1",
    "1",
    "0.0",
    "-0.0",
    "1e300",
    "nan",
    "inf",
    "\"\"",
    "\"auto\"",
    "\"0s\"",
    "\"1ns\"",
    "\"1000d\"",
    "\"1e300s\"",
    "\"0/s\"",
    "\"1M/s\"",
    "\"16EiB\"",
    "true",
    "[]",
    "{}",
    "[[]]",
    "9223372036854775807",
    "18446744073709551616",
    "\"é\"",
];

/// The profile with one of its values, words or lines changed, as the numbers say.
fn mutated(text: &str, kind: u8, place: usize, with: usize) -> String {
    let mut lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let at = place % lines.len();
    match kind % 5 {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[with % lines.len()].clone()),
        2 => {
            let characters: Vec<char> = lines[at].chars().collect();
            let skip = with % characters.len().max(1);
            lines[at] = characters.iter().enumerate().filter(|(index, _)| *index != skip).map(|(_, c)| *c).collect();
        }
        // What stands after one of the line's `=` becomes something odd.
        3 => {
            let starts: Vec<usize> = lines[at].match_indices("= ").map(|(start, _)| start + 2).collect();
            let Some(start) = (!starts.is_empty()).then(|| starts[with % starts.len()]) else { return text.to_owned() };
            let end = lines[at][start..].find([',', ' ', '}']).map_or(lines[at].len(), |end| start + end);
            lines[at].replace_range(start..end, ODD[place % ODD.len()]);
        }
        // One digit becomes another.
        _ => {
            let digits: Vec<usize> = lines[at].match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
            let Some(digit) = (!digits.is_empty()).then(|| digits[with % digits.len()]) else { return text.to_owned() };
            lines[at].replace_range(digit..=digit, &(place % 10).to_string());
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overrides_are_taken_or_refused(key in "[a-z_]{0,8}(\\.([a-z_]{1,12}|[0-9]{1,3})){0,4}", value in "\\PC{0,20}") {
        let text = shipped::profile("order-fulfilment").unwrap().text;
        if let Ok(document) = Document::parse(text, "profile.toml", &[format!("{key}={value}")]) {
            prop_assert!(document.profile(&World::mid()).is_ok());
        }
    }

    #[test]
    fn odd_values_are_taken_or_refused(
        key in prop::sample::select(vec![
            "workers.pods", "workers.pod.cpu", "workers.pod.memory", "workers.activity_slots", "growth.factor",
            "growth.headroom", "growth.retention", "slo.start.p99", "slo.start", "arrivals.phases.0.for",
            "arrivals.phases.0.rate", "arrivals.phases", "workflow.0.share", "workflow.0.steps", "workflow.0.input",
            "cluster.history_shards", "cluster.database.vcpu", "cluster.services.history.pods", "sdk", "cluster",
        ]),
        value in prop::sample::select(ODD.to_vec()),
    ) {
        let text = shipped::profile("order-fulfilment").unwrap().text;
        if let Ok(document) = Document::parse(text, "profile.toml", &[format!("{key}={value}")]) {
            prop_assert!(document.profile(&World::mid()).is_ok());
        }
    }
}

/// Runs the whole program for ten seconds on other profiles each time it is changed; the numbers are not random.
#[cfg(unix)]
#[test]
fn changed_profiles_end_with_an_answer_or_a_reason() {
    use common::{ends_within, interrupt};
    let folder = tempfile::tempdir().unwrap();
    let (path, page, err) =
        (folder.path().join("profile.toml"), folder.path().join("page.html"), folder.path().join("stderr"));
    let began = Instant::now();
    let mut number: u64 = 42;
    let mut next = || {
        // Knuth's MMIX generator; its upper bits.
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) as usize
    };
    let mut tried = 0;
    while began.elapsed() < Duration::from_secs(10) && tried < 300 {
        let profile = &shipped::PROFILES[next() % shipped::PROFILES.len()];
        let text = mutated(profile.text, next() as u8, next(), next());
        let command = ["plan", "simulate"][next() % 2];
        fs::write(&path, &text).unwrap();
        let mut child = plimsoll()
            .args([command, path.to_str().unwrap(), "--html", page.to_str().unwrap()])
            .stdout(std::process::Stdio::null())
            .stderr(fs::File::create(&err).unwrap())
            .spawn()
            .unwrap();
        // Most are refused at once; those that are planned need not be planned to their end.
        let started = Instant::now();
        let mut code = None;
        while code.is_none() && started.elapsed() < Duration::from_millis(400) {
            code = child.try_wait().unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
        let code = match code {
            Some(status) => status.code(),
            None => {
                interrupt(&child);
                ends_within(&mut child, Duration::from_secs(30))
            }
        };
        let stderr = fs::read_to_string(&err).unwrap();
        let described = format!("{command} of {} as\n{text}\nended with {code:?}: {stderr}", profile.name);
        assert!(matches!(code, Some(0 | 1 | 2 | 130)), "{described}");
        assert!(!stderr.contains("panicked"), "{described}");
        assert!(code != Some(2) || !stderr.is_empty(), "{described}");
        tried += 1;
    }
    assert!(tried > 20, "only {tried} in {:?}", began.elapsed());
}
