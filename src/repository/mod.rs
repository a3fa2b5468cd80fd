//! Where everything is kept: SQLite or PostgreSQL, through SeaORM. Every query is held to the organization that its
//! function is given, right after the connection.

pub mod api_keys;
pub mod bulk;
pub mod channels;
pub mod contact_lists;
pub mod contacts;
pub mod custom_objects;
mod db_error;
pub mod entity;
pub mod migration;
pub mod opted_out_numbers;
pub mod organizations;
mod postgres_plans;
pub mod preferences;
mod prefix;
pub mod sql;
mod sqlite_checkpoints;
mod timeout;
pub mod updates;
mod write_queue;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use sqlx::{
    AssertSqlSafe, Connection, Executor,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use self::{
    postgres_plans::PostgresPlans,
    sqlite_checkpoints::Checkpoints,
    timeout::WithTimeout,
    write_queue::{ListKey, WriteQueue},
};
use crate::{
    error::{Error, Result},
    settings::DatabaseSettings,
};

/// How often a transaction that lost a race is run again.
const MAX_ATTEMPTS: u32 = 8;

/// The longest wait for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement waits for a lock: so that who waits looks now and then whether its caller is still there.
const POSTGRES_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A session older than this is replaced when it is next asked for: what it has gathered in the server's memory goes with it.
const MAX_POSTGRES_AGE: Duration = Duration::from_secs(30 * 60);

/// How long an idle connection has to say that it works; then it is closed, and another takes its place.
const IDLE_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection that comes back to the pool has to end what was begun on it; then it is closed.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of a SQLite file a connection keeps in memory: so much that the pages which a chunk of contacts changes need not
/// be written before the commit.
const SQLITE_CACHE: &str = "-32768";

/// To how many bytes SQLite cuts the write-ahead log when it begins it anew.
const SQLITE_LOG_BYTES: &str = "67108864";

/// How long SQLite waits for another process that writes.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Has PostgreSQL plan a connection's statements anew when they are next used. See [`postgres_plans`].
const DISCARD_PLANS: &str = "DISCARD PLANS";

/// A database, its connections, and the queues of its writers. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    /// The connections that read.
    db: WithTimeout<DatabaseConnection>,
    /// The connections that write: neither kind waits for the other's, and few calls use few of them, which keeps their
    /// caches warm.
    writers: WithTimeout<DatabaseConnection>,
    queues: WriteQueue,
    growth: Arc<PostgresPlans>,
    /// Where the database is SQLite.
    checkpoints: Option<Checkpoints>,
}

/// What a transaction is done with: its connection, and whether its caller is still there.
pub struct Transaction {
    db: WithTimeout<DatabaseTransaction>,
    caller_left: CancellationToken,
    added_rows: AtomicU64,
}

impl Transaction {
    fn new(db: WithTimeout<DatabaseTransaction>, caller_left: CancellationToken) -> Self {
        Self {
            db,
            caller_left,
            added_rows: AtomicU64::new(0),
        }
    }

    /// The connection.
    pub fn db(&self) -> &WithTimeout<DatabaseTransaction> {
        &self.db
    }

    /// Which database this is.
    pub fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    /// Has the database plan its statements for the tables as they are now.
    pub async fn discard_plans(&self) -> Result<()> {
        if self.backend() == DbBackend::Postgres {
            self.db.execute_unprepared(DISCARD_PLANS).await?;
        }
        Ok(())
    }

    /// Says that about so many rows were added.
    pub fn note_added_rows(&self, row_count: u64) {
        self.added_rows.fetch_add(row_count, Ordering::Relaxed);
    }

    /// Fails if the caller has left, so that long work ends early.
    pub fn check_caller(&self) -> Result<()> {
        if self.caller_left.is_cancelled() {
            return Err(Error::StreamBroken("the caller left".to_owned()));
        }
        Ok(())
    }
}

/// What becomes of a transaction's changes.
pub enum TransactionOutcome<T> {
    /// They are committed.
    Commit(T),
    /// They are undone.
    RollBack(T),
}

impl Repository {
    /// Connects to a database. A SQLite file is made if it does not exist.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self> {
        let (max_connections, timeout) = (settings.max_connections, settings.timeout());
        let growth = Arc::new(PostgresPlans::default());
        let pool_growth = Arc::clone(&growth);
        let mut options = ConnectOptions::new(&settings.database_url);
        options
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // No task ends old and idle ones: sqlx's can spin for ever (its issue 3645).
            .idle_timeout(None)
            .max_lifetime(None)
            // The pool's own look at a connection waits for ever where the line is silent; see `answers`.
            .test_before_acquire(false)
            // Statements are logged for those who ask for them: `--log sqlx=trace`.
            .sqlx_logging_level(log::LevelFilter::Trace)
            .map_sqlx_postgres_pool_opts(move |options| {
                let growth = Arc::clone(&pool_growth);
                options
                    .after_connect(move |connection, _| {
                        Box::pin(async move {
                            let settings = AssertSqlSafe(postgres_settings(timeout));
                            connection.execute(settings).await?;
                            Ok(())
                        })
                    })
                    .before_acquire(move |connection, metadata| {
                        let age = metadata.age;
                        let is_old = age > MAX_POSTGRES_AGE || growth.is_stale(age);
                        Box::pin(async move {
                            if !is_old {
                                answers(connection, IDLE_ANSWER_TIMEOUT).await?;
                            }
                            Ok(!is_old)
                        })
                    })
                    .after_release(|connection, _| Box::pin(is_clean(connection)))
            })
            .map_sqlx_sqlite_pool_opts(|options| {
                options.after_release(|connection, _| Box::pin(is_clean(connection)))
            })
            .map_sqlx_sqlite_opts(|options| {
                options
                    .create_if_missing(true)
                    .foreign_keys(true)
                    // A chunk's look-up need not wait for a reader who decides on another chunk.
                    .row_buffer_size(bulk::SQLITE_CHUNK_SIZE)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(SQLITE_BUSY_TIMEOUT)
                    .pragma("cache_size", SQLITE_CACHE)
                    .pragma("journal_size_limit", SQLITE_LOG_BYTES)
                    // See `sqlite_checkpoints`.
                    .pragma("wal_autocheckpoint", "0")
            });
        let url = settings.database_url.to_ascii_lowercase();
        let max_writers = if url.starts_with("sqlite:") {
            1
        } else {
            max_connections / 2
        };
        let pool = async |max_connections: u32| {
            let options = options.clone().max_connections(max_connections).clone();
            Database::connect(options).await.map_err(without_url)
        };
        let db = pool(max_connections - max_writers).await?;
        let writers = pool(max_writers).await?;
        let queues = WriteQueue::new(max_writers as usize);
        let checkpoints = (db.get_database_backend() == DbBackend::Sqlite)
            .then(|| Checkpoints::start(db.clone(), queues.clone()));
        Ok(Self {
            db: WithTimeout::new(db, timeout),
            writers: WithTimeout::new(writers, timeout),
            queues,
            growth,
            checkpoints,
        })
    }

    /// The connection, for reads. Whatever writes goes through [`Self::write`].
    pub fn db(&self) -> &WithTimeout<DatabaseConnection> {
        &self.db
    }

    /// Brings the schema up to date, under a lock that keeps other servers from doing so at the same time.
    pub async fn migrate(&self) -> Result<()> {
        let pool = self.db.without_timeout();
        let transaction = pool.begin_with_options(writing()).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            // A number of our own; held until the commit, however long another server's migrations take.
            transaction
                .execute_unprepared(
                    "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
                     SELECT pg_advisory_xact_lock(7295317431582)",
                )
                .await?;
        }
        migration::Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.db.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Runs `work` on `input` in a transaction, again if it lost a race.
    pub async fn write<I, T, W>(&self, input: I, work: W) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<TransactionOutcome<T>>>
            + Send
            + Sync
            + 'static,
    {
        self.write_lists(Vec::new(), input, work).await
    }

    /// Runs `work` as [`Self::write`] does, after those who came before it to lock one of `lists`, which are in their order.
    ///
    /// A task of its own holds the transaction and ends it: a caller that leaves can neither cut it off half way nor hand
    /// an open one back to the pool.
    pub async fn write_lists<I, T, W>(&self, lists: Vec<ListKey>, input: I, work: W) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<TransactionOutcome<T>>>
            + Send
            + Sync
            + 'static,
    {
        let caller_left = CancellationToken::new();
        let guard = caller_left.clone().drop_guard();
        let repository = self.clone();
        let task = async move {
            repository
                .write_until_won(&lists, &input, work, caller_left)
                .await
        };
        let task = tokio::spawn(task.in_current_span());
        let result = task.await.map_err(Error::internal)?;
        guard.disarm();
        result
    }

    async fn write_until_won<I, T, W>(
        &self,
        lists: &[ListKey],
        input: &I,
        work: W,
        caller_left: CancellationToken,
    ) -> Result<T>
    where
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<TransactionOutcome<T>>>,
    {
        let mut attempt = 1;
        loop {
            match self.write_once(lists, input, &work, &caller_left).await {
                Err(Error::ConcurrentChange)
                    if attempt < MAX_ATTEMPTS && !caller_left.is_cancelled() =>
                {
                    tracing::debug!(attempt, "transaction.retried");
                    tokio::time::sleep(back_off(attempt)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn write_once<I, T, W>(
        &self,
        lists: &[ListKey],
        input: &I,
        work: &W,
        caller_left: &CancellationToken,
    ) -> Result<T>
    where
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<TransactionOutcome<T>>>,
    {
        let _turn = tokio::select! {
            turn = self.queues.turn(lists) => turn,
            () = caller_left.cancelled() => {
                return Err(Error::StreamBroken("the caller left".to_owned()));
            }
        };
        let db = self.writers.begin(writing()).await?;
        let transaction = Transaction::new(db, caller_left.clone());
        let result = work(input, &transaction).await;
        match result.and_then(|outcome| transaction.check_caller().map(|()| outcome)) {
            Ok(TransactionOutcome::Commit(value)) => {
                let added_rows = transaction.added_rows.into_inner();
                transaction.db.commit().await?;
                self.growth.add(added_rows);
                if let Some(checkpoints) = &self.checkpoints {
                    checkpoints.note();
                }
                Ok(value)
            }
            Ok(TransactionOutcome::RollBack(value)) => {
                transaction.db.rollback().await?;
                Ok(value)
            }
            Err(error) => {
                if let Err(failure) = transaction.db.rollback().await {
                    tracing::debug!(%failure, "transaction.rollback_failed");
                }
                Err(error)
            }
        }
    }

    /// Runs `work` on `input` in a transaction that reads as of one instant. A task of its own holds it, as in
    /// [`Self::write`].
    pub async fn snapshot<I, T, W>(&self, input: I, work: W) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        let caller_left = CancellationToken::new();
        let guard = caller_left.clone().drop_guard();
        let db = self.db.clone();
        let task = tokio::spawn(async move {
            let is_postgres = db.get_database_backend() == DbBackend::Postgres;
            let options = TransactionOptions {
                // SQLite's transactions read so anyway.
                isolation_level: is_postgres.then_some(IsolationLevel::RepeatableRead),
                ..Default::default()
            };
            let transaction = Transaction::new(db.begin(options).await?, caller_left);
            let result = work(&input, &transaction).await;
            transaction.db.rollback().await?;
            result
        });
        let result = task.await.map_err(Error::internal)?;
        guard.disarm();
        result
    }
}

/// What SeaORM says of a URL that it can make nothing of, without the password in it.
fn without_url(failure: DbErr) -> DbErr {
    match failure {
        DbErr::Conn(RuntimeErr::Internal(_)) => DbErr::Conn(RuntimeErr::Internal(
            "the database URL is neither sqlite://FILE nor postgres://USER:PASSWORD@HOST/NAME"
                .to_owned(),
        )),
        failure => failure,
    }
}

/// Whether a connection can serve others; if not, it is closed.
///
/// The pool's own look at it waits for ever where the line is silent. And where SQLite itself has undone a transaction, as it
/// does on a full disk, the driver takes what comes next for a part of it, which no commit ends.
async fn is_clean<C: Connection>(connection: &mut C) -> Result<bool, sqlx::Error> {
    answers(connection, RELEASE_TIMEOUT).await?;
    Ok(!connection.is_in_transaction())
}

/// Fails if a connection does not answer in time.
async fn answers<C: Connection>(connection: &mut C, timeout: Duration) -> Result<(), sqlx::Error> {
    let answer = tokio::time::timeout(timeout, connection.ping());
    answer.await.map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// How a transaction that writes begins.
fn writing() -> TransactionOptions {
    TransactionOptions {
        // A transaction that reads and then writes fails under a second writer unless it starts as one.
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}

/// What PostgreSQL is told about a session.
///
/// Whoever it hears nothing of any more, as when the line has broken unnoticed, does not hold locks for ever. It says something
/// once a minute where nothing else is said, so that what is in between does not forget an idle line. And it plans a statement
/// for few rows: planned for the 2000 rows of a chunk, a look-up by key becomes a scan of the table.
fn postgres_settings(timeout: Duration) -> String {
    let (lock, most) = (POSTGRES_LOCK_TIMEOUT.as_millis(), timeout.as_millis());
    format!(
        "SET lock_timeout = {lock}; SET statement_timeout = {most}; \
         SET idle_in_transaction_session_timeout = {most}; SET tcp_keepalives_idle = 60; \
         SET plan_cache_mode = force_generic_plan"
    )
}

/// A wait that grows with the attempts, of random length so that two that collided don't collide again.
fn back_off(attempt: u32) -> Duration {
    let most_ms = 2_u64.pow(attempt.min(10));
    let random = Uuid::new_v4().as_u64_pair().0;
    Duration::from_millis(most_ms / 2 + random % most_ms)
}
