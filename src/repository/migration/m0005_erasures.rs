//! Which contacts were erased.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use super::{distribute, for_backend};

/// Which contacts were erased.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_erasures"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (db, backend) = (manager.get_connection(), manager.get_database_backend());
        let sql = for_backend(include_str!("m0005_erasures.sql"), backend);
        db.execute_unprepared(&sql).await?;
        if backend == DbBackend::Postgres {
            db.execute_unprepared(&distribute("erasures")).await?;
        }
        Ok(())
    }
}
