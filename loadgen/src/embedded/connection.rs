//! HTTP/2 connections and gRPC framing, by hand: one task per connection, one per request, no layers between.
//!
//! The wire format is that of gRPC over HTTP/2 (`doc/PROTOCOL-HTTP2.md` of grpc/grpc).

use std::future::poll_fn;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use plimsoll_profiles::units::Nanos;
use tokio::net::TcpStream;
use tonic::Code;

use super::answer::{Answer, empty_long_poll};
use super::counts::count;
use super::error::Refusal;
use super::method::Method;
use super::target::Target;

/// Requests wait in the target, not in the client's flow control: a frozen target must still receive everything.
const WINDOW: u32 = 64 << 20;

/// The largest request taken (Temporal: 4 MB, gRPC's default).
const MAX_BODY: usize = 4 << 20;

/// Serves a connection until it ends.
pub(super) async fn serve(target: Arc<Target>, socket: TcpStream) {
    // What comes late of a Nagle buffer would be measured as latency of the target.
    let _ = socket.set_nodelay(true);
    // Closed with a reset, as by a process that dies.
    let _ = socket.set_zero_linger();
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).max_concurrent_streams(u32::MAX);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(serve_request(target.clone(), request, respond));
    }
}

type Respond = SendResponse<Bytes>;

/// The client or the connection is gone.
struct Gone;

async fn serve_request(target: Arc<Target>, request: Request<RecvStream>, mut respond: Respond) {
    let Some(method) = Method::of_path(request.uri().path()) else {
        count(&target.counters.unknown_methods);
        let path = request.uri().path();
        let refusal = Refusal::new(Code::Unimplemented, format!("the embedded target does not speak {path}"));
        let _ = refuse(&mut respond, &refusal);
        return;
    };
    let body = match read_body(request.into_body()).await {
        Ok(body) => body,
        // It never arrived whole: it is not counted.
        Err(NoMessage::Lost) => return,
        Err(NoMessage::Wrong(refusal)) => {
            count(&target.counters.of(method).received);
            count(&target.counters.of(method).refused);
            let _ = refuse(&mut respond, &refusal);
            return;
        }
    };
    let counters = target.counters.of(method);
    count(&counters.received);
    let outcome = answer(&target, method, &body, &mut respond).await;
    // Counted before it is sent: who has the answer finds it counted.
    match outcome {
        Err(Gone) => count(&counters.abandoned),
        Ok(Ok(message)) => {
            count(&counters.answered);
            if send(&mut respond, message).is_err() {
                counters.unanswer();
            }
        }
        Ok(Err(refusal)) => {
            count(&counters.refused);
            if refuse(&mut respond, &refusal).is_err() {
                counters.unrefuse();
            }
        }
    }
}

async fn answer(
    target: &Target,
    method: Method,
    body: &Bytes,
    respond: &mut Respond,
) -> Result<Result<Bytes, Refusal>, Gone> {
    let admission = target.admit(method);
    wait(target, admission.due, respond).await?;
    thaw(target, respond).await?;
    if let Some(code) = admission.error {
        return Ok(Err(Refusal::set(code)));
    }
    let give_up = target.now() + target.behaviour.long_poll;
    loop {
        let (at, closed) = match target.answer(method, body) {
            Ok(Answer::Message(message)) => return Ok(Ok(message)),
            Ok(Answer::WaitForClose { at, closed }) => (at, closed),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let until = at.map_or(give_up, |at| at.min(give_up));
        tokio::select! {
            waited = wait(target, until, respond) => waited?,
            () = closed => {}
        }
        thaw(target, respond).await?;
        if target.now() >= give_up {
            return Ok(Ok(empty_long_poll()));
        }
    }
}

/// Waits for an instant, or for the client to go away.
async fn wait(target: &Target, until: Nanos, respond: &mut Respond) -> Result<(), Gone> {
    if until <= target.now() {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep_until(target.instant(until).into()) => Ok(()),
        _ = poll_fn(|context| respond.poll_reset(context)) => Err(Gone),
    }
}

/// Waits until the target is not frozen.
async fn thaw(target: &Target, respond: &mut Respond) -> Result<(), Gone> {
    while let Some(until) = target.frozen_until(target.now()) {
        wait(target, until, respond).await?;
    }
    Ok(())
}

enum NoMessage {
    Lost,
    Wrong(Refusal),
}

/// Reads the one message of a request.
async fn read_body(mut stream: RecvStream) -> Result<Bytes, NoMessage> {
    let mut whole = BytesMut::new();
    let mut first: Option<Bytes> = None;
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.map_err(|_| NoMessage::Lost)?;
        let _ = stream.flow_control().release_capacity(chunk.len());
        match first.take() {
            None if whole.is_empty() => first = Some(chunk),
            Some(before) => {
                whole.extend_from_slice(&before);
                whole.extend_from_slice(&chunk);
            }
            None => whole.extend_from_slice(&chunk),
        }
        if whole.len() > MAX_BODY {
            return Err(NoMessage::Wrong(Refusal::new(Code::ResourceExhausted, "the request is larger than 4 MiB")));
        }
    }
    // One frame is the rule: then nothing is copied.
    let framed = first.unwrap_or_else(|| whole.freeze());
    message_of(framed).map_err(NoMessage::Wrong)
}

/// The message of a length-prefixed frame.
fn message_of(framed: Bytes) -> Result<Bytes, Refusal> {
    let Some((head, rest)) = framed.split_at_checked(5) else {
        return Err(Refusal::new(Code::Internal, "the request has no message"));
    };
    if head[0] != 0 {
        return Err(Refusal::new(Code::Unimplemented, "the embedded target does not read compressed messages"));
    }
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length != rest.len() {
        return Err(Refusal::new(Code::Internal, "the request's message is not as long as its frame says"));
    }
    Ok(framed.slice(5..))
}

/// Sends a message and its success.
fn send(respond: &mut Respond, message: Bytes) -> Result<(), h2::Error> {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.extend_from_slice(&message);
    let mut stream = respond.send_response(head(), false)?;
    stream.send_data(framed.freeze(), false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)
}

/// Sends an error: an answer of headers alone.
fn refuse(respond: &mut Respond, refusal: &Refusal) -> Result<(), h2::Error> {
    let mut response = head();
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(refusal.code as i32 as u16));
    if let Ok(message) = HeaderValue::try_from(percent_encoded(&refusal.message)) {
        headers.insert("grpc-message", message);
    }
    if let Some(Ok(details)) = refusal.details.as_deref().map(HeaderValue::try_from) {
        headers.insert("grpc-status-details-bin", details);
    }
    respond.send_response(response, true).map(drop)
}

fn head() -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// `grpc-message` keeps printable ASCII but `%`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_frame_gives_its_message_and_a_wrong_one_is_refused() {
        assert_eq!(message_of(Bytes::from_static(&[0, 0, 0, 0, 2, 8, 9])).unwrap(), &[8, 9][..]);
        assert_eq!(message_of(Bytes::from_static(&[0, 0, 0, 0, 0])).unwrap(), &[][..]);
        assert_eq!(message_of(Bytes::new()).unwrap_err().code, Code::Internal);
        assert_eq!(message_of(Bytes::from_static(&[1, 0, 0, 0, 0])).unwrap_err().code, Code::Unimplemented);
        assert_eq!(message_of(Bytes::from_static(&[0, 0, 0, 0, 2, 8])).unwrap_err().code, Code::Internal);
    }

    #[test]
    fn messages_of_errors_are_encoded_as_grpc_says() {
        assert_eq!(percent_encoded("50% of café\n"), "50%25 of caf%C3%A9%0A");
    }
}
