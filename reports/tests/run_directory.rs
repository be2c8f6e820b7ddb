//! A run directory gives back what was written, survives a killed writer, and says where it is wrong.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use plimsoll_profiles::units::Nanos;
use plimsoll_reports::run_dir::{self, Clock, ClockSource, Trust, Writer};
use plimsoll_reports::run_document::RunKind;

#[test]
fn what_was_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(RunKind::Simulated, 30.0);
    let seconds = common::shape(30, 200, 0);
    common::write_run(folder.path(), &manifest, &seconds);

    let run = run_dir::read(folder.path()).unwrap();
    assert_eq!(run.manifest, manifest);
    assert_eq!(run.metrics(), ["e2e.response", "start"]);
    assert_eq!(run.intervals.len(), 60);
    assert_eq!(run.merged("start").total(), 6_000);
    assert_eq!(run.resources.columns, ["database_cpu", "backlog"]);
    assert_eq!(run.resources.rows.len(), 30);
    assert_eq!(run.resources.column("database_cpu")[1], (1.0, 0.501));
    assert!(run.resources.column("backlog").is_empty());
    assert!(run.notes.is_empty());

    // Every sample within a bucket's width of where it was recorded.
    let mut samples: Vec<u64> = seconds.concat().into_iter().map(|micros| micros * 1_000).collect();
    samples.sort_unstable();
    for q in [0.1, 0.5, 0.9, 0.99] {
        let exact = samples[(q * 6_000.0) as usize - 1] as f64;
        let read = run.merged("start").quantile(q).unwrap() as f64;
        assert!((read - exact).abs() <= 0.001 * exact, "p{q}: {read} for {exact}");
    }
}

#[test]
fn any_hdrhistogram_tool_reads_the_log() {
    let folder = tempfile::tempdir().unwrap();
    common::write_run(folder.path(), &common::manifest(RunKind::Simulated, 5.0), &common::shape(5, 200, 0));
    let log = fs::read(folder.path().join("run.hlog")).unwrap();
    let mut tags = Vec::new();
    let mut starts = Vec::new();
    let mut total = 0;
    for entry in IntervalLogIterator::new(&log) {
        match entry.unwrap() {
            LogEntry::Interval(interval) => {
                tags.push(interval.tag().unwrap().as_str().to_string());
                // "HISTF": the compressed encoding, the only one that Java's log reader takes.
                assert!(interval.encoded_histogram().starts_with("HISTF"));
                let bytes = base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
                let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                total += histogram.len();
            }
            LogEntry::StartTime(start) | LogEntry::BaseTime(start) => starts.push(start.as_nanos()),
        }
    }
    assert_eq!(tags, ["e2e.response", "start"].repeat(5));
    assert_eq!(starts, [0, 0]);
    assert_eq!(total, 5 * 200 * 2);
}

#[test]
fn a_simulated_run_has_the_same_bytes_every_time() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&one, &two] {
        common::write_run(folder.path(), &common::manifest(RunKind::Simulated, 9.0), &common::shape(9, 150, 3));
    }
    for file in ["run.json", "run.hlog", "resources.csv"] {
        assert!(fs::read(one.path().join(file)).unwrap() == fs::read(two.path().join(file)).unwrap(), "{file}");
    }
}

#[test]
fn a_measured_run_keeps_its_wall_clock() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = common::manifest(RunKind::Measured, 3.0);
    manifest.clock = Clock::wall("2026-01-02T03:04:05Z".parse().unwrap());
    common::write_run(folder.path(), &manifest, &common::shape(3, 100, 0));
    let run = run_dir::read(folder.path()).unwrap();
    assert_eq!(run.manifest.clock.source, ClockSource::Wall);
    assert_eq!(run.manifest.clock.started_at.as_deref(), Some("2026-01-02T03:04:05Z"));
    let log = fs::read_to_string(folder.path().join("run.hlog")).unwrap();
    assert!(log.contains("#[StartTime: 1767323045.000 "), "{}", &log[..200]);
    // Times in the intervals stay relative to the start.
    assert_eq!(run.intervals[2].start, Nanos::from_secs(1));
}

#[test]
fn a_killed_writers_directory_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(RunKind::Simulated, 60.0);
    let mut writer = Writer::create(folder.path(), &manifest).unwrap();
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    histogram.record_n(5_000_000, 100).unwrap();
    for second in 0..3 {
        writer.interval(Nanos::from_secs(second), Nanos::from_secs(1), &[("start", &histogram)]).unwrap();
        writer.resources(Nanos::from_secs(second), &[Some(1.0), Some(2.0)]).unwrap();
    }
    // Killed: no finish, and half a line at the end of both files.
    drop(writer);
    for (file, half) in [("run.hlog", "Tag=start,3.000,1.000,5.0,HISTFAAA"), ("resources.csv", "3,1.")] {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap() + half;
        fs::write(path, text).unwrap();
    }

    let run = run_dir::read(folder.path()).unwrap();
    assert_eq!(run.manifest.verdict.verdict, Trust::Incomplete);
    assert_eq!(run.manifest.summary, None);
    assert_eq!(run.merged("start").total(), 300);
    assert_eq!(run.resources.rows.len(), 3);
    assert_eq!(run.notes.len(), 2);
    assert!(run.notes[0].contains("run.hlog") && run.notes[1].contains("resources.csv"), "{:?}", run.notes);
}

#[test]
fn only_the_measured_window_is_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = common::manifest(RunKind::Simulated, 10.0);
    if let Some(summary) = manifest.summary.as_mut() {
        summary.warmup_seconds = 5.0;
        summary.measured_seconds = 3.0;
    }
    common::write_run(folder.path(), &manifest, &common::shape(10, 100, 0));
    assert_eq!(run_dir::read(folder.path()).unwrap().merged("start").total(), 300);
}

/// Writes a good run, then the given bytes over one of its files, and returns the reader's complaint.
fn complaint(file: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    common::write_run(folder.path(), &common::manifest(RunKind::Simulated, 3.0), &common::shape(3, 100, 0));
    fs::write(folder.path().join(file), bytes).unwrap();
    run_dir::read(folder.path()).unwrap_err().to_string()
}

#[test]
fn errors_name_the_file_the_line_and_what_was_expected() {
    for (file, bytes, wanted) in [
        ("resources.csv", &b"time,a\n"[..], &["resources.csv:1", "seconds"][..]),
        ("resources.csv", b"seconds,a\n0,1\n1,two\n", &["resources.csv:3", "\"two\"", "finite number"]),
        ("resources.csv", b"seconds,a\n0,NaN\n", &["resources.csv:2", "finite number"]),
        ("resources.csv", b"seconds,a\n0,1,2\n", &["resources.csv:2", "3 cells", "expected 2"]),
        ("resources.csv", b"seconds,a\n0,\xff\n", &["resources.csv:2", "UTF-8"]),
        ("run.hlog", b"#x\nnonsense\n", &["run.hlog:2", "nonsense", "Tag="]),
        ("run.hlog", b"#x\n#y\nTag=a,0.0,1.0,2.0,%%%\n", &["run.hlog:3", "base64"]),
        ("run.hlog", b"Tag=a,0.0,1.0,2.0,aGVsbG8=\n", &["run.hlog:1", "HdrHistogram"]),
        ("run.json", b"{\n \"schema_version\": 1,\n \"kind\": \"dreamt\"\n}\n", &["run.json:3", "dreamt"]),
        ("run.json", b"{\"schema_version\": 99}", &["run.json", "99", "newer plimsoll"]),
        ("run.json", b"", &["run.json:1", "manifest"]),
    ] {
        let text = complaint(file, bytes);
        for part in wanted {
            assert!(text.contains(part), "{text:?} lacks {part:?}");
        }
    }
    let missing = run_dir::read(std::path::Path::new("no-such-run")).unwrap_err().to_string();
    assert!(missing.contains("run.json"), "{missing}");
}

#[test]
fn damaged_files_give_an_error_or_a_run_but_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    common::write_run(folder.path(), &common::manifest(RunKind::Simulated, 3.0), &common::shape(3, 100, 0));
    // SplitMix64 with a fixed seed: the same damage every time.
    let mut state = 42u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 16
    };
    let mut refused = 0;
    for file in ["run.hlog", "resources.csv", "run.json"] {
        let path = folder.path().join(file);
        let good = fs::read(&path).unwrap();
        for round in 0..300 {
            let mut bad = good.clone();
            for _ in 0..=next() % 3 {
                let at = next() as usize % bad.len();
                // Letters as often as any byte: damage that stays base64 goes deeper.
                bad[at] = if round % 2 == 0 { b'A' + (next() % 26) as u8 } else { next() as u8 };
            }
            fs::write(&path, &bad).unwrap();
            refused += usize::from(run_dir::read(folder.path()).is_err());
        }
        fs::write(&path, &good).unwrap();
    }
    assert!(refused > 300, "most damage is noticed: {refused}");
    assert!(run_dir::read(folder.path()).is_ok());
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = common::manifest(RunKind::Simulated, 3.0);
    let mut writer = Writer::create(folder.path(), &manifest).unwrap();
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    histogram.record(1).unwrap();
    let spaced = writer.interval(Nanos::ZERO, Nanos::from_secs(1), &[("two words", &histogram)]);
    assert!(spaced.unwrap_err().to_string().contains("two words"));
    let short = writer.resources(Nanos::ZERO, &[Some(1.0)]);
    assert!(short.unwrap_err().to_string().contains("1 values for 2 columns"));

    let mut comma = manifest;
    comma.resources[0].name = "a,b".into();
    assert!(Writer::create(folder.path(), &comma).unwrap_err().to_string().contains("a,b"));
}
