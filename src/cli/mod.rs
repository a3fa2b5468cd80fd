//! The commands, one file each.

mod api_key;
mod args;
mod first_start;
mod organization;
mod serve;

use anyhow::Context;

use self::args::Command;
pub use self::args::CommandLine;
use crate::{repository::Repository, settings::DatabaseSettings};

/// Runs the command.
pub async fn run(command_line: CommandLine) -> anyhow::Result<()> {
    match command_line.command {
        None => serve::run(command_line.serve).await,
        Some(Command::Serve(settings)) => serve::run(*settings).await,
        Some(Command::Migrate(database)) => {
            open(&database).await?;
            println!("the schema is up to date");
            Ok(())
        }
        Some(Command::Organization { command }) => organization::run(command).await,
        Some(Command::ApiKey { command }) => api_key::run(command).await,
    }
}

/// Connects to the database and brings its schema up to date.
async fn open(database: &DatabaseSettings) -> anyhow::Result<Repository> {
    let repository = Repository::connect(&database.into())
        .await
        .context("cannot open the database")?;
    repository
        .migrate()
        .await
        .context("cannot bring the schema up to date")?;
    Ok(repository)
}
