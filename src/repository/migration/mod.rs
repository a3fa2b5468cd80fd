//! The versioned migrations: forward only, expand then contract, one set for both databases.

use sea_orm_migration::prelude::*;

mod m0001_initial;
mod m0002_search_indexes;

/// Runs the migrations that a database does not have yet.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_search_indexes::Migration),
        ]
    }
}
