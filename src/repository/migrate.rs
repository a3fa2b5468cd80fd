//! Migrations at the start.

use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, TransactionTrait};
use sea_orm_migration::{
    IntoSchemaManagerConnection, Migration, MigratorTrait, SchemaManager, seaql_migrations,
};

use super::{Repository, migration::Migrator, transaction::write_options};
use crate::error::Result;

/// The table of the migrations that a database has.
const MIGRATIONS: &str = "seaql_migrations";

/// Keeps other servers from migrating until the commit, however long that takes. No other program is expected to use this
/// number.
const LOCK_MIGRATIONS: &str = "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
    SELECT pg_advisory_xact_lock(7295317431582)";

impl Repository {
    /// Brings the schema up to date, under a lock that keeps other servers from doing so at the same time. A schema that a newer
    /// program has changed stays as it is: changes are such that older programs run on it.
    pub async fn migrate(&self) -> Result<()> {
        let pool = self.db().without_timeout();
        if is_up_to_date(pool).await? {
            return Ok(());
        }
        let transaction = pool.begin_with_options(write_options()).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            transaction.execute_unprepared(LOCK_MIGRATIONS).await?;
        }
        if !is_up_to_date(&transaction).await? {
            Migrator::up(&transaction, None).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Returns whether there is a schema, of whatever version.
    pub async fn has_schema(&self) -> Result<bool> {
        has_migrations(self.db().without_timeout()).await
    }
}

async fn has_migrations<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<bool> {
    let schema = SchemaManager::new(db);
    Ok(schema.has_table(MIGRATIONS).await?)
}

/// Returns whether the database has all migrations of this program.
async fn is_up_to_date<'c, C>(db: &'c C) -> Result<bool>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    if !has_migrations(db).await? {
        return Ok(false);
    }
    let applied = seaql_migrations::Entity::find().all(db).await?;
    let is_applied = |known: &Migration| applied.iter().any(|it| it.version == known.name());
    Ok(Migrator::get_migration_files().iter().all(is_applied))
}
