//! How the service is called: a file for each service of `proto/`. A call parses its request, calls `app` or `repository`,
//! and writes the response.

mod channel_service;
pub mod codec;
mod communication_preference_service;
mod contact_list_change;
mod contact_list_service;
mod contact_service;
mod custom_object_service;
mod export;
mod fields;
mod members;
mod page;
pub mod update_message;
mod update_stream;
mod wire;

use std::{num::NonZero, sync::Arc, thread, time::Duration};

use tokio::sync::Semaphore;

use crate::{repository::Repository, settings::ServeSettings, spool::SpoolQuota};

/// The services, with what they work with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    repository: Repository,
    limits: Limits,
    quota: SpoolQuota,
    /// How many exports may read at once.
    exports: Arc<Semaphore>,
    /// How many parts of messages may be checked at once: one a core.
    checks: Arc<Semaphore>,
}

/// The limits of a call that the operator sets.
#[derive(Debug, Clone, Copy)]
struct Limits {
    max_contacts: u64,
    max_message_bytes: usize,
    stream_idle: Duration,
}

impl Api {
    /// The calls over `repository`, within the limits of `settings`.
    pub fn new(repository: Repository, settings: &ServeSettings) -> Self {
        Self {
            repository,
            limits: Limits {
                max_contacts: settings.max_contacts.into(),
                max_message_bytes: settings.max_message_bytes as usize,
                stream_idle: settings.stream_idle(),
            },
            quota: SpoolQuota::new(settings.max_spool_bytes),
            exports: Arc::new(Semaphore::new(
                (settings.database.max_connections as usize / 8).max(1),
            )),
            checks: Arc::new(Semaphore::new(
                thread::available_parallelism().map_or(1, NonZero::get),
            )),
        }
    }
}
