//! How far the updates of each organization have aged.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement},
};

use super::for_backend;
use crate::domain::now;

/// On Citus a new table is distributed like the others, once they are.
const DISTRIBUTE: &str = "DO $$ BEGIN \
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN \
        IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'organizations'::regclass) THEN \
            PERFORM create_distributed_table('purge_times', 'organization_id', colocate_with => 'organizations'); \
        END IF; \
    END IF; \
END $$";

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
            db.execute_unprepared(DISTRIBUTE).await?;
        }
        // Organizations that are made later begin with the time at which they are.
        let fill = "INSERT INTO purge_times (organization_id, purge_time) SELECT id, $1 FROM organizations";
        let fill = Statement::from_sql_and_values(backend, fill, [now().into()]);
        db.execute_raw(fill).await?;
        Ok(())
    }
}
