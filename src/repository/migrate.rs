//! Migrations at the start.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, TransactionTrait};
use sea_orm_migration::{
    IntoSchemaManagerConnection, Migration, MigratorTrait, SchemaManager, seaql_migrations,
};

use super::{Repository, migration::Migrator, transaction::write_options};
use crate::error::{Error, Result};

/// The table of the migrations that a database has.
pub(super) const MIGRATIONS: &str = "seaql_migrations";

/// What comes, in the name of a migration that not every older program runs on, before the newest one that a program must know:
/// `m0012_drop_colors_needs_m0009` is for programs that know `m0009_…`. All others only add.
const NEEDS: &str = "_needs_";

/// Has a migration, and those that wait for it, take as long as they need.
pub(super) const NO_TIME_LIMITS: &str =
    "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0";

/// Keeps other servers that start on PostgreSQL from changing what all of them change, until the commit. No other program is
/// expected to use this number.
pub(super) const LOCK_STARTS: &str = "SELECT pg_advisory_xact_lock(7295317431582)";

/// Why a program can't run on a schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// There is none.
    #[error("the database is empty: run contact-lists migrate first")]
    Empty,
    /// It lacks this migration.
    #[error("the database's schema lacks {0}: run contact-lists migrate")]
    Lacks(String),
    /// A newer program has made it one for programs that know this migration.
    #[error("this program is too old for the database's schema, which needs one that knows {0}")]
    Needs(String),
    /// The database did not say.
    #[error(transparent)]
    Unknown(#[from] Error),
}

impl From<DbErr> for SchemaError {
    fn from(error: DbErr) -> Self {
        Self::Unknown(error.into())
    }
}

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
    /// program has changed stays as it is.
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        let pool = self.db().without_timeout();
        if is_up_to_date(pool).await? {
            return Ok(());
        }
        let transaction = pool.begin_with_options(write_options()).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            transaction.execute_unprepared(NO_TIME_LIMITS).await?;
            transaction.execute_unprepared(LOCK_STARTS).await?;
        }
        if !is_up_to_date(&transaction).await? {
            Migrator::up(&transaction, None).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the migrations that this program knows, in order, and then those that only a newer one does. Changes nothing.
    pub async fn migrations(&self) -> Result<Vec<(String, MigrationState)>> {
        let mut applied = applied(self.db().without_timeout()).await?;
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

    /// Fails unless this program runs on the schema. Changes nothing. A schema that doesn't say which migrations it has is taken:
    /// a worker of Citus has the tables, but not their list.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        let db = self.db().without_timeout();
        if !has_migrations(db).await? && has_tables(db).await? {
            return Ok(());
        }
        let applied = applied(db).await?;
        check_needs(&applied)?;
        match first_missing(&applied) {
            Some(missing) => Err(SchemaError::Lacks(missing)),
            None => Ok(()),
        }
    }

    /// Fails if there is no schema, or if it needs a newer program; takes one that lacks migrations. Changes nothing.
    pub async fn check_schema_of_any_age(&self) -> Result<(), SchemaError> {
        let db = self.db().without_timeout();
        if !has_tables(db).await? {
            return Err(SchemaError::Empty);
        }
        check_needs(&applied(db).await?)
    }
}

async fn has_migrations<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<bool> {
    let schema = SchemaManager::new(db);
    Ok(schema.has_table(MIGRATIONS).await?)
}

async fn has_tables<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<bool> {
    let schema = SchemaManager::new(db);
    Ok(schema.has_table("organizations").await?)
}

/// Returns the names of the migrations that the database has.
async fn applied<'c, C>(db: &'c C) -> Result<BTreeSet<String>>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    if !has_migrations(db).await? {
        return Ok(BTreeSet::new());
    }
    let applied = seaql_migrations::Entity::find().all(db).await?;
    Ok(applied.into_iter().map(|it| it.version).collect())
}

/// Returns whether the database has all migrations of this program. Fails if it has one that needs a newer program.
async fn is_up_to_date<'c, C>(db: &'c C) -> Result<bool, SchemaError>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let applied = applied(db).await?;
    check_needs(&applied)?;
    Ok(first_missing(&applied).is_none())
}

/// Returns the first of this program's migrations that is not among the applied ones.
fn first_missing(applied: &BTreeSet<String>) -> Option<String> {
    let known = Migrator::get_migration_files().into_iter();
    let mut names = known.map(|it| it.name().to_owned());
    names.find(|name| !applied.contains(name))
}

/// Fails if one of the applied migrations needs a program that knows a newer one than this program does.
fn check_needs(applied: &BTreeSet<String>) -> Result<(), SchemaError> {
    let known = Migrator::get_migration_files();
    let is_known = |number: &str| {
        let mut names = known.iter().map(Migration::name);
        names.any(|name| name.split('_').next() == Some(number))
    };
    let mut needed = applied.iter().filter_map(|it| it.rsplit_once(NEEDS));
    match needed.find(|(_, number)| !is_known(number)) {
        Some((_, number)) => Err(SchemaError::Needs(number.to_owned())),
        None => Ok(()),
    }
}
