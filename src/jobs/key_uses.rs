//! When API keys were last used, to the hour: noted in memory by calls, and written in the background.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    domain::{OrganizationId, caller::Caller, now},
    error::Result,
    repository::{Repository, api_keys},
};

/// How often new uses are written.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long the last uses may take to be written when the server stops.
const LAST_LIMIT: Duration = Duration::from_secs(1);

/// The most keys that one statement names.
const MAX_KEYS: usize = 1000;

/// The uses of keys. Cheap to clone; all clones share them.
#[derive(Clone, Default)]
pub struct KeyUses(Arc<Mutex<Uses>>);

type Uses = HashMap<(OrganizationId, Uuid), LastUse>;

#[derive(Clone, Copy, PartialEq)]
struct LastUse {
    hour: OffsetDateTime,
    is_written: bool,
}

impl KeyUses {
    /// Notes that a call is made with its caller's key.
    pub fn note(&self, caller: &Caller) {
        let last = LastUse {
            hour: now().truncate_to_hour(),
            is_written: false,
        };
        let key = (caller.organization.id, caller.api_key_id);
        let mut uses = self.lock();
        let noted = uses.entry(key).or_insert(last);
        if noted.hour < last.hour {
            *noted = last;
        }
    }

    /// Writes new uses, periodically until `draining`, and then once more.
    pub async fn watch(self, repository: Repository, draining: CancellationToken) {
        let write_on = async {
            loop {
                tokio::time::sleep(INTERVAL).await;
                self.write_and_log(&repository).await;
            }
        };
        tokio::select! {
            () = write_on => {}
            () = draining.cancelled() => {}
        }
        // A database that does not answer must not keep the server from stopping.
        let _ = tokio::time::timeout(LAST_LIMIT, self.write_and_log(&repository)).await;
    }

    async fn write_and_log(&self, repository: &Repository) {
        if let Err(error) = self.write(repository).await {
            // They are written next time.
            let cause = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(cause, "api_keys.uses_not_written");
        }
    }

    async fn write(&self, repository: &Repository) -> Result<()> {
        let mut batches: HashMap<_, Vec<Uuid>> = HashMap::new();
        for ((organization, key), last) in self.lock().iter() {
            if !last.is_written {
                let batch = batches.entry((*organization, last.hour)).or_default();
                batch.push(*key);
            }
        }
        for ((organization, hour), keys) in batches {
            for keys in keys.chunks(MAX_KEYS) {
                api_keys::set_last_use(repository, organization, keys, hour).await?;
                self.note_written(organization, keys, hour);
            }
        }
        let this_hour = now().truncate_to_hour();
        let is_needed = |last: &LastUse| !last.is_written || last.hour >= this_hour;
        self.lock().retain(|_, last| is_needed(last));
        Ok(())
    }

    fn note_written(&self, organization: OrganizationId, keys: &[Uuid], hour: OffsetDateTime) {
        let mut uses = self.lock();
        for key in keys {
            if let Some(last) = uses.get_mut(&(organization, *key)) {
                last.is_written = last.hour == hour;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
