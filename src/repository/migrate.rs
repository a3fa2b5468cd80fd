//! Migrations at the start.

use std::collections::BTreeSet;

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

/// How a migration and a database stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// The database has it.
    Applied,
    /// The database does not have it yet.
    Missing,
    /// The database has it, from a newer program.
    Newer,
}

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

    /// Returns the migrations that this program knows, in order, and then those that only a newer one does. Changes nothing.
    pub async fn migrations(&self) -> Result<Vec<(String, MigrationState)>> {
        let db = self.db().without_timeout();
        let applied = match has_migrations(db).await? {
            true => seaql_migrations::Entity::find().all(db).await?,
            false => Vec::new(),
        };
        let mut applied: BTreeSet<String> = applied.into_iter().map(|it| it.version).collect();
        let mut migrations = Vec::new();
        for known in Migrator::get_migration_files() {
            let state = match applied.remove(known.name()) {
                true => MigrationState::Applied,
                false => MigrationState::Missing,
            };
            migrations.push((known.name().to_owned(), state));
        }
        let newer = applied.into_iter();
        migrations.extend(newer.map(|name| (name, MigrationState::Newer)));
        Ok(migrations)
    }

    /// Returns the first migration that the schema lacks. `None` as well if the database doesn't say which it has: a worker of
    /// Citus has the tables, but not the list of migrations.
    pub async fn missing_migration(&self) -> Result<Option<String>> {
        let db = self.db().without_timeout();
        if !has_migrations(db).await? && SchemaManager::new(db).has_table("organizations").await? {
            return Ok(None);
        }
        let mut migrations = self.migrations().await?.into_iter();
        let missing = migrations.find(|(_, state)| *state == MigrationState::Missing);
        Ok(missing.map(|(name, _)| name))
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
