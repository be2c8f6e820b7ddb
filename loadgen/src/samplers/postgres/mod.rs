//! Counters of a PostgreSQL server: `pg_stat_database`, `pg_stat_statements`, `pg_stat_wal`, `pg_stat_user_tables`,
//! `pg_stat_io`, checkpoints, sizes, sessions.
//!
//! Sessions are read-only and give up on a statement after two seconds. Most of it is read in another database than Temporal's
//! (`postgres`), so that Temporal's counters do not show it; what has to be read in Temporal's own (rows of tables) is read every
//! ten seconds, and its transactions are taken off.
//!
//! * `statements` are all of `pg_stat_statements`, BEGIN and COMMIT among them, of both databases, as in a simulated run.
//! * `commits` are COMMITs: transactions of several statements. `transactions` are `xact_commit`, where each statement outside BEGIN counts too.
//! * `wal_bytes` hold full-page images, which a simulated run counts apart (`full_page_images`).

mod connection;
mod growth;
mod queries;
mod statements;
mod tables;
mod url;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use plimsoll_reports::run_dir::ResourceColumn;
use tokio_postgres::Statement;

use connection::APPLICATION;
pub(crate) use connection::{MARK, Session};
pub(super) use growth::Growth;
pub use statements::{Class, Cost, Verb};
use statements::{Key, Statements, Sums};
use tables::Tables;
pub use url::PostgresUrl;

use super::sampler::{Counter, Lap, Sampler, column};

/// Sizes of databases and counters of tables are read this often.
const SELDOM: Duration = Duration::from_secs(10);

/// What a kind of statement cost from the start of sampling to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementCost {
    /// The database.
    pub database: String,
    /// The kind.
    pub class: Class,
    /// The cost.
    pub cost: Cost,
}

/// Costs by kind of statement, shared with who asks for them at the end.
pub(super) type SharedCosts = Arc<Mutex<Vec<StatementCost>>>;

/// One server with Temporal's databases, or one of them.
pub(super) struct Postgres {
    url: PostgresUrl,
    main: String,
    visibility: String,
    /// Before the columns' names, where visibility has a server of its own.
    prefix: &'static str,
    open: Option<Open>,
    statements: Statements,
    costs: SharedCosts,
    counters: HashMap<&'static str, Counter>,
    tables: Vec<Tables>,
    seldom_at: Option<Instant>,
    lap: Lap,
    warnings: Vec<String>,
}

/// A session with its prepared statements.
struct Open {
    session: Session,
    database: String,
    databases: Vec<String>,
    read_databases: Statement,
    read_sessions: Statement,
    read_size: Statement,
    read_statements: Option<(Statement, Statement)>,
    read_wal: Option<Statement>,
    read_checkpoints: Statement,
    read_io: Option<Statement>,
}

impl Postgres {
    /// A sampler of Temporal's two databases; the second may be empty.
    pub(super) fn new(
        url: &PostgresUrl,
        main: &str,
        visibility: &str,
        prefix: &'static str,
        costs: SharedCosts,
    ) -> Postgres {
        let names = [main, visibility].into_iter().filter(|name| !name.is_empty());
        Postgres {
            url: url.clone(),
            main: main.to_owned(),
            visibility: visibility.to_owned(),
            prefix,
            open: None,
            statements: Statements::default(),
            costs,
            counters: HashMap::new(),
            tables: names.map(|name| Tables::new(url.with_database(name))).collect(),
            seldom_at: None,
            lap: Lap::default(),
            warnings: Vec::new(),
        }
    }

    /// Opens a session in the database `postgres` when that has the extension, else in the one of the URL.
    async fn connect(&mut self) -> Result<Open, String> {
        let Found { mut session, database, version, extension, may_see } = self.find().await?;
        let names = vec![self.main.clone(), self.visibility.clone()];
        let which = session.prepare(queries::WHICH).await?;
        let databases: Vec<String> = session.rows(&which, &[&names]).await?.iter().map(|row| row.get(0)).collect();
        self.warnings.clear();
        if !databases.contains(&self.main) {
            return Err(format!(
                "there is no database '{}' on {}; name Temporal's with --postgres-databases",
                self.main,
                self.url.server()
            ));
        }
        if !self.visibility.is_empty() && !databases.contains(&self.visibility) {
            self.warnings.push(format!("there is no database '{}': only '{}' is counted", self.visibility, self.main));
        }
        if !may_see {
            let user = self.url.user();
            self.warnings.push(format!(
                "user '{user}' does not see others' statements and sessions: GRANT pg_monitor TO {user}"
            ));
        }
        if !extension {
            self.warnings.push(format!(
                "no pg_stat_statements in the databases 'postgres' and '{}', so statements are not counted: add it to \
                 shared_preload_libraries and CREATE EXTENSION in 'postgres'",
                self.url.database()
            ));
        }
        let read_statements = match extension {
            true => Some((session.prepare(queries::STATEMENTS).await?, session.prepare(queries::TEXTS).await?)),
            false => None,
        };
        Ok(Open {
            read_databases: session.prepare(queries::DATABASES).await?,
            read_sessions: session.prepare(queries::SESSIONS).await?,
            read_size: session.prepare(queries::SIZE).await?,
            read_checkpoints: session.prepare(queries::checkpoints(version)).await?,
            read_wal: prepared(&mut session, queries::wal(version)).await?,
            read_io: prepared(&mut session, queries::io(version)).await?,
            read_statements,
            session,
            database,
            databases,
        })
    }

    async fn find(&self) -> Result<Found, String> {
        let mut result = Err(String::new());
        for candidate in ["postgres", self.url.database()] {
            match Session::open(&self.url.with_database(candidate)).await {
                Ok(mut session) => {
                    let about = session.prepare(queries::ABOUT).await?;
                    let row = session.row(&about, &[]).await?;
                    let (extension, may_see, version) = (row.get(0), row.get(1), row.get(2));
                    result = Ok(Found { session, database: candidate.to_owned(), version, extension, may_see });
                    if extension {
                        break;
                    }
                }
                Err(message) if result.is_err() => result = Err(message),
                Err(_) => {}
            }
        }
        result
    }

    async fn sample(&mut self) -> Result<Vec<Option<f64>>, String> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        // An error drops the session: the next reading begins with a new one.
        let values = self.read_all(&mut open).await;
        match values {
            Ok(values) => {
                self.open = Some(open);
                Ok(values)
            }
            Err(message) => {
                self.lap.reset();
                Err(message)
            }
        }
    }

    async fn read_all(&mut self, open: &mut Open) -> Result<Vec<Option<f64>>, String> {
        let mut values = Values::default();
        let seconds = self.lap.seconds();
        self.statements(open, seconds, &mut values).await?;
        self.databases(open, seconds, &mut values).await?;
        self.server(open, seconds, &mut values).await?;
        if self.seldom_at.is_none_or(|at| at.elapsed() >= SELDOM) {
            self.seldom_at = Some(Instant::now());
            for (name, database) in [("database_bytes", &self.main), ("visibility_database_bytes", &self.visibility)] {
                if open.databases.contains(database) {
                    values.set(name, open.session.row(&open.read_size, &[database]).await?.get(0));
                }
            }
            tables::read(&mut self.tables, &mut values).await?;
        }
        Ok(COLUMNS.iter().map(|(name, _)| values.get(name)).collect())
    }

    async fn statements(&mut self, open: &mut Open, seconds: Option<f64>, values: &mut Values) -> Result<(), String> {
        let Some((statements, texts)) = &open.read_statements else { return Ok(()) };
        let mut entries: HashMap<Key, Cost> = HashMap::new();
        for row in open.session.rows(statements, &[&open.databases]).await? {
            let is_visibility = !self.visibility.is_empty() && row.get::<_, &str>(0) == self.visibility;
            let cost = Cost { calls: row.get(2), rows: row.get(3), seconds: row.get(4) };
            entries.insert((is_visibility, row.get(1)), cost);
        }
        let unknown = self.statements.unknown(&entries);
        if !unknown.is_empty() {
            for row in open.session.rows(texts, &[&unknown]).await? {
                self.statements.name(row.get(0), row.get::<_, Option<&str>>(1).unwrap_or_default(), MARK);
            }
        }
        let Some((sums, seconds)) = self.statements.take(entries).zip(seconds) else { return Ok(()) };
        let Sums { main, visibility, verbs, commits } = sums;
        let total = main.plus(visibility);
        values.set("statements", total.calls / seconds);
        values.set("visibility_statements", visibility.calls / seconds);
        for (name, calls) in
            ["statements_select", "statements_insert", "statements_update", "statements_delete"].into_iter().zip(verbs)
        {
            values.set(name, calls / seconds);
        }
        values.set("statement_rows", total.rows / seconds);
        values.set("statement_time", total.seconds / seconds);
        values.set("commits", commits / seconds);
        let name = |is_visibility: bool| if is_visibility { &self.visibility } else { &self.main };
        *self.costs.lock() = (self.statements.totals().iter())
            .map(|((is_visibility, class), cost)| StatementCost {
                database: name(*is_visibility).clone(),
                class: class.clone(),
                cost: *cost,
            })
            .collect();
        Ok(())
    }

    async fn databases(&mut self, open: &mut Open, seconds: Option<f64>, values: &mut Values) -> Result<(), String> {
        let row = open.session.row(&open.read_databases, &[&open.databases]).await?;
        let mut own: u64 = self.tables.iter().map(Tables::transactions).sum();
        if open.databases.contains(&open.database) {
            own += open.session.transactions;
        }
        let mut rate = |name: &'static str, count: f64| {
            let added = self.counters.entry(name).or_default().added(count);
            if let Some((added, seconds)) = added.zip(seconds) {
                values.set(name, added / seconds);
            }
        };
        rate("transactions", row.get::<_, f64>(0) - own as f64);
        rate("rollbacks", row.get(1));
        rate("blocks_read", row.get(2));
        rate("blocks_hit", row.get(3));
        rate("temp_bytes", row.get(4));
        rate("deadlocks", row.get(5));
        let row = open.session.row(&open.read_sessions, &[&open.databases, &APPLICATION]).await?;
        values.set("connections", row.get(0));
        values.set("connections_in_use", row.get(1));
        values.set("lock_waits", row.get(2));
        Ok(())
    }

    async fn server(&mut self, open: &mut Open, seconds: Option<f64>, values: &mut Values) -> Result<(), String> {
        if let Some(wal) = &open.read_wal {
            let row = open.session.row(wal, &[]).await?;
            let names = ["wal_records", "full_page_images", "wal_bytes", "fsyncs", "fsync_milliseconds"];
            let mut added = [None; 5];
            for (index, name) in names.into_iter().enumerate() {
                added[index] = self.counters.entry(name).or_default().added(row.get(index));
                if let Some((added, seconds)) = added[index].zip(seconds) {
                    values.set(name, added / seconds);
                }
            }
            // Zero where the server does not time them.
            if let Some((fsyncs, milliseconds)) =
                added[3].zip(added[4]).filter(|(fsyncs, time)| *fsyncs > 0.0 && *time > 0.0)
            {
                values.set("fsync_latency", milliseconds / 1000.0 / fsyncs);
            }
        }
        let mut rates = |names: &[&'static str], row: tokio_postgres::Row| {
            for (index, name) in names.iter().enumerate() {
                let Some(count) = row.get::<_, Option<f64>>(index) else { continue };
                let added = self.counters.entry(name).or_default().added(count);
                if let Some((added, seconds)) = added.zip(seconds) {
                    values.set(name, added / seconds);
                }
            }
        };
        rates(&["checkpoints", "checkpoint_writes"], open.session.row(&open.read_checkpoints, &[]).await?);
        if let Some(io) = &open.read_io {
            rates(&["relation_reads", "relation_writes", "relation_fsyncs"], open.session.row(io, &[]).await?);
        }
        Ok(())
    }
}

/// What was learnt of a server at first.
struct Found {
    session: Session,
    database: String,
    version: i32,
    extension: bool,
    may_see: bool,
}

async fn prepared(session: &mut Session, text: Option<&str>) -> Result<Option<Statement>, String> {
    match text {
        Some(text) => Ok(Some(session.prepare(text).await?)),
        None => Ok(None),
    }
}

/// Columns in order. Those a server's version does not have stay empty.
const COLUMNS: [(&str, &str); 34] = [
    ("statements", "1/s"),
    ("visibility_statements", "1/s"),
    ("statements_select", "1/s"),
    ("statements_insert", "1/s"),
    ("statements_update", "1/s"),
    ("statements_delete", "1/s"),
    ("statement_rows", "1/s"),
    // Seconds of execution per second: how many statements run on average.
    ("statement_time", "s/s"),
    ("commits", "1/s"),
    ("transactions", "1/s"),
    ("rollbacks", "1/s"),
    ("fsyncs", "1/s"),
    ("fsync_latency", "s"),
    ("wal_bytes", "bytes/s"),
    ("wal_records", "1/s"),
    ("full_page_images", "1/s"),
    ("blocks_read", "1/s"),
    ("blocks_hit", "1/s"),
    ("temp_bytes", "bytes/s"),
    ("deadlocks", "1/s"),
    ("connections", "connections"),
    ("connections_in_use", "connections"),
    ("lock_waits", "connections"),
    ("rows_inserted", "1/s"),
    ("rows_updated", "1/s"),
    ("rows_deleted", "1/s"),
    ("dead_rows", "rows"),
    ("checkpoints", "1/s"),
    ("checkpoint_writes", "1/s"),
    ("relation_reads", "1/s"),
    ("relation_writes", "1/s"),
    ("relation_fsyncs", "1/s"),
    ("database_bytes", "bytes"),
    ("visibility_database_bytes", "bytes"),
];

/// Values by column.
#[derive(Default)]
struct Values(HashMap<&'static str, f64>);

impl Values {
    fn set(&mut self, name: &'static str, value: f64) {
        self.0.insert(name, value);
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }
}

impl Sampler for Postgres {
    fn name(&self) -> String {
        format!("PostgreSQL ({}@{})", self.url.user(), self.url.server())
    }

    fn columns(&self) -> Vec<ResourceColumn> {
        COLUMNS.iter().map(|(name, unit)| column(format!("{}{name}", self.prefix), unit)).collect()
    }

    fn read(&mut self) -> BoxFuture<'_, Result<Vec<Option<f64>>, String>> {
        self.sample().boxed()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
}
