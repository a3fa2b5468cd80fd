//! Maps the database's errors to the service's. No caller ever sees the database's own message.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::{error::DatabaseError, sqlite::SqliteError};

use crate::error::Error;

/// PostgreSQL's SQLSTATEs of a lost race: serialization failure, deadlock, a unique key that another transaction took after
/// the look-up, and a lock that was held for too long.
const POSTGRES_LOST_RACE: [&str; 4] = ["40001", "40P01", "23505", "55P03"];

/// PostgreSQL's classes of SQLSTATE for a server that is unavailable: connection, invalid transaction state (a server that has
/// become read-only), resources, operator, system, and internal error (a distributed PostgreSQL that lost a worker).
const POSTGRES_UNAVAILABLE: [&str; 6] = ["08", "25", "53", "57", "58", "XX"];

/// SQLite's codes of a lost race: a unique or a primary key that another writer took after the look-up.
const SQLITE_LOST_RACE: [u32; 2] = [2067, 1555];

/// SQLite's primary codes of a lost race: another process is writing the file.
const SQLITE_BUSY: [u32; 2] = [5, 6];

/// SQLite's primary codes of a database that is unavailable: the disk is full or fails, the file can't be opened or is
/// read-only.
const SQLITE_UNAVAILABLE: [u32; 4] = [13, 10, 14, 8];

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let DbErr::ConnectionAcquire(_) = error {
            return Self::DatabaseUnavailable(error.into());
        }
        let Some(cause) = cause(&error) else {
            return Self::internal(error);
        };
        match cause {
            sqlx::Error::Database(cause) => match of_database(cause.as_ref()) {
                Kind::LostRace => Self::ConcurrentChange,
                Kind::Unavailable => Self::DatabaseUnavailable(error.into()),
                Kind::Defect => Self::internal(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::DatabaseUnavailable(error.into()),
            _ => Self::internal(error),
        }
    }
}

/// Returns the driver's error.
fn cause(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// Returns the error of the database itself.
pub(super) fn database_error(error: &DbErr) -> Option<&dyn DatabaseError> {
    cause(error).and_then(sqlx::Error::as_database_error)
}

/// What a database's error means.
enum Kind {
    LostRace,
    Unavailable,
    Defect,
}

fn of_database(error: &dyn DatabaseError) -> Kind {
    let code = error.code().unwrap_or_default();
    let (lost_race, unavailable) = if error.try_downcast_ref::<SqliteError>().is_some() {
        let code: u32 = code.parse().unwrap_or_default();
        // The lower byte is the primary code.
        let primary = code & 0xff;
        (
            SQLITE_LOST_RACE.contains(&code) || SQLITE_BUSY.contains(&primary),
            SQLITE_UNAVAILABLE.contains(&primary),
        )
    } else {
        let in_class = |class: &&str| code.starts_with(*class);
        (
            POSTGRES_LOST_RACE.contains(&code.as_ref()),
            POSTGRES_UNAVAILABLE.iter().any(in_class),
        )
    };
    match (lost_race, unavailable) {
        (true, _) => Kind::LostRace,
        (_, true) => Kind::Unavailable,
        _ => Kind::Defect,
    }
}
