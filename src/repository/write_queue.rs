//! Who waits for what inside the server, in the order in which they came, and without a connection of the pool.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::domain::OrganizationId;

/// A list of an organization.
pub type ListKey = (OrganizationId, Uuid);

/// The queues of a database's writers. Cheap to clone.
#[derive(Clone)]
pub struct WriteQueue {
    /// All writers: as many as there are connections that write.
    writers: Arc<Semaphore>,
    /// Those who lock a list's row: they act one after another, and wait here rather than for the lock on its row.
    lists: Arc<Mutex<HashMap<ListKey, Weak<Semaphore>>>>,
}

/// A writer's turn, until it is dropped.
pub struct Turn {
    // In this order: the lists' queues move on once the writer is done.
    _writer: OwnedSemaphorePermit,
    _lists: Vec<OwnedSemaphorePermit>,
}

impl WriteQueue {
    /// Queues for at most `max_writers` at once.
    pub fn new(max_writers: usize) -> Self {
        Self {
            writers: Arc::new(Semaphore::new(max_writers)),
            lists: Arc::default(),
        }
    }

    /// Waits for a turn: among those who lock each of `lists`, and then among all writers.
    pub async fn turn(&self, lists: &[ListKey]) -> Turn {
        let mut turns = Vec::with_capacity(lists.len());
        for list in lists {
            turns.push(acquire(self.of_list(*list)).await);
        }
        Turn {
            _writer: acquire(Arc::clone(&self.writers)).await,
            _lists: turns,
        }
    }

    fn of_list(&self, list: ListKey) -> Arc<Semaphore> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = lists.get(&list).and_then(Weak::upgrade) {
            return queue;
        }
        lists.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(Semaphore::new(1));
        lists.insert(list, Arc::downgrade(&queue));
        queue
    }
}

#[allow(clippy::expect_used)]
async fn acquire(queue: Arc<Semaphore>) -> OwnedSemaphorePermit {
    queue
        .acquire_owned()
        .await
        .expect("a queue is never closed")
}
