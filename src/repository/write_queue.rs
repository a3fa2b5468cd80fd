//! The order in which writers of this server act: first come, first served, and without a connection of the pool while they wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{domain::OrganizationId, keyed_semaphore::KeyedSemaphore};

/// A list of an organization.
pub type ListKey = (OrganizationId, Uuid);

/// The queues of a database's writers. Cheap to clone.
#[derive(Clone)]
pub struct WriteQueue {
    /// All writers: as many at once as there are connections that write.
    writers: Arc<Semaphore>,
    /// Those that lock a list's row: they act one after another, and wait here rather than for the lock on its row.
    lists: Arc<KeyedSemaphore<ListKey>>,
}

/// A writer's turn, until it is dropped.
pub struct Turn {
    // Dropped in this order: the lists' queues move on once the writer is done.
    _writer: OwnedSemaphorePermit,
    _lists: Vec<OwnedSemaphorePermit>,
}

impl WriteQueue {
    /// Queues for at most `max_writers` at once.
    pub fn new(max_writers: usize) -> Self {
        Self {
            writers: Arc::new(Semaphore::new(max_writers)),
            lists: Arc::new(KeyedSemaphore::new(1)),
        }
    }

    /// Waits for a turn: among those that lock each of `lists`, and then among all writers.
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
