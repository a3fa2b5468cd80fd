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

use anyhow::{Context, anyhow, ensure};
use clap::CommandFactory;

use self::args::Command;
pub use self::args::CommandLine;
use crate::{
    client::{export, health, import, lists, output, revert, updates},
    domain::name::Name,
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
        Some(Command::Migrate {
            status,
            distribute,
            database,
        }) => with_notice(migrate::run(status, distribute, &database)).await?,
        Some(Command::Organization { command }) => with_notice(organization::run(command)).await?,
        Some(Command::ApiKey { command }) => with_notice(api_key::run(command)).await?,
        Some(Command::Import(settings)) => return import::run(*settings).await,
        Some(Command::OptOut(settings)) => return import::opt_out::run(*settings).await,
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
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, "contact-lists", &mut text);
            io::stdout()
                .write_all(&text)
                .map_err(output::cannot_write)?;
        }
        Some(Command::Suppression { command }) => suppression::run(command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `work` on the database, once its schema is up to date. A SQLite file that does not exist is made if `create_file` says so.
async fn with_schema<T>(
    database: &DatabaseSettings,
    create_file: bool,
    work: impl AsyncFnOnce(&Repository) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let migrate_and_work = async |repository: &Repository| {
        let migrated = repository.migrate().await;
        migrated.context("cannot bring the schema up to date")?;
        work(repository).await
    };
    connected(database, create_file, migrate_and_work).await
}

/// Runs `work` on the database, and leaves its schema as it is, older or newer. Fails if there is none.
async fn with_schema_as_it_is<T>(
    database: &DatabaseSettings,
    work: impl AsyncFnOnce(&Repository) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let check_and_work = async |repository: &Repository| {
        repository.check_schema_of_any_age().await?;
        work(repository).await
    };
    connected(database, false, check_and_work).await
}

/// Runs `work`, which reads what needs the whole schema, on the database. Changes nothing, so that it can be a standby.
async fn with_whole_schema<T>(
    database: &DatabaseSettings,
    work: impl AsyncFnOnce(&Repository) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let check_and_work = async |repository: &Repository| {
        repository.check_schema().await?;
        work(repository).await
    };
    with_schema_as_it_is(database, check_and_work).await
}

/// Connects to the database, and closes it however `work` ends: SQLite leaves no log behind then.
async fn connected<T>(
    database: &DatabaseSettings,
    create_file: bool,
    work: impl AsyncFnOnce(&Repository) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let options = DatabaseOptions {
        busy_timeout: COMMAND_BUSY_TIMEOUT,
        create_file,
        ..database.into()
    };
    let repository = Repository::connect(&options).await?;
    let done = work(&repository).await;
    repository.close().await;
    done
}

/// Parses a name. One with control characters would change what terminals and logs show.
fn parse_name(name: &str) -> anyhow::Result<Name> {
    let name = Name::parse(name).map_err(|invalid| anyhow!("the name {}", invalid.message))?;
    ensure!(
        !name.as_str().contains(char::is_control),
        "the name must not contain control characters"
    );
    Ok(name)
}

/// Returns a stored name for a terminal: control characters are escaped.
fn shown(name: &str) -> String {
    let escape = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    name.chars().map(escape).collect()
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
