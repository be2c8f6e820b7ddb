//! Reads the counters of a cluster: PostgreSQL's, the processes', the services'.

use std::time::{Duration, Instant};

use super::counters::{Counters, Sum};
use super::statement::normalised;
use crate::failure::Failure;
use crate::samplers::SamplerSettings;
use crate::samplers::postgres::{MARK, Session};
use crate::samplers::processes::process::{find, usage};
use crate::samplers::prometheus::text::parse;

/// Reads the counters of one cluster.
pub struct Reader {
    settings: SamplerSettings,
    stats: Session,
    main: Option<Session>,
    visibility: Option<Session>,
    http: reqwest::Client,
}

/// Entries of Temporal's databases with their whole texts. `toplevel` statements only, as Temporal has no functions.
const STATEMENTS: &str = "SELECT d.datname::text, s.query, sum(s.calls)::float8, sum(s.rows)::float8, sum(s.total_exec_time)::float8 / 1000, \
     sum(s.wal_bytes)::float8, sum(s.wal_fpi)::float8 FROM pg_stat_statements(true) s JOIN pg_database d ON d.oid = s.dbid \
     WHERE d.datname = ANY($1) GROUP BY 1, 2";
const WAL: &str = "SELECT wal_records::float8, wal_fpi::float8, wal_bytes::float8, wal_sync::float8, wal_sync_time::float8 / 1000 FROM pg_stat_wal";
const TABLES: &str = "SELECT relname::text, pg_total_relation_size(relid)::float8, pg_relation_size(relid)::float8 FROM pg_stat_user_tables";

impl Reader {
    /// Opens the sessions. What it needs is a PostgreSQL with `pg_stat_statements`; processes and metrics where the settings have them.
    ///
    /// # Errors
    /// When there is no address of PostgreSQL, no session, or no extension.
    pub async fn open(settings: &SamplerSettings) -> Result<Reader, Failure> {
        let Some(url) = &settings.postgres else {
            return Err(Failure::usage(
                "this command counts PostgreSQL's statements: give --postgres postgres://USER@HOST:PORT/DATABASE (the password in PGPASSWORD), \
                 or use a cluster of loadgen/cluster/up",
            ));
        };
        let mut stats = None;
        for database in ["postgres", url.database()] {
            let mut session = Session::open(&url.with_database(database)).await.map_err(Failure::io)?;
            if session.prepare(STATEMENTS).await.is_ok() {
                stats = Some(session);
                break;
            }
        }
        let Some(stats) = stats else {
            return Err(Failure::usage(format!(
                "no pg_stat_statements (PostgreSQL 13 or later) on {}: add it to shared_preload_libraries and CREATE EXTENSION in the database 'postgres'",
                url.server()
            )));
        };
        let (main, visibility) = &settings.postgres_databases;
        let elsewhere = settings.postgres_visibility.as_ref().unwrap_or(url);
        Ok(Reader {
            main: Session::open(&url.with_database(main)).await.ok(),
            visibility: Session::open(&elsewhere.with_database(visibility)).await.ok(),
            stats,
            settings: settings.clone(),
            http: reqwest::Client::new(),
        })
    }

    /// Reads everything once.
    ///
    /// # Errors
    /// When PostgreSQL, a service's metrics or a process cannot be read any more.
    pub async fn read(&mut self) -> Result<Reading, Failure> {
        let mut counters = Counters::default();
        let at = Instant::now();
        self.processes(&mut counters)?;
        let (main, visibility) = self.settings.postgres_databases.clone();
        let statements = self.stats.prepare(STATEMENTS).await.map_err(Failure::io)?;
        for row in self.stats.rows(&statements, &[&vec![main, visibility.clone()]]).await.map_err(Failure::io)? {
            let (database, query): (String, Option<String>) = (row.get(0), row.get(1));
            let query = query.unwrap_or_default();
            if query.contains(MARK) {
                continue;
            }
            let sum = Sum {
                calls: row.get(2),
                rows: row.get(3),
                seconds: row.get(4),
                wal_bytes: row.get::<_, Option<f64>>(5).unwrap_or(0.0),
                images: row.get::<_, Option<f64>>(6).unwrap_or(0.0),
            };
            let key = format!("{}:{}", if database == visibility { "v" } else { "m" }, normalised(&query));
            let total = counters.statements.entry(key).or_default();
            *total = total.plus(sum);
        }
        let wal = self.stats.prepare(WAL).await.map_err(Failure::io)?;
        let row = self.stats.row(&wal, &[]).await.map_err(Failure::io)?;
        for (index, name) in ["records", "images", "bytes", "fsyncs", "fsync_seconds"].into_iter().enumerate() {
            counters.wal.insert(name.to_owned(), row.get(index));
        }
        for session in [&mut self.main, &mut self.visibility].into_iter().flatten() {
            let tables = session.prepare(TABLES).await.map_err(Failure::io)?;
            for row in session.rows(&tables, &[]).await.map_err(Failure::io)? {
                let name: String = row.get(0);
                counters.tables.insert(format!("{name} heap"), row.get(2));
                counters.tables.insert(name, row.get(1));
            }
        }
        self.requests(&mut counters).await?;
        Ok(Reading { at, counters })
    }

    fn processes(&self, counters: &mut Counters) -> Result<(), Failure> {
        for (name, sources) in &self.settings.processes {
            let mut total = 0.0;
            for source in sources {
                let identity = find(source, None).map_err(Failure::io)?;
                total += usage(identity, name == "database").map_err(Failure::io)?.cpu_seconds;
            }
            counters.cpu.insert(name.clone(), total);
        }
        Ok(())
    }

    async fn requests(&mut self, counters: &mut Counters) -> Result<(), Failure> {
        for (service, urls) in &self.settings.prometheus {
            for url in urls {
                let failed = |why: String| Failure::io(format!("the metrics of {} at {url}: {why}", service.name()));
                let answer = self.http.get(url.clone()).timeout(Duration::from_secs(10)).send().await;
                let text = match answer {
                    Ok(answer) => answer.text().await.map_err(|error| failed(error.to_string()))?,
                    Err(error) => return Err(failed(error.to_string())),
                };
                let wanted = |name: &str| {
                    ["service_requests", "persistence_requests", "state_transition_count_count"].contains(&name)
                };
                let series =
                    parse(&text, wanted).map_err(|line| failed(format!("line {} is no metric", line.number)))?;
                for one in series {
                    let what = match one.name.as_str() {
                        "service_requests" => format!("{} requests {}", service.name(), one.label("operation")),
                        "persistence_requests" => format!("{} persistence {}", service.name(), one.label("operation")),
                        _ => "state transitions".to_owned(),
                    };
                    *counters.requests.entry(what).or_default() += one.value;
                }
            }
        }
        Ok(())
    }

    /// Seconds of a round trip to PostgreSQL from here: the median of some of the smallest statements.
    ///
    /// # Errors
    /// When PostgreSQL does not answer any more.
    pub async fn round_trip(&mut self) -> Result<f64, Failure> {
        let nothing = self.stats.prepare("SELECT 1").await.map_err(Failure::io)?;
        let mut times = Vec::new();
        for _ in 0..101 {
            let begun = Instant::now();
            self.stats.rows(&nothing, &[]).await.map_err(Failure::io)?;
            times.push(begun.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }

    /// PostgreSQL's version.
    ///
    /// # Errors
    /// When PostgreSQL does not answer any more.
    pub async fn version(&mut self) -> Result<String, Failure> {
        let version = self.stats.prepare("SELECT current_setting('server_version')").await.map_err(Failure::io)?;
        let text: String = self.stats.row(&version, &[]).await.map_err(Failure::io)?.get(0);
        Ok(format!("PostgreSQL {}", text.split([' ', '.']).next().unwrap_or_default()))
    }
}

/// Counters and when they were read.
#[derive(Clone, Debug)]
pub struct Reading {
    at: Instant,
    counters: Counters,
}

impl Reading {
    /// What came since an earlier reading.
    pub fn since(&self, before: &Reading) -> Counters {
        self.counters.since(&before.counters, (self.at - before.at).as_secs_f64())
    }
}
