//! The order in which this server's writers act: first come, first served. A writer that waits takes no connection from the
//! pool.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{
    domain::OrganizationId,
    keyed_semaphore::KeyedSemaphore,
    telemetry::{DatabaseMetrics, Queue},
};

/// A list of an organization.
pub type ListKey = (OrganizationId, Uuid);

/// How many connections that write are kept from long writers, where there are more.
const SHORT_WRITERS: usize = 2;

/// A call with more contacts than this keeps its connection for long.
const LONG_CONTACTS: u64 = 4000;

/// How often a call that wants several lists starts again because one of them is not free, before it waits for them in order.
const MAX_ROUNDS: usize = 8;

/// How often a long writer lets short ones that wait go before it.
const MAX_GIVEN_WAY: usize = 64;

/// How long a call writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteLength {
    /// For a moment.
    Short,
    /// For as long as thousands of contacts take. Such calls leave some connections to the others, and let them go first.
    Long,
}

impl WriteLength {
    /// How long a call with so many contacts writes.
    pub fn of(contact_count: u64) -> Self {
        if contact_count > LONG_CONTACTS {
            Self::Long
        } else {
            Self::Short
        }
    }
}

/// The queues of a database's writers. Cheap to clone.
#[derive(Clone)]
pub struct WriteQueue {
    /// For all writers: as many at once as there are connections that write.
    writers: Arc<Semaphore>,
    /// For long writers.
    long_writers: Arc<Semaphore>,
    /// How many short writers wait for a connection.
    waiting_count: Arc<AtomicUsize>,
    /// For writers that lock a list's row: they act one after another, and wait here rather than for the row's lock.
    lists: Arc<KeyedSemaphore<ListKey>>,
    metrics: DatabaseMetrics,
}

/// A writer's turn, until it is dropped.
pub struct Turn {
    // Dropped in this order: the lists' queues move on once the writer is done.
    _writer: OwnedSemaphorePermit,
    _long_writer: Option<OwnedSemaphorePermit>,
    _lists: Vec<OwnedSemaphorePermit>,
}

/// Counts a writer that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WriteQueue {
    /// Makes queues for at most `max_writers` writers at once.
    pub fn new(max_writers: usize, metrics: DatabaseMetrics) -> Self {
        Self {
            writers: Arc::new(Semaphore::new(max_writers)),
            long_writers: Arc::new(Semaphore::new(
                max_writers.saturating_sub(SHORT_WRITERS).max(1),
            )),
            waiting_count: Arc::default(),
            lists: Arc::new(KeyedSemaphore::new(1)),
            metrics,
        }
    }

    /// Waits for a turn: first among the writers of each of `lists`, then among those that write as long, then among all.
    pub async fn turn(&self, lists: &[ListKey], length: WriteLength) -> Turn {
        let lists = match lists {
            [] => Vec::new(),
            _ => self.metrics.queue(Queue::List, self.turns(lists)).await,
        };
        let writer = self.metrics.queue(Queue::Writer, self.writer(length));
        let (writer, long_writer) = writer.await;
        Turn {
            _writer: writer,
            _long_writer: long_writer,
            _lists: lists,
        }
    }

    async fn writer(
        &self,
        length: WriteLength,
    ) -> (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>) {
        match length {
            WriteLength::Short => (self.short_writer().await, None),
            WriteLength::Long => {
                let long_writer = permit(&self.long_writers).await;
                (self.long_writer().await, Some(long_writer))
            }
        }
    }

    async fn short_writer(&self) -> OwnedSemaphorePermit {
        let _waiting = Waiting::begin(&self.waiting_count);
        permit(&self.writers).await
    }

    async fn long_writer(&self) -> OwnedSemaphorePermit {
        for _ in 0..MAX_GIVEN_WAY {
            let writer = permit(&self.writers).await;
            if self.waiting_count.load(Ordering::Relaxed) == 0 {
                return writer;
            }
            // The first one that waits has it now.
            drop(writer);
        }
        permit(&self.writers).await
    }

    /// Waits until it is the turn of the call on all of `lists`. While it waits for one, it keeps no other from the calls that
    /// want that alone, unless one was always busy.
    async fn turns(&self, lists: &[ListKey]) -> Vec<OwnedSemaphorePermit> {
        let mut awaited = 0;
        for _ in 0..MAX_ROUNDS {
            let Some(list) = lists.get(awaited) else {
                return Vec::new();
            };
            let mut turns = vec![self.lists.acquire(*list).await];
            let mut others = (0..lists.len()).filter(|other| *other != awaited);
            let busy = others.find(|other| match self.lists.try_acquire(lists[*other]) {
                Some(turn) => {
                    turns.push(turn);
                    false
                }
                None => true,
            });
            match busy {
                Some(busy) => awaited = busy,
                None => return turns,
            }
        }
        let mut turns = Vec::with_capacity(lists.len());
        for list in lists {
            turns.push(self.lists.acquire(*list).await);
        }
        turns
    }
}

#[allow(clippy::expect_used)]
async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.expect("the semaphore is never closed")
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::{FutureExt, poll};

    use super::*;

    fn list(n: u128) -> ListKey {
        (OrganizationId(Uuid::nil()), Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn a_call_that_waits_for_one_of_its_lists_keeps_no_other() {
        let queue = WriteQueue::new(8, DatabaseMetrics::default());
        let (one, other) = (list(1), list(2));
        for busy in [one, other] {
            let held = queue.turn(&[busy], WriteLength::Short).await;
            let both = [one, other];
            let mut both = pin!(queue.turn(&both, WriteLength::Short));
            assert!(poll!(&mut both).is_pending());
            let free = if busy == one { other } else { one };
            let free = [free];
            assert!(
                queue
                    .turn(&free, WriteLength::Short)
                    .now_or_never()
                    .is_some()
            );
            drop(held);
            assert!(both.now_or_never().is_some());
        }
    }

    #[tokio::test]
    async fn long_writers_leave_connections_to_short_ones() {
        let queue = WriteQueue::new(4, DatabaseMetrics::default());
        let long = || queue.turn(&[], WriteLength::Long);
        let _held = (long().await, long().await);
        assert!(long().now_or_never().is_none());
        let short = queue.turn(&[], WriteLength::Short).now_or_never();
        assert!(short.is_some());
        // A single connection is for all.
        let queue = WriteQueue::new(1, DatabaseMetrics::default());
        assert!(queue.turn(&[], WriteLength::Long).now_or_never().is_some());
    }

    #[tokio::test]
    async fn short_writers_go_before_long_ones_that_wait() {
        let queue = WriteQueue::new(1, DatabaseMetrics::default());
        let held = queue.turn(&[], WriteLength::Short).await;
        let mut long = pin!(queue.turn(&[], WriteLength::Long));
        assert!(poll!(&mut long).is_pending());
        let mut short = pin!(queue.turn(&[], WriteLength::Short));
        assert!(poll!(&mut short).is_pending());
        drop(held);
        assert!(poll!(&mut long).is_pending());
        let short = short.now_or_never();
        assert!(short.is_some());
        drop(short);
        assert!(long.now_or_never().is_some());
    }
}
