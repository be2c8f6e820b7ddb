//! TLS as the target wants it: checked once, before anything is sent.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::layers::{Layer, Pem};
use super::origin::{Origin, Setting};
use super::secret::Secret;
use crate::failure::Failure;

/// What is needed to speak TLS to the target.
#[derive(Clone)]
pub(super) struct Tls {
    /// The authority, when it is not one the system trusts.
    pub(super) ca: Option<Setting<Vec<u8>>>,
    /// Certificate and key, for mTLS.
    pub(super) identity: Option<(Setting<Vec<u8>>, Setting<Secret>)>,
    /// The name the certificate must have, when it is not the host.
    pub(super) server_name: Option<Setting<String>>,
    /// Set when the server's certificate is not checked at all.
    pub(super) unverified: Option<Origin>,
    /// The same, as the probe uses it.
    pub(super) config: Arc<ClientConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.as_ref().map(|ca| &ca.origin))
            .field("identity", &self.identity.as_ref().map(|(cert, _)| &cert.origin))
            .field("server_name", &self.server_name)
            .field("unverified", &self.unverified)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads and checks the certificates that the settings name.
    ///
    /// # Errors
    /// A file that cannot be read, that is no PEM, a certificate without its key or the other way round, or two that do not belong together.
    pub(super) fn read(layer: &Layer) -> Result<Tls, Failure> {
        let ca = layer.ca.as_ref().map(|setting| bytes(setting, "the authority's certificate")).transpose()?;
        let identity = match (&layer.cert, &layer.key) {
            (Some(cert), Some(key)) => {
                let key_bytes = bytes(key, "the client's private key")?;
                Some((bytes(cert, "the client's certificate")?, key_bytes.map(Secret::new)))
            }
            (Some(cert), None) => {
                return Err(Failure::usage(format!(
                    "a client certificate is given ({}) but not its private key: give --tls-key or TEMPORAL_TLS_CLIENT_KEY_PATH",
                    cert.origin
                )));
            }
            (None, Some(key)) => {
                return Err(Failure::usage(format!(
                    "a client's private key is given ({}) but not its certificate: give --tls-cert or TEMPORAL_TLS_CLIENT_CERT_PATH",
                    key.origin
                )));
            }
            (None, None) => None,
        };
        let unverified =
            layer.skip_verification.as_ref().filter(|setting| setting.value).map(|setting| setting.origin.clone());
        let config = Arc::new(config(ca.as_ref(), identity.as_ref(), unverified.is_some())?);
        Ok(Tls { ca, identity, server_name: layer.server_name.clone(), unverified, config })
    }

    /// The verifier that accepts any certificate, when the user asked for it.
    pub(super) fn verifier(&self) -> Option<Arc<dyn ServerCertVerifier>> {
        self.unverified
            .as_ref()
            .map(|_| Arc::new(AnyCertificate(Arc::new(ring::default_provider()))) as Arc<dyn ServerCertVerifier>)
    }
}

fn bytes(setting: &Setting<Pem>, what: &str) -> Result<Setting<Vec<u8>>, Failure> {
    let bytes = match &setting.value {
        Pem::Data(data) => data.expose().to_vec(),
        Pem::Path(path) => std::fs::read(path).map_err(|error| {
            Failure::usage(format!("cannot read {what} {} ({}): {error}", path.display(), setting.origin))
        })?,
    };
    Ok(Setting::new(bytes, setting.origin.clone()))
}

fn certificates(pem: &Setting<Vec<u8>>, what: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.value).collect();
    let found = read.map_err(|_| Failure::usage(format!("{what} ({}) is not valid PEM", pem.origin)))?;
    if found.is_empty() {
        return Err(Failure::usage(format!(
            "{what} ({}) has no certificate in it: a PEM file begins with -----BEGIN CERTIFICATE-----",
            pem.origin
        )));
    }
    Ok(found)
}

fn roots(ca: Option<&Setting<Vec<u8>>>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(Failure::usage(
                "this system has no trusted certificate authorities: install its ca-certificates package, or name the target's authority \
                 with --tls-ca or TEMPORAL_TLS_SERVER_CA_CERT_PATH",
            ));
        }
        return Ok(roots);
    };
    for certificate in certificates(ca, "the authority's certificate")? {
        roots.add(certificate).map_err(|error| {
            Failure::usage(format!("the authority's certificate ({}) cannot be used: {error}", ca.origin))
        })?;
    }
    Ok(roots)
}

/// TLS that accepts any certificate and shows none, to find out whether a server speaks it; nothing is sent over it.
pub(super) fn any_certificate() -> Result<ClientConfig, Failure> {
    config(None, None, true)
}

fn config(
    ca: Option<&Setting<Vec<u8>>>,
    identity: Option<&(Setting<Vec<u8>>, Setting<Secret>)>,
    unverified: bool,
) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::usage(format!("TLS cannot be set up: {error}")))?;
    let builder = if unverified {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        builder.with_root_certificates(roots(ca)?)
    };
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert, "the client's certificate")?;
            let parsed = PrivateKeyDer::from_pem_slice(key.value.expose()).map_err(|_| {
                Failure::usage(format!(
                    "the client's private key ({}) is not a PEM private key without a passphrase",
                    key.origin
                ))
            })?;
            builder.with_client_auth_cert(chain, parsed).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => Failure::usage(format!(
                    "the client's certificate ({}) and private key ({}) do not belong together",
                    cert.origin, key.origin
                )),
                error => Failure::usage(format!("the client's certificate ({}) cannot be used: {error}", cert.origin)),
            })?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Accepts any certificate, as `TEMPORAL_TLS_DISABLE_HOST_VERIFICATION` asks; the handshake's signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
