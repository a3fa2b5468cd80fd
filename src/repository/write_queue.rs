//! The order in which this server's writers act: first come, first served. A writer that waits takes no connection from the
//! pool.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{domain::OrganizationId, keyed_semaphore::KeyedSemaphore};

/// A list of an organization.
pub type ListKey = (OrganizationId, Uuid);

/// The queues of a database's writers. Cheap to clone.
#[derive(Clone)]
pub struct WriteQueue {
    /// For all writers: as many at once as there are connections that write.
    writers: Arc<Semaphore>,
    /// For writers that lock a list's row: they act one after another, and wait here rather than for the row's lock.
    lists: Arc<KeyedSemaphore<ListKey>>,
}

/// A writer's turn, until it is dropped.
pub struct Turn {
    // Dropped in this order: the lists' queues move on once the writer is done.
    _writer: OwnedSemaphorePermit,
    _lists: Vec<OwnedSemaphorePermit>,
}

impl WriteQueue {
    /// Makes queues for at most `max_writers` writers at once.
    pub fn new(max_writers: usize) -> Self {
        Self {
            writers: Arc::new(Semaphore::new(max_writers)),
            lists: Arc::new(KeyedSemaphore::new(1)),
        }
    }

    /// Waits for a turn: first among the writers of each of `lists`, then among all writers.
    #[allow(clippy::expect_used)]
    pub async fn turn(&self, lists: &[ListKey]) -> Turn {
        let mut turns = Vec::with_capacity(lists.len());
        for list in lists {
            turns.push(self.lists.acquire(*list).await);
        }
        let writer = Arc::clone(&self.writers).acquire_owned().await;
        Turn {
            _writer: writer.expect("the semaphore is never closed"),
            _lists: turns,
        }
    }
}
