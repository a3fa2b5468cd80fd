//! What is stored of an update's contacts.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    Update,
    group::Group,
    resolve::{Identity, resolve},
};
use crate::{
    domain::{
        contact::{Contact, ContactField},
        phone_number::PhoneNumber,
        property_value::Properties,
        text::Text,
    },
    error::{Error, Result},
    repository::{Transaction, bulk, records},
};

/// Some of an update's groups, with what is stored of their contacts.
#[derive(Default)]
pub struct Chunk<'a> {
    /// The groups.
    pub groups: Vec<Group<'a>>,
    /// The stored contacts that they could be.
    pub stored: StoredContacts,
    /// The stored records of the contacts whose properties change; `None` if they are too large to be read together.
    pub records: Option<HashMap<Uuid, Properties>>,
}

/// The stored contacts that a chunk's groups could be.
#[derive(Default)]
pub struct StoredContacts {
    /// Sorted by phone.
    by_phone: Vec<Contact>,
    by_external_id: HashMap<Text, Contact>,
}

impl StoredContacts {
    fn with_phone(&self, phone: PhoneNumber) -> Option<&Contact> {
        let place = self.by_phone.binary_search_by_key(&phone, |it| it.phone);
        place.ok().map(|place| &self.by_phone[place])
    }

    /// Returns which contact a group of the chunk is.
    pub fn identity<'a>(&'a self, group: &Group<'_>) -> Identity<'a> {
        let external_id = group.changes().given_external_id();
        let by_phone = self.with_phone(group.phone());
        // Most often the contact with the number is the one with the external_id.
        let by_external_id = match (external_id, by_phone) {
            (None, _) => None,
            (Some(id), Some(contact)) if contact.fields.external_id.as_ref() == Some(id) => {
                Some(contact)
            }
            (Some(id), _) => self.by_external_id.get(id),
        };
        resolve(external_id, by_external_id, by_phone)
    }
}

/// Looks up, and locks, what is stored of groups.
pub struct LookUp<'a> {
    /// The update.
    pub update: &'a Update,
    /// Its transaction.
    pub transaction: &'a Transaction,
}

impl LookUp<'_> {
    /// Looks up what is stored of `groups`.
    pub async fn of<'g>(&self, groups: Vec<Group<'g>>) -> Result<Chunk<'g>> {
        if groups.is_empty() {
            return Ok(Chunk::default());
        }
        let stored = self.stored(&groups).await?;
        let records = self.records(&groups, &stored).await?;
        Ok(Chunk {
            groups,
            stored,
            records,
        })
    }

    /// Finds the contacts with the chunk's phones, then those with the external_ids that were not among them.
    async fn stored(&self, chunk: &[Group<'_>]) -> Result<StoredContacts> {
        let organization = self.update.organization();
        // The external_id decides which contact a group is, even if no contact of the call has one.
        let fields = self.update.fields.with(ContactField::ExternalId);
        let phones = chunk.iter().map(Group::phone);
        let mut stored = StoredContacts {
            by_phone: bulk::contacts_by_phone(self.transaction, organization, fields, phones)
                .await?,
            by_external_id: HashMap::new(),
        };
        let elsewhere: Vec<Text> = chunk
            .iter()
            .filter_map(|group| {
                let external_id = group.changes().given_external_id()?;
                let here = stored.with_phone(group.phone());
                let found =
                    here.is_some_and(|it| it.fields.external_id.as_ref() == Some(external_id));
                (!found).then(|| external_id.clone())
            })
            .collect();
        if !elsewhere.is_empty() {
            let external_ids = elsewhere.into_iter();
            let contacts =
                bulk::contacts_by_external_id(self.transaction, organization, fields, external_ids)
                    .await?;
            for contact in contacts {
                let in_chunk = chunk.binary_search_by_key(&contact.phone, Group::phone);
                if in_chunk.is_ok() && stored.with_phone(contact.phone).is_none() {
                    // Another call gave the contact this number after the first look-up.
                    return Err(Error::ConcurrentChange);
                }
                if let Some(external_id) = contact.fields.external_id.clone() {
                    stored.by_external_id.insert(external_id, contact);
                }
            }
        }
        Ok(stored)
    }

    /// Looks up the stored records of the contacts of `groups` whose properties change. Returns `None` if they are too large
    /// to be read together, which the record of one group never is.
    pub async fn records(
        &self,
        groups: &[Group<'_>],
        stored: &StoredContacts,
    ) -> Result<Option<HashMap<Uuid, Properties>>> {
        let Some(object) = self.update.custom_object() else {
            return Ok(Some(HashMap::new()));
        };
        let with_properties: Vec<Uuid> = groups
            .iter()
            .filter(|group| !group.changes().properties.is_empty())
            .filter_map(|group| Some(stored.identity(group).contact()?.id))
            .collect();
        let organization = self.update.organization();
        match with_properties[..] {
            [] => Ok(Some(HashMap::new())),
            [contact] => {
                let record =
                    records::find(self.transaction, organization, object.id, contact).await?;
                Ok(Some(
                    record.map(|record| (contact, record)).into_iter().collect(),
                ))
            }
            _ => {
                let contacts = with_properties.into_iter();
                bulk::records(self.transaction, organization, object.id, contacts).await
            }
        }
    }
}
