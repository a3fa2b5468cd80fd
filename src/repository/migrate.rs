//! Migrations at the start.

use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::{Repository, migration::Migrator, transaction::write_options};
use crate::error::Result;

/// Keeps other servers from migrating until the commit, however long that takes. No other program is expected to use this
/// number.
const LOCK_MIGRATIONS: &str = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
    SELECT pg_advisory_xact_lock(7295317431582)";

impl Repository {
    /// Brings the schema up to date, under a lock that keeps other servers from doing so at the same time.
    pub async fn migrate(&self) -> Result<()> {
        let pool = self.db().without_timeout();
        let transaction = pool.begin_with_options(write_options()).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            transaction.execute_unprepared(LOCK_MIGRATIONS).await?;
        }
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(())
    }
}
