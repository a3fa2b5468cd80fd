//! Records of stored contacts that the update changed.

use uuid::Uuid;

use super::Undo;
use crate::{
    domain::{
        old_values::{OldRecord, OldValues},
        property_value::Properties,
        revert::SkipReason,
    },
    error::Result,
    repository::{bulk, records},
};

/// What becomes of contacts' records of the update's custom object.
#[derive(Default)]
pub(super) struct RecordsBack {
    object: Uuid,
    /// The records that the update created.
    deleted: Vec<Uuid>,
    changed: Vec<(Uuid, Properties)>,
}

impl RecordsBack {
    /// Plans it for contacts, each with what the update changed and what was changed later.
    pub(super) async fn plan<'a>(
        undo: &mut Undo<'_>,
        contacts: impl Iterator<Item = (Uuid, &'a [OldValues])>,
    ) -> Result<Self> {
        let mut plan = Self::default();
        for (contact, changes) in contacts {
            let Some((
                OldValues {
                    record: Some(old), ..
                },
                later,
            )) = changes.split_first()
            else {
                continue;
            };
            if !undo.custom_objects.contains(&old.custom_object_id) {
                undo.counts.skip(SkipReason::CustomObjectDeleted, 1);
                continue;
            }
            // An update has one custom object.
            plan.object = old.custom_object_id;
            let later = later.iter().filter_map(|it| it.record.as_ref());
            let later: Vec<&OldRecord> = later
                .filter(|it| it.custom_object_id == plan.object)
                .collect();
            if old.is_new && later.is_empty() {
                plan.deleted.push(contact);
                continue;
            }
            let changed_later =
                |key: &String| later.iter().any(|it| it.properties.contains_key(key));
            if old.is_new || old.properties.keys().any(changed_later) {
                undo.counts.skip(SkipReason::ContactChanged, 1);
            }
            if !old.is_new {
                plan.bring_back(undo, contact, old, changed_later).await?;
            }
        }
        Ok(plan)
    }

    async fn bring_back(
        &mut self,
        undo: &Undo<'_>,
        contact: Uuid,
        old: &OldRecord,
        changed_later: impl Fn(&String) -> bool,
    ) -> Result<()> {
        let found =
            records::find(undo.transaction, undo.organization(), self.object, contact).await?;
        let Some(now) = found else {
            return Ok(());
        };
        let mut record = now.clone();
        for (key, value) in old.properties.iter().filter(|(key, _)| !changed_later(key)) {
            match value {
                Some(value) => record.insert(key.clone(), value.clone()),
                None => record.remove(key),
            };
        }
        if record != now {
            self.changed.push((contact, record));
        }
        Ok(())
    }

    /// Whether a contact's record changes.
    pub(super) fn has(&self, contact: Uuid) -> bool {
        self.deleted.contains(&contact) || self.changed.iter().any(|(it, _)| *it == contact)
    }

    /// Writes it.
    pub(super) async fn write(&self, undo: &Undo<'_>) -> Result<()> {
        let (transaction, organization) = (undo.transaction, undo.organization());
        if !self.deleted.is_empty() {
            bulk::delete_records(transaction, organization, self.object, &self.deleted).await?;
        }
        if !self.changed.is_empty() {
            let changed: Vec<_> = self
                .changed
                .iter()
                .map(|(id, record)| (*id, record))
                .collect();
            bulk::upsert_records(transaction, organization, self.object, &changed).await?;
        }
        Ok(())
    }
}
