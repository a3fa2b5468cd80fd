//! What all spools of a server may take together.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::error::{Error, Result};

/// How many bytes of items all spools of a server keep in memory together, beyond what each may take.
const SHARED_MEMORY_BYTES: u64 = 32 * 1024 * 1024;

/// The number of bytes that all spools of a server may take together, in memory and in files.
#[derive(Debug, Clone)]
pub struct SpoolQuota {
    used_bytes: Arc<AtomicU64>,
    limit_bytes: u64,
    /// How much of [`SHARED_MEMORY_BYTES`] is taken.
    memory_bytes: Arc<AtomicU64>,
}

impl SpoolQuota {
    /// Creates a quota of `limit_bytes`.
    pub fn new(limit_bytes: u64) -> Self {
        Self {
            used_bytes: Arc::default(),
            limit_bytes,
            memory_bytes: Arc::default(),
        }
    }

    /// Returns how many bytes are taken.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Takes `bytes`. They must be given back with [`Self::give_back`], even if this fails.
    pub(super) fn take(&self, bytes: u64) -> Result<()> {
        let used = self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        if used + bytes > self.limit_bytes {
            return Err(self.full());
        }
        Ok(())
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes some of the memory that all spools share, if there is enough.
    pub(super) fn try_take_memory(&self, bytes: u64) -> bool {
        let used = self.memory_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_enough = used + bytes <= SHARED_MEMORY_BYTES;
        if !is_enough {
            self.give_memory_back(bytes);
        }
        is_enough
    }

    pub(super) fn give_memory_back(&self, bytes: u64) {
        self.memory_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn full(&self) -> Error {
        Error::SpoolFull {
            limit_bytes: self.limit_bytes,
        }
    }
}
