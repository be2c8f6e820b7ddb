//! Where the target is and who we are to it.

use std::fmt;
use std::net::SocketAddr;

use super::address::Address;
use super::file;
use super::flags::ConnectFlags;
use super::layers::{self, Environment, Layer};
use super::origin::{Origin, Setting};
use super::secret::Secret;
use super::tls::Tls;
use crate::failure::Failure;
use crate::samplers::local_cluster::LocalCluster;

/// A target, with everything needed to talk to it, read and checked; each value knows where it came from.
///
/// Neither `Debug` nor `Display` nor [`Endpoint::describe`] shows a secret.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) address: Setting<Address>,
    pub(super) namespace: Setting<String>,
    pub(super) tls: Option<Tls>,
    pub(super) api_key: Option<Setting<Secret>>,
    pub(super) headers: Vec<(String, Setting<Secret>)>,
    notes: Vec<String>,
}

impl Endpoint {
    /// Flags over environment over `temporal.toml`; where none of them names an address, the cluster that `loadgen/cluster/up` runs on this
    /// machine, if it does; else Temporal's own default.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::failure::Exit::Usage): a value that cannot be read, a file that is not there, settings that contradict
    /// each other. Nothing has been sent then.
    pub fn resolve(flags: &ConnectFlags) -> Result<Endpoint, Failure> {
        Endpoint::resolve_over(flags, &Environment::of_process(), LocalCluster::default_one)
    }

    /// The same with an environment that is given, and without looking for a cluster on this machine.
    ///
    /// # Errors
    /// As [`Endpoint::resolve`].
    pub fn resolve_in(flags: &ConnectFlags, environment: &Environment) -> Result<Endpoint, Failure> {
        Endpoint::resolve_over(flags, environment, || None)
    }

    pub(super) fn resolve_over(
        flags: &ConnectFlags,
        environment: &Environment,
        local: impl Fn() -> Option<LocalCluster>,
    ) -> Result<Endpoint, Failure> {
        let mut found: Option<Setting<Address>> = None;
        let mut layers =
            [layers::of_flags(flags, environment)?, environment.layer()?, file::layer(flags, environment)?];
        for layer in &mut layers {
            let Some(text) = &layer.address else { continue };
            let (address, scheme) = Address::parse(&text.value).map_err(|problem| {
                Failure::usage(format!("the address '{}' ({}) {problem}", shown(&text.value), text.origin))
            })?;
            scheme_says(layer, &text.origin.clone(), scheme)?;
            let origin = layer.address.take().map_or(Origin::Default, |text| text.origin);
            found = found.or(Some(Setting::new(address, origin)));
        }
        let [flags_layer, environment_layer, file_layer] = layers;
        let mut layer = flags_layer.over(environment_layer).over(file_layer);
        if found.is_none()
            && let Some(cluster) = local()
        {
            let mut lowest = layers::of_local_cluster(&cluster);
            let address = lowest.address.take();
            found = address.and_then(|text| {
                let (address, _) = Address::parse(&text.value).ok()?;
                Some(Setting::new(address, text.origin))
            });
            layer = layer.over(lowest);
        }
        let default = || Setting::new(Address::usual(), Origin::Default);
        Endpoint::of_layer(found.unwrap_or_else(default), layer)
    }

    /// A target in plain text without credentials: the program's own embedded one, or one in a test.
    pub fn plain(address: SocketAddr, namespace: &str) -> Endpoint {
        Endpoint {
            address: Setting::new(Address::from(address), Origin::Program),
            namespace: Setting::new(namespace.to_owned(), Origin::Program),
            tls: None,
            api_key: None,
            headers: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn of_layer(address: Setting<Address>, layer: Layer) -> Result<Endpoint, Failure> {
        let mut notes = Vec::new();
        let implied = layer.implies_tls();
        let speaks_tls = match &layer.tls {
            Some(said) => said.value,
            None => implied.is_some(),
        };
        if let (Some(said), Some(implied), false) = (&layer.tls, &implied, speaks_tls) {
            notes.push(format!("TLS is off ({}), so what was given {implied} protects nothing", said.origin));
        }
        let tls = if speaks_tls { Some(Tls::read(&layer)?) } else { None };
        if let Some(origin) = tls.as_ref().and_then(|tls| tls.unverified.as_ref()) {
            notes.push(format!(
                "the server's certificate is not checked ({origin}): anyone on the way can read and change everything"
            ));
        }
        if let Some(key) = &layer.api_key {
            let usable =
                key.value.expose_text().is_some_and(|text| text.bytes().all(|byte| (0x21..0x7f).contains(&byte)));
            if !usable {
                return Err(Failure::usage(format!("the API key ({}) has characters that no API key has", key.origin)));
            }
            if tls.is_none() && !address.value.is_loopback() {
                return Err(Failure::usage(format!(
                    "the API key ({}) would cross the network in plain text, because TLS is off{}: turn TLS on, or do not give the key",
                    key.origin,
                    layer.tls.as_ref().map_or(String::new(), |said| format!(" ({})", said.origin)),
                )));
            }
        }
        let namespace = layer.namespace.unwrap_or_else(|| Setting::new("default".to_owned(), Origin::Default));
        if namespace.value.contains([',', '/', ' ']) {
            return Err(Failure::usage(format!(
                "the namespace '{}' ({}) is not one name",
                namespace.value, namespace.origin
            )));
        }
        let headers: Vec<(String, Setting<Secret>)> = layer.headers.into_iter().collect();
        for (name, value) in &headers {
            let fits = !name.ends_with("-bin")
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
            let text =
                value.value.expose_text().is_some_and(|text| text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            if !fits || !text {
                return Err(Failure::usage(format!(
                    "the gRPC header '{name}' ({}) is not one of printable ASCII",
                    value.origin
                )));
            }
        }
        Ok(Endpoint { address, namespace, tls, api_key: layer.api_key, headers, notes })
    }

    /// The frontend's address.
    pub fn address(&self) -> &Setting<Address> {
        &self.address
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace.value
    }

    /// Where the namespace's name came from.
    pub fn namespace_origin(&self) -> &Origin {
        &self.namespace.origin
    }

    /// Whether the address is this machine's loopback.
    pub fn is_loopback(&self) -> bool {
        self.address.value.is_loopback()
    }

    /// Whether it is Temporal Cloud.
    pub fn is_cloud(&self) -> bool {
        self.address.value.is_cloud()
    }

    /// What the user should know about these settings, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Every setting, for the dry run and the manifest: name, value, where it came from. Secrets are only said to be there.
    pub fn describe(&self) -> Vec<(&'static str, String, String)> {
        let mut lines = vec![
            ("address", self.address.value.to_string(), self.address.origin.to_string()),
            ("namespace", self.namespace.value.clone(), self.namespace.origin.to_string()),
        ];
        match &self.tls {
            None => lines.push(("tls", "off".to_owned(), String::new())),
            Some(tls) => {
                let authority =
                    tls.ca.as_ref().map_or_else(|| "the system's authorities".to_owned(), |ca| ca.origin.to_string());
                lines.push(("tls", if tls.identity.is_some() { "mTLS" } else { "TLS" }.to_owned(), authority));
                if let Some((cert, _)) = &tls.identity {
                    lines.push(("client certificate", "given".to_owned(), cert.origin.to_string()));
                }
                if let Some(name) = &tls.server_name {
                    lines.push(("server name", name.value.clone(), name.origin.to_string()));
                }
            }
        }
        if let Some(key) = &self.api_key {
            lines.push(("API key", "given".to_owned(), key.origin.to_string()));
        }
        for (_, header) in &self.headers {
            lines.push(("gRPC header", "given".to_owned(), header.origin.to_string()));
        }
        lines
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, namespace {}", self.address, self.namespace)
    }
}

/// An address for a message: a password in a URL is cut off.
fn shown(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// A scheme decides about TLS unless the same place says it outright; then the two must agree.
fn scheme_says(layer: &mut Layer, origin: &Origin, scheme: Option<bool>) -> Result<(), Failure> {
    let Some(scheme) = scheme else { return Ok(()) };
    if let Some(said) = &layer.tls
        && said.value != scheme
    {
        let (address, other) = if scheme { ("TLS", "off") } else { ("plain text", "on") };
        return Err(Failure::usage(format!(
            "the address ({origin}) asks for {address}, but TLS is {other} ({}): change one of them",
            said.origin
        )));
    }
    layer.tls = Some(Setting::new(scheme, origin.clone()));
    Ok(())
}
