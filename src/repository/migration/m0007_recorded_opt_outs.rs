//! Opt-outs in bulk, as recorded.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use super::{distribute, for_backend};

/// Opt-outs in bulk, as recorded.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0007_recorded_opt_outs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (db, backend) = (manager.get_connection(), manager.get_database_backend());
        let sql = for_backend(include_str!("m0007_recorded_opt_outs.sql"), backend);
        db.execute_unprepared(&sql).await?;
        if backend == DbBackend::Postgres {
            db.execute_unprepared(&distribute("recorded_opt_outs"))
                .await?;
        }
        Ok(())
    }
}
