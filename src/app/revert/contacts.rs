//! The fields and records of stored contacts that the update changed.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Undo, numbers::Moves, old_record::RecordsBack};
use crate::{
    domain::{
        contact::{Contact, ContactField, ContactFieldSet, StoredContact},
        old_values::OldValues,
        phone_number::PhoneNumber,
        revert::SkipReason,
        text::Text,
    },
    error::Result,
    repository::{bulk, journal, journal::ContactChange, journal::JournalKind},
};

/// What a contact gets back of what the update changed.
pub(super) struct Back {
    /// The contact as it is.
    now: Contact,
    /// The contact as it becomes, but for its number.
    then: Contact,
    /// The number that it had.
    phone: Option<PhoneNumber>,
    /// What the update changed, and what later changes changed.
    changes: Vec<OldValues>,
}

impl Undo<'_> {
    /// Brings back the fields and records that the update changed, unless they have changed since. Returns the contacts that
    /// are to get an earlier number back.
    pub(super) async fn undo_contact_changes(&mut self) -> Result<Moves> {
        let mut moves = Moves::new(&self.revert.quota);
        let mut found = 0;
        for position in 0.. {
            let Some(ids) = self.row::<Uuid>(JournalKind::Updated, position).await? else {
                break;
            };
            found += ids.len() as u64;
            for ids in ids.chunks(self.transaction.chunk_size()) {
                let mut back = self.plan_back(ids).await?;
                self.keep_taken_external_ids(&mut back).await?;
                self.write_back(&back, &mut moves).await?;
            }
        }
        self.refuse_purged(found, self.update.outcome.counts.updated)?;
        Ok(moves)
    }

    async fn plan_back(&mut self, ids: &[Uuid]) -> Result<Vec<Back>> {
        let (transaction, organization) = (self.transaction, self.organization());
        let stored = bulk::whole_contacts(transaction, organization, ids.iter().copied()).await?;
        let erased = ids.len() - stored.len();
        self.counts.skip(SkipReason::ContactErased, erased as u64);
        let (update, known) = (self.update_id(), stored.iter().map(|it| it.contact.id));
        let mut changes: HashMap<Uuid, Vec<ContactChange>> = HashMap::new();
        for change in journal::changes_since(transaction, organization, update, known).await? {
            changes.entry(change.contact_id).or_default().push(change);
        }
        let mut back = Vec::new();
        for contact in stored {
            let changes = changes.remove(&contact.contact.id).unwrap_or_default();
            back.extend(self.plan_contact(contact, changes));
        }
        Ok(back)
    }

    /// Plans what a contact gets back; `None` if nothing. `changes` begin with the update's own.
    fn plan_contact(&mut self, stored: StoredContact, changes: Vec<ContactChange>) -> Option<Back> {
        let last_time = changes.last().map(|change| change.change_time);
        let is_known = changes.first().map(|first| first.change_id) == Some(self.update_id());
        // A change that is not in the journal is an older program's.
        if !is_known || last_time != Some(stored.update_time) {
            self.counts.skip(SkipReason::ContactChanged, 1);
            return None;
        }
        let changes: Vec<OldValues> = changes.into_iter().map(|change| change.old).collect();
        let (first, later) = changes.split_first()?;
        let given = |fields: ContactFieldSet, it: &OldValues| fields.union(it.fields.given());
        let changed_since = later.iter().fold(ContactFieldSet::default(), given);
        let moved_since = later.iter().any(|it| it.phone().is_some());
        let kept = first
            .fields
            .given()
            .iter()
            .any(|it| changed_since.contains(it));
        if kept || moved_since && first.phone().is_some() {
            self.counts.skip(SkipReason::ContactChanged, 1);
        }
        let now = stored.contact;
        let mut then = now.clone();
        first
            .fields
            .clone()
            .without(changed_since)
            .apply_to(&mut then.fields);
        let channel = then.fields.default_channel_id;
        if channel.is_some_and(|it| !self.channels.contains(&it)) {
            then.fields.default_channel_id = now.fields.default_channel_id;
            self.counts.skip(SkipReason::ChannelDeleted, 1);
        }
        Some(Back {
            phone: first
                .phone()
                .filter(|phone| !moved_since && *phone != now.phone),
            now,
            then,
            changes,
        })
    }

    /// Leaves contacts the external_ids that they have where another contact has the earlier one.
    async fn keep_taken_external_ids(&mut self, back: &mut [Back]) -> Result<()> {
        let wanted: Vec<Text> = back
            .iter()
            .filter(|it| it.then.fields.external_id != it.now.fields.external_id)
            .filter_map(|it| it.then.fields.external_id.clone())
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let (transaction, organization) = (self.transaction, self.organization());
        let fields = ContactFieldSet::default().with(ContactField::ExternalId);
        let holders =
            bulk::contacts_by_external_id(transaction, organization, fields, wanted.into_iter())
                .await?;
        let holders: HashMap<Text, Uuid> = holders
            .into_iter()
            .filter_map(|holder| Some((holder.fields.external_id?, holder.id)))
            .collect();
        for it in back {
            let wanted = it.then.fields.external_id.as_ref();
            let holder = wanted.and_then(|wanted| holders.get(wanted));
            if holder.is_some_and(|holder| *holder != it.now.id) {
                it.then.fields.external_id = it.now.fields.external_id.clone();
                self.counts.skip(SkipReason::ExternalIdTaken, 1);
            }
        }
        Ok(())
    }

    async fn write_back(&mut self, back: &[Back], moves: &mut Moves) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.organization());
        let changes = back.iter().map(|it| (it.now.id, it.changes.as_slice()));
        let records = RecordsBack::plan(self, changes).await?;
        let has_changed = |it: &&Back| it.then != it.now || records.has(it.now.id);
        let changed: Vec<&Contact> = back.iter().filter(has_changed).map(|it| &it.then).collect();
        if !changed.is_empty() {
            let fields = ContactFieldSet::ALL;
            bulk::update_contacts(transaction, organization, fields, &changed, self.origin).await?;
        }
        records.write(self).await?;
        self.counts.restored_contacts += changed.len() as u64;
        let ids = back.iter().map(|it| it.now.id);
        // What is taken back is no change since an earlier update any more.
        journal::blank_changes(transaction, organization, self.update_id(), ids).await?;
        let changed: Vec<Uuid> = changed.iter().map(|contact| contact.id).collect();
        self.mark_changed(&changed).await?;
        for it in back {
            if let Some(phone) = it.phone {
                moves.add(&it.now, phone, changed.contains(&it.now.id))?;
            }
        }
        Ok(())
    }

    /// Notes in the journal that the revert has changed contacts, and how: it adds nothing to what is undone of them later.
    pub(super) async fn mark_changed(&mut self, contacts: &[Uuid]) -> Result<()> {
        if contacts.is_empty() {
            return Ok(());
        }
        for contact in contacts {
            self.journal.updated.push(*contact)?;
        }
        let marks: Vec<_> = contacts
            .iter()
            .map(|it| (*it, OldValues::default()))
            .collect();
        let change = (self.journal.change, self.origin.change_time);
        journal::insert_old_values(self.transaction, self.organization(), change, &marks).await
    }
}
