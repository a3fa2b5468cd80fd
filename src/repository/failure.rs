//! Database errors → our kinds. No caller ever sees a database's own words.

use sea_orm::{DbErr, RuntimeErr};

use crate::error::Error;

/// Serialization failure, deadlock, and a unique key that another transaction took since we looked.
const POSTGRES_LOST_RACE: [&str; 3] = ["40001", "40P01", "23505"];

/// A unique or primary key that another writer took since we looked, and a file that another process writes.
const SQLITE_LOST_RACE: [&str; 5] = ["2067", "1555", "5", "261", "517"];

/// Classes of SQLSTATE that tell of a server that cannot serve: connection, resources, operator, system.
const POSTGRES_UNAVAILABLE: [&str; 5] = ["08", "53", "57", "58", "XX"];

/// SQLite's codes for a disk that is full or fails, and a file that cannot be opened or is read-only.
const SQLITE_UNAVAILABLE: [&str; 4] = ["13", "10", "14", "8"];

impl From<DbErr> for Error {
    fn from(failure: DbErr) -> Self {
        let cause = match &failure {
            DbErr::ConnectionAcquire(_) => return Self::DatabaseUnavailable(failure.into()),
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => cause,
            _ => return Self::Internal(failure.into()),
        };
        match cause.as_ref() {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                let code = code.as_ref();
                if code.len() == "SQLSTATE"[..5].len() && POSTGRES_LOST_RACE.contains(&code)
                    || SQLITE_LOST_RACE.contains(&code)
                {
                    Self::ConcurrentChange
                } else if SQLITE_UNAVAILABLE.contains(&code)
                    || code.len() == 5
                        && POSTGRES_UNAVAILABLE
                            .iter()
                            .any(|class| code.starts_with(class))
                {
                    Self::DatabaseUnavailable(failure.into())
                } else {
                    Self::Internal(failure.into())
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::DatabaseUnavailable(failure.into()),
            _ => Self::Internal(failure.into()),
        }
    }
}
