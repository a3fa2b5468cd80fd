//! The commands, one file each.

mod api_key;
mod args;
mod first_start;
mod migrate;
mod organization;
mod serve;
mod suppression;

use std::{
    io::{self, Write},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::CommandFactory;

use self::args::Command;
pub use self::args::CommandLine;
use crate::{
    client::{export, health, import, lists, revert, updates},
    repository::{DatabaseOptions, Repository},
    server,
    settings::DatabaseSettings,
};

/// How long a command waits for a server that writes to the same SQLite file: longer than the largest import takes.
const COMMAND_BUSY_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// After how long a command says that it waits.
const NOTICE_DELAY: Duration = Duration::from_secs(1);

/// Runs the command, and returns the program's exit code.
pub async fn run(command_line: CommandLine) -> anyhow::Result<ExitCode> {
    match command_line.command {
        None => serve::run(command_line.serve).await?,
        Some(Command::Serve(settings)) => serve::run(*settings).await?,
        Some(Command::Migrate { status, database }) => {
            with_notice(migrate::run(status, &database)).await?;
        }
        Some(Command::Organization { command }) => with_notice(organization::run(command)).await?,
        Some(Command::ApiKey { command }) => with_notice(api_key::run(command)).await?,
        Some(Command::Import(settings)) => return import::run(*settings).await,
        Some(Command::Export(settings)) => export::run(settings).await?,
        Some(Command::Lists(settings)) => lists::run(settings).await?,
        Some(Command::List { command }) => lists::run_one(command).await?,
        Some(Command::Updates(settings)) => updates::run(settings).await?,
        Some(Command::Revert(settings)) => revert::run(settings).await?,
        Some(Command::Health(settings)) => health::run(settings).await?,
        Some(Command::Descriptor) => {
            let written = io::stdout().write_all(&server::descriptor_set());
            written.context("cannot print")?;
        }
        Some(Command::Completions { shell }) => {
            let mut command = CommandLine::command();
            clap_complete::generate(shell, &mut command, "contact-lists", &mut io::stdout());
        }
        Some(Command::Suppression { command }) => suppression::run(command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Connects to the database and brings its schema up to date. A SQLite file that does not exist is made if `create_file` says so.
async fn open(database: &DatabaseSettings, create_file: bool) -> anyhow::Result<Repository> {
    let repository = connect(database, create_file).await?;
    repository
        .migrate()
        .await
        .context("cannot bring the schema up to date")?;
    Ok(repository)
}

/// Connects to the database and leaves its schema as it is, older or newer. Fails if there is none.
async fn open_as_it_is(database: &DatabaseSettings) -> anyhow::Result<Repository> {
    let repository = connect(database, false).await?;
    ensure!(
        repository.has_schema().await?,
        "the database is empty: run contact-lists migrate first"
    );
    Ok(repository)
}

async fn connect(database: &DatabaseSettings, create_file: bool) -> anyhow::Result<Repository> {
    let options = DatabaseOptions {
        busy_timeout: COMMAND_BUSY_TIMEOUT,
        create_file,
        ..database.into()
    };
    Ok(Repository::connect(&options).await?)
}

/// Runs a command, and says that it waits if it takes long: SQLite has one writer at a time, which can be an import.
async fn with_notice(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut command = pin!(command);
    tokio::select! {
        done = &mut command => return done,
        () = tokio::time::sleep(NOTICE_DELAY) => {}
    }
    eprintln!("waiting for the database");
    command.await
}
