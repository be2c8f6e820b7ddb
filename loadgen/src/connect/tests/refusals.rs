//! What is said when the target is not reached or refuses: each against a listener on loopback that fails in that one way.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::connect::{ConnectFlags, Endpoint, Environment};
use crate::failure::{Exit, Failure};

fn endpoint(address: &str, more: &[(&str, &str)]) -> Endpoint {
    let variables = [("TEMPORAL_ADDRESS", address)].into_iter().chain(more.iter().copied());
    Endpoint::resolve_in(&ConnectFlags::default(), &Environment::of(variables)).unwrap()
}

/// Connects, which must fail, within bounds, as a problem of the target.
async fn refusal(endpoint: Endpoint) -> String {
    let began = Instant::now();
    let failure: Failure = endpoint.connect("test").await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(30), "{failure}");
    assert_eq!(failure.exit(), Exit::Io, "{failure}");
    failure.to_string()
}

/// Answers each connection with these bytes (after the client's first ones) and closes it.
async fn answering(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = [0; 16];
            let _ = stream.read(&mut first).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn a_refused_connection_names_the_address_and_where_it_came_from() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let why = refusal(endpoint(&address, &[])).await;
    assert!(why.contains("refused") && why.contains(&address) && why.contains("from TEMPORAL_ADDRESS"), "{why}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_from_a_target_that_does_not_answer() {
    // RFC 2606: never a name.
    let why = refusal(endpoint("temporal.invalid:7233", &[])).await;
    assert!(why.contains("temporal.invalid") && why.contains("was not resolved"), "{why}");
}

#[tokio::test]
async fn a_target_that_speaks_tls_is_told_from_one_that_hangs_up() {
    // A TLS alert: fatal, unexpected message.
    let why = refusal(endpoint(&answering(b"\x15\x03\x01\x00\x02\x02\x0a").await.to_string(), &[])).await;
    assert!(why.contains("speaks TLS") && why.contains("--tls"), "{why}");
    let why = refusal(endpoint(&answering(b"").await.to_string(), &[])).await;
    assert!(why.contains("hung up"), "{why}");
    let why = refusal(endpoint(&answering(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.to_string(), &[])).await;
    assert!(why.contains("HTTP/1"), "{why}");
}

#[tokio::test]
async fn tls_to_a_target_in_plain_text_says_to_turn_it_off() {
    let address = answering(b"\0\0\0\x04\0\0\0\0\0 an HTTP/2 frame, not a handshake").await.to_string();
    let skip = [("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "true")];
    let why = refusal(endpoint(&address, &skip)).await;
    assert!(why.contains("--tls=false"), "{why}");
}

#[tokio::test]
async fn a_target_that_takes_connections_and_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let silent = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    let why = refusal(endpoint(&address, &[])).await;
    assert!(why.contains(&address) && why.contains("from TEMPORAL_ADDRESS"), "{why}");
    silent.abort();
}

#[test]
fn what_a_server_echoes_is_cleaned_of_secrets() {
    let endpoint = endpoint(
        "127.0.0.1:1",
        &[("TEMPORAL_API_KEY", "sesame-key"), ("TEMPORAL_TLS", "false"), ("TEMPORAL_GRPC_META_TOKEN", "sesame-token")],
    );
    let status = tonic::Status::unauthenticated("bad token sesame-token, bad key Bearer sesame-key");
    let why = endpoint.refusal("DescribeNamespace", &status).to_string();
    assert!(!why.contains("sesame") && why.contains("TEMPORAL_API_KEY"), "{why}");
}
