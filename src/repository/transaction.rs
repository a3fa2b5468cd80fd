//! Transactions: for writes, and for reads as of one instant.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, SqliteTransactionMode,
    TransactionOptions,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Repository, bulk,
    connect::read_only,
    postgres_plans::PostgresPlans,
    retry::until_won,
    timeout::WithTimeout,
    write_queue::{ListKey, WriteLength},
};
use crate::{
    error::{Error, Result},
    memory_budget::MemoryBudget,
    telemetry::{self, CallRecord, Phase, Pool},
};

/// Makes PostgreSQL plan a connection's statements again when they are next used. See [`super::postgres_plans`].
const DISCARD_PLANS: &str = "DISCARD PLANS";

/// A transaction. It knows its connection, and whether its caller is still there.
pub struct Transaction {
    db: WithTimeout<DatabaseTransaction>,
    caller_left: CancellationToken,
    plans: Arc<PostgresPlans>,
    large_records: Arc<MemoryBudget>,
}

impl Transaction {
    fn new(
        db: WithTimeout<DatabaseTransaction>,
        caller_left: CancellationToken,
        repository: &Repository,
    ) -> Self {
        Self {
            db,
            caller_left,
            plans: Arc::clone(&repository.plans),
            large_records: Arc::clone(&repository.large_records),
        }
    }

    /// Returns the connection.
    pub fn db(&self) -> &WithTimeout<DatabaseTransaction> {
        &self.db
    }

    /// Returns which database this is.
    pub fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    /// Returns how many contacts one round of statements applies.
    pub fn chunk_size(&self) -> usize {
        match self.backend() {
            DbBackend::Postgres => bulk::POSTGRES_CHUNK_SIZE,
            _ => bulk::SQLITE_CHUNK_SIZE,
        }
    }

    /// Returns the memory for records of more than the limit.
    pub(super) fn large_records(&self) -> &MemoryBudget {
        &self.large_records
    }

    /// Has SQLite overwrite all that is deleted, or only where this writes no further page, which is usual: a deleted value stays
    /// in the file otherwise, in pages that became free.
    pub(super) async fn overwrite_deleted(&self, all: bool) -> Result<()> {
        if self.backend() == DbBackend::Sqlite {
            let level = if all { "ON" } else { "FAST" };
            let sql = format!("PRAGMA secure_delete = {level}");
            self.db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// Has the database plan its statements for the tables as they are now.
    pub async fn discard_plans(&self) -> Result<()> {
        if self.plans.are_generic() {
            self.db.execute_unprepared(DISCARD_PLANS).await?;
        }
        Ok(())
    }

    /// Notes that about `row_count` rows were added, which may make the connections' plans stale: at once, since a scan passes
    /// rows that are not committed too.
    pub fn note_added_rows(&self, row_count: u64) {
        self.plans.add(row_count);
    }

    /// Fails if the caller has left, so that long work ends early.
    pub fn check_caller(&self) -> Result<()> {
        if self.caller_left.is_cancelled() {
            return Err(caller_left());
        }
        Ok(())
    }
}

/// What becomes of a transaction's changes.
pub enum TransactionOutcome<T> {
    /// They are committed.
    Commit(T),
    /// They are undone.
    RollBack(T),
}

impl Repository {
    /// Runs `work` on `input` in a transaction, and again if it lost a race.
    pub async fn write<I, T, W>(&self, input: I, work: W) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<TransactionOutcome<T>>>
            + Send
            + Sync
            + 'static,
    {
        self.write_lists(Vec::new(), WriteLength::Short, input, work)
            .await
    }

    /// Runs `work` as [`Self::write`] does, in turn with the other calls that lock one of `lists`, which must be sorted, and
    /// with those that write as long.
    pub async fn write_lists<I, T, W>(
        &self,
        lists: Vec<ListKey>,
        length: WriteLength,
        input: I,
        work: W,
    ) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<TransactionOutcome<T>>>
            + Send
            + Sync
            + 'static,
    {
        let repository = self.clone();
        in_own_task(async move |caller_left| {
            until_won(&caller_left, &repository.metrics, || {
                repository.write_once((&lists, length), &input, &work, &caller_left)
            })
            .await
        })
        .await
    }

    async fn write_once<I, T, W>(
        &self,
        (lists, length): (&[ListKey], WriteLength),
        input: &I,
        work: &W,
        caller_left: &CancellationToken,
    ) -> Result<T>
    where
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<TransactionOutcome<T>>>,
    {
        telemetry::begin_phase(Phase::Wait);
        let _turn = tokio::select! {
            turn = self.write_queue.turn(lists, length) => turn,
            () = caller_left.cancelled() => return Err(self::caller_left()),
        };
        self.check_file()?;
        let begin = self.writers.begin(write_options());
        let begun = self.metrics.begin(Pool::Write, begin).await;
        let db = begun.map_err(|error| match error {
            // The pool says no more than that it has waited.
            DbErr::ConnectionAcquire(_) if self.sessions.is_read_only() => read_only(),
            error => error.into(),
        })?;
        telemetry::begin_phase(Phase::Handle);
        let transaction = Transaction::new(db, caller_left.clone(), self);
        let result = work(input, &transaction).await;
        let result = result.and_then(|outcome| {
            transaction.check_caller()?;
            self.check_file()?;
            Ok(outcome)
        });
        match result {
            Ok(TransactionOutcome::Commit(value)) => {
                telemetry::begin_phase(Phase::Commit);
                transaction.db.commit().await?;
                telemetry::begin_phase(Phase::Handle);
                if let Some(checkpoints) = &self.checkpoints {
                    checkpoints.note_commit();
                }
                Ok(value)
            }
            Ok(TransactionOutcome::RollBack(value)) => {
                transaction.db.rollback().await?;
                Ok(value)
            }
            Err(error) => {
                if let Err(error) = transaction.db.rollback().await {
                    tracing::debug!(%error, "transaction.rollback_failed");
                }
                Err(error)
            }
        }
    }

    /// Runs `work` on `input` in a transaction that reads as of one instant.
    pub async fn snapshot<I, T, W>(&self, input: I, work: W) -> Result<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        W: for<'a> Fn(&'a I, &'a Transaction) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        let repository = self.clone();
        in_own_task(async move |caller_left| {
            let db = repository.db();
            let is_postgres = db.get_database_backend() == DbBackend::Postgres;
            let options = TransactionOptions {
                // SQLite's transactions do so anyway.
                isolation_level: is_postgres.then_some(IsolationLevel::RepeatableRead),
                ..Default::default()
            };
            let begin = repository.metrics.begin(Pool::Read, db.begin(options));
            let transaction = Transaction::new(begin.await?, caller_left, &repository);
            let result = work(&input, &transaction).await;
            transaction.db.rollback().await?;
            result
        })
        .await
    }
}

/// Runs `work` in a task of its own, which always ends its transaction: a caller that leaves can neither cut it off halfway
/// nor return an open one to the pool. The token that `work` gets is cancelled once the caller has left.
async fn in_own_task<T, F>(work: impl FnOnce(CancellationToken) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let caller_left = CancellationToken::new();
    let guard = caller_left.clone().drop_guard();
    let work = CallRecord::current().scope(work(caller_left));
    let task = tokio::spawn(work.in_current_span());
    let result = task.await.map_err(Error::internal)?;
    guard.disarm();
    result
}

fn caller_left() -> Error {
    Error::StreamBroken("the caller left".to_owned())
}

/// Returns how a transaction that writes begins.
pub(super) fn write_options() -> TransactionOptions {
    TransactionOptions {
        // A transaction that reads and then writes fails if there is a second writer, unless it begins as a writing one.
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}
