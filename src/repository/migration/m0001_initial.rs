//! The first schema.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// The first schema.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = include_str!("m0001_initial.sql");
        let sql = match manager.get_database_backend() {
            // "C": text is compared byte by byte, as in SQLite.
            DbBackend::Postgres => sql
                .replace("{uuid}", "UUID")
                .replace("{text}", "TEXT COLLATE \"C\"")
                .replace("{bytes}", "BYTEA")
                .replace("{time}", "TIMESTAMPTZ")
                .replace("{json}", "JSONB")
                .replace("{link_table}", ""),
            _ => sql
                .replace("{uuid}", "BLOB")
                .replace("{text}", "TEXT")
                .replace("{bytes}", "BLOB")
                .replace("{time}", "TEXT")
                .replace("{json}", "TEXT")
                .replace("{link_table}", "WITHOUT ROWID"),
        };
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
