//! A target that answered, and connections to it.

use std::time::Duration;

use temporalio_client::{
    Client, ClientOptions, ClientTlsOptions, Connection, ConnectionOptions, DnsLoadBalancingOptions, GrpcCompression,
    TlsOptions,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::workflow_service_client::WorkflowServiceClient;
use tokio::time::timeout;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity, Uri};

use super::endpoint::Endpoint;
use super::probe::STEP;
use super::server::Server;
use crate::failure::Failure;

/// The largest message read: histories come in pages of at most 4 MiB of events, with headroom as in Temporal's SDKs.
const MESSAGE_LIMIT: usize = 128 * 1024 * 1024;

/// A raw client of the frontend, without retries, metrics or compression: what is measured is one request and its answer.
pub type Service = WorkflowServiceClient<InterceptedService<Channel, Headers>>;

/// Puts credentials and Temporal's own headers on each request.
#[derive(Clone)]
pub struct Headers(Vec<(AsciiMetadataKey, AsciiMetadataValue)>);

impl Interceptor for Headers {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        for (name, value) in &self.0 {
            request.metadata_mut().insert(name.clone(), value.clone());
        }
        Ok(request)
    }
}

/// A target that answered, and that knows the namespace.
#[derive(Clone)]
pub struct Connected {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The SDK's client, for its workers.
    pub client: Client,
    /// What the target said of itself.
    pub server: Server,
    identity: String,
    service: Service,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected")
            .field("endpoint", &self.endpoint)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Connected {
    /// A raw client; clones of it share one connection.
    pub fn service(&self) -> Service {
        self.service.clone()
    }

    /// `count` raw clients, each with a connection of its own: one HTTP/2 connection is one TCP stream and one task on either side.
    ///
    /// # Errors
    /// [`Exit::Io`](crate::failure::Exit::Io) when one of them is not made within five seconds.
    pub async fn channels(&self, count: usize) -> Result<Vec<Service>, Failure> {
        let mut services = Vec::with_capacity(count);
        for _ in 0..count {
            services.push(self.endpoint.service().await?);
        }
        Ok(services)
    }

    /// Another client of the SDK with a connection of its own, for a worker that shares none.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub async fn another_client(&self) -> Result<Client, Failure> {
        self.endpoint.client(&self.identity).await
    }

    /// Who we are in the target's histories and pollers.
    pub fn identity(&self) -> &str {
        &self.identity
    }
}

impl Endpoint {
    /// Connects, and asks the target who it is and whether it has the namespace.
    ///
    /// # Errors
    /// [`Exit::Io`](crate::failure::Exit::Io), with what was tried, where its value came from and what to do: name not resolved, connection
    /// refused, TLS (which certificate, and what is wrong with it), permission denied, no such namespace. Within about half a minute.
    pub async fn connect(&self, identity: &str) -> Result<Connected, Failure> {
        self.probe().await?;
        let mut service = self.service().await?;
        let server = self.ask(&mut service).await?;
        let client = self.client(identity).await?;
        Ok(Connected { endpoint: self.clone(), client, server, identity: identity.to_owned(), service })
    }

    fn headers(&self) -> Result<Headers, Failure> {
        let mut headers = Vec::new();
        let bad = |origin: &dyn std::fmt::Display| {
            Failure::usage(format!("a gRPC header ({origin}) has characters that cannot be sent"))
        };
        let mut add = |name: &str, text: &str, secret: bool, origin: &dyn std::fmt::Display| {
            let name: AsciiMetadataKey = name.parse().map_err(|_| bad(origin))?;
            let mut value: AsciiMetadataValue = text.parse().map_err(|_| bad(origin))?;
            // Kept out of HTTP/2's compression tables and of `Debug`.
            value.set_sensitive(secret);
            headers.push((name, value));
            Ok::<(), Failure>(())
        };
        add("temporal-namespace", &self.namespace.value, false, &self.namespace.origin)?;
        // The frontend judges a client by these; the Rust SDK's name is what the workers of the run give too.
        add("client-name", "temporal-rust", false, &"client-name")?;
        add("client-version", env!("CARGO_PKG_VERSION"), false, &"client-version")?;
        for (name, value) in &self.headers {
            add(name, value.value.expose_text().unwrap_or_default(), true, &value.origin)?;
        }
        let has_authorization = self.headers.iter().any(|(name, _)| name == "authorization");
        if let (Some(key), false) = (&self.api_key, has_authorization) {
            add(
                "authorization",
                &format!("Bearer {}", key.value.expose_text().unwrap_or_default()),
                true,
                &key.origin,
            )?;
        }
        Ok(Headers(headers))
    }

    fn uri(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address.value)
    }

    pub(crate) fn transport(&self) -> Result<tonic::transport::Endpoint, Failure> {
        let failed = |error: tonic::transport::Error| {
            Failure::usage(format!("the target {} cannot be used: {error}", self.address))
        };
        let uri = self.uri(if self.tls.is_some() { "https" } else { "http" });
        let mut endpoint = tonic::transport::Endpoint::from_shared(uri)
            .map_err(failed)?
            .connect_timeout(STEP)
            .tcp_nodelay(true)
            // A connection that died without a word, as behind a load balancer, is noticed within 15 s.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(STEP)
            .keep_alive_while_idle(true)
            // Thousands of requests are under way at once: the defaults of 64 KiB and 1,024 would make them wait for each other.
            .initial_stream_window_size(1024 * 1024)
            .initial_connection_window_size(16 * 1024 * 1024)
            .buffer_size(16 * 1024);
        let Some(tls) = &self.tls else { return Ok(endpoint) };
        let mut config = ClientTlsConfig::new().timeout(STEP);
        if let Some(name) = &tls.server_name {
            config = config.domain_name(&name.value);
            let origin: Uri = format!("https://{}", name.value)
                .parse()
                .map_err(|_| Failure::usage(format!("'{}' ({}) cannot be a server's name", name.value, name.origin)))?;
            endpoint = endpoint.origin(origin);
        }
        if let Some((cert, key)) = &tls.identity {
            config = config.identity(Identity::from_pem(&cert.value, key.value.expose()));
        }
        match tls.verifier() {
            Some(verifier) => endpoint.tls_config_with_verifier(config, verifier),
            None => endpoint.tls_config(match &tls.ca {
                Some(ca) => config.ca_certificate(Certificate::from_pem(&ca.value)),
                None => config.with_native_roots(),
            }),
        }
        .map_err(failed)
    }

    async fn service(&self) -> Result<Service, Failure> {
        let channel = match timeout(3 * STEP, self.transport()?.connect()).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => {
                return Err(Failure::io(format!("no connection to the target {}: {}", self.address, chain(&error))));
            }
            Err(_) => {
                return Err(Failure::io(format!("the target {} did not take a connection within 15 s", self.address)));
            }
        };
        let service = WorkflowServiceClient::with_interceptor(channel, self.headers()?);
        Ok(service.max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT))
    }

    /// What the SDK needs to connect to the same target in the same way.
    ///
    /// Without compression, unlike the SDK's default: generated payloads are incompressible or senseless, so it would only cost CPU.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::failure::Exit::Usage) when the address cannot be a URL.
    pub fn connection_options(&self, identity: &str) -> Result<ConnectionOptions, Failure> {
        let uri = self.uri(if self.tls.is_some() { "https" } else { "http" });
        let target: temporalio_client::Url = uri
            .parse()
            .map_err(|error| Failure::usage(format!("the target {} cannot be used: {error}", self.address)))?;
        let tls = self.tls.as_ref().map(|tls| {
            let identity = tls.identity.as_ref().map(|(cert, key)| {
                ClientTlsOptions::builder()
                    .client_cert(cert.value.clone())
                    .client_private_key(key.value.expose().to_vec())
                    .build()
            });
            let verifier = tls.verifier();
            let ca = tls.ca.as_ref().filter(|_| verifier.is_none()).map(|ca| ca.value.clone());
            TlsOptions::builder()
                .maybe_server_root_ca_cert(ca)
                .maybe_domain(tls.server_name.as_ref().map(|name| name.value.clone()))
                .maybe_client_tls_options(identity)
                .maybe_server_cert_verifier(verifier)
                .build()
        });
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.value.expose_text()?.to_owned())))
            .collect();
        let api_key = self.api_key.as_ref().and_then(|key| key.value.expose_text()).map(str::to_owned);
        // One name may stand for many frontends; a loopback name stands for one, perhaps on one of its two addresses only.
        let balancing =
            (!self.is_loopback() && self.address.value.ip().is_none()).then(DnsLoadBalancingOptions::default);
        Ok(ConnectionOptions::new(target)
            .identity(identity)
            .maybe_api_key(api_key)
            .maybe_tls_options(tls)
            .headers(headers)
            .connect_timeout(STEP)
            .dns_load_balancing(balancing)
            .grpc_compression(GrpcCompression::None)
            .build())
    }

    async fn client(&self, identity: &str) -> Result<Client, Failure> {
        let options = self.connection_options(identity)?;
        let connection = match timeout(3 * STEP, Connection::connect(options)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                return Err(Failure::io(format!("the SDK did not connect to the target {}: {error}", self.address)));
            }
            Err(_) => {
                return Err(Failure::io(format!("the SDK did not connect to the target {} within 15 s", self.address)));
            }
        };
        Client::new(connection, ClientOptions::new(self.namespace.value.clone()).build())
            .map_err(|error| Failure::io(format!("the SDK's client was not made: {error}")))
    }
}

/// An error with what caused it, down to the last cause.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
