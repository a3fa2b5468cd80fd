//! `contact-lists migrate`.

use super::{connected, with_schema};
use crate::{
    repository::{MigrationState, Repository},
    settings::DatabaseSettings,
};

/// Brings the schema up to date, or prints how it stands.
pub async fn run(status: bool, database: &DatabaseSettings) -> anyhow::Result<()> {
    if !status {
        with_schema(database, true, async |_| Ok(())).await?;
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
