//! Who we are to the target is wrong: nothing is sent, and it is said what is wrong and where it came from.

use std::path::Path;
use std::process::{Command, Output};

use crate::cluster::Cluster;
use crate::run::{Generator, SHORT, binary};

/// A run that must not begin: exit code 4, no run directory, and what it said.
fn refused(change: impl FnOnce(&mut Command)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = binary();
    command
        .args([
            "run",
            "one-activity",
            "--rate",
            "5/s",
            "--duration",
            "5s",
            "--ramp",
            "0s",
            "--warm-up",
            "0s",
            "--yes",
            "--out",
        ])
        .arg(&out);
    change(&mut command);
    let output: Output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(!out.join("run.hlog").exists(), "a run directory was made although nothing was sent\n{said}");
    said
}

#[track_caller]
fn has(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "'{part}' is not in\n{said}");
    }
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn a_namespace_that_is_not_there_is_named_with_those_that_are() {
    let Some(cluster) = Cluster::plain() else { return };
    let address = cluster.address().to_owned();
    let said = refused(|command| {
        command.args(["--address", &address]).env("TEMPORAL_NAMESPACE", "defualt");
    });
    has(&said, &["no namespace defualt", "TEMPORAL_NAMESPACE", "It has: default", &address]);
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn a_wrong_password_of_postgresql_costs_its_samples_and_not_the_run() {
    let Some(cluster) = Cluster::plain() else { return };
    let address = cluster.address().to_owned();
    let postgres = format!("postgres://temporal@127.0.0.1:{}/postgres", cluster.get("PLIMSOLL_PG_PORT"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = [
        "--address",
        &address,
        "--no-local-cluster",
        "--idle-baseline",
        "0s",
        "--postgres",
        &postgres,
        "--duration",
        "5s",
        "--drain",
        "30s",
    ];
    let generator = Generator::start_in(folder, out, SHORT, &arguments, |command| {
        command.env("PGPASSWORD", "not-the-password");
    });
    let finished = generator.finish(std::time::Duration::from_secs(90));
    let counts = finished.holds();
    assert_eq!(counts.completed, counts.offered, "{counts:?}\n{}", finished.said);
    finished.says(&["password"]);
    let everything = finished.told() + &finished.manifest().to_string();
    assert!(!everything.contains("not-the-password"), "the password is in what was written");
}

/// Adds the certificate NAME of the cluster's own directory.
fn with(command: &mut Command, folder: &Path, name: &str) {
    command
        .arg("--tls-cert")
        .arg(folder.join(format!("{name}.pem")))
        .arg("--tls-key")
        .arg(folder.join(format!("{name}.key")));
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn a_cluster_with_mtls_refuses_who_has_no_good_certificate_and_accepts_who_has() {
    let Some(cluster) = Cluster::mtls() else { return };
    let address = cluster.address().to_owned();
    let ca = Path::new(cluster.get("TEMPORAL_TLS_SERVER_CA_CERT_PATH")).to_owned();
    // `up` keeps the certificates that are made to be refused beside the good one.
    let certificates = Path::new(cluster.get("TEMPORAL_TLS_CLIENT_CERT_PATH")).parent().unwrap().to_owned();

    let said = refused(|command| {
        command.args(["--address", &address]);
    });
    has(&said, &["speaks TLS", "--tls"]);

    let said = refused(|command| {
        command.args(["--address", &address, "--tls-ca"]).arg(&ca);
    });
    has(&said, &["client certificate", "--tls-cert", "TEMPORAL_TLS_CLIENT_CERT_PATH"]);

    let said = refused(|command| {
        command.args(["--address", &address, "--tls-ca"]).arg(&ca);
        with(command, &certificates, "expired");
    });
    has(&said, &["expired", "--tls-cert"]);

    let said = refused(|command| {
        command.args(["--address", &address, "--tls-ca"]).arg(&ca);
        with(command, &certificates, "stranger");
    });
    has(&said, &["client's certificate", "authority"]);

    let said = refused(|command| {
        command.args(["--address", &address, "--tls-ca"]).arg(certificates.join("stranger.pem"));
        with(command, &certificates, "client");
    });
    has(&said, &["server's certificate", "unknown authority", "--tls-ca"]);

    let said = refused(|command| {
        command.args(["--address", &address, "--tls-server-name", "somebody.example.com", "--tls-ca"]).arg(&ca);
        with(command, &certificates, "client");
    });
    has(&said, &["somebody.example.com", "--tls-server-name"]);

    // The same with the certificate that it asks for, named by the environment as Temporal's own tools have it.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = ["--address", &address, "--duration", "5s", "--drain", "30s"];
    let generator = Generator::start_in(folder, out, SHORT, &arguments, |command| {
        command.env("TEMPORAL_TLS_SERVER_CA_CERT_PATH", &ca);
        command.env("TEMPORAL_TLS_CLIENT_CERT_PATH", certificates.join("client.pem"));
        command.env("TEMPORAL_TLS_CLIENT_KEY_PATH", certificates.join("client.key"));
    });
    let finished = generator.finish(std::time::Duration::from_secs(90));
    let counts = finished.holds();
    assert_eq!(counts.completed, counts.offered, "{counts:?}\n{}", finished.said);
}
