//! The program as its users meet it: what it prints where, and how it ends.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Outcome, plimsoll, run};

const COMMANDS: [&str; 17] = [
    "plan",
    "simulate",
    "scenarios",
    "sweep",
    "rollouts",
    "cost",
    "forecast",
    "compare",
    "report",
    "lint",
    "rules",
    "import",
    "emit",
    "schema",
    "completions",
    "man",
    "load",
];

#[test]
fn help_is_on_stdout_and_names_every_command_and_exit_code() {
    let Outcome { code, stdout, stderr } = run(&["--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for command in COMMANDS {
        assert!(stdout.contains(&format!("\n  {command} ")), "{command} is missing:\n{stdout}");
    }
    assert!(stdout.contains("130 interrupted"), "{stdout}");
    for line in stdout.lines() {
        assert!(line.chars().count() <= 100, "wider than 100 columns: {line}");
    }
}

#[test]
fn every_command_has_help_of_at_most_100_columns() {
    for command in COMMANDS.iter().filter(|command| **command != "load") {
        let Outcome { code, stdout, .. } = run(&[command, "--help"]);
        assert_eq!(code, 0, "{command}");
        assert!(stdout.contains("Usage: plimsoll"), "{command}:\n{stdout}");
        for line in stdout.lines() {
            assert!(line.chars().count() <= 100, "{command}: wider than 100 columns: {line}");
        }
    }
}

#[test]
fn wrong_use_ends_with_2_and_says_it_on_stderr() {
    for arguments in [
        &[][..],
        &["polan"],
        &["plan"],
        &["plan", "x.toml", "--format", "yaml"],
        &["plan", "x.toml", "--threads", "0"],
        &["plan", "x.toml", "--seed", "-1"],
        &["rules"],
        &["rules", "workers"],
        &["completions", "tcsh"],
        &["schema", "nothing"],
    ] {
        let Outcome { code, stdout, stderr } = run(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
    assert!(run(&["polan"]).stderr.contains("'plan'"), "the nearest command is named");
}

#[test]
fn the_worker_rule_prints_the_source_documents_numbers() {
    let Outcome { code, stdout, .. } = run(&[
        "rules",
        "workers",
        "--workflows-per-second",
        "10",
        "--workflow-duration",
        "300s",
        "--activities",
        "5",
        "--activity-duration",
        "10s",
        "--cpu",
        "0.1",
        "--memory",
        "256MiB",
        "--format",
        "json",
    ]);
    let expected = r#"{
  "schema_version": 1,
  "concurrent_workflows": 3000,
  "concurrent_activities": 15000,
  "required_workers": 151,
  "total_cpu_cores": 1500.0,
  "total_memory_gb": 3750.0,
  "cpu_per_worker": 9.93,
  "memory_per_worker_gb": 24.83
}
"#;
    assert_eq!((code, stdout.as_str()), (0, expected));
}

#[test]
fn every_rule_answers_in_every_format() {
    let workers = [
        "workers",
        "--workflows-per-second",
        "600/min",
        "--workflow-duration",
        "5min",
        "--activities",
        "5",
        "--activity-duration",
        "10s",
    ];
    let storage = ["storage", "--workflows-per-day", "100k", "--events-per-workflow", "50", "--retention", "90d"];
    let database = ["database", "--active-workflows", "5M"];
    let strategy = ["strategy", "--change", "major-release"];
    for (rule, in_json, in_text) in [
        (&workers[..], "\"required_workers\": 151", "151"),
        (&storage, "\"storage_required_gb\": 643.73", "643.73 GB"),
        (&database, "\"method\": \"interpolated\"", "interpolated"),
        (&strategy, "\"strategy\": \"blue-green\"", "blue-green: Safe, instant rollback"),
    ] {
        for (format, expected) in [("json", in_json), ("human", in_text), ("csv", "schema_version,")] {
            let arguments: Vec<&str> = [&["rules"], rule, &["--format", format]].concat();
            let Outcome { code, stdout, stderr } = run(&arguments);
            assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
            assert!(stdout.contains(expected), "{arguments:?}:\n{stdout}");
            if format == "human" {
                assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
            }
        }
    }
}

#[test]
fn quantities_need_their_units() {
    let Outcome { code, stderr, .. } = run(&[
        "rules",
        "workers",
        "--workflows-per-second",
        "10",
        "--workflow-duration",
        "300",
        "--activities",
        "5",
        "--activity-duration",
        "10s",
    ]);
    assert_eq!(code, 2);
    assert!(stderr.contains("\"300\" has no unit; expected a duration with unit"), "{stderr}");
    let Outcome { code, stderr, .. } =
        run(&["rules", "storage", "--workflows-per-day", "1", "--events-per-workflow", "1", "--retention", "36h"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("not a whole number of days"), "{stderr}");
}

#[test]
fn a_profile_that_is_not_there_is_4_and_names_the_shipped_ones() {
    for command in ["plan", "simulate"] {
        let Outcome { code, stdout, stderr } = run(&[command, "missing.toml"]);
        assert_eq!((code, stdout.as_str()), (4, ""));
        assert!(stderr.contains("missing.toml") && stderr.contains("order-fulfilment"), "{stderr}");
    }
    let folder = tempfile::tempdir().unwrap();
    let Outcome { code, stderr, .. } = run(&["plan", folder.path().to_str().unwrap()]);
    assert_eq!(code, 4);
    assert!(stderr.contains("is a directory"), "{stderr}");
}

#[test]
fn a_wrong_override_is_2_and_shown_in_its_place() {
    for (set, expected) in [
        ("workers.pods", "has no `=`"),
        ("workers.pods=0", "zero"),
        ("workers.podz=3", "unknown key \"podz\""),
        ("workflow.99.share=1", "has no element \"99\""),
        ("slo.start.p99=250", "250 has no unit"),
        ("=1", "dotted path"),
    ] {
        let Outcome { code, stdout, stderr } = run(&["plan", "order-fulfilment", "--set", set]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{set}: {stderr}");
        assert!(stderr.contains(expected), "{set}:\n{stderr}");
        assert!(stderr.contains("--set"), "{set}:\n{stderr}");
    }
}

#[test]
fn colour_only_where_it_was_asked_for() {
    let arguments = ["plan", "order-fulfilment", "--set", "workers.podz=3"];
    let coloured = |extra: &[&str], no_color: Option<&str>| {
        let mut command = plimsoll();
        command.args(arguments).args(extra).env_remove("NO_COLOR");
        no_color.into_iter().for_each(|value| {
            command.env("NO_COLOR", value);
        });
        let stderr = command.output().unwrap().stderr;
        stderr.contains(&0x1b)
    };
    assert!(!coloured(&[], None), "stderr is no terminal");
    assert!(coloured(&["--color", "always"], None));
    assert!(!coloured(&["--color", "never"], None));
    assert!(!coloured(&[], Some("1")));
    assert!(coloured(&["--color", "always"], Some("1")), "a flag is stronger than the environment");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["schema", "plan"][..], &["completions", "bash"], &["man"], &["--help"]] {
        let mut child = plimsoll().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{arguments:?}");
    }
}

/// Before any work: these fail even when the model could not run.
#[test]
fn a_file_that_cannot_be_written_is_4_before_the_work_begins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let below_a_file = file.join("report.html");
    for flag in ["--html", "--out"] {
        for command in ["plan", "simulate"] {
            let Outcome { code, stdout, stderr } =
                run(&[command, "order-fulfilment", flag, below_a_file.to_str().unwrap()]);
            assert_eq!((code, stdout.as_str()), (4, ""), "{command} {flag}: {stderr}");
            assert!(stderr.contains("cannot"), "{stderr}");
        }
    }
    let Outcome { code, stderr, .. } = run(&["plan", "order-fulfilment", "--html", folder.path().to_str().unwrap()]);
    assert_eq!(code, 4);
    assert!(stderr.contains("it is a directory"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_4_with_its_name() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let read_only = folder.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(read_only.join("probe"), "").is_ok() {
        // The superuser may write everywhere but into the kernel's own folders.
        let Outcome { code, stderr, .. } = run(&["plan", "order-fulfilment", "--out", "/proc/plimsoll"]);
        assert_eq!(code, 4, "{stderr}");
        return;
    }
    let Outcome { code, stdout, stderr } = run(&["plan", "order-fulfilment", "--out", read_only.to_str().unwrap()]);
    assert_eq!((code, stdout.as_str()), (4, ""));
    assert!(stderr.contains("read-only") && stderr.contains("permission denied"), "{stderr}");
}

#[test]
fn published_schemas_are_json_schemas() {
    for name in ["plan", "simulate", "sweep", "compare", "run", "validation", "lint"] {
        let Outcome { code, stdout, .. } = run(&["schema", name]);
        let schema: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(code, 0);
        assert!(schema["properties"]["schema_version"].is_object(), "{name}");
    }
}

#[test]
fn the_profile_schema_is_the_one_editors_are_pointed_to() {
    for name in ["profile", "cluster"] {
        let Outcome { code, stdout, .. } = run(&["schema", name]);
        let printed: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let file = format!("{}/profiles/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let published: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!((code, printed), (0, published), "{name}");
    }
}

#[test]
fn completions_and_man_page_come_from_the_same_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let Outcome { code, stdout, .. } = run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(COMMANDS.iter().all(|command| stdout.contains(command)), "{shell}");
    }
    let Outcome { code, stdout, .. } = run(&["man"]);
    assert_eq!(code, 0);
    assert!(stdout.contains(".TH plimsoll 1"), "{stdout}");
    assert!(!stdout.contains("(1)"), "no page of its own is promised for a command");
    for section in ["PLIMSOLL PLAN", "PLIMSOLL RULES WORKERS", "PLIMSOLL IMPORT HISTORY"] {
        assert!(stdout.contains(&format!(".SH \"{section}\"")), "{section} is missing");
    }
}

/// A folder on the disk that the program was built on.
fn folder_beside_the_program() -> tempfile::TempDir {
    tempfile::tempdir_in(Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().unwrap()).unwrap()
}

/// The program in a folder of its own: where it was built, the load generator may lie beside it. Linked, not copied: a file just written
/// cannot be run while a process that another test starts still holds it open.
fn alone(folder: &Path) -> Command {
    let program = folder.join("plimsoll");
    fs::hard_link(env!("CARGO_BIN_EXE_plimsoll"), &program).unwrap();
    Command::new(program)
}

#[test]
fn load_without_its_program_says_what_to_do() {
    let folder = folder_beside_the_program();
    let output = alone(folder.path()).args(["load", "run", "--help"]).env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("cargo build --release -p plimsoll-load"), "{told}");
}

#[cfg(unix)]
#[test]
fn load_hands_arguments_over_and_exit_codes_back() {
    use std::os::unix::fs::PermissionsExt;
    let (alone_in, folder) = (folder_beside_the_program(), tempfile::tempdir().unwrap());
    let program = folder.path().join("plimsoll-load");
    fs::write(&program, "#!/bin/sh\necho \"$@\"\nexit 3\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/bin:/usr/bin", folder.path().display());
    let arguments = ["load", "run", "--help", "-q", "profile.toml"];
    let output = alone(alone_in.path()).args(arguments).env("PATH", path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "run --help -q profile.toml\n");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_sweep_refuses_a_range_before_it_simulates() {
    for (vary, expected) in [
        ("workers.pods", "expected KEY=A..B"),
        ("workers.pods=4..1", "downwards"),
        ("workers.pods=0..2", "zero"),
        ("workers.podz=1..2", "podz"),
        ("workers.pods=1..100000", "more than"),
    ] {
        let Outcome { code, stdout, stderr } = run(&["sweep", "order-fulfilment", "--vary", vary]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{vary}: {stderr}");
        assert!(stderr.contains(expected), "{vary}: {stderr}");
    }
}

#[test]
fn comparing_needs_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let Outcome { code, stderr, .. } = run(&["compare", empty, empty]);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("run.json"), "{stderr}");
    fs::write(folder.path().join("plan.json"), "{}").unwrap();
    let plan = folder.path().join("plan.json");
    let Outcome { code, stderr, .. } = run(&["report", plan.to_str().unwrap()]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("is not a plan"), "{stderr}");
}

#[test]
fn a_profile_may_come_from_stdin() {
    use std::io::Write;
    let mut child = plimsoll().args(["plan", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"name = 3\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("stdin:1:8"), "{stderr}");
}
