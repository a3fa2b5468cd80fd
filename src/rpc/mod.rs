//! How the service is called: a file for each service of `proto/`. A call parses its request, calls `app` or `repository`,
//! and writes the response.

pub mod call;
mod channel_service;
pub mod codec;
mod communication_preference_service;
mod contact_list_change;
mod contact_list_service;
mod contact_service;
mod contact_stream;
mod custom_object_service;
mod export;
mod fields;
mod members;
mod opt_out_stream;
pub(crate) mod page;
pub(crate) mod phones;
mod preference_subjects;
pub mod stream_message;
mod update_stream;
pub(crate) mod wire;

use std::{num::NonZero, sync::Arc, thread, time::Duration};

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{keyed_semaphore::KeyedSemaphore, repository::Repository, spool::SpoolQuota};

/// The services and what they use. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    repository: Repository,
    limits: Limits,
    quota: SpoolQuota,
    /// A permit for each call that may read at once with one API key.
    reads: Arc<KeyedSemaphore<Uuid>>,
    max_reads_per_key: usize,
    /// A permit for each export that may read at once.
    exports: Arc<Semaphore>,
    /// A permit for each part of a message that may be checked at once: one per core.
    checks: Arc<Semaphore>,
}

/// The limits that the operator can set.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The maximum number of contacts in a call.
    pub max_contacts: u64,
    /// The maximum size of a message, in bytes.
    pub max_message_bytes: usize,
    /// The maximum number of bytes that all calls together may spool.
    pub max_spool_bytes: u64,
    /// How many exports may read at once.
    pub max_exports: usize,
    /// How long a stream may go without a message.
    pub stream_idle: Duration,
    /// How long a recorded update keeps its `request_id`.
    pub retention: Duration,
    /// How long an update can be taken back.
    pub undo_retention: Duration,
}

impl Api {
    /// Returns how many bytes of contacts are spooled.
    pub fn spooled_bytes(&self) -> u64 {
        self.quota.used_bytes()
    }

    /// Returns where a call reads that need not see the latest changes: from the copy of the database, if there is one.
    fn place(&self) -> Repository {
        let copy = self.repository.copy();
        copy.unwrap_or_else(|| self.repository.clone())
    }

    /// Makes the services of `repository`, within `limits`.
    pub fn new(repository: Repository, limits: Limits) -> Self {
        let core_count = thread::available_parallelism().map_or(1, NonZero::get);
        let max_reads_per_key = (repository.max_readers() / 2).max(1);
        Self {
            repository,
            limits,
            reads: Arc::new(KeyedSemaphore::new(max_reads_per_key)),
            max_reads_per_key,
            quota: SpoolQuota::new(limits.max_spool_bytes),
            exports: Arc::new(Semaphore::new(limits.max_exports)),
            checks: Arc::new(Semaphore::new(core_count)),
        }
    }
}
