//! The steps of a connection one by one, so that what fails can be named: name, TCP, TLS, HTTP/2.
//!
//! A gRPC library reports all of them as "transport error".

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::address::Address;
use super::endpoint::Endpoint;
use super::origin::Setting;
use super::tls::{Tls, any_certificate};
use crate::failure::Failure;

/// How long each step may take.
pub(super) const STEP: Duration = Duration::from_secs(5);

/// How long to wait for a server's first bytes; one that has none for us yet is left to the next step.
const FIRST_BYTES: Duration = Duration::from_secs(2);

/// HTTP/2's greeting: the client's preface and an empty SETTINGS frame (RFC 9113, 3.4).
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

impl Endpoint {
    /// Goes through the steps of a connection and lets it go.
    ///
    /// # Errors
    /// Which step failed and what to do about it.
    pub(super) async fn probe(&self) -> Result<(), Failure> {
        let stream = self.reach().await?;
        match &self.tls {
            None => self.greet_plain(stream).await,
            Some(tls) => self.greet_tls(stream, tls).await,
        }
    }

    async fn reach(&self) -> Result<TcpStream, Failure> {
        let address = &self.address;
        let host = address.value.host();
        let found = match timeout(STEP, tokio::net::lookup_host((host, address.value.port()))).await {
            Err(_) => Err("the name service did not answer within 5 s".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(addresses)) => Ok(addresses.collect::<Vec<SocketAddr>>()),
        };
        let found =
            found.and_then(|found| if found.is_empty() { Err("it has no address".to_owned()) } else { Ok(found) });
        let found = found.map_err(|why| {
            Failure::io(format!("the name '{host}' of the target {address} was not resolved: {why}. Is it spelt right, and known to this machine?"))
        })?;
        let mut problems = Vec::new();
        // A name may have many addresses; three that do not answer say enough.
        for socket in found.into_iter().take(3) {
            match timeout(STEP, TcpStream::connect(socket)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    problems.push(format!("{socket} refused the connection"))
                }
                Ok(Err(error)) => problems.push(format!("{socket}: {error}")),
                Err(_) => problems.push(format!("{socket} did not answer within 5 s")),
            }
        }
        Err(Failure::io(format!(
            "the target {address} was not reached: {}. Does a Temporal frontend listen there? Is a firewall or a port-forward in between?",
            problems.join(", ")
        )))
    }

    /// A server that speaks TLS answers HTTP/2's greeting with an alert, or hangs up.
    async fn greet_plain(&self, mut stream: TcpStream) -> Result<(), Failure> {
        let address = &self.address;
        match greet(&mut stream).await {
            Ok(Some(first)) if first[0] == 0x15 => Err(Failure::io(speaks_tls(address))),
            Ok(Some(first)) if first.starts_with(b"HTTP/1") => Err(Failure::io(format!(
                "the target {address} speaks HTTP/1, not gRPC: is it the port of a user interface or of metrics?"
            ))),
            Ok(_) => Ok(()),
            Err(_) if self.answers_tls().await => Err(Failure::io(speaks_tls(address))),
            Err(error) => Err(Failure::io(format!(
                "the target {address} hung up at the greeting of HTTP/2 ({error}): is it the port of a Temporal frontend?"
            ))),
        }
    }

    /// Whether a second connection is answered in TLS, be it by a refusal: some servers hang up on plain text without a word.
    async fn answers_tls(&self) -> bool {
        let Ok(stream) = self.reach().await else { return false };
        let Ok(name) = ServerName::try_from(self.address.value.host().to_owned()) else { return false };
        let Ok(config) = any_certificate() else { return false };
        let connector = TlsConnector::from(Arc::new(config));
        match timeout(STEP, connector.connect(name, stream)).await {
            Err(_) => false,
            Ok(Ok(_)) => true,
            Ok(Err(error)) => {
                let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
                matches!(tls, Some(TlsError::AlertReceived(_) | TlsError::NoApplicationProtocol))
            }
        }
    }

    async fn greet_tls(&self, stream: TcpStream, tls: &Tls) -> Result<(), Failure> {
        let address = &self.address;
        let wanted = tls.server_name.as_ref().map_or(address.value.host(), |name| name.value.as_str());
        let name = ServerName::try_from(wanted.to_owned()).map_err(|_| {
            Failure::usage(format!(
                "'{wanted}' cannot be a certificate's name: give the right one with --tls-server-name"
            ))
        })?;
        let connector = TlsConnector::from(Arc::clone(&tls.config));
        let failed = |error: &io::Error| Failure::io(self.tls_problem(tls, wanted, error));
        let mut stream = match timeout(STEP, connector.connect(name, stream)).await {
            Err(_) => {
                return Err(Failure::io(format!(
                    "the target {address} did not finish the TLS handshake within 5 s: does it speak TLS?"
                )));
            }
            Ok(Err(error)) => return Err(failed(&error)),
            Ok(Ok(stream)) => stream,
        };
        // In TLS 1.3 the server judges the client's certificate after the client has done its part: the verdict is what comes first.
        match greet(&mut stream).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    fn tls_problem(&self, tls: &Tls, wanted: &str, error: &io::Error) -> String {
        let address = &self.address;
        let mine = tls.identity.as_ref().map(|(cert, _)| &cert.origin);
        let given = mine.map_or_else(|| "none was given".to_owned(), |origin| format!("given {origin}"));
        let ca = tls
            .ca
            .as_ref()
            .map_or_else(|| "the system's authorities".to_owned(), |ca| format!("the authority given {}", ca.origin));
        let give = "give --tls-cert and --tls-key (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH)";
        let said = match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(TlsError::InvalidCertificate(problem)) => match problem {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    format!("the server's certificate has expired{}. Renew it on the server; is this machine's clock right?", expiry(problem))
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "the server's certificate is not valid yet. Is this machine's clock right?".to_owned()
                }
                CertificateError::UnknownIssuer => {
                    format!("the server's certificate is signed by an unknown authority: it is not one of {ca}. Name the right one with --tls-ca")
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    format!("the server's certificate is not for the name '{wanted}'. If the target is the right one, give its name with --tls-server-name")
                }
                other => format!("the server's certificate was not accepted: {other:?}"),
            },
            Some(TlsError::AlertReceived(alert)) => match alert {
                AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
                    format!("the server asks for a client certificate and there is none: {give}")
                }
                AlertDescription::CertificateExpired => format!("the server says that the client's certificate ({given}) has expired: renew it"),
                AlertDescription::UnknownCA => {
                    format!("the server does not know the authority that signed the client's certificate ({given}): use one that it trusts")
                }
                AlertDescription::CertificateRevoked => format!("the server says that the client's certificate ({given}) is revoked"),
                AlertDescription::BadCertificate | AlertDescription::CertificateUnknown | AlertDescription::UnsupportedCertificate => match mine {
                    Some(_) => format!("the server does not accept the client's certificate ({given}): is it signed by the authority that the server expects, and not expired?"),
                    None => format!("the server did not accept the missing client certificate: {give}"),
                },
                AlertDescription::HandshakeFailure if mine.is_none() => format!("the server broke the handshake off, as servers do that ask for a client certificate: {give}"),
                other => format!("the server broke the handshake off: {other:?}"),
            },
            Some(TlsError::InvalidMessage(_)) => {
                "the server answered in something that is not TLS. If it speaks plain text, turn TLS off with --tls=false".to_owned()
            }
            Some(TlsError::NoApplicationProtocol) => "the server does not speak HTTP/2".to_owned(),
            Some(other) => format!("{other}"),
            None if error.kind() == io::ErrorKind::UnexpectedEof || error.kind() == io::ErrorKind::ConnectionReset => {
                format!("the server hung up ({error}), as servers do that speak plain text (--tls=false) or do not accept the client's certificate ({given})")
            }
            None => error.to_string(),
        };
        format!("TLS with the target {address} failed: {said}")
    }
}

fn speaks_tls(address: &Setting<Address>) -> String {
    format!(
        "the target {address} speaks TLS, and TLS is off here: turn it on with --tls or TEMPORAL_TLS=true, and name its authority with \
         --tls-ca when the system does not know it"
    )
}

fn expiry(problem: &CertificateError) -> String {
    let CertificateError::ExpiredContext { not_after, .. } = problem else { return String::new() };
    let seconds = i64::try_from(not_after.as_secs()).ok();
    seconds
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or(String::new(), |at| format!(" on {at}"))
}

/// Sends HTTP/2's greeting and reads the first bytes of the answer; `None` when there are none within two seconds.
async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Option<Vec<u8>>> {
    stream.write_all(GREETING).await?;
    stream.flush().await?;
    let mut first = vec![0; 64];
    match timeout(FIRST_BYTES, stream.read(&mut first)).await {
        Err(_) => Ok(None),
        Ok(Ok(0)) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed")),
        Ok(Ok(count)) => {
            first.truncate(count);
            Ok(Some(first))
        }
        Ok(Err(error)) => Err(error),
    }
}
