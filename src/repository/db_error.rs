//! Database errors → our kinds. No caller ever sees a database's own words.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::{error::DatabaseError, sqlite::SqliteError};

use crate::error::Error;

/// SQLSTATEs of PostgreSQL that tell of a lost race: serialization failure, deadlock, a unique key that another
/// transaction took since we looked, and a lock that somebody held for too long.
const POSTGRES_LOST_RACE: [&str; 4] = ["40001", "40P01", "23505", "55P03"];

/// Classes of SQLSTATE that tell of a server that cannot serve: connection, invalid transaction state (a server that has
/// become read-only), resources, operator, system, and internal error (a distributed PostgreSQL that lost a worker).
const POSTGRES_UNAVAILABLE: [&str; 6] = ["08", "25", "53", "57", "58", "XX"];

/// SQLite's codes of a lost race: a unique and a primary key that another writer took since we looked.
const SQLITE_LOST_RACE: [u32; 2] = [2067, 1555];

/// SQLite's primary codes of a lost race: a file that another process writes.
const SQLITE_BUSY: [u32; 2] = [5, 6];

/// SQLite's primary codes of a disk that is full or fails, and a file that cannot be opened or is read-only.
const SQLITE_UNAVAILABLE: [u32; 4] = [13, 10, 14, 8];

impl From<DbErr> for Error {
    fn from(failure: DbErr) -> Self {
        let cause = match &failure {
            DbErr::ConnectionAcquire(_) => return Self::DatabaseUnavailable(failure.into()),
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => cause,
            _ => return Self::internal(failure),
        };
        match cause.as_ref() {
            sqlx::Error::Database(error) => match of_database(error.as_ref()) {
                Kind::LostRace => Self::ConcurrentChange,
                Kind::Unavailable => Self::DatabaseUnavailable(failure.into()),
                Kind::Defect => Self::internal(failure),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::DatabaseUnavailable(failure.into()),
            _ => Self::internal(failure),
        }
    }
}

/// What a database's own error means.
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
