//! SQLite's checkpoints: what commits have appended to the write-ahead log is copied to the database file between the calls,
//! and not inside the commit of the one that made the log too long.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::{sync::mpsc, time::sleep};

use super::write_queue::WriteQueue;

/// How long commits are gathered for one checkpoint.
const INTERVAL: Duration = Duration::from_millis(500);

/// How many pages (of 4 KiB) the log may have before a checkpoint keeps writers waiting. Beside writers a checkpoint never
/// gets to the end of the log, and only from the end does SQLite begin it anew.
const MAX_LOG_PAGES: i64 = 32 * 1024;

/// Tells the checkpoints' task of commits. The task ends with the last clone.
#[derive(Clone)]
pub struct Checkpoints {
    committed: mpsc::Sender<()>,
}

impl Checkpoints {
    /// Starts the task.
    pub fn start(db: DatabaseConnection, queues: WriteQueue) -> Self {
        let (committed, mut commits) = mpsc::channel(1);
        tokio::spawn(async move {
            while commits.recv().await.is_some() {
                sleep(INTERVAL).await;
                if let Err(failure) = checkpoint(&db, &queues).await {
                    // The log stays as it is, and the next commit leads here again.
                    tracing::warn!(%failure, "checkpoint.failed");
                }
            }
        });
        Self { committed }
    }

    /// Notes a commit.
    pub fn note_commit(&self) {
        // A note that waits already stands for this one too.
        let _ = self.committed.try_send(());
    }
}

async fn checkpoint(db: &DatabaseConnection, queues: &WriteQueue) -> Result<(), DbErr> {
    if copy_log(db).await? > MAX_LOG_PAGES {
        let _no_other_writer = queues.turn(&[]).await;
        copy_log(db).await?;
    }
    Ok(())
}

/// Copies what it can without waiting for anybody. Answers how many pages the log has.
async fn copy_log(db: &DatabaseConnection) -> Result<i64, DbErr> {
    let sql = "PRAGMA wal_checkpoint(PASSIVE)";
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let row = db.query_one_raw(statement).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(1))
}
