//! A chunk of a plan, sorted by what is to be written.

use std::borrow::Cow;

use uuid::Uuid;

use crate::{
    app::update::plan::{Planned, PlannedChange},
    domain::{
        consent::Consent, contact::Contact, old_values::OldValues, phone_number::PhoneNumber,
        property_value::Properties, update_outcome::Counts,
    },
    error::Result,
    long_work::Pieces,
    repository::bulk,
    spool::Item,
};

/// Some groups of a plan, sorted by what is to be written.
#[derive(Default)]
pub(super) struct Chunk {
    /// The contacts that were stored before.
    pub(super) stored_ids: Vec<Uuid>,
    pub(super) created: Vec<Contact>,
    pub(super) updated: Vec<Contact>,
    /// What the updated contacts were.
    pub(super) old_values: Vec<(Uuid, OldValues)>,
    pub(super) records: Vec<(Uuid, Properties)>,
    /// The consents that contacts brought.
    pub(super) consents: Vec<(Uuid, Consent)>,
    /// The contacts that give up a number, with that number.
    pub(super) moved: Vec<(Uuid, PhoneNumber)>,
    /// The contacts that get a number, with that number.
    pub(super) arrived: Vec<(Uuid, PhoneNumber)>,
    duplicate_count: u64,
}

impl Chunk {
    /// Takes at most `size` groups of at most [`bulk::CHUNK_BYTES`], but at least one.
    pub(super) async fn take<'a>(
        groups: &mut impl Iterator<Item = Result<Cow<'a, Planned>>>,
        size: usize,
    ) -> Result<Self> {
        let (mut chunk, mut bytes, mut pieces) = (Self::default(), 0, Pieces::start());
        for group in groups.take(size) {
            let group = group?.into_owned();
            bytes += group.size_bytes();
            chunk.add(group);
            if bytes >= bulk::CHUNK_BYTES {
                break;
            }
            pieces.step().await;
        }
        Ok(chunk)
    }

    /// Whether it has no groups.
    pub(super) fn is_empty(&self) -> bool {
        self.created.is_empty() && self.stored_ids.is_empty()
    }

    /// Adds what it changes in contacts to `counts`.
    pub(super) fn count(&self, counts: &mut Counts) {
        counts.created += self.created.len() as u64;
        counts.updated += self.updated.len() as u64;
        counts.unchanged += (self.stored_ids.len() - self.updated.len()) as u64;
        counts.duplicate += self.duplicate_count;
    }

    fn add(&mut self, group: Planned) {
        self.duplicate_count += u64::from(group.duplicate_count);
        let (contact_id, record) = match group.change {
            PlannedChange::Create { contact, record } => {
                self.arrived.push((contact.id, contact.phone));
                let id = contact.id;
                self.created.push(*contact);
                (id, record)
            }
            PlannedChange::Update {
                contact,
                record,
                old,
            } => {
                if let Some(old_phone) = old.phone() {
                    self.moved.push((contact.id, old_phone));
                    self.arrived.push((contact.id, contact.phone));
                }
                let id = contact.id;
                self.stored_ids.push(id);
                self.updated.push(*contact);
                self.old_values.push((id, *old));
                (id, record)
            }
            PlannedChange::Keep(id) => {
                self.stored_ids.push(id);
                (id, None)
            }
            // A plan's groups are those that are applied.
            PlannedChange::Reject(_) => return,
        };
        self.consents
            .extend(group.consent.map(|consent| (contact_id, *consent)));
        self.records
            .extend(record.map(|record| (contact_id, record)));
    }
}
