//! Flags over environment over `temporal.toml` over defaults; Temporal's own names and those of the source documents.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use crate::connect::{ConnectFlags, Endpoint, Environment, Origin};
use crate::failure::Exit;
use crate::samplers::local_cluster::LocalCluster;

fn resolve(flags: &ConnectFlags, variables: &[(&str, &str)]) -> Result<Endpoint, String> {
    Endpoint::resolve_in(flags, &Environment::of(variables.iter().copied())).map_err(|failure| {
        assert_eq!(failure.exit(), Exit::Usage, "{failure}");
        failure.to_string()
    })
}

fn of(variables: &[(&str, &str)]) -> Result<Endpoint, String> {
    resolve(&ConnectFlags::default(), variables)
}

/// A `temporal.toml` in a directory of its own, and that directory.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("temporal.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

const PROFILES: &str = r#"
[profile.default]
address = "from-file:7233"
namespace = "file"

[profile.staging]
address = "staging.example.com:7233"
api_key = "sesame-of-the-file"

[profile.staging.tls]
server_name = "temporal.staging"
disable_host_verification = true

[profile.staging.grpc_meta]
Some_Header = "sesame-header"
"#;

#[test]
fn with_nothing_given_it_is_temporals_own_default() {
    let endpoint = of(&[]).unwrap();
    assert_eq!(endpoint.address().to_string(), "localhost:7233 (the default)");
    assert_eq!(endpoint.namespace(), "default");
    assert_eq!(endpoint.namespace_origin(), &Origin::Default);
    assert!(endpoint.tls.is_none() && endpoint.notes().is_empty());
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let (_folder, path) = file(PROFILES);
    let path = path.to_str().unwrap();
    let flags = ConnectFlags { address: Some("from-flag:1".to_owned()), ..ConnectFlags::default() };
    let all = [
        ("TEMPORAL_CONFIG_FILE", path),
        ("TEMPORAL_ADDRESS", "from-environment:2"),
        ("TEMPORAL_NAMESPACE", "environment"),
    ];
    let endpoint = resolve(&flags, &all).unwrap();
    assert_eq!(
        endpoint.to_string(),
        "from-flag:1 (from --address), namespace environment (from TEMPORAL_NAMESPACE in the environment)"
    );
    assert_eq!(
        of(&all).unwrap().address().to_string(),
        "from-environment:2 (from TEMPORAL_ADDRESS in the environment)"
    );
    let endpoint = of(&all[..1]).unwrap();
    assert_eq!(endpoint.address().to_string(), format!("from-file:7233 (from address of profile 'default' in {path})"));
    assert_eq!(endpoint.namespace(), "file");
}

#[test]
fn the_file_is_found_where_temporals_tools_keep_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("configuration/temporalio");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("temporal.toml"), PROFILES).unwrap();
    let configuration = home.path().join("configuration");
    let variables = [("XDG_CONFIG_HOME", configuration.to_str().unwrap())];
    if cfg!(target_os = "linux") {
        assert_eq!(of(&variables).unwrap().address().value.to_string(), "from-file:7233");
    }
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(
        of(&[("HOME", nowhere.path().to_str().unwrap())]).unwrap().address().value.to_string(),
        "localhost:7233"
    );
}

#[test]
fn a_profile_is_chosen_by_flag_or_environment_and_an_unknown_one_names_those_there_are() {
    let (_folder, path) = file(PROFILES);
    let path = path.to_str().unwrap();
    let endpoint = of(&[("TEMPORAL_CONFIG_FILE", path), ("TEMPORAL_PROFILE", "staging")]).unwrap();
    assert_eq!(endpoint.address().value.to_string(), "staging.example.com:7233");
    assert_eq!(endpoint.tls.as_ref().unwrap().server_name.as_ref().unwrap().value, "temporal.staging");
    assert_eq!(endpoint.headers[0].0, "some-header");
    assert!(endpoint.notes()[0].contains("not checked"));
    let why = of(&[("TEMPORAL_CONFIG_FILE", path), ("TEMPORAL_PROFILE", "stagin")]).unwrap_err();
    assert!(why.contains("'stagin'") || why.contains("stagin (from TEMPORAL_PROFILE"), "{why}");
    assert!(why.contains("default, staging"), "{why}");
    assert!(of(&[("TEMPORAL_PROFILE", "staging"), ("HOME", "/nonexistent")]).unwrap_err().contains("no temporal.toml"));
    assert!(
        of(&[("TEMPORAL_CONFIG_FILE", "/nonexistent/temporal.toml")]).unwrap_err().contains("TEMPORAL_CONFIG_FILE")
    );
}

#[test]
fn the_source_documents_names_work_and_temporals_own_come_first() {
    for name in ["TEMPORAL_HOST", "TEMPORAL_CLUSTER_URL"] {
        let endpoint = of(&[(name, "temporal-frontend")]).unwrap();
        assert_eq!(endpoint.address().to_string(), format!("temporal-frontend:7233 (from {name} in the environment)"));
        let endpoint = of(&[(name, "temporal-frontend"), ("TEMPORAL_ADDRESS", "own:1")]).unwrap();
        assert_eq!(endpoint.address().value.to_string(), "own:1");
    }
    let why = of(&[("TEMPORAL_HOST", "one"), ("TEMPORAL_CLUSTER_URL", "two")]).unwrap_err();
    assert!(why.contains("TEMPORAL_HOST and TEMPORAL_CLUSTER_URL"), "{why}");
    assert!(of(&[("TEMPORAL_HOST", "one"), ("TEMPORAL_CLUSTER_URL", "one")]).is_ok());
}

#[test]
fn tls_is_on_when_it_is_asked_for_or_a_certificate_or_key_is_given() {
    let skip = ("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "true");
    for (variables, on) in [
        (vec![], false),
        (vec![("TEMPORAL_TLS", "true"), skip], true),
        (vec![("TEMPORAL_TLS", "1"), skip], true),
        (vec![("TEMPORAL_TLS_ENABLED", "true"), skip], true),
        (vec![skip], true),
        (vec![("TEMPORAL_API_KEY", "abc"), skip], true),
        (vec![("TEMPORAL_TLS_SERVER_NAME", "name"), skip], true),
        (vec![("TEMPORAL_SERVER_NAME", "name"), skip], true),
        (vec![("TEMPORAL_ADDRESS", "https://localhost"), skip], true),
        (vec![("TEMPORAL_TLS", "false"), skip], false),
        (vec![("TEMPORAL_ADDRESS", "http://localhost")], false),
        (vec![("TEMPORAL_TLS_SERVER_NAME", "")], false),
    ] {
        assert_eq!(of(&variables).unwrap().tls.is_some(), on, "{variables:?}");
    }
    assert!(of(&[("TEMPORAL_TLS", "yes")]).unwrap_err().contains("TEMPORAL_TLS must be true or false"));
    assert!(of(&[("TEMPORAL_TLS", "true"), ("TEMPORAL_ADDRESS", "http://host")]).unwrap_err().contains("TEMPORAL_TLS"));
}

#[test]
fn certificates_that_cannot_be_used_are_named_with_where_they_came_from() {
    let (_folder, path) = file("this is no certificate");
    let path = path.to_str().unwrap();
    for (variables, parts) in [
        (
            vec![("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/nonexistent/ca.pem")],
            ["/nonexistent/ca.pem", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"],
        ),
        (vec![("TEMPORAL_SERVER_ROOT_CA_CERT_PATH", path)], ["BEGIN CERTIFICATE", "TEMPORAL_SERVER_ROOT_CA_CERT_PATH"]),
        (vec![("TEMPORAL_CLIENT_CERT_PATH", path)], ["TEMPORAL_CLIENT_CERT_PATH", "private key"]),
        (vec![("TEMPORAL_CLIENT_PRIVATE_KEY_PATH", path)], ["TEMPORAL_CLIENT_PRIVATE_KEY_PATH", "certificate"]),
        (
            vec![("TEMPORAL_TLS_CLIENT_KEY_PATH", path), ("TEMPORAL_TLS_CLIENT_KEY_DATA", "x")],
            ["TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA"],
        ),
    ] {
        let why = of(&variables).unwrap_err();
        assert!(parts.iter().all(|part| why.contains(part)), "{why}");
    }
}

#[test]
fn an_api_key_never_crosses_a_network_in_plain_text() {
    let why = of(&[("TEMPORAL_API_KEY", "sesame"), ("TEMPORAL_ADDRESS", "far.example.com"), ("TEMPORAL_TLS", "false")])
        .unwrap_err();
    assert!(why.contains("plain text") && !why.contains("sesame"), "{why}");
    assert!(of(&[("TEMPORAL_API_KEY", "sesame"), ("TEMPORAL_TLS", "false")]).is_ok(), "on loopback it may");
}

#[test]
fn what_is_no_namespace_or_address_is_refused_with_its_origin() {
    assert!(of(&[("TEMPORAL_NAMESPACE", "default,production")]).unwrap_err().contains("TEMPORAL_NAMESPACE"));
    assert!(of(&[("TEMPORAL_ADDRESS", "a b")]).unwrap_err().contains("TEMPORAL_ADDRESS"));
    let why = of(&[("TEMPORAL_HOST", "http://user:sesame@host:7233")]).unwrap_err();
    assert!(why.contains("TEMPORAL_HOST") && !why.contains("sesame"), "{why}");
}

#[test]
fn no_secret_is_in_what_an_endpoint_shows_of_itself() {
    let (folder, path) = file("sesame-of-a-file\n");
    let (_other, config) = file(PROFILES);
    let flags = ConnectFlags { api_key_file: Some(path), temporal_config: Some(config), ..ConnectFlags::default() };
    let variables = [("TEMPORAL_PROFILE", "staging"), ("TEMPORAL_GRPC_META_X_TOKEN", "sesame-of-the-environment")];
    let endpoint = resolve(&flags, &variables).unwrap();
    assert_eq!(endpoint.api_key.as_ref().unwrap().value.expose_text(), Some("sesame-of-a-file"));
    let shown =
        format!("{endpoint} {endpoint:?} {endpoint:#?} {:?} {:?} {flags:?}", endpoint.describe(), endpoint.notes());
    assert!(!shown.contains("sesame"), "{shown}");
    drop(folder);
}

#[test]
fn a_broken_configuration_file_is_told_by_line_and_its_text_is_not_shown() {
    let (_folder, path) = file("[profile.default]\napi_key = sesame\n");
    let why = of(&[("TEMPORAL_CONFIG_FILE", path.to_str().unwrap())]).unwrap_err();
    assert!(why.contains("line 2") && !why.contains("sesame"), "{why}");
    let (_folder, path) = file("[profile.default]\napi_key = { sesame = 1 }\n");
    let why = of(&[("TEMPORAL_CONFIG_FILE", path.to_str().unwrap())]).unwrap_err();
    assert!(why.contains("api_key of profile 'default' must be text") && !why.contains("sesame"), "{why}");
}

#[test]
fn the_cluster_of_this_machine_is_taken_when_nothing_names_an_address_and_only_then() {
    let (folder, _) = file("");
    let env = folder.path().join("env");
    std::fs::write(&env, "PLIMSOLL_CLUSTER_NAME=default\nTEMPORAL_ADDRESS=127.0.0.1:17233\nTEMPORAL_NAMESPACE=mine\n")
        .unwrap();
    let up = || LocalCluster::read(&env);
    let nothing = Environment::of([]);
    let endpoint = Endpoint::resolve_over(&ConnectFlags::default(), &nothing, up).unwrap();
    assert_eq!(endpoint.address().value.to_string(), "127.0.0.1:17233");
    assert_eq!((endpoint.address().origin.clone(), endpoint.namespace()), (Origin::LocalCluster(env.clone()), "mine"));

    let elsewhere = Environment::of([("TEMPORAL_ADDRESS", "staging.example.com:7233")]);
    let endpoint = Endpoint::resolve_over(&ConnectFlags::default(), &elsewhere, up).unwrap();
    assert_eq!(endpoint.address().value.to_string(), "staging.example.com:7233");
    assert_eq!(endpoint.namespace(), "default", "nothing of the local cluster is mixed into another target");

    let endpoint = Endpoint::resolve_over(&ConnectFlags::default(), &nothing, || None).unwrap();
    assert_eq!(endpoint.address().origin, Origin::Default);
}
