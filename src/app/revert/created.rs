//! The contacts that the update created.

use std::collections::HashMap;

use uuid::Uuid;

use super::Undo;
use crate::{
    app::preferences::numbers,
    domain::{
        contact::StoredContact, old_values::OldValues, phone_number::PhoneNumber,
        revert::SkipReason, suppression::Erasure,
    },
    error::Result,
    repository::{bulk, journal, journal::JournalKind, suppressions},
};

impl Undo<'_> {
    /// Erases the contacts that the update created, unless something has touched them since.
    pub(super) async fn undo_created_contacts(&mut self) -> Result<()> {
        let mut found = 0;
        for position in 0.. {
            let Some(ids) = self.row::<Uuid>(JournalKind::Created, position).await? else {
                break;
            };
            found += ids.len() as u64;
            for ids in ids.chunks(self.transaction.chunk_size()) {
                self.erase_untouched(ids).await?;
            }
        }
        self.refuse_purged(found, self.update.outcome.counts.created)
    }

    async fn erase_untouched(&mut self, ids: &[Uuid]) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.organization());
        let stored = bulk::whole_contacts(transaction, organization, ids.iter().copied()).await?;
        let erased_before = ids.len() - stored.len();
        self.counts
            .skip(SkipReason::ContactErased, erased_before as u64);
        let stored_ids: Vec<Uuid> = stored.iter().map(|it| it.contact.id).collect();
        self.undo_preferences(&stored_ids).await?;
        let time = self.update.create_time;
        let in_use = bulk::contacts_in_use(transaction, organization, &stored_ids, time).await?;
        let changed = self.changed_since(&stored).await?;
        let mut untouched: Vec<(Uuid, PhoneNumber)> = Vec::new();
        for StoredContact { contact, .. } in &stored {
            if changed.contains(&contact.id) {
                self.counts.skip(SkipReason::ContactChanged, 1);
            } else if in_use.contains(&contact.id) {
                self.counts.skip(SkipReason::ContactInUse, 1);
            } else {
                untouched.push((contact.id, contact.phone));
            }
        }
        self.erase(&untouched).await
    }

    /// Those of created contacts that have changed since the update.
    async fn changed_since(&self, stored: &[StoredContact]) -> Result<Vec<Uuid>> {
        let ids = stored.iter().map(|it| it.contact.id);
        let update = self.update_id();
        let changes =
            journal::changes_since(self.transaction, self.organization(), update, ids).await?;
        let mut last_times = HashMap::new();
        let mut changed = Vec::new();
        for change in changes {
            last_times.insert(change.contact_id, change.change_time);
            if change.old != OldValues::default() {
                changed.push(change.contact_id);
            }
        }
        // A change that is not in the journal is an older program's.
        let unknown = stored.iter().filter(|it| {
            let last = last_times.get(&it.contact.id).unwrap_or(&it.create_time);
            it.update_time != *last
        });
        changed.extend(unknown.map(|it| it.contact.id));
        Ok(changed)
    }

    async fn erase(&mut self, contacts: &[(Uuid, PhoneNumber)]) -> Result<()> {
        if contacts.is_empty() {
            return Ok(());
        }
        let (transaction, organization) = (self.transaction, self.organization());
        let owner = &self.revert.caller.organization;
        numbers::detach_opt_outs(transaction, owner, contacts, &self.change()).await?;
        let ids: Vec<Uuid> = contacts.iter().map(|(id, _)| *id).collect();
        bulk::erase_contacts(transaction, organization, &ids, &self.custom_objects).await?;
        let erasures: Vec<Erasure> = ids
            .iter()
            .map(|id| Erasure {
                organization_id: organization,
                contact_id: *id,
                erase_time: self.origin.change_time,
            })
            .collect();
        suppressions::insert_erasures(transaction, organization, &erasures).await?;
        self.counts.erased_contacts += ids.len() as u64;
        Ok(())
    }
}
