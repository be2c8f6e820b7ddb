//! The operation table beside the real server: every operation alone, statement by statement.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::cluster;

/// When Temporal changes, this names the operation and the statement, what was expected and what the server does.
#[test]
#[ignore = "needs a real cluster: loadgen/cluster/up"]
fn the_server_makes_the_statements_of_the_operation_table() {
    let Some(cluster) = cluster() else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll-load"))
        .args(["operations", "--yes", "--quiet", "--address", cluster["TEMPORAL_ADDRESS"].as_str()])
        .output()
        .unwrap();
    let (answer, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{answer}\n{errors}");
}
