//! How the repository connects, and what it is made of.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use secrecy::{ExposeSecret, SecretString};

use super::{
    connect_error::ConnectError,
    database_copy::DatabaseCopy,
    pools::{Pools, RESERVED_CONNECTIONS},
    postgres_plans::PostgresPlans,
    postgres_sessions::{Pooler, PostgresSessions, READ_ONLY},
    records,
    sqlite_checkpoints::Checkpoints,
    sqlite_file::{DatabaseFile, OpenFiles},
    sqlite_lock::{FileLock, Purpose},
    timeout::WithTimeout,
    write_queue::WriteQueue,
};
use crate::{
    error::{Error, Result},
    memory_budget::MemoryBudget,
    telemetry::{Connections, DatabaseMetrics, Pool},
};

/// How long SQLite's connections may take to end what was begun on them and close at the end of the program.
const SQLITE_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The same for PostgreSQL's, which lose nothing if they are cut off.
const POSTGRES_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Which database to connect to, and how.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME`.
    pub url: SecretString,
    /// The same for a copy of the database that reads may go to.
    pub read_url: Option<SecretString>,
    /// Whether a command makes a SQLite file that does not exist. A server does.
    pub create_file: bool,
    /// The most connections, at least 4. Two are reserved; of the others half write, on SQLite one, and the rest read.
    pub max_connections: u32,
    /// What is between the service and PostgreSQL.
    pub pooler: Pooler,
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
    /// Where reads may go that need not see the latest changes.
    copy: Option<DatabaseCopy>,
    /// The connections that only authentication and health use.
    pub(super) reserved: WithTimeout<DatabaseConnection>,
    /// The connections that write. Reads and writes never wait for each other's connections, and a few writers keep their
    /// caches warm.
    pub(super) writers: WithTimeout<DatabaseConnection>,
    pub(super) write_queue: WriteQueue,
    pub(super) metrics: DatabaseMetrics,
    pub(super) plans: Arc<PostgresPlans>,
    pub(super) sessions: Arc<PostgresSessions>,
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
        let url = options.url.expose_secret();
        let is_sqlite = is_of_sqlite(url);
        refuse_copy_of_sqlite(options)?;
        let max_callers = options.max_connections.saturating_sub(RESERVED_CONNECTIONS);
        let (file, max_writers) = match is_sqlite {
            true => (DatabaseFile::find(url)?, 1),
            false => (None, max_callers / 2),
        };
        // Before SQLite makes or opens anything.
        let lock = match &file {
            Some(file) => FileLock::claim(file, purpose).await?,
            None => None,
        };
        let max_readers = max_callers.saturating_sub(max_writers);
        let opened = if is_sqlite {
            let opened = Pools::sqlite(options, [max_readers, max_writers]).await;
            let file = file.as_ref().map(DatabaseFile::path);
            opened.map_err(|error| ConnectError::of_sqlite(file, &error))?
        } else {
            Pools::postgres(options, [max_readers, max_writers]).await?
        };
        let Pools {
            pools: [db, writers, reserved],
            sessions,
            plans,
        } = opened;
        let copy = match &options.read_url {
            Some(url) => Some(DatabaseCopy::open(url, options, max_readers, &plans).await?),
            None => None,
        };
        let files = file.map(OpenFiles::note).transpose()?;
        let metrics = DatabaseMetrics::default();
        let write_queue = WriteQueue::new(max_writers as usize, metrics.clone());
        let checkpoints = (db.get_database_backend() == DbBackend::Sqlite)
            .then(|| Checkpoints::start(db.clone(), write_queue.clone()));
        let with_timeout =
            |pool| WithTimeout::new(pool, options.statement_timeout, Arc::clone(&sessions));
        let repository = Self {
            files,
            db: with_timeout(db),
            max_readers,
            copy,
            reserved: with_timeout(reserved),
            writers: with_timeout(writers),
            write_queue,
            metrics,
            plans,
            sessions,
            large_records: Arc::new(records::large_records()),
            checkpoints,
        };
        Ok((repository, lock))
    }

    /// Closes all connections once they are free. The last one to a SQLite file copies the whole log to it and removes the log.
    /// Connections that are still in use after a time limit stay open.
    pub async fn close(&self) {
        let copy = self.copy.as_ref().map(DatabaseCopy::db);
        let pools = [&self.db, &self.reserved, &self.writers].into_iter();
        let close = async {
            for pool in pools.chain(copy) {
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

    /// Returns a repository whose reads go to the copy of the database, if there is one that answers: they may not see the latest
    /// changes.
    pub fn copy(&self) -> Option<Self> {
        let copy = self.copy.as_ref().filter(|copy| copy.is_up())?;
        Some(Self {
            db: copy.db().clone(),
            ..self.clone()
        })
    }

    /// Finds out whether the copy of the database answers, for the reads that begin from now on.
    pub async fn check_copy(&self) {
        if let Some(copy) = &self.copy {
            copy.check().await;
        }
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
        if let Some(copy) = &self.copy {
            let connections = connections(copy.db().without_timeout());
            self.metrics.observe_pool(Pool::Copy, connections);
        }
    }

    /// Fails if the database does not answer or takes no writes, or if SQLite's files are no longer where they were.
    pub async fn ping(&self) -> Result<()> {
        self.check_file()?;
        if self.reserved.get_database_backend() == DbBackend::Sqlite {
            self.reserved.execute_unprepared("SELECT 1").await?;
            return Ok(());
        }
        let asked = Statement::from_string(DbBackend::Postgres, READ_ONLY);
        let row = self.reserved.query_one_raw(asked).await?;
        let answer = row
            .map(|row| row.try_get_by_index::<String>(0))
            .transpose()?;
        if answer.as_deref() != Some("off") {
            // Another session can be one of the next primary.
            self.sessions.replace();
            return Err(read_only());
        }
        Ok(())
    }

    /// Fails if SQLite's files are no longer where they were.
    pub(super) fn check_file(&self) -> Result<()> {
        self.files.as_ref().map_or(Ok(()), OpenFiles::check)
    }
}

/// Says that the database takes no writes.
pub(super) fn read_only() -> Error {
    let words = "the database is read-only: it is a standby, or an operator has made it so";
    Error::DatabaseUnavailable(anyhow::anyhow!(words))
}

fn refuse_copy_of_sqlite(options: &DatabaseOptions) -> Result<(), ConnectError> {
    let is_sqlite = |url: &SecretString| is_of_sqlite(url.expose_secret());
    match &options.read_url {
        Some(copy) if is_sqlite(copy) || is_sqlite(&options.url) => {
            Err(ConnectError::UrlUnsupported(
                "of a copy to read is for PostgreSQL, as SQLite has no standby: leave out --read-database-url",
            ))
        }
        _ => Ok(()),
    }
}

fn is_of_sqlite(url: &str) -> bool {
    url.to_ascii_lowercase().starts_with("sqlite:")
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
