//! How far the updates of each organization have aged.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement},
};

use super::{distribute, for_backend};
use crate::domain::now;

/// How far the updates of each organization have aged.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_purge_times"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (db, backend) = (manager.get_connection(), manager.get_database_backend());
        let sql = for_backend(include_str!("m0003_purge_times.sql"), backend);
        db.execute_unprepared(&sql).await?;
        if backend == DbBackend::Postgres {
            db.execute_unprepared(&distribute("purge_times")).await?;
        }
        // Organizations that are made later begin with the time at which they are.
        let fill = "INSERT INTO purge_times (organization_id, purge_time) SELECT id, $1 FROM organizations";
        let fill = Statement::from_sql_and_values(backend, fill, [now().into()]);
        db.execute_raw(fill).await?;
        Ok(())
    }
}
