//! The places a setting can come from, one layer each: flags over environment over `temporal.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::flags::ConnectFlags;
use super::origin::{Origin, Setting};
use super::secret::Secret;
use crate::failure::Failure;
use crate::samplers::local_cluster::LocalCluster;

/// A certificate or key: in a file, or given itself.
#[derive(Clone, Debug)]
pub(super) enum Pem {
    Path(PathBuf),
    Data(Secret),
}

/// What one place says; nothing for what it does not mention.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) address: Option<Setting<String>>,
    pub(super) namespace: Option<Setting<String>>,
    pub(super) tls: Option<Setting<bool>>,
    pub(super) ca: Option<Setting<Pem>>,
    pub(super) cert: Option<Setting<Pem>>,
    pub(super) key: Option<Setting<Pem>>,
    pub(super) server_name: Option<Setting<String>>,
    pub(super) skip_verification: Option<Setting<bool>>,
    pub(super) api_key: Option<Setting<Secret>>,
    pub(super) headers: BTreeMap<String, Setting<Secret>>,
}

impl Layer {
    /// This layer, and `lower` for what it does not mention.
    pub(super) fn over(mut self, lower: Layer) -> Layer {
        for (name, value) in lower.headers {
            self.headers.entry(name).or_insert(value);
        }
        Layer {
            address: self.address.or(lower.address),
            namespace: self.namespace.or(lower.namespace),
            tls: self.tls.or(lower.tls),
            ca: self.ca.or(lower.ca),
            cert: self.cert.or(lower.cert),
            key: self.key.or(lower.key),
            server_name: self.server_name.or(lower.server_name),
            skip_verification: self.skip_verification.or(lower.skip_verification),
            api_key: self.api_key.or(lower.api_key),
            headers: self.headers,
        }
    }

    /// The setting that makes TLS the default, when there is one. As in Temporal's SDKs: any certificate setting, or an API key.
    pub(super) fn implies_tls(&self) -> Option<Origin> {
        let pem = [&self.ca, &self.cert, &self.key].into_iter().flatten().map(|setting| &setting.origin).next();
        let name = self.server_name.as_ref().map(|setting| &setting.origin);
        let skip = self.skip_verification.as_ref().filter(|setting| setting.value).map(|setting| &setting.origin);
        pem.or(name).or(skip).or(self.api_key.as_ref().map(|setting| &setting.origin)).cloned()
    }
}

/// The environment: only its variables that are used here, so that a test can make one up.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// This process's.
    pub fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        Environment(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// One with these variables.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Environment(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// A variable; an empty one counts as not set.
    pub(super) fn get(&self, name: &str) -> Option<Setting<String>> {
        let value = self.0.get(name).filter(|value| !value.is_empty())?;
        Some(Setting::new(value.clone(), Origin::Environment(name.to_owned())))
    }

    /// The first of several names for the same thing that is set.
    ///
    /// Temporal's own name comes first and wins; two others that contradict each other are a mistake only the user can resolve.
    fn first(&self, own: &str, others: &[&str]) -> Result<Option<Setting<String>>, Failure> {
        if let Some(setting) = self.get(own) {
            return Ok(Some(setting));
        }
        let set: Vec<Setting<String>> = others.iter().filter_map(|name| self.get(name)).collect();
        if let [first, rest @ ..] = set.as_slice()
            && let Some(other) = rest.iter().find(|other| other.value != first.value)
        {
            let both = format!("{} and {}", name_of(&first.origin), name_of(&other.origin));
            return Err(Failure::usage(format!(
                "{both} are both set and differ: set {own}, which comes before either"
            )));
        }
        Ok(set.into_iter().next())
    }

    /// A switch: `true`, `1`, `false`, `0`.
    fn switch(&self, own: &str, others: &[&str]) -> Result<Option<Setting<bool>>, Failure> {
        let Some(setting) = self.first(own, others)? else { return Ok(None) };
        let value = match setting.value.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err(Failure::usage(format!("{} must be true or false", name_of(&setting.origin)))),
        };
        Ok(Some(Setting::new(value, setting.origin)))
    }

    /// A certificate or key, by its path or as it is.
    fn pem(&self, path: &str, other_paths: &[&str], data: &str) -> Result<Option<Setting<Pem>>, Failure> {
        let by_path = self.first(path, other_paths)?;
        let itself = self.get(data);
        if let (Some(by_path), Some(_)) = (&by_path, &itself) {
            return Err(Failure::usage(format!(
                "{} and {data} are both set: keep one of them",
                name_of(&by_path.origin)
            )));
        }
        let by_path = by_path.map(|setting| setting.map(|path| Pem::Path(path.into())));
        Ok(by_path.or(itself.map(|setting| setting.map(|data| Pem::Data(Secret::new(data))))))
    }

    /// What the environment says: Temporal's own names, then those of the source documents.
    pub(super) fn layer(&self) -> Result<Layer, Failure> {
        let mut headers = BTreeMap::new();
        for (name, value) in &self.0 {
            let Some(header) = name.strip_prefix("TEMPORAL_GRPC_META_") else { continue };
            if !header.is_empty() && !value.is_empty() {
                headers.insert(
                    header_name(header),
                    Setting::new(Secret::new(value.clone()), Origin::Environment(name.clone())),
                );
            }
        }
        Ok(Layer {
            address: self.first("TEMPORAL_ADDRESS", &["TEMPORAL_HOST", "TEMPORAL_CLUSTER_URL"])?,
            namespace: self.get("TEMPORAL_NAMESPACE"),
            tls: self.switch("TEMPORAL_TLS", &["TEMPORAL_TLS_ENABLED"])?,
            ca: self.pem(
                "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
                &["TEMPORAL_SERVER_ROOT_CA_CERT_PATH"],
                "TEMPORAL_TLS_SERVER_CA_CERT_DATA",
            )?,
            cert: self.pem(
                "TEMPORAL_TLS_CLIENT_CERT_PATH",
                &["TEMPORAL_CLIENT_CERT_PATH", "TEMPORAL_TLS_CERT"],
                "TEMPORAL_TLS_CLIENT_CERT_DATA",
            )?,
            key: self.pem(
                "TEMPORAL_TLS_CLIENT_KEY_PATH",
                &["TEMPORAL_CLIENT_PRIVATE_KEY_PATH", "TEMPORAL_TLS_KEY"],
                "TEMPORAL_TLS_CLIENT_KEY_DATA",
            )?,
            server_name: self.first("TEMPORAL_TLS_SERVER_NAME", &["TEMPORAL_SERVER_NAME"])?,
            skip_verification: self.switch("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", &[])?,
            api_key: self.get("TEMPORAL_API_KEY").map(|setting| setting.map(Secret::new)),
            headers,
        })
    }
}

/// What `loadgen/cluster/up` wrote down about the cluster it started: the lowest layer, asked only when no other names an address.
pub(super) fn of_local_cluster(cluster: &LocalCluster) -> Layer {
    let origin = || Origin::LocalCluster(cluster.file().to_owned());
    let text = |name| cluster.get(name).map(|value| Setting::new(value.to_owned(), origin()));
    let path = |name| text(name).map(|setting| setting.map(|path| Pem::Path(path.into())));
    Layer {
        address: text("TEMPORAL_ADDRESS"),
        namespace: text("TEMPORAL_NAMESPACE"),
        ca: path("TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
        cert: path("TEMPORAL_TLS_CLIENT_CERT_PATH"),
        key: path("TEMPORAL_TLS_CLIENT_KEY_PATH"),
        server_name: text("TEMPORAL_TLS_SERVER_NAME"),
        ..Layer::default()
    }
}

/// What the flags say.
pub(super) fn of_flags(flags: &ConnectFlags, environment: &Environment) -> Result<Layer, Failure> {
    let path =
        |path: &Option<PathBuf>, flag| path.clone().map(|path| Setting::new(Pem::Path(path), Origin::Flag(flag)));
    let text = |text: &Option<String>, flag| text.clone().map(|text| Setting::new(text, Origin::Flag(flag)));
    Ok(Layer {
        address: text(&flags.address, "--address"),
        namespace: text(&flags.namespace, "--namespace"),
        tls: flags.tls.map(|tls| Setting::new(tls, Origin::Flag("--tls"))),
        ca: path(&flags.tls_ca, "--tls-ca"),
        cert: path(&flags.tls_cert, "--tls-cert"),
        key: path(&flags.tls_key, "--tls-key"),
        server_name: text(&flags.tls_server_name, "--tls-server-name"),
        skip_verification: None,
        api_key: api_key(flags, environment)?,
        headers: BTreeMap::new(),
    })
}

fn api_key(flags: &ConnectFlags, environment: &Environment) -> Result<Option<Setting<Secret>>, Failure> {
    if let Some(name) = &flags.api_key_env {
        let Some(setting) = environment.get(name) else {
            return Err(Failure::usage(format!("--api-key-env names {name}, which is not set in the environment")));
        };
        return Ok(Some(setting.map(Secret::new)));
    }
    let Some(path) = &flags.api_key_file else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {} (from --api-key-file): {error}", path.display())))?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(Failure::usage(format!(
            "{} (from --api-key-file) must hold one API key and nothing else",
            path.display()
        )));
    }
    Ok(Some(Setting::new(Secret::new(key), Origin::Flag("--api-key-file"))))
}

/// A header's name as Temporal's SDKs make it of a variable's or key's: lower case, hyphens for underscores.
pub(super) fn header_name(text: &str) -> String {
    text.to_ascii_lowercase().replace('_', "-")
}

/// The name in an origin, without the words around it.
fn name_of(origin: &Origin) -> String {
    match origin {
        Origin::Environment(name) => name.clone(),
        Origin::Flag(name) => (*name).to_owned(),
        Origin::File { key, .. } => key.clone(),
        Origin::LocalCluster(_) | Origin::Default | Origin::Program => origin.to_string(),
    }
}
