//! Where a PostgreSQL server is, without ever showing the password.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Connection parameters of a PostgreSQL server and one of its databases. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct PostgresUrl {
    config: Config,
}

impl PostgresUrl {
    /// The same server, another database.
    pub(crate) fn with_database(&self, name: &str) -> PostgresUrl {
        let mut config = self.config.clone();
        config.dbname(name);
        PostgresUrl { config }
    }

    /// With this password where the URL has none.
    pub(crate) fn with_default_password(mut self, password: Option<String>) -> PostgresUrl {
        if let (None, Some(password)) = (self.config.get_password(), password) {
            self.config.password(password);
        }
        self
    }

    /// The database; as in libpq the user's name when none is given.
    pub fn database(&self) -> &str {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or("postgres")
    }

    /// The user.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// Host and port.
    pub fn server(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        format!("{host}:{}", self.port())
    }

    /// The port, where the server is on this machine.
    pub(crate) fn local_port(&self) -> Option<u16> {
        match self.config.get_hosts().first()? {
            Host::Tcp(name) if ["127.0.0.1", "localhost", "::1"].contains(&name.as_str()) => Some(self.port()),
            Host::Unix(_) => Some(self.port()),
            Host::Tcp(_) => None,
        }
    }

    fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    /// Whether the URL insists on TLS.
    pub(crate) fn needs_tls(&self) -> bool {
        self.config.get_ssl_mode() == SslMode::Require
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server(), self.database())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({}@{self})", self.user())
    }
}

impl FromStr for PostgresUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "postgres://USER@HOST:PORT/DATABASE (the password in PGPASSWORD)";
        // The parser's own message may hold part of the text, and so of a password.
        let mut config: Config = text.parse().map_err(|_| format!("not a PostgreSQL address of the form {FORM}"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(format!("no host in it; the form is {FORM}"));
        }
        if config.get_user().is_none() {
            return Err(format!("no user in it; the form is {FORM}"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        Ok(PostgresUrl { config })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_password_is_shown_nowhere() {
        let url: PostgresUrl = "postgres://me:hunter2@db.example:6432/temporal?sslmode=disable".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "db.example:6432/temporal PostgresUrl(me@db.example:6432/temporal)");
        for text in [
            "postgres://me:hunter2@db:port/x",
            "postgres://me:x@h/d?hunter2=1",
            "hunter2",
            "postgres://:hunter2@h",
            "host=a password=hunter2 =b",
        ] {
            let message = text.parse::<PostgresUrl>().map(|url| format!("{url:?}")).unwrap_or_else(|message| message);
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_kept() {
        let given = Some("other".to_owned());
        let url = |text: &str| text.parse::<PostgresUrl>().unwrap().with_default_password(given.clone());
        assert_eq!(url("postgres://me:own@h/d").config().get_password(), Some(b"own".as_slice()));
        assert_eq!(url("postgres://me@h/d").config().get_password(), Some(b"other".as_slice()));
    }
}
