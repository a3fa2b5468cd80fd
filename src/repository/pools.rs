//! The pools of connections, and which connections return to theirs.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use secrecy::ExposeSecret;
use sqlx::{
    Connection, Executor, SqliteConnection,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    DatabaseOptions, bulk, connect_error::ConnectError, postgres_plans::PostgresPlans,
    postgres_sessions::PostgresSessions, postgres_url::PostgresUrl,
};

/// The longest wait for a connection of a pool.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many connections are kept for authentication and health, so that neither waits for what calls read and write.
pub(super) const RESERVED_CONNECTIONS: u32 = 2;

/// The age at which a session is replaced, which frees the memory that PostgreSQL has accumulated for it.
const MAX_POSTGRES_AGE: Duration = Duration::from_secs(30 * 60);

/// How long an idle connection may take to answer before it is closed and replaced.
const IDLE_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection that returns to the pool may take to end what was begun on it before it is closed.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of a SQLite file a connection caches, in KiB (negative means KiB): enough that the pages changed by a chunk of
/// contacts need not be written before the commit.
const SQLITE_CACHE: &str = "-32768";

/// The size in bytes to which SQLite truncates the write-ahead log when it restarts it.
const SQLITE_LOG_BYTES: &str = "67108864";

/// The connections of a database that are open, or are opened when they are needed.
pub(super) struct Pools {
    /// Those that read, those that write, and the reserved ones.
    pub pools: [DatabaseConnection; 3],
    pub sessions: Arc<PostgresSessions>,
    pub plans: Arc<PostgresPlans>,
}

impl Pools {
    /// Opens SQLite's; `sizes` are the most connections that read, and that write.
    pub async fn sqlite(options: &DatabaseOptions, sizes: [u32; 2]) -> Result<Self, DbErr> {
        let busy_timeout = options.busy_timeout;
        let pool = async |max_connections| {
            let mut pool = pool_options(options.url.expose_secret(), max_connections);
            pool.map_sqlx_sqlite_pool_opts(|pool| {
                pool.after_connect(|connection, _| Box::pin(open_log(connection)))
                    .after_release(|connection, _| Box::pin(is_clean(connection)))
            })
            .map_sqlx_sqlite_opts(move |connection| sqlite_connection(connection, busy_timeout));
            Database::connect(pool).await
        };
        let [readers, writers] = sizes;
        Ok(Self {
            pools: [
                pool(readers).await?,
                pool(writers).await?,
                pool(RESERVED_CONNECTIONS).await?,
            ],
            sessions: Arc::new(PostgresSessions::none()),
            plans: Arc::new(PostgresPlans::new(false)),
        })
    }

    /// The same for PostgreSQL's, once it has answered.
    pub async fn postgres(
        options: &DatabaseOptions,
        sizes: [u32; 2],
    ) -> Result<Self, ConnectError> {
        let url = PostgresUrl::parse(options.url.expose_secret())?;
        let sessions = sessions(&url, options).await?;
        let plans = Arc::new(PostgresPlans::new(!sessions.is_citus()));
        let pool = async |size, use_of| postgres(&url.text, size, use_of, &plans, &sessions).await;
        let [readers, writers] = sizes;
        let pools = [
            pool(readers, Use::Read).await?,
            pool(writers, Use::Write).await?,
            pool(RESERVED_CONNECTIONS, Use::Read).await?,
        ];
        Ok(Self {
            pools,
            sessions,
            plans,
        })
    }
}

/// Opens connections that read a copy of PostgreSQL's database, once it has answered.
pub(super) async fn readers(
    url: &str,
    options: &DatabaseOptions,
    size: u32,
    plans: &Arc<PostgresPlans>,
) -> Result<(DatabaseConnection, Arc<PostgresSessions>), ConnectError> {
    let url = PostgresUrl::parse(url)?;
    let sessions = sessions(&url, options).await?;
    let db = postgres(&url.text, size, Use::Read, plans, &sessions).await?;
    Ok((db, sessions))
}

async fn sessions(
    url: &PostgresUrl,
    options: &DatabaseOptions,
) -> Result<Arc<PostgresSessions>, ConnectError> {
    let (pooler, timeout) = (options.pooler, options.statement_timeout);
    let asked = url.options.clone();
    let sessions = PostgresSessions::choose(pooler, timeout, asked, ACQUIRE_TIMEOUT).await?;
    Ok(Arc::new(sessions))
}

async fn postgres(
    url: &str,
    max_connections: u32,
    use_of: Use,
    plans: &Arc<PostgresPlans>,
    sessions: &Arc<PostgresSessions>,
) -> Result<DatabaseConnection, ConnectError> {
    let mut pool = pool_options(url, max_connections);
    let (at_pool, at_connect) = (Arc::clone(sessions), Arc::clone(sessions));
    let plans = Arc::clone(plans);
    pool.connect_lazy(true)
        .map_sqlx_postgres_pool_opts(move |pool| postgres_pool(pool, use_of, &plans, &at_pool))
        .map_sqlx_postgres_opts(move |options| at_connect.begin_with(options));
    let made = Database::connect(pool).await;
    made.map_err(|_| ConnectError::UrlMalformed)
}

/// What a connection is for.
#[derive(Clone, Copy)]
enum Use {
    Read,
    Write,
}

fn pool_options(url: &str, max_connections: u32) -> ConnectOptions {
    let mut pool = ConnectOptions::new(url);
    pool.max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // No task closes old and idle connections: sqlx's can loop forever (its issue 3645).
        .idle_timeout(None)
        .max_lifetime(None)
        // The pool's own ping has no time limit; see `ping_within`.
        .test_before_acquire(false)
        // Statements are logged on request: `--log sqlx=trace`.
        .sqlx_logging_level(log::LevelFilter::Trace);
    pool
}

fn postgres_pool(
    pool: PgPoolOptions,
    use_of: Use,
    plans: &Arc<PostgresPlans>,
    sessions: &Arc<PostgresSessions>,
) -> PgPoolOptions {
    let (at_connect, at_acquire) = (Arc::clone(sessions), Arc::clone(sessions));
    let plans = Arc::clone(plans);
    pool.after_connect(move |connection, _| {
        let sessions = Arc::clone(&at_connect);
        Box::pin(async move {
            match use_of {
                Use::Read => sessions.set_up(connection).await,
                Use::Write => sessions.set_up_for_writes(connection).await,
            }
        })
    })
    .before_acquire(move |connection, metadata| {
        let age = metadata.age;
        let is_old = age > MAX_POSTGRES_AGE || plans.is_stale(age) || at_acquire.is_lost(age);
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
