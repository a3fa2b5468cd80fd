//! Memory that is shared out before it is used.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    keyed_semaphore::KeyedSemaphore,
};

/// What a permit stands for.
const UNIT_BYTES: usize = 1024;

/// Memory that all calls share, of which those of one key have a part at most.
pub struct MemoryBudget {
    all: Arc<Semaphore>,
    by_key: KeyedSemaphore<Uuid>,
    max_bytes_per_key: usize,
    /// How long a call waits for its share.
    wait_limit: Duration,
}

/// A share of the memory, until it is dropped.
#[derive(Debug)]
pub struct MemoryShare {
    _of_key: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl MemoryBudget {
    /// A budget of `max_bytes`, of which the calls of one key have at most `max_bytes_per_key`.
    pub fn new(max_bytes: usize, max_bytes_per_key: usize, wait_limit: Duration) -> Self {
        let permits = |bytes| units(bytes).min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(permits(max_bytes))),
            by_key: KeyedSemaphore::new(permits(max_bytes_per_key)),
            max_bytes_per_key,
            wait_limit,
        }
    }

    /// Waits for a share of `bytes`, or of all that the key may have if that is less. Fails if none is free in time.
    pub async fn share(&self, key: Uuid, bytes: usize) -> Result<MemoryShare> {
        let units = units(bytes.min(self.max_bytes_per_key));
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let acquire = async {
            // The key's own limit comes first, so that a key that waits for itself takes nothing from others.
            let of_key = self.by_key.acquire_many(key, units).await;
            let of_all = Arc::clone(&self.all).acquire_many_owned(units).await;
            Ok(MemoryShare {
                _of_key: of_key,
                _of_all: of_all.map_err(Error::internal)?,
            })
        };
        let acquired = timeout(self.wait_limit, acquire).await;
        acquired.unwrap_or(Err(Error::MemoryFull {
            limit_bytes: self.max_bytes_per_key as u64,
        }))
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Uuid = Uuid::nil();
    const OTHER_KEY: Uuid = Uuid::max();

    #[tokio::test]
    async fn a_key_has_a_part_of_the_memory_and_others_have_the_rest() {
        let budget = MemoryBudget::new(2 * UNIT_BYTES, UNIT_BYTES, Duration::ZERO);
        let share = budget.share(KEY, UNIT_BYTES).await.unwrap();
        let refused = budget.share(KEY, 1).await.unwrap_err();
        assert!(matches!(refused, Error::MemoryFull { limit_bytes: 1024 }));
        let of_other = budget.share(OTHER_KEY, 1).await.unwrap();
        drop((share, of_other));
        // More than it may have: a share of all that it may have.
        let large = budget.share(KEY, 100 * UNIT_BYTES).await.unwrap();
        assert!(budget.share(KEY, 1).await.is_err());
        drop(large);
        budget.share(KEY, 1).await.unwrap();
    }
}
