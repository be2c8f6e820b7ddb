//! Runs the program.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The shipped profiles.
pub const SHIPPED: [&str; 10] = [
    "agent-pipeline",
    "failures-example",
    "hpa-source-example",
    "iot-devices",
    "nightly-batch",
    "one-activity",
    "order-fulfilment",
    "rolling-example",
    "subscriptions",
    "worked-example",
];

/// A few hundred workflows of any profile, so that a simulation of it takes a moment.
pub const SHORT: [&str; 2] = ["--set", "arrivals.phases=[{ for = \"2min\", rate = \"4/s\" }]"];

/// What a run of the program left.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The program, without anything on stdin.
pub fn plimsoll() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Outcome {
    let output = plimsoll().args(arguments).output().expect("the program starts");
    Outcome {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// Runs it to its end and reads its answer.
pub fn json(arguments: &[&str]) -> Value {
    let all: Vec<&str> = [arguments, &["--format", "json", "--quiet"]].concat();
    let Outcome { code, stdout, stderr } = run(&all);
    assert_eq!((code, stderr.as_str()), (0, ""), "{all:?}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{all:?}: {error}\n{stdout}"))
}

/// Fails with every place where the document is not what the published schema says.
pub fn validate(schema: &str, document: &Value) {
    let text = run(&["schema", schema]).stdout;
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// A value by its dotted path.
pub fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    path.split('.')
        .fold(document, |value, key| value.get(key).unwrap_or_else(|| panic!("{path} is missing in\n{document:#}")))
}

/// Waits until a process ends, and kills it when it does not.
pub fn ends_within(child: &mut Child, limit: Duration) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return status.code();
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("still running after {limit:?}");
}

/// Presses Ctrl-C.
#[cfg(unix)]
pub fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

/// The names in a folder, and in those in it.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// A sample history.
pub fn history(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories").join(format!("{name}.json"))
}
