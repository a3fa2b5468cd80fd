//! A copy of the database that reads may go to: a standby.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sea_orm_migration::MigratorTrait;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::{
    DatabaseOptions, connect_error::ConnectError, migration::Migrator, pools,
    postgres_plans::PostgresPlans, timeout::WithTimeout,
};

/// How long it has to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The connections to a copy, and whether it could be read when that was last asked. Cheap to clone.
#[derive(Clone)]
pub(super) struct DatabaseCopy {
    db: WithTimeout<DatabaseConnection>,
    is_up: Arc<AtomicBool>,
}

impl DatabaseCopy {
    /// Connects, for up to `size` reads at once. Fails if it does not answer.
    pub async fn open(
        url: &SecretString,
        options: &DatabaseOptions,
        size: u32,
        plans: &Arc<PostgresPlans>,
    ) -> Result<Self, ConnectError> {
        let (db, sessions) = pools::readers(url.expose_secret(), options, size, plans).await?;
        let copy = Self {
            db: WithTimeout::new(db, options.statement_timeout, sessions),
            is_up: Arc::new(AtomicBool::new(true)),
        };
        copy.check().await;
        Ok(copy)
    }

    pub fn db(&self) -> &WithTimeout<DatabaseConnection> {
        &self.db
    }

    /// Returns whether it could be read when that was last asked.
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Asks whether it can be read: whether it answers, and has this program's schema already.
    pub async fn check(&self) {
        let latest = Migrator::migrations().last().map(|it| it.name().to_owned());
        let latest = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT 1 FROM seaql_migrations WHERE version = $1",
            [latest.into()],
        );
        let answer = timeout(ANSWER_TIMEOUT, self.db.query_one_raw(latest)).await;
        let is_up = matches!(answer, Ok(Ok(Some(_))));
        if self.is_up.swap(is_up, Ordering::Relaxed) != is_up {
            tracing::info!(is_up, "database.copy_changed");
        }
    }
}
