//! Members and opt-ins.

use std::collections::HashSet;

use uuid::Uuid;

use super::Undo;
use crate::{
    domain::revert::SkipReason,
    error::Result,
    repository::{bulk, bulk::FormerMember, journal::JournalKind},
};

impl Undo<'_> {
    /// Has the members that the update added leave, and brings back those that it removed, with their own join time.
    pub(super) async fn undo_members(&mut self) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.organization());
        let list = self.update.outcome.contact_list.id;
        let update = self.update_id();
        self.counts.removed =
            bulk::remove_members_of_update(transaction, organization, list, update).await?;
        let mut found = 0;
        for position in 0.. {
            let Some(removed) = self
                .row::<FormerMember>(JournalKind::Removed, position)
                .await?
            else {
                break;
            };
            found += removed.len() as u64;
            for members in removed.chunks(transaction.chunk_size()) {
                let ids = members.iter().map(|member| member.contact_id);
                let stored = bulk::contacts_by_id(transaction, organization, ids).await?;
                let stored: HashSet<Uuid> = stored.into_iter().map(|contact| contact.id).collect();
                let is_stored = |member: &&FormerMember| stored.contains(&member.contact_id);
                let back: Vec<_> = members.iter().filter(is_stored).copied().collect();
                self.counts.restored_members +=
                    bulk::restore_members(transaction, organization, list, &back).await?;
                let erased = members.len() - back.len();
                self.counts.skip(SkipReason::ContactErased, erased as u64);
            }
        }
        self.refuse_purged(found, self.update.outcome.counts.removed)
    }

    /// Takes back the opt-ins that the update made of stored contacts, and brings back the opt-outs that it lifted.
    pub(super) async fn undo_opt_ins(&mut self) -> Result<()> {
        for position in 0.. {
            let Some(ids) = self.row::<Uuid>(JournalKind::OptedIn, position).await? else {
                break;
            };
            for ids in ids.chunks(self.transaction.chunk_size()) {
                let (transaction, organization) = (self.transaction, self.organization());
                let ids = ids.iter().copied();
                let stored = bulk::contacts_by_id(transaction, organization, ids).await?;
                let stored: Vec<Uuid> = stored.into_iter().map(|contact| contact.id).collect();
                self.undo_preferences(&stored).await?;
            }
        }
        Ok(())
    }

    /// Undoes what the update did to the preferences of locked contacts.
    pub(super) async fn undo_preferences(&mut self, contacts: &[Uuid]) -> Result<()> {
        if contacts.is_empty() {
            return Ok(());
        }
        let (transaction, organization) = (self.transaction, self.organization());
        let (update, change) = (self.update_id(), (self.journal.change, self.origin));
        self.counts.withdrawn_opt_ins +=
            bulk::withdraw_opt_ins(transaction, organization, contacts, update, change).await?;
        self.counts.restored_opt_outs +=
            bulk::restore_opt_outs(transaction, organization, contacts, update).await?;
        Ok(())
    }
}
