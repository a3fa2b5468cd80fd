//! What changes did: consent, members and contacts.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use super::{distribute, for_backend};

/// What changes did: consent, members and contacts.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_journal"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (db, backend) = (manager.get_connection(), manager.get_database_backend());
        let sql = for_backend(include_str!("m0006_journal.sql"), backend);
        db.execute_unprepared(&sql).await?;
        if backend == DbBackend::Postgres {
            for table in [
                "consents",
                "preference_changes",
                "contact_changes",
                "journal",
            ] {
                db.execute_unprepared(&distribute(table)).await?;
            }
        }
        Ok(())
    }
}
