//! Why a database can't be opened: for an operator, with its place and the true cause.

use std::{io, path::Path, time::Duration};

use sea_orm::{DbErr, RuntimeErr};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use thiserror::Error;
use tokio::time::timeout;

/// What to do where settings don't reach a session.
const BEHIND_A_POOLER: &str =
    "behind a pooler, start with --database-pooler session or --database-pooler transaction";

/// Why a database can't be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// It contains no part of the URL, which may hold a password.
    #[error(
        "the database URL is neither sqlite://FILE nor postgres://USER:PASSWORD@HOST/NAME, in which special characters \
         of a password are written as %XX"
    )]
    UrlMalformed,
    /// The URL is one of libpq's that says more than this service understands.
    #[error("the database URL {0}")]
    UrlUnsupported(&'static str),
    /// The database, or the system on the way to it, says no.
    #[error("cannot open the database {place}: {cause}")]
    Refused {
        /// A file, or a name with its host and port.
        place: String,
        /// What the system or the database says.
        cause: String,
    },
    /// A SQLite file has one server.
    #[error("the database {file} is served by another server; a SQLite file has one")]
    ServedByAnother {
        /// The file.
        file: String,
    },
}

impl ConnectError {
    /// The system has an error for a file.
    pub(super) fn of_file(path: &Path, error: &io::Error) -> Self {
        Self::refused(path, cause_of(error))
    }

    /// A file is not what it must be.
    pub(super) fn refused(path: &Path, cause: impl Into<String>) -> Self {
        Self::Refused {
            place: path.display().to_string(),
            cause: cause.into(),
        }
    }

    /// Says why connections to a SQLite file were not made.
    pub(super) fn of_sqlite(file: Option<&Path>, error: &DbErr) -> Self {
        match (file, error) {
            (Some(file), DbErr::Conn(RuntimeErr::SqlxError(error))) => {
                Self::refused(file, words(error))
            }
            // SeaORM's own errors are about a URL that it doesn't understand, and contain it.
            _ => Self::UrlMalformed,
        }
    }

    /// Finds out why a connection to PostgreSQL was not made. A pool that has waited for its time says no more than that: then a
    /// single connection is tried, for `limit`.
    pub(super) async fn of_postgres(
        options: &PgConnectOptions,
        error: sqlx::Error,
        limit: Duration,
    ) -> Self {
        let cause = match &error {
            sqlx::Error::Configuration(_) => return Self::UrlMalformed,
            sqlx::Error::PoolTimedOut => {
                match timeout(limit, PgConnection::connect_with(options)).await {
                    Ok(Err(error)) => words(&error),
                    _ => format!("no answer within {} seconds", limit.as_secs()),
                }
            }
            error => words(error),
        };
        let place = place_of(options);
        // As pgbouncer says it.
        let cause = match cause.starts_with("unsupported startup parameter") {
            true => format!("{cause}: {BEHIND_A_POOLER}"),
            false => cause,
        };
        Self::Refused { place, cause }
    }

    /// A session does not have a setting that it was to begin with.
    pub(super) fn without_setting(options: &PgConnectOptions, setting: &str) -> Self {
        Self::Refused {
            place: place_of(options),
            cause: format!(
                "its sessions begin without the {setting} that they are given: {BEHIND_A_POOLER}"
            ),
        }
    }
}

/// Such as `contacts at 127.0.0.1:5432`.
fn place_of(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{name} at {}", socket.display()),
        None => format!("{name} at {}:{}", options.get_host(), options.get_port()),
    }
}

fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => cause_of(error),
        sqlx::Error::Database(error) => error.message().to_owned(),
        error => error.to_string(),
    }
}

/// Returns the system's words, such as "permission denied", without its number.
fn cause_of(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
