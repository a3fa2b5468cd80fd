//! Names of API keys, when they expire, and when they were last used.

use sea_orm_migration::prelude::*;

use super::for_backend;

/// Names of API keys, when they expire, and when they were last used.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_api_key_details"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = include_str!("m0004_api_key_details.sql");
        let sql = for_backend(sql, manager.get_database_backend());
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
