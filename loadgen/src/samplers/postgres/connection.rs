//! A read-only session, and what went wrong when there is none.

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::url::PostgresUrl;

/// The name of our sessions in `pg_stat_activity`.
pub(crate) const APPLICATION: &str = "plimsoll-load";

/// In every statement of ours, so that they are told from the server's.
pub(crate) const MARK: &str = "plimsoll-load sampler";

/// A session that cannot write and gives up on a statement after two seconds.
pub(crate) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    /// Transactions it has made: each statement is one, and so is its preparation.
    pub(crate) transactions: u64,
}

impl Session {
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Session, String> {
        let mut config = url.config().clone();
        config.application_name(APPLICATION);
        config.options("-c default_transaction_read_only=on -c statement_timeout=2000 -c idle_in_transaction_session_timeout=10000");
        let (client, connection) = config.connect(NoTls).await.map_err(|error| refused(&error, url))?;
        let driver = tokio::spawn(async move {
            // It ends with an error when the server goes; the next statement says so.
            let _ = connection.await;
        });
        Ok(Session { client, driver, transactions: 1 })
    }

    pub(crate) async fn prepare(&mut self, text: &str) -> Result<Statement, String> {
        self.transactions += 1;
        let marked = text.replacen("SELECT", &format!("SELECT /* {MARK} */"), 1);
        self.client.prepare(&marked).await.map_err(|error| failed(&error))
    }

    pub(crate) async fn rows(
        &mut self,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, String> {
        self.transactions += 1;
        self.client.query(statement, parameters).await.map_err(|error| failed(&error))
    }

    pub(crate) async fn row(&mut self, statement: &Statement, parameters: &Parameters<'_>) -> Result<Row, String> {
        self.rows(statement, parameters).await?.into_iter().next().ok_or_else(|| "a statement gave no row".to_owned())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(crate) type Parameters<'a> = [&'a (dyn tokio_postgres::types::ToSql + Sync)];

fn innermost(error: &tokio_postgres::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn failed(error: &tokio_postgres::Error) -> String {
    if error.is_closed() {
        return "the connection was lost; it is made again".to_owned();
    }
    match error.code() {
        Some(&SqlState::QUERY_CANCELED) => "a statement took more than 2 s and was given up".to_owned(),
        Some(&SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN) => "the server is shutting down".to_owned(),
        _ => error.as_db_error().map_or_else(|| innermost(error), |error| error.message().to_owned()),
    }
}

fn refused(error: &tokio_postgres::Error, url: &PostgresUrl) -> String {
    let (user, database, server) = (url.user(), url.database(), url.server());
    let Some(code) = error.code() else {
        return match url.needs_tls() {
            true => format!(
                "{server}: sslmode=require, and this program speaks to PostgreSQL without TLS only; use a tunnel, or leave --postgres out"
            ),
            false => format!(
                "cannot connect to {server} ({}); is it running, and are host and port of --postgres right?",
                innermost(error)
            ),
        };
    };
    match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => format!(
            "{server} refused user '{user}': wrong password, or the user may not connect; set PGPASSWORD, or correct --postgres (PLIMSOLL_POSTGRES)"
        ),
        SqlState::INVALID_CATALOG_NAME => format!("{server} has no database '{database}'; correct --postgres"),
        SqlState::TOO_MANY_CONNECTIONS => {
            format!("{server} has no connection left for us: raise max_connections, or leave --postgres out")
        }
        SqlState::CANNOT_CONNECT_NOW => format!("{server} is starting or shutting down"),
        _ => format!(
            "{server} refused the connection: {}",
            error.as_db_error().map_or_else(
                || innermost(error),
                |error| match error.message() {
                    // PgBouncer passes no session settings on.
                    text if text.contains("startup parameter") =>
                        format!("{text}; is this PgBouncer? give the address of PostgreSQL itself"),
                    text => text.to_owned(),
                }
            )
        ),
    }
}
