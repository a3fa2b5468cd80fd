//! Time limits for statements: a database that no longer responds is unavailable too.

use std::{future::Future, io, sync::Arc, time::Duration};

use futures_util::TryStreamExt;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, Statement, StreamTrait, TransactionOptions, TransactionTrait,
    entity::prelude::async_trait::async_trait,
};

use super::postgres_sessions::PostgresSessions;
use crate::{error, long_work::Pieces};

/// How much longer the service waits for a response than the database's own limit for a statement.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// How long a rollback may take before the connection is closed. It takes next to no time in a database that responds.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection or transaction whose statements fail when a response is overdue.
#[derive(Clone)]
pub struct WithTimeout<C> {
    inner: C,
    /// None if the database runs in this process.
    limit: Option<Duration>,
    sessions: Arc<PostgresSessions>,
}

impl<C> WithTimeout<C> {
    /// Waits for a response, and notes an error that says that sessions are of no more use.
    async fn watch<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let result = within(self.limit, work).await;
        if let Err(error) = &result {
            self.sessions.note_error(error);
        }
        result
    }
}

impl WithTimeout<DatabaseConnection> {
    /// Wraps a pool whose database ends its own statements after `timeout`. SQLite is part of this process and needs no limit.
    pub fn new(
        pool: DatabaseConnection,
        timeout: Duration,
        sessions: Arc<PostgresSessions>,
    ) -> Self {
        let has_line = pool.get_database_backend() != DbBackend::Sqlite;
        Self {
            inner: pool,
            limit: has_line.then_some(timeout + ANSWER_MARGIN),
            sessions,
        }
    }

    /// Returns the pool without limits.
    pub fn without_timeout(&self) -> &DatabaseConnection {
        &self.inner
    }

    /// Begins a transaction.
    pub async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<WithTimeout<DatabaseTransaction>, DbErr> {
        let begun = async {
            let transaction = self.inner.begin_with_options(options).await?;
            if let Some(settings) = self.sessions.set_transaction() {
                transaction.execute_unprepared(&settings).await?;
            }
            Ok(transaction)
        };
        Ok(WithTimeout {
            inner: self.watch(begun).await?,
            limit: self.limit,
            sessions: Arc::clone(&self.sessions),
        })
    }
}

impl WithTimeout<DatabaseTransaction> {
    /// Commits. After an error it is unknown whether the commit took place.
    pub async fn commit(self) -> Result<(), DbErr> {
        let limit = self.limit;
        let result = within(limit, self.inner.commit()).await;
        if let Err(error) = &result {
            self.sessions.note_error(error);
        }
        result
    }

    /// Reads every row of a query with `read`, while the database is still producing the next ones.
    pub async fn read_all<T>(
        &self,
        statement: Statement,
        read: impl Fn(&QueryResult) -> error::Result<T>,
    ) -> error::Result<Vec<T>> {
        self.read_while(statement, |row| read(row).map(Some)).await
    }

    /// Reads the rows of a query with `read` until that returns `None`.
    pub async fn read_while<T>(
        &self,
        statement: Statement,
        mut read: impl FnMut(&QueryResult) -> error::Result<Option<T>>,
    ) -> error::Result<Vec<T>> {
        let rows = async {
            let mut rows = self.inner.stream_raw(statement).await?;
            let (mut all, mut pieces) = (Vec::new(), Pieces::start());
            while let Some(row) = rows.try_next().await? {
                pieces.step().await;
                match read(&row).transpose() {
                    Some(item) => all.push(item),
                    None => break,
                }
            }
            Ok(all)
        };
        self.watch(rows).await?.into_iter().collect()
    }

    /// Rolls back.
    pub async fn rollback(self) -> Result<(), DbErr> {
        let limit = self.limit.and(Some(ROLLBACK_TIMEOUT));
        within(limit, self.inner.rollback()).await
    }
}

async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let Some(limit) = limit else {
        return work.await;
    };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let overdue = io::Error::new(
            io::ErrorKind::TimedOut,
            "the database did not respond in time",
        );
        Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(
            sqlx::Error::Io(overdue),
        ))))
    })
}

#[async_trait]
impl<C: ConnectionTrait> ConnectionTrait for WithTimeout<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.watch(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.watch(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.watch(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.watch(self.inner.query_all_raw(statement)).await
    }
}
