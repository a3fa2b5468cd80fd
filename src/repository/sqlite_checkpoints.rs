//! SQLite's checkpoints: a task copies the write-ahead log to the database file between calls, so that no call's commit has
//! to do it.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::{sync::mpsc, time::sleep};

use super::write_queue::{WriteLength, WriteQueue};

/// The time between a commit and the checkpoint that copies it and all later ones.
const INTERVAL: Duration = Duration::from_millis(500);

/// How many pages (of 4 KiB) the log may have before a checkpoint makes writers wait. While others write, a checkpoint never
/// reaches the end of the log, and only if it does can SQLite restart the log from the beginning.
const MAX_LOG_PAGES: i64 = 32 * 1024;

/// Notifies the task of commits. The task ends when the last clone is dropped.
#[derive(Clone)]
pub struct Checkpoints {
    committed: mpsc::Sender<()>,
}

impl Checkpoints {
    /// Starts the task.
    pub fn start(db: DatabaseConnection, write_queue: WriteQueue) -> Self {
        let (committed, mut commits) = mpsc::channel(1);
        tokio::spawn(async move {
            while commits.recv().await.is_some() {
                sleep(INTERVAL).await;
                if let Err(error) = checkpoint(&db, &write_queue).await {
                    if db.get_sqlite_connection_pool().is_closed() {
                        break;
                    }
                    // The log stays as it is, and the next commit tries again.
                    tracing::warn!(%error, "checkpoint.failed");
                }
            }
        });
        Self { committed }
    }

    /// Notes a commit.
    pub fn note_commit(&self) {
        // If the channel is full, a checkpoint is due anyway.
        let _ = self.committed.try_send(());
    }
}

async fn checkpoint(db: &DatabaseConnection, write_queue: &WriteQueue) -> Result<(), DbErr> {
    if copy_log(db).await? > MAX_LOG_PAGES {
        let _no_other_writer = write_queue.turn(&[], WriteLength::Short).await;
        copy_log(db).await?;
    }
    Ok(())
}

/// Copies as much as it can without waiting for readers or writers. Returns how many pages the log has.
async fn copy_log(db: &DatabaseConnection) -> Result<i64, DbErr> {
    let sql = "PRAGMA wal_checkpoint(PASSIVE)";
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let row = db.query_one_raw(statement).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(1))
}
