//! How the repository connects, and which connections return to their pool.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    AssertSqlSafe, Connection, Executor, SqliteConnection,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    bulk,
    connect_error::ConnectError,
    postgres_plans::PostgresPlans,
    records,
    sqlite_checkpoints::Checkpoints,
    sqlite_file::{DatabaseFile, OpenFiles},
    sqlite_lock::{FileLock, Purpose},
    timeout::WithTimeout,
    write_queue::WriteQueue,
};
use crate::{
    error::Result,
    memory_budget::MemoryBudget,
    telemetry::{Connections, DatabaseMetrics, Pool},
};

/// The longest wait for a connection of a pool.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many connections are kept for authentication and health, so that neither waits for what calls read and write.
const RESERVED_CONNECTIONS: u32 = 2;

/// How long a statement waits for a lock before its transaction is run again, which is when the service notices that a
/// caller has left.
const POSTGRES_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The age at which a session is replaced, which frees the memory that PostgreSQL has accumulated for it.
const MAX_POSTGRES_AGE: Duration = Duration::from_secs(30 * 60);

/// How long an idle connection may take to answer before it is closed and replaced.
const IDLE_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection that returns to the pool may take to end what was begun on it before it is closed.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long SQLite's connections may take to end what was begun on them and close at the end of the program.
const SQLITE_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for PostgreSQL's, which lose nothing if they are cut off.
const POSTGRES_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of a SQLite file a connection caches, in KiB (negative means KiB): enough that the pages changed by a chunk of
/// contacts need not be written before the commit.
const SQLITE_CACHE: &str = "-32768";

/// The size in bytes to which SQLite truncates the write-ahead log when it restarts it.
const SQLITE_LOG_BYTES: &str = "67108864";

/// Which database to connect to, and how.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME`.
    pub url: SecretString,
    /// Whether a command makes a SQLite file that does not exist. A server does.
    pub create_file: bool,
    /// The most connections, at least 4. Two are reserved; of the others half write, on SQLite one, and the rest read.
    pub max_connections: u32,
    /// How long PostgreSQL has to answer a statement.
    pub statement_timeout: Duration,
    /// How long SQLite waits while another process writes.
    pub busy_timeout: Duration,
}

/// A database, its connections, and the queue of its writers. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    /// The connections that read.
    db: WithTimeout<DatabaseConnection>,
    /// The number of these connections.
    max_readers: u32,
    /// The connections that only authentication and health use.
    pub(super) reserved: WithTimeout<DatabaseConnection>,
    /// The connections that write. Reads and writes never wait for each other's connections, and a few writers keep their
    /// caches warm.
    pub(super) writers: WithTimeout<DatabaseConnection>,
    pub(super) write_queue: WriteQueue,
    pub(super) metrics: DatabaseMetrics,
    pub(super) plans: Arc<PostgresPlans>,
    /// The memory for records of more than the limit.
    pub(super) large_records: Arc<MemoryBudget>,
    /// None on PostgreSQL.
    pub(super) checkpoints: Option<Checkpoints>,
    /// None on PostgreSQL, or if the database is in memory.
    files: Option<OpenFiles>,
}

impl Repository {
    /// Connects to a database. Fails if the URL is malformed or the database does not answer.
    pub async fn connect(options: &DatabaseOptions) -> Result<Self, ConnectError> {
        let purpose = match options.create_file {
            true => Purpose::Make,
            false => Purpose::Open,
        };
        let (repository, _lock) = Self::open(options, purpose).await?;
        Ok(repository)
    }

    /// Connects to a database to serve it, and claims it if it is a SQLite file. Fails as well if another server has it.
    pub async fn connect_to_serve(
        options: &DatabaseOptions,
    ) -> Result<(Self, Option<FileLock>), ConnectError> {
        let (repository, mut lock) = Self::open(options, Purpose::Serve).await?;
        if let (Some(lock), Some(files)) = (&mut lock, &repository.files) {
            let noted = lock.note(files.identities());
            noted.map_err(|error| ConnectError::of_file(files.path(), &error))?;
        }
        Ok((repository, lock))
    }

    async fn open(
        options: &DatabaseOptions,
        purpose: Purpose,
    ) -> Result<(Self, Option<FileLock>), ConnectError> {
        let plans = Arc::new(PostgresPlans::default());
        let url = options.url.expose_secret();
        let max_callers = options.max_connections.saturating_sub(RESERVED_CONNECTIONS);
        let (file, max_writers) = if url.to_ascii_lowercase().starts_with("sqlite:") {
            (DatabaseFile::find(url)?, 1)
        } else {
            (None, max_callers / 2)
        };
        // Before SQLite makes or opens anything.
        let lock = match &file {
            Some(file) => FileLock::claim(file, purpose).await?,
            None => None,
        };
        let max_readers = max_callers.saturating_sub(max_writers);
        let pool = async |max_connections| {
            let made = Database::connect(pool_options(options, max_connections, &plans)).await;
            match made {
                Ok(pool) => Ok(pool),
                Err(error) => {
                    let file = file.as_ref().map(DatabaseFile::path);
                    Err(ConnectError::of_pool(url, file, error, ACQUIRE_TIMEOUT).await)
                }
            }
        };
        let db = pool(max_readers).await?;
        let writers = pool(max_writers).await?;
        let reserved = pool(RESERVED_CONNECTIONS).await?;
        let files = file.map(OpenFiles::note).transpose()?;
        let metrics = DatabaseMetrics::default();
        let write_queue = WriteQueue::new(max_writers as usize, metrics.clone());
        let checkpoints = (db.get_database_backend() == DbBackend::Sqlite)
            .then(|| Checkpoints::start(db.clone(), write_queue.clone()));
        let repository = Self {
            files,
            db: WithTimeout::new(db, options.statement_timeout),
            max_readers,
            reserved: WithTimeout::new(reserved, options.statement_timeout),
            writers: WithTimeout::new(writers, options.statement_timeout),
            write_queue,
            metrics,
            plans,
            large_records: Arc::new(records::large_records()),
            checkpoints,
        };
        Ok((repository, lock))
    }

    /// Closes all connections once they are free. The last one to a SQLite file copies the whole log to it and removes the log.
    /// Connections that are still in use after a time limit stay open.
    pub async fn close(&self) {
        let pools = [&self.db, &self.reserved, &self.writers];
        let close = async {
            for pool in pools {
                if let Err(error) = pool.without_timeout().close_by_ref().await {
                    tracing::warn!(%error, "database.close_failed");
                }
            }
        };
        let limit = match self.db.get_database_backend() {
            DbBackend::Postgres => POSTGRES_CLOSE_TIMEOUT,
            _ => SQLITE_CLOSE_TIMEOUT,
        };
        if tokio::time::timeout(limit, close).await.is_err() {
            tracing::warn!("database.close_overdue");
        }
    }

    /// Returns the connection for reads. Writes go through [`Self::write`].
    pub fn db(&self) -> &WithTimeout<DatabaseConnection> {
        &self.db
    }

    /// Returns how many connections read.
    pub fn max_readers(&self) -> usize {
        self.max_readers as usize
    }

    /// Returns which database it is.
    pub fn database_name(&self) -> &'static str {
        match self.db.get_database_backend() {
            DbBackend::Postgres => "postgresql",
            _ => "sqlite",
        }
    }

    /// Returns what is measured.
    pub fn metrics(&self) -> &DatabaseMetrics {
        &self.metrics
    }

    /// Measures the pools of connections.
    pub fn observe_pools(&self) {
        for (pool, db) in [
            (Pool::Read, &self.db),
            (Pool::Write, &self.writers),
            (Pool::Reserved, &self.reserved),
        ] {
            let connections = connections(db.without_timeout());
            self.metrics.observe_pool(pool, connections);
        }
    }

    /// Fails if the database does not answer, or if SQLite's files are no longer where they were.
    pub async fn ping(&self) -> Result<()> {
        self.check_file()?;
        self.reserved.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Fails if SQLite's files are no longer where they were.
    pub(super) fn check_file(&self) -> Result<()> {
        self.files.as_ref().map_or(Ok(()), OpenFiles::check)
    }
}

/// Returns what connections a pool has.
fn connections(db: &DatabaseConnection) -> Connections {
    match db.get_database_backend() {
        DbBackend::Postgres => connections_of(db.get_postgres_connection_pool()),
        _ => connections_of(db.get_sqlite_connection_pool()),
    }
}

fn connections_of<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> Connections {
    let (open, idle) = (pool.size(), pool.num_idle());
    Connections {
        open,
        // One can become idle between the two.
        in_use: open.saturating_sub(idle.try_into().unwrap_or(u32::MAX)),
        limit: pool.options().get_max_connections(),
    }
}

fn pool_options(
    options: &DatabaseOptions,
    max_connections: u32,
    plans: &Arc<PostgresPlans>,
) -> ConnectOptions {
    let (plans, timeout) = (Arc::clone(plans), options.statement_timeout);
    let busy_timeout = options.busy_timeout;
    let mut pool = ConnectOptions::new(options.url.expose_secret());
    pool.max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // No task closes old and idle connections: sqlx's can loop forever (its issue 3645).
        .idle_timeout(None)
        .max_lifetime(None)
        // The pool's own ping has no time limit; see `ping_within`.
        .test_before_acquire(false)
        // Statements are logged on request: `--log sqlx=trace`.
        .sqlx_logging_level(log::LevelFilter::Trace)
        .map_sqlx_postgres_pool_opts(move |pool| postgres_pool(pool, &plans, timeout))
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_connect(|connection, _| Box::pin(open_log(connection)))
                .after_release(|connection, _| Box::pin(is_clean(connection)))
        })
        .map_sqlx_sqlite_opts(move |connection| sqlite_connection(connection, busy_timeout));
    pool
}

fn postgres_pool(
    pool: PgPoolOptions,
    plans: &Arc<PostgresPlans>,
    timeout: Duration,
) -> PgPoolOptions {
    let (at_connect, at_acquire) = (Arc::clone(plans), Arc::clone(plans));
    pool.after_connect(move |connection, _| {
        let plans = Arc::clone(&at_connect);
        Box::pin(async move {
            let settings = AssertSqlSafe(postgres_settings(timeout));
            connection.execute(settings).await?;
            plans.choose_mode(connection).await
        })
    })
    .before_acquire(move |connection, metadata| {
        let age = metadata.age;
        let is_old = age > MAX_POSTGRES_AGE || at_acquire.is_stale(age);
        Box::pin(async move {
            if !is_old {
                ping_within(IDLE_ANSWER_TIMEOUT, connection).await?;
            }
            Ok(!is_old)
        })
    })
    .after_release(|connection, _| Box::pin(is_clean(connection)))
}

fn sqlite_connection(
    connection: SqliteConnectOptions,
    busy_timeout: Duration,
) -> SqliteConnectOptions {
    connection
        // It is made before: a later connection makes none in the place of one that was moved, whose log it would take.
        .create_if_missing(false)
        .foreign_keys(true)
        // All rows of a chunk are buffered while the chunk before it is still being planned.
        .row_buffer_size(bulk::SQLITE_CHUNK_SIZE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(busy_timeout)
        .pragma("cache_size", SQLITE_CACHE)
        .pragma("journal_size_limit", SQLITE_LOG_BYTES)
        // See `Transaction::overwrite_deleted`.
        .pragma("secure_delete", "FAST")
        // See `sqlite_checkpoints`.
        .pragma("wal_autocheckpoint", "0")
}

/// Opens SQLite's log now rather than with the first statement.
async fn open_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection
        .execute("SELECT 1 FROM sqlite_schema LIMIT 1")
        .await?;
    Ok(())
}

/// Returns whether a connection can return to the pool; if not, it is closed.
///
/// The pool's own check has no time limit, and a broken connection may never answer. And if SQLite itself has rolled a
/// transaction back, as it does on a full disk, the driver considers the following statements a part of that transaction,
/// and never commits them.
async fn is_clean<C: Connection>(connection: &mut C) -> Result<bool, sqlx::Error> {
    ping_within(RELEASE_TIMEOUT, connection).await?;
    Ok(!connection.is_in_transaction())
}

/// Fails if a connection does not answer in time.
async fn ping_within<C: Connection>(
    timeout: Duration,
    connection: &mut C,
) -> Result<(), sqlx::Error> {
    let answer = tokio::time::timeout(timeout, connection.ping());
    answer.await.map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// Returns the settings of a PostgreSQL session.
///
/// A session whose client is gone, as after a network failure, doesn't hold locks forever. PostgreSQL sends a keepalive once
/// a minute, so that firewalls don't drop idle connections.
fn postgres_settings(timeout: Duration) -> String {
    let (lock_ms, statement_ms) = (POSTGRES_LOCK_TIMEOUT.as_millis(), timeout.as_millis());
    format!(
        "SET lock_timeout = {lock_ms}; SET statement_timeout = {statement_ms}; \
         SET idle_in_transaction_session_timeout = {statement_ms}; SET tcp_keepalives_idle = 60"
    )
}
