//! The tests' PostgreSQL: one throw-away server for each test binary, started by the first test that asks for it, and in it
//! one database for each test, copied from a migrated template.

mod programs;
mod server;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::tenants;
pub use server::{NOBODY, PostgresServer};

const TEMPLATE: &str = "migrated";

/// Room for many tests at once, each with connections of its own.
const MAX_CONNECTIONS: &str = "max_connections=400";

/// The server that the tests share. Kept as a result, so that a server that does not start costs its time once, not in every
/// test.
static SHARED: OnceCell<Result<Option<Arc<PostgresServer>>, String>> = OnceCell::const_new();

/// A template can be copied only while nobody else uses it.
static COPYING: Mutex<()> = Mutex::const_new(());

/// A database in a server, dropped with this value.
pub struct TestDatabase {
    server: Arc<PostgresServer>,
    name: String,
    has_tablespace: bool,
}

/// Creates a migrated, empty database. None where PostgreSQL is not installed.
pub async fn create_database() -> Option<TestDatabase> {
    create(None).await
}

/// The same in a folder of its own, which PostgreSQL's user must own.
pub async fn create_database_in(folder: &Path) -> Option<TestDatabase> {
    create(Some(folder)).await
}

async fn create(folder: Option<&Path>) -> Option<TestDatabase> {
    let server = match SHARED.get_or_init(start_once).await {
        Ok(server) => Arc::clone(server.as_ref()?),
        Err(reason) => panic!("the tests' PostgreSQL is not ready: {reason}"),
    };
    let name = format!("t_{}", Uuid::now_v7().simple());
    let mut place = String::new();
    if let Some(folder) = folder {
        // Of the database's name.
        let sql = format!("CREATE TABLESPACE {name} LOCATION '{}'", folder.display());
        server.execute(&sql).await;
        place = format!(" TABLESPACE {name}");
    }
    let _alone = COPYING.lock().await;
    let sql = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}{place}");
    server.execute(&sql).await;
    let has_tablespace = folder.is_some();
    Some(TestDatabase {
        server,
        name,
        has_tablespace,
    })
}

/// Creates an empty database in a server of its own that can be killed. None where PostgreSQL is not installed.
pub async fn create_killable_database() -> Option<TestDatabase> {
    let settings = [
        MAX_CONNECTIONS,
        "fsync=on",
        // Shared memory in the server's own folder, where nothing of it can outlive it.
        "dynamic_shared_memory_type=mmap",
    ];
    let server = PostgresServer::start(&programs::locale(), &settings).await;
    let server = server.unwrap_or_else(|reason| panic!("PostgreSQL is not ready: {reason}"))?;
    let name = "killable".to_owned();
    server.execute(&format!("CREATE DATABASE {name}")).await;
    Some(TestDatabase {
        server: Arc::new(server),
        name,
        has_tablespace: false,
    })
}

/// Turns a panic into a result too: a migration that fails is one.
async fn start_once() -> Result<Option<Arc<PostgresServer>>, String> {
    let started = tokio::spawn(start()).await;
    started.unwrap_or_else(|panic| Err(panic.to_string()))
}

async fn start() -> Result<Option<Arc<PostgresServer>>, String> {
    // Nothing that is stored has to survive.
    let settings = [MAX_CONNECTIONS, "fsync=off", "full_page_writes=off"];
    let Some(server) = PostgresServer::start(&programs::locale(), &settings).await? else {
        return Ok(None);
    };
    let create = format!("CREATE DATABASE {TEMPLATE}");
    server.execute(&create).await;
    tenants::migrate(&server.url(TEMPLATE)).await;
    // The pool that migrated may close its connections later than it is dropped.
    let close = format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false");
    server.execute(&close).await;
    let disconnect = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'"
    );
    server.execute(&disconnect).await;
    Ok(Some(Arc::new(server)))
}

impl TestDatabase {
    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What to connect to.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Kills all processes of the server at once.
    pub fn kill_server(&self) {
        self.server.kill();
    }

    /// Starts the server again after a kill, and waits until it answers.
    pub async fn start_server_again(&self) {
        self.server.start_again().await;
    }

    /// The socket that the server listens on.
    pub fn socket(&self) -> PathBuf {
        self.server.socket()
    }
}

impl Drop for TestDatabase {
    /// Makes room for the next tests. If something goes wrong here, it ends with the server.
    fn drop(&mut self) {
        let (server, name) = (&self.server, &self.name);
        let has_tablespace = self.has_tablespace;
        // The test's own runtime may be about to end, and can't be waited for from here.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                server.drop_object(&format!("DATABASE {name} WITH (FORCE)"));
                if has_tablespace {
                    server.drop_object(&format!("TABLESPACE {name}"));
                }
            });
        });
    }
}
