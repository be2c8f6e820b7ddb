//! Temporal's own configuration file, `temporal.toml`, shared by its command line and SDKs.
//!
//! Read here, not by the SDK: the SDK neither says where a value came from nor keeps a line with a secret out of its messages.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::flags::ConnectFlags;
use super::layers::{Environment, Layer, Pem, header_name};
use super::origin::{Origin, Setting};
use super::secret::Secret;
use crate::failure::Failure;

/// What the file says; nothing when none was asked for and there is none in the usual place.
pub(super) fn layer(flags: &ConnectFlags, environment: &Environment) -> Result<Layer, Failure> {
    let asked = match &flags.temporal_config {
        Some(path) => Some(Setting::new(path.clone(), Origin::Flag("--temporal-config"))),
        None => environment.get("TEMPORAL_CONFIG_FILE").map(|setting| setting.map(PathBuf::from)),
    };
    let profile = match &flags.temporal_profile {
        Some(name) => Some(Setting::new(name.clone(), Origin::Flag("--temporal-profile"))),
        None => environment.get("TEMPORAL_PROFILE"),
    };
    let Some(path) = asked.as_ref().map(|asked| asked.value.clone()).or_else(|| usual_place(environment)) else {
        return nowhere(profile);
    };
    let text = match (std::fs::read_to_string(&path), asked) {
        (Ok(text), _) => text,
        (Err(error), None) if error.kind() == std::io::ErrorKind::NotFound => return nowhere(profile),
        (Err(error), asked) => {
            let origin = asked.map_or(Origin::Default, |asked| asked.origin);
            return Err(Failure::usage(format!("cannot read {} ({origin}): {error}", path.display())));
        }
    };
    read(&text, &path, profile)
}

fn nowhere(profile: Option<Setting<String>>) -> Result<Layer, Failure> {
    match profile {
        None => Ok(Layer::default()),
        Some(profile) => Err(Failure::usage(format!(
            "profile {profile} was asked for, but there is no temporal.toml: name the file with --temporal-config or TEMPORAL_CONFIG_FILE"
        ))),
    }
}

/// Where Temporal's SDKs look: `temporalio/temporal.toml` in the user's configuration directory.
fn usual_place(environment: &Environment) -> Option<PathBuf> {
    let home = environment.get("HOME").map(|home| PathBuf::from(home.value));
    let directory = if cfg!(target_os = "macos") {
        home?.join("Library/Application Support")
    } else {
        let xdg =
            environment.get("XDG_CONFIG_HOME").map(|xdg| PathBuf::from(xdg.value)).filter(|path| path.is_absolute());
        xdg.or(home.map(|home| home.join(".config")))?
    };
    Some(directory.join("temporalio").join("temporal.toml"))
}

fn read(text: &str, path: &Path, profile: Option<Setting<String>>) -> Result<Layer, Failure> {
    // The parser's own message quotes the line, which may hold a key.
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Failure::usage(format!(
            "{}, line {line}: not valid TOML (the line is not shown: it may hold a secret)",
            path.display()
        ))
    })?;
    let profiles = match table.get("profile") {
        None => Table::new(),
        Some(Value::Table(profiles)) => profiles.clone(),
        Some(_) => {
            return Err(Failure::usage(format!(
                "{}: 'profile' must be tables, as in [profile.default]",
                path.display()
            )));
        }
    };
    let name = profile.as_ref().map_or("default", |profile| profile.value.as_str());
    let found = match profiles.get(name) {
        Some(Value::Table(found)) => found,
        Some(_) => return Err(Failure::usage(format!("{}: profile '{name}' must be a table", path.display()))),
        None => match profile {
            None => return Ok(Layer::default()),
            Some(profile) => {
                let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Failure::usage(format!("{} has no profile {profile}; it has: {known}", path.display())));
            }
        },
    };
    let place = Place { path, profile: name };
    place.layer(found)
}

struct Place<'a> {
    path: &'a Path,
    profile: &'a str,
}

impl Place<'_> {
    fn origin(&self, key: &str) -> Origin {
        Origin::File { path: self.path.to_owned(), profile: self.profile.to_owned(), key: key.to_owned() }
    }

    fn wrong(&self, key: &str, expected: &str) -> Failure {
        Failure::usage(format!("{}: {key} of profile '{}' must be {expected}", self.path.display(), self.profile))
    }

    fn text(&self, table: &Table, prefix: &str, key: &str) -> Result<Option<Setting<String>>, Failure> {
        let full = format!("{prefix}{key}");
        match table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(Setting::new(text.clone(), self.origin(&full)))),
            Some(_) => Err(self.wrong(&full, "text")),
        }
    }

    fn switch(&self, table: &Table, prefix: &str, key: &str) -> Result<Option<Setting<bool>>, Failure> {
        let full = format!("{prefix}{key}");
        match table.get(key) {
            None => Ok(None),
            Some(Value::Boolean(on)) => Ok(Some(Setting::new(*on, self.origin(&full)))),
            Some(_) => Err(self.wrong(&full, "true or false")),
        }
    }

    fn pem(&self, tls: &Table, name: &str) -> Result<Option<Setting<Pem>>, Failure> {
        let path = self.text(tls, "tls.", &format!("{name}_path"))?;
        let data = self.text(tls, "tls.", &format!("{name}_data"))?;
        if path.is_some() && data.is_some() {
            return Err(self.wrong(&format!("tls.{name}_path and tls.{name}_data"), "one of the two, not both"));
        }
        let path = path.map(|setting| setting.map(|path| Pem::Path(path.into())));
        Ok(path.or(data.map(|setting| setting.map(|data| Pem::Data(Secret::new(data))))))
    }

    fn table<'t>(&self, table: &'t Table, key: &str) -> Result<Option<&'t Table>, Failure> {
        match table.get(key) {
            None => Ok(None),
            Some(Value::Table(inner)) => Ok(Some(inner)),
            Some(_) => Err(self.wrong(key, "a table")),
        }
    }

    fn layer(&self, table: &Table) -> Result<Layer, Failure> {
        let mut layer = Layer {
            address: self.text(table, "", "address")?,
            namespace: self.text(table, "", "namespace")?,
            api_key: self.text(table, "", "api_key")?.map(|setting| setting.map(Secret::new)),
            ..Layer::default()
        };
        if let Some(tls) = self.table(table, "tls")? {
            // As in Temporal's SDKs: the section itself turns TLS on.
            let disabled = self.switch(tls, "tls.", "disabled")?;
            layer.tls = Some(
                disabled.map_or_else(|| Setting::new(true, self.origin("tls")), |setting| setting.map(|off| !off)),
            );
            layer.ca = self.pem(tls, "server_ca_cert")?;
            layer.cert = self.pem(tls, "client_cert")?;
            layer.key = self.pem(tls, "client_key")?;
            layer.server_name = self.text(tls, "tls.", "server_name")?;
            layer.skip_verification = self.switch(tls, "tls.", "disable_host_verification")?;
        }
        if let Some(headers) = self.table(table, "grpc_meta")? {
            for key in headers.keys() {
                if let Some(value) = self.text(headers, "grpc_meta.", key)? {
                    layer.headers.insert(header_name(key), value.map(Secret::new));
                }
            }
        }
        Ok(layer)
    }
}
