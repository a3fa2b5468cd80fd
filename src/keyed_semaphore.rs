//! A semaphore per key, which exists only while it is in use.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Semaphores with the same number of permits, one per key.
pub struct KeyedSemaphore<K> {
    permits_per_key: usize,
    /// A permit, or the wait for one, keeps its semaphore alive.
    semaphores: Mutex<HashMap<K, Weak<Semaphore>>>,
}

impl<K: Eq + Hash> KeyedSemaphore<K> {
    /// Semaphores of `permits_per_key` permits each.
    pub fn new(permits_per_key: usize) -> Self {
        Self {
            permits_per_key,
            semaphores: Mutex::default(),
        }
    }

    /// Waits for a permit of `key`, in order of arrival.
    pub async fn acquire(&self, key: K) -> OwnedSemaphorePermit {
        self.acquire_many(key, 1).await
    }

    /// Waits for `count` permits of `key`, in order of arrival.
    #[allow(clippy::expect_used)]
    pub async fn acquire_many(&self, key: K, count: u32) -> OwnedSemaphorePermit {
        let permit = self.semaphore(key).acquire_many_owned(count).await;
        permit.expect("no semaphore is ever closed")
    }

    /// Returns a permit of `key` if one is free.
    pub fn try_acquire(&self, key: K) -> Option<OwnedSemaphorePermit> {
        self.semaphore(key).try_acquire_owned().ok()
    }

    fn semaphore(&self, key: K) -> Arc<Semaphore> {
        let mut semaphores = self
            .semaphores
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = semaphores.get(&key).and_then(Weak::upgrade) {
            return semaphore;
        }
        semaphores.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.permits_per_key));
        semaphores.insert(key, Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_permits() {
        let semaphore = KeyedSemaphore::new(1);
        let first = semaphore.try_acquire("a");
        assert!(first.is_some());
        assert!(semaphore.try_acquire("a").is_none());
        assert!(semaphore.try_acquire("b").is_some());
        drop(first);
        assert!(semaphore.try_acquire("a").is_some());
    }

    #[test]
    fn keys_that_are_not_in_use_are_forgotten() {
        let semaphore = KeyedSemaphore::new(1);
        let kept = semaphore.try_acquire(0);
        for key in 1..100 {
            drop(semaphore.try_acquire(key));
        }
        assert!(semaphore.semaphores.lock().unwrap().len() <= 2);
        assert!(semaphore.try_acquire(0).is_none());
        drop(kept);
    }
}
