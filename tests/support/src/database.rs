//! A database for one test: a SQLite file of its own, or a database of its own in the tests' PostgreSQL.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement, Value};
use tempfile::TempDir;

use super::postgres;

const REGISTER_CITUS: &str = "SET allow_system_table_mods = on; \
    INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) \
    SELECT 424242, 'citus', extowner, extnamespace, false, '13.2' FROM pg_extension WHERE extname = 'plpgsql'";

/// A fresh database. Clones are the same database; it is removed when the last of them is dropped.
#[derive(Clone)]
pub struct Database {
    url: String,
    storage: Arc<Storage>,
}

/// What the database is removed with.
struct Storage {
    /// None on SQLite.
    postgres: Option<postgres::TestDatabase>,
    /// The folder of a SQLite file that is removed with it.
    _folder: Option<TempDir>,
}

impl Database {
    /// A new SQLite file, in a folder of its own.
    pub fn sqlite() -> Self {
        Self::sqlite_in(&std::env::temp_dir())
    }

    /// The same, in a folder within this one.
    pub fn sqlite_in(parent: &Path) -> Self {
        let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
        Self::sqlite_file(&folder.path().join("contact-lists.db"), Some(folder))
    }

    /// A new SQLite file right in a given folder, which stays when the database is removed.
    pub fn sqlite_right_in(folder: &Path) -> Self {
        Self::sqlite_file(&folder.join("contact-lists.db"), None)
    }

    fn sqlite_file(file: &Path, folder: Option<TempDir>) -> Self {
        Self {
            url: format!("sqlite://{}", file.display()),
            storage: Arc::new(Storage {
                postgres: None,
                _folder: folder,
            }),
        }
    }

    /// A new database in the tests' PostgreSQL, which the first call starts. None where PostgreSQL is not installed.
    pub async fn postgres() -> Option<Self> {
        Some(Self::in_postgres(postgres::create_database().await?))
    }

    /// A new database in the tests' PostgreSQL, whose tables are kept in a given folder.
    pub async fn postgres_in(folder: &Path) -> Option<Self> {
        let database = postgres::create_database_in(folder).await?;
        Some(Self::in_postgres(database))
    }

    /// A database in a PostgreSQL of its own that can be killed. None where PostgreSQL is not installed.
    pub async fn killable_postgres() -> Option<Self> {
        let database = postgres::create_killable_database().await?;
        Some(Self::in_postgres(database))
    }

    fn in_postgres(database: postgres::TestDatabase) -> Self {
        Self {
            url: database.url(),
            storage: Arc::new(Storage {
                postgres: Some(database),
                _folder: None,
            }),
        }
    }

    /// Kills all processes of PostgreSQL at once. Only for a database that has one of its own.
    pub fn kill_postgres(&self) {
        if let Some(database) = &self.storage.postgres {
            database.kill_server();
        }
    }

    /// Starts PostgreSQL again after a kill, and waits until it answers.
    pub async fn start_postgres_again(&self) {
        if let Some(database) = &self.storage.postgres {
            database.start_server_again().await;
        }
    }

    /// What to give as `--database-url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// True: PostgreSQL. False: SQLite.
    pub fn is_postgres(&self) -> bool {
        self.storage.postgres.is_some()
    }

    /// PostgreSQL's socket and the database's name; None on SQLite.
    pub fn postgres_socket(&self) -> Option<(PathBuf, &str)> {
        let database = self.storage.postgres.as_ref()?;
        Some((database.socket(), database.name()))
    }

    /// The number that a query returns, past the service: `SELECT count(*) FROM contacts`.
    pub async fn rows(&self, sql: &str) -> i64 {
        self.rows_with(sql, []).await
    }

    /// The same, with values for `$1`, `$2`, … - the only way to name an id, which SQLite keeps as bytes.
    pub async fn rows_with(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> i64 {
        let connection = self.connect().await;
        let backend = connection.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let row = connection.query_one_raw(statement).await.expect("a query");
        let count = row.expect("one row").try_get_by_index(0).expect("a number");
        connection.close().await.expect("a closed connection");
        count
    }

    /// Runs a statement past the service.
    pub async fn execute(&self, sql: &str) {
        let connection = self.connect().await;
        connection
            .execute_unprepared(sql)
            .await
            .expect("a statement");
        connection.close().await.expect("a closed connection");
    }

    /// Makes the database look like one of Citus. Only for PostgreSQL.
    pub async fn register_citus(&self) {
        self.execute(REGISTER_CITUS).await;
    }

    /// A connection of the test's own, which reconnects if it breaks.
    pub async fn connect(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options
            .max_connections(1)
            .sqlx_logging(false)
            // As in the service: without sqlx's task that can loop forever.
            .idle_timeout(None)
            .max_lifetime(None);
        sea_orm::Database::connect(options)
            .await
            .expect("a connection to the test's database")
    }
}
