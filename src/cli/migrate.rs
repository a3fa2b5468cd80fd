//! `contact-lists migrate`.

use super::{connected, with_schema};
use crate::{
    repository::{MigrationState, Repository},
    settings::DatabaseSettings,
};

/// Brings the schema up to date, and distributes its tables if that is asked for; or prints how it stands.
pub async fn run(
    status: bool,
    distribute: bool,
    database: &DatabaseSettings,
) -> anyhow::Result<()> {
    if !status {
        if distribute {
            // Before anything is changed.
            connected(database, false, async |it| Ok(it.expect_citus()?)).await?;
        }
        let distribute = async |repository: &Repository| {
            if distribute {
                repository.distribute().await?;
            }
            Ok(())
        };
        with_schema(database, true, distribute).await?;
        println!("the schema is up to date");
        return Ok(());
    }
    let migrations = async |repository: &Repository| Ok(repository.migrations().await?);
    for (name, state) in connected(database, false, migrations).await? {
        let state = match state {
            MigrationState::Applied => "applied",
            MigrationState::Missing => "missing",
            MigrationState::Newer => "of a newer program",
        };
        println!("{name}\t{state}");
    }
    Ok(())
}
