//! The versioned migrations: forward only, expand then contract, one set for both databases.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

mod m0001_initial;
mod m0002_search_indexes;
mod m0003_purge_times;
mod m0004_api_key_details;
mod m0005_erasures;
mod m0006_journal;
mod m0007_recorded_opt_outs;

/// Runs the migrations that a database does not have yet.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_search_indexes::Migration),
            Box::new(m0003_purge_times::Migration),
            Box::new(m0004_api_key_details::Migration),
            Box::new(m0005_erasures::Migration),
            Box::new(m0006_journal::Migration),
            Box::new(m0007_recorded_opt_outs::Migration),
        ]
    }
}

/// The statements with the types of the database.
fn for_backend(sql: &str, backend: DbBackend) -> String {
    match backend {
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
    }
}

/// The statement that, on Citus, distributes a new table like the others, once they are.
fn distribute(table: &str) -> String {
    format!(
        "DO $$ BEGIN \
         IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN \
         IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'organizations'::regclass) THEN \
         PERFORM create_distributed_table('{table}', 'organization_id', colocate_with => 'organizations'); \
         END IF; END IF; END $$"
    )
}
