//! The tests' PostgreSQL: one throw-away cluster for the test binary, started by the first test that asks for it, and in it
//! one database for each test, copied from a migrated template.

mod cluster;
mod programs;

use std::path::{Path, PathBuf};

use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::tenants;
pub use cluster::NOBODY;
use cluster::{Cluster, Durability};

const TEMPLATE: &str = "migrated";

/// The cluster. Kept as a result, so that a cluster that does not start costs its time once, not in every test.
static CLUSTER: OnceCell<Result<Option<Cluster>, String>> = OnceCell::const_new();

/// A template can be copied only while nobody else uses it.
static COPYING: Mutex<()> = Mutex::const_new(());

/// A database in the cluster, dropped with this value.
pub struct TestDatabase {
    cluster: &'static Cluster,
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
    let cluster = match CLUSTER.get_or_init(start_once).await {
        Ok(cluster) => cluster.as_ref()?,
        Err(reason) => panic!("the tests' PostgreSQL is not ready: {reason}"),
    };
    let name = format!("t_{}", Uuid::now_v7().simple());
    let mut place = String::new();
    if let Some(folder) = folder {
        // Of the database's name.
        let sql = format!("CREATE TABLESPACE {name} LOCATION '{}'", folder.display());
        cluster.execute(&sql).await;
        place = format!(" TABLESPACE {name}");
    }
    let _alone = COPYING.lock().await;
    let sql = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}{place}");
    cluster.execute(&sql).await;
    let has_tablespace = folder.is_some();
    Some(TestDatabase {
        cluster,
        name,
        has_tablespace,
    })
}

/// Creates an empty database in a cluster of its own that can be killed. None where PostgreSQL is not installed.
pub async fn create_killable_database() -> Option<TestDatabase> {
    let cluster = Cluster::start(&programs::find()?, Durability::Kills).await;
    let cluster = cluster.unwrap_or_else(|reason| panic!("PostgreSQL is not ready: {reason}"));
    let name = "killable".to_owned();
    cluster.execute(&format!("CREATE DATABASE {name}")).await;
    // Like the other cluster, it goes with the process.
    let cluster = Box::leak(Box::new(cluster));
    Some(TestDatabase {
        cluster,
        name,
        has_tablespace: false,
    })
}

/// Turns a panic into a result too: a migration that fails is one.
async fn start_once() -> Result<Option<Cluster>, String> {
    let started = tokio::spawn(start()).await;
    started.unwrap_or_else(|panic| Err(panic.to_string()))
}

async fn start() -> Result<Option<Cluster>, String> {
    let Some(programs) = programs::find() else {
        return Ok(None);
    };
    let cluster = Cluster::start(&programs, Durability::None).await?;
    cluster
        .execute(&format!("CREATE DATABASE {TEMPLATE}"))
        .await;
    tenants::migrate(&cluster.url(TEMPLATE)).await;
    // The pool that migrated may close its connections later than it is dropped.
    cluster
        .execute(&format!(
            "ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false"
        ))
        .await;
    cluster
        .execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'"
        ))
        .await;
    Ok(Some(cluster))
}

impl TestDatabase {
    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What to connect to.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Kills all processes of the cluster at once.
    pub fn kill_cluster(&self) {
        self.cluster.kill();
    }

    /// Starts the cluster again after a kill, and waits until it answers.
    pub async fn start_cluster_again(&self) {
        self.cluster.start_again().await;
    }

    /// The socket that the cluster listens on.
    pub fn socket(&self) -> PathBuf {
        self.cluster.socket()
    }
}

impl Drop for TestDatabase {
    /// Makes room for the next tests. Whatever goes wrong here goes with the cluster.
    fn drop(&mut self) {
        let (cluster, name) = (self.cluster, &self.name);
        let has_tablespace = self.has_tablespace;
        // The test's own runtime may be on its way out, and can't be waited for from here.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                cluster.drop_object(&format!("DATABASE {name} WITH (FORCE)"));
                if has_tablespace {
                    cluster.drop_object(&format!("TABLESPACE {name}"));
                }
            });
        });
    }
}
