//! Indexes for what list calls search by. Each ends with the id, which pages are ordered by.

use sea_orm_migration::prelude::*;

/// Indexes for what list calls search by.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_search_indexes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = include_str!("m0002_search_indexes.sql");
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}
