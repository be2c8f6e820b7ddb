//! Broken profiles and what is said of them. Each message is a snapshot, read by people before it was accepted.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use plimsoll_profiles::{Document, Problems, shipped};

/// As a program would show it: message, place, the line with the place underlined, and help.
fn shown(problems: &Problems) -> String {
    let mut text = String::new();
    for problem in &problems.problems {
        let source = problems.source_of(problem).unwrap();
        writeln!(text, "{}", problem.message).unwrap();
        if let Some(span) = &problem.span {
            let (line, column) = source.line_column(span.start);
            let whole: String = source.text.lines().nth(line - 1).unwrap_or("").to_owned();
            let cut: String = whole.chars().take(160).collect();
            let marked = source.text.get(span.clone()).unwrap().chars().count().max(1);
            writeln!(text, "  at {}:{line}:{column}, `{}`", source.name, problem.path).unwrap();
            writeln!(text, "  | {cut}").unwrap();
            writeln!(text, "  | {}{} {}", " ".repeat(column - 1), "^".repeat(marked.min(160)), problem.label).unwrap();
        } else {
            writeln!(text, "  at {}", source.name).unwrap();
        }
        if let Some(help) = &problem.help {
            writeln!(text, "  help: {help}").unwrap();
        }
    }
    text
}

fn refused(result: Result<Document, Problems>) -> Problems {
    match result {
        Ok(_) => panic!("read without a problem"),
        Err(problems) => problems,
    }
}

#[test]
fn every_broken_profile_is_refused_in_place() {
    // Relative, so that no message has a path of this machine in it.
    env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")).unwrap();
    let mut names: Vec<String> =
        fs::read_dir(".").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".toml"));
    names.sort_unstable();
    assert!(names.len() >= 45, "{}", names.len());
    for name in names {
        let problems = refused(Document::read(&name, &[]));
        insta::assert_snapshot!(format!("file_{}", name.trim_end_matches(".toml")), shown(&problems));
    }
}

#[test]
fn files_that_are_no_profiles_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.toml"), "").unwrap();
    fs::write(at("blank.toml"), " \n\t\n").unwrap();
    fs::write(at("binary.toml"), [0x7f, b'E', b'L', b'F', 0xff, 0xfe, 0, 1]).unwrap();
    fs::write(at("zeros.toml"), [0u8; 64]).unwrap();
    fs::write(at("utf16.toml"), [0xff, 0xfe, b'n', 0, b'a', 0]).unwrap();
    fs::write(at("10mb.toml"), "# filler\n".repeat(10_000_000 / 9 + 1)).unwrap();
    fs::write(at("just-too-large.toml"), "#".repeat((1 << 20) + 1)).unwrap();
    fs::create_dir(at("folder.toml")).unwrap();
    fs::write(at("orders.toml"), "name = \"x\"").unwrap();
    let names = [
        "empty.toml",
        "blank.toml",
        "binary.toml",
        "zeros.toml",
        "utf16.toml",
        "10mb.toml",
        "just-too-large.toml",
        "folder.toml",
        "missing-altogether.toml",
        "order.toml",
        "orders",
    ];
    for name in names {
        let problems = refused(Document::read(at(name), &[]));
        let text = shown(&problems).replace(&folder.path().display().to_string(), "…");
        insta::assert_snapshot!(format!("special_{}", name.trim_end_matches(".toml")), text);
    }
}

#[test]
fn a_wrong_override_is_shown_in_its_own_text() {
    let text = shipped::profile("order-fulfilment").unwrap().text;
    let overrides = [
        ("no_equals", "workers.pods"),
        ("no_key", "=4"),
        ("empty_part", "workers..pods=4"),
        ("unknown_key", "workers.podz=4"),
        ("unknown_section", "wrokers.pods=4"),
        ("wrong_unit", "workflow.0.steps.0.takes=40"),
        ("bad_unit", "workflow.0.steps.0.takes=40 apples"),
        ("index_too_high", "workflow.3.share=1"),
        ("index_not_a_number", "workflow.first.share=1"),
        ("through_a_text", "name.first=x"),
        ("zero", "workers.activity_slots=0"),
        ("inside_a_table", "workers.pod={ cpu = 1, memory = \"2\" }"),
        ("unknown_cluster", "cluster.use=kubernetes"),
    ];
    for (name, set) in overrides {
        let problems = refused(Document::parse(text, "order-fulfilment.toml", &[set.to_owned()]));
        insta::assert_snapshot!(format!("set_{name}"), shown(&problems));
    }
}

#[test]
fn the_plain_form_is_one_line_per_problem() {
    let problems = refused(Document::parse("name = 7\ncolour = 1\n", "p.toml", &[]));
    insta::assert_snapshot!(problems.to_string());
}
