//! `contact-lists migrate`.

use super::{connect, open};
use crate::{repository::MigrationState, settings::DatabaseSettings};

/// Brings the schema up to date, or prints how it stands.
pub async fn run(status: bool, database: &DatabaseSettings) -> anyhow::Result<()> {
    if !status {
        open(database, true).await?;
        println!("the schema is up to date");
        return Ok(());
    }
    for (name, state) in connect(database, false).await?.migrations().await? {
        let state = match state {
            MigrationState::Applied => "applied",
            MigrationState::Missing => "missing",
            MigrationState::Newer => "of a newer program",
        };
        println!("{name}\t{state}");
    }
    Ok(())
}
