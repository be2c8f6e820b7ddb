//! What is sampled: from flags, then the environment, then what `loadgen/cluster/up` left for a cluster on this machine.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use plimsoll_profiles::units::Nanos;
use url::Url;

use super::local_cluster::{LocalCluster, SERVICES};
use super::postgres::PostgresUrl;
use super::processes::ProcessSource;
use super::prometheus::Service;
use crate::failure::Failure;

/// Flags of every command that samples. Passwords belong in the environment: other users of the machine see a command line.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Samplers (each is off when its address is not given)")]
pub struct SamplerFlags {
    /// Metrics of a Temporal service: frontend, history, matching or system-worker; repeat for each and for replicas
    #[arg(long, value_name = "SERVICE=URL", value_parser = named_url)]
    pub prometheus: Vec<(Service, Url)>,

    /// Time between two scrapes of the services' metrics: a scrape costs them CPU
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = span)]
    pub scrape_interval: Nanos,

    /// PostgreSQL with Temporal's databases, postgres://USER@HOST:PORT/DATABASE [env: PLIMSOLL_POSTGRES; the password: PGPASSWORD]
    #[arg(long, value_name = "URL", value_parser = PostgresUrl::from_str)]
    pub postgres: Option<PostgresUrl>,

    /// PostgreSQL with the visibility database, where it is another server [env: PLIMSOLL_POSTGRES_VISIBILITY]
    #[arg(long, value_name = "URL", value_parser = PostgresUrl::from_str)]
    pub postgres_visibility: Option<PostgresUrl>,

    /// Names of Temporal's databases
    #[arg(long, value_name = "MAIN,VISIBILITY", default_value = "temporal,temporal_visibility", value_parser = database_names)]
    pub postgres_databases: (String, String),

    /// A process on this machine: frontend, history, matching, system-worker, database, worker, or a name of your own; repeatable
    #[arg(long, value_name = "NAME=PID", value_parser = named_pid)]
    pub pid: Vec<(String, ProcessSource)>,

    /// The same, by the TCP port that it listens on
    #[arg(long, value_name = "NAME=PORT", value_parser = named_port)]
    pub process_port: Vec<(String, ProcessSource)>,

    /// Histories of closed workflows read per second, for the server's own event times; 0 for none
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub histories_per_second: u8,

    /// How long the idle target is watched before the load; 0s for not at all
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = span)]
    pub idle_baseline: Nanos,

    /// Do not look for a cluster of loadgen/cluster/up at the target's address
    #[arg(long)]
    pub no_local_cluster: bool,
}

/// What is sampled, checked. `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct SamplerSettings {
    /// Metrics endpoints by service.
    pub prometheus: BTreeMap<Service, Vec<Url>>,
    /// Time between scrapes.
    pub scrape_interval: Duration,
    /// PostgreSQL with the main database.
    pub postgres: Option<PostgresUrl>,
    /// PostgreSQL with the visibility database, where it is another one.
    pub postgres_visibility: Option<PostgresUrl>,
    /// Names of the two databases.
    pub postgres_databases: (String, String),
    /// Processes by the name of their columns.
    pub processes: BTreeMap<String, Vec<ProcessSource>>,
    /// Histories read per second.
    pub histories_per_second: usize,
    /// Length of the idle baseline.
    pub idle_baseline: Duration,
    /// Task queues of the run.
    pub task_queues: Vec<String>,
    /// Seed of the choice of histories.
    pub seed: u64,
    /// Name of the local cluster whose file filled gaps.
    pub local_cluster: Option<String>,
}

impl SamplerSettings {
    /// From flags and this process's environment, for a target at `address` (`host:port`; `None` for the embedded one).
    ///
    /// # Errors
    /// When an environment variable holds no PostgreSQL address; the message does not repeat it.
    pub fn resolve(
        flags: &SamplerFlags,
        address: Option<&str>,
        task_queues: &[String],
        seed: u64,
    ) -> Result<SamplerSettings, Failure> {
        let cluster = address.filter(|_| !flags.no_local_cluster).and_then(LocalCluster::at);
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        SamplerSettings::resolve_in(flags, &variable, cluster.as_ref(), task_queues, seed)
    }

    /// The same with another environment.
    ///
    /// # Errors
    /// As [`SamplerSettings::resolve`].
    pub fn resolve_in(
        flags: &SamplerFlags,
        variable: &dyn Fn(&str) -> Option<String>,
        cluster: Option<&LocalCluster>,
        task_queues: &[String],
        seed: u64,
    ) -> Result<SamplerSettings, Failure> {
        let from_variable = |name: &str| {
            let url = variable(name).map(|text| text.parse::<PostgresUrl>());
            url.transpose().map_err(|message| Failure::usage(format!("environment variable {name}: {message}")))
        };
        let with_password = |url: PostgresUrl| url.with_default_password(variable("PGPASSWORD"));
        let postgres =
            flags.postgres.clone().map_or_else(|| from_variable("PLIMSOLL_POSTGRES"), |url| Ok(Some(url)))?;
        let visibility = flags.postgres_visibility.clone();
        let visibility =
            visibility.map_or_else(|| from_variable("PLIMSOLL_POSTGRES_VISIBILITY"), |url| Ok(Some(url)))?;
        let mut settings = SamplerSettings {
            prometheus: BTreeMap::new(),
            scrape_interval: Duration::from_nanos(flags.scrape_interval.0).max(Duration::from_secs(1)),
            postgres: postgres.map(with_password),
            postgres_visibility: visibility.map(with_password),
            postgres_databases: flags.postgres_databases.clone(),
            processes: BTreeMap::new(),
            histories_per_second: usize::from(flags.histories_per_second),
            idle_baseline: Duration::from_nanos(flags.idle_baseline.0),
            task_queues: task_queues.to_vec(),
            seed,
            local_cluster: None,
        };
        for (service, url) in &flags.prometheus {
            settings.prometheus.entry(*service).or_default().push(url.clone());
        }
        for (name, source) in flags.pid.iter().chain(&flags.process_port) {
            settings.processes.entry(name.clone()).or_default().push(source.clone());
        }
        if let Some(cluster) = cluster {
            settings.fill_from(cluster);
        }
        // A server on this machine is seen from both sides.
        if let Some(port) = settings.postgres.as_ref().and_then(PostgresUrl::local_port) {
            settings.processes.entry("database".to_owned()).or_insert_with(|| vec![ProcessSource::Port(port)]);
        }
        Ok(settings)
    }

    /// What was not given is taken from a local cluster's file.
    fn fill_from(&mut self, cluster: &LocalCluster) {
        self.local_cluster = Some(cluster.name().to_owned());
        let source = |variable: String| ProcessSource::Cluster { file: cluster.file().to_owned(), variable };
        for ((file_name, column), service) in SERVICES.into_iter().zip(Service::ALL) {
            let metrics = cluster.get(&format!("PLIMSOLL_{file_name}_METRICS")).and_then(|url| Url::parse(url).ok());
            if let (Some(url), false) = (metrics, self.prometheus.contains_key(&service)) {
                self.prometheus.insert(service, vec![url]);
            }
            self.processes
                .entry(column.to_owned())
                .or_insert_with(|| vec![source(format!("PLIMSOLL_{file_name}_PID"))]);
        }
        self.processes.entry("database".to_owned()).or_insert_with(|| vec![source("PLIMSOLL_PG_PID".to_owned())]);
        if self.postgres.is_none() {
            self.postgres = cluster.get("PLIMSOLL_PG_STATS_DSN").and_then(|url| url.parse().ok());
        }
    }
}

fn named_url(text: &str) -> Result<(Service, Url), String> {
    let (name, url) =
        text.split_once('=').ok_or("expected SERVICE=URL, history=http://10.0.0.7:9090/metrics for one")?;
    let service =
        Service::ALL.into_iter().find(|service| service.name().replace('_', "-") == name.to_ascii_lowercase());
    let service = service.ok_or_else(|| match name {
        "worker" => "Temporal's own worker service is 'system-worker'; metrics of your workers are not read".to_owned(),
        _ => format!("no service '{name}': frontend, history, matching or system-worker"),
    })?;
    // "10.0.0.7:9090" alone is what people have at hand.
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}/metrics") };
    let url = Url::parse(&url).map_err(|error| format!("not a URL: {error}"))?;
    match url.scheme() {
        "http" => Ok((service, url)),
        other => Err(format!("{other}:// is not supported: the services serve their metrics by plain http")),
    }
}

fn process_name(text: &str) -> Result<String, String> {
    let name = text.replace('-', "_");
    if ["host", "generator", "canary"].contains(&name.as_str()) {
        return Err(format!("'{text}' is sampled anyway"));
    }
    match !name.is_empty()
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    {
        true => Ok(name),
        false => Err(format!("'{text}' is no name: lower-case letters, digits and hyphens")),
    }
}

fn named_pid(text: &str) -> Result<(String, ProcessSource), String> {
    let (name, pid) = text.split_once('=').ok_or("expected NAME=PID, history=4711 for one")?;
    let pid = pid.parse().ok().filter(|pid| *pid > 0).ok_or_else(|| format!("'{pid}' is no process id"))?;
    Ok((process_name(name)?, ProcessSource::Pid(pid)))
}

fn named_port(text: &str) -> Result<(String, ProcessSource), String> {
    let (name, port) = text.split_once('=').ok_or("expected NAME=PORT, database=5432 for one")?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("'{port}' is no TCP port"))?;
    Ok((process_name(name)?, ProcessSource::Port(port)))
}

fn database_names(text: &str) -> Result<(String, String), String> {
    let (main, visibility) = text.split_once(',').unwrap_or((text, ""));
    match main.is_empty() || main == visibility {
        true => Err("expected two names, temporal,temporal_visibility for one; the second may be missing".to_owned()),
        false => Ok((main.to_owned(), visibility.to_owned())),
    }
}

fn span(text: &str) -> Result<Nanos, String> {
    text.parse::<Nanos>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        samplers: SamplerFlags,
    }

    fn flags(arguments: &[&str]) -> Result<SamplerFlags, String> {
        let all = std::iter::once("x").chain(arguments.iter().copied());
        Command::try_parse_from(all).map(|command| command.samplers).map_err(|error| error.to_string())
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn without_flags_nothing_of_the_target_is_sampled() {
        let settings = SamplerSettings::resolve_in(&flags(&[]).unwrap(), &nothing, None, &[], 1).unwrap();
        assert!(settings.prometheus.is_empty() && settings.postgres.is_none() && settings.processes.is_empty());
        assert_eq!((settings.scrape_interval, settings.histories_per_second), (Duration::from_secs(5), 5));
    }

    #[test]
    fn a_local_cluster_fills_what_was_not_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        fs::write(
            &file,
            "PLIMSOLL_CLUSTER_NAME=x\nPLIMSOLL_HISTORY_METRICS=http://127.0.0.1:17291/metrics\nPLIMSOLL_MATCHING_METRICS=http://127.0.0.1:17292/metrics\n\
             PLIMSOLL_PG_STATS_DSN=postgres://temporal:hunter2@127.0.0.1:17232/postgres?sslmode=disable\nPLIMSOLL_HISTORY_PID=12\n",
        )
        .unwrap();
        let cluster = LocalCluster::read(&file);
        let flags = flags(&[
            "--prometheus",
            "history=10.0.0.7:9090",
            "--prometheus",
            "history=http://10.0.0.8:9090/metrics",
            "--pid",
            "database=77",
        ])
        .unwrap();
        let settings = SamplerSettings::resolve_in(&flags, &nothing, cluster.as_ref(), &[], 1).unwrap();
        let history: Vec<&str> = settings.prometheus[&Service::History].iter().map(Url::as_str).collect();
        assert_eq!(history, ["http://10.0.0.7:9090/metrics", "http://10.0.0.8:9090/metrics"]);
        assert_eq!(settings.prometheus[&Service::Matching][0].port(), Some(17292));
        assert_eq!(settings.processes["database"], [ProcessSource::Pid(77)]);
        assert_eq!(
            settings.processes["history"],
            [ProcessSource::Cluster { file, variable: "PLIMSOLL_HISTORY_PID".to_owned() }]
        );
        assert_eq!(settings.postgres.as_ref().map(PostgresUrl::server).as_deref(), Some("127.0.0.1:17232"));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn the_environment_gives_addresses_and_password_and_a_bad_one_is_not_repeated() {
        let variable = |name: &str| match name {
            "PLIMSOLL_POSTGRES" => Some("postgres://me@db/temporal".to_owned()),
            "PGPASSWORD" => Some("hunter2".to_owned()),
            _ => None,
        };
        let settings = SamplerSettings::resolve_in(&flags(&[]).unwrap(), &variable, None, &[], 1).unwrap();
        assert_eq!(settings.postgres.map(|url| url.to_string()).as_deref(), Some("db:5432/temporal"));
        let bad = |_: &str| Some("postgres://me:hunter2@db:port".to_owned());
        let message = SamplerSettings::resolve_in(&flags(&[]).unwrap(), &bad, None, &[], 1).unwrap_err().to_string();
        assert!(message.contains("PLIMSOLL_POSTGRES") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn wrong_flags_say_what_is_expected() {
        for (arguments, expected) in [
            (["--prometheus", "worker=http://h/metrics"], "system-worker"),
            (["--prometheus", "history=https://h/metrics"], "plain http"),
            (["--prometheus", "history"], "SERVICE=URL"),
            (["--pid", "history=x"], "no process id"),
            (["--pid", "generator=1"], "sampled anyway"),
            (["--process-port", "database=0"], "no TCP port"),
            (["--postgres-databases", "a,a"], "two names"),
            (["--scrape-interval", "5"], "unit"),
        ] {
            let message = flags(&arguments).unwrap_err();
            assert!(message.contains(expected), "{arguments:?}: {message}");
        }
    }

    #[test]
    fn a_wrong_postgres_flag_does_not_repeat_the_address() {
        // clap itself prints the value; the password then is on the user's screen, where it was typed.
        let message = flags(&["--postgres", "nonsense"]).unwrap_err();
        assert!(message.contains("postgres://USER@HOST"), "{message}");
    }
}
