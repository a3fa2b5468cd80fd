//! The plan of an update: who each group is and what is to be written, for all groups before the first write.

use std::{cmp::Ordering, collections::HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Update,
    claims::Claims,
    group::{Group, Rejected},
    phone_set::PhoneSet,
    resolve::{Identity, resolve},
};
use crate::{
    domain::{
        contact::{Contact, ContactChanges, ContactField, ContactFields},
        phone_number::PhoneNumber,
        property_value::{Properties, as_json},
        text::Text,
        update_header::Action,
        violation::{Reason, Violation},
    },
    error::Result,
    repository::{Transaction, bulk},
    spool::{Item, Spool},
};

/// What an update is to write.
pub struct Plan {
    /// The groups that are applied, in the order of their phones.
    pub groups: Spool<Planned>,
    /// The contacts that are not, and what they name.
    pub rejected: Rejected,
    /// On overwrite: the stored contacts that groups resolve to, by id.
    pub stored_ids: Spool<Uuid>,
}

/// What a group is to become.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Planned {
    phone: PhoneNumber,
    /// How many contacts of the call were folded into its first one.
    pub duplicate_count: u32,
    /// What is to be written of it.
    pub change: PlannedChange,
    encoded_bytes: u32,
}

/// What is to be written of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum PlannedChange {
    /// A new contact.
    Create {
        /// The contact.
        contact: Box<Contact>,
        /// Its record, if it gets one.
        #[serde(with = "as_json")]
        record: Option<Properties>,
    },
    /// A stored contact changes.
    Update {
        /// The contact as it becomes.
        contact: Box<Contact>,
        /// Its record, if that changes.
        #[serde(with = "as_json")]
        record: Option<Properties>,
        /// The number that it gives up.
        old_phone: Option<PhoneNumber>,
    },
    /// A stored contact is as given.
    Keep(Uuid),
    /// The group is rejected.
    Reject(Vec<Violation>),
}

impl Item for Planned {
    fn order(&self, other: &Self) -> Ordering {
        self.phone.cmp(&other.phone)
    }

    fn size_bytes(&self) -> usize {
        let boxed = match &self.change {
            PlannedChange::Create { contact, .. } | PlannedChange::Update { contact, .. } => {
                contact.size_bytes()
            }
            PlannedChange::Keep(_) => 0,
            PlannedChange::Reject(violations) => violations.iter().map(Violation::size_bytes).sum(),
        };
        size_of::<Self>() + boxed + self.encoded_bytes as usize
    }
}

impl Item for Uuid {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl PlannedChange {
    /// What `changes` make of a stored contact. `record` is its record, if that changes.
    pub fn of_stored(
        stored: &Contact,
        changes: &ContactChanges,
        record: Option<Properties>,
    ) -> Self {
        if record.is_none() && changes.hold_for(stored) {
            return Self::Keep(stored.id);
        }
        let mut contact = Box::new(stored.clone());
        contact.phone = changes.phone;
        changes.fields.apply_to(&mut contact.fields);
        let old_phone = (stored.phone != contact.phone).then_some(stored.phone);
        Self::Update {
            contact,
            record,
            old_phone,
        }
    }
}

/// Makes the plan: finds and locks who is stored, and decides.
pub async fn make_plan(update: &Update, transaction: &Transaction) -> Result<Plan> {
    let mut planner = Planner {
        update,
        groups: Spool::new(&update.quota),
        stored_ids: Spool::new(&update.quota),
        claims: Claims::new(&update.quota),
        rejects: false,
    };
    let look_up = LookUp {
        update,
        transaction,
    };
    let mut groups = update.groups.iter();
    let size = bulk::chunk_size(transaction.backend());
    let mut take = || groups.by_ref().take(size).collect::<Result<Vec<_>>>();
    let (mut chunk, mut next) = (Chunk::default(), take()?);
    while !(next.is_empty() && chunk.groups.is_empty()) {
        transaction.check_caller()?;
        // While the database looks for a chunk's contacts, the one before is decided on and the one after is taken.
        (chunk, next) = tokio::try_join!(
            biased;
            look_up.of(next),
            async {
                planner.decide(chunk)?;
                take()
            }
        )?;
    }
    planner.finish()
}

struct Planner<'a> {
    update: &'a Update,
    groups: Spool<Planned>,
    stored_ids: Spool<Uuid>,
    /// The stored contacts that two groups could resolve to.
    claims: Claims,
    /// Whether there is a group that is rejected.
    rejects: bool,
}

/// Some of the groups, and what is stored of them.
#[derive(Default)]
struct Chunk<'a> {
    groups: Vec<Group<'a>>,
    stored: Stored,
    records: HashMap<Uuid, Properties>,
}

/// What is stored of a chunk's contacts.
#[derive(Default)]
struct Stored {
    /// In the order of their phones.
    by_phone: Vec<Contact>,
    by_external_id: HashMap<Text, Contact>,
}

impl Stored {
    fn under_phone(&self, group: &Group<'_>) -> Option<&Contact> {
        let place = self
            .by_phone
            .binary_search_by_key(&group.phone(), |it| it.phone);
        place.ok().map(|place| &self.by_phone[place])
    }

    fn identity<'a>(&'a self, group: &Group<'_>) -> Identity<'a> {
        let external_id = group.changes().given_external_id();
        let by_phone = self.under_phone(group);
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

/// Looks up what is stored.
struct LookUp<'a> {
    update: &'a Update,
    transaction: &'a Transaction,
}

impl LookUp<'_> {
    async fn of<'g>(&self, groups: Vec<Group<'g>>) -> Result<Chunk<'g>> {
        if groups.is_empty() {
            return Ok(Chunk::default());
        }
        let stored = self.stored(&groups).await?;
        let records = self.stored_records(&groups, &stored).await?;
        Ok(Chunk {
            groups,
            stored,
            records,
        })
    }

    /// Finds the contacts under the chunk's numbers, then those under the external_ids that they don't have.
    async fn stored(&self, chunk: &[Group<'_>]) -> Result<Stored> {
        let organization = self.update.organization();
        // Who is who is decided by the external_id, also where no contact of the call has one.
        let fields = self.update.fields.with(ContactField::ExternalId);
        let phones = chunk.iter().map(Group::phone);
        let mut stored = Stored {
            by_phone: bulk::contacts_by_phone(self.transaction, organization, fields, phones)
                .await?,
            by_external_id: HashMap::new(),
        };
        let elsewhere: Vec<Text> = chunk
            .iter()
            .filter_map(|group| {
                let external_id = group.changes().given_external_id()?;
                let here = stored.under_phone(group);
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
                if let Some(external_id) = contact.fields.external_id.clone() {
                    stored.by_external_id.insert(external_id, contact);
                }
            }
        }
        Ok(stored)
    }

    async fn stored_records(
        &self,
        chunk: &[Group<'_>],
        stored: &Stored,
    ) -> Result<HashMap<Uuid, Properties>> {
        let Some(object) = self.update.custom_object() else {
            return Ok(HashMap::new());
        };
        let with_properties: Vec<Uuid> = chunk
            .iter()
            .filter(|group| !group.changes().properties.is_empty())
            .filter_map(|group| Some(stored.identity(group).contact()?.id))
            .collect();
        if with_properties.is_empty() {
            return Ok(HashMap::new());
        }
        let organization = self.update.organization();
        let contacts = with_properties.into_iter();
        bulk::records(self.transaction, organization, object.id, contacts).await
    }
}

impl Planner<'_> {
    fn decide(&mut self, chunk: Chunk<'_>) -> Result<()> {
        for group in &chunk.groups {
            let identity = chunk.stored.identity(group);
            if let Some(contact) = identity.contestable(group.phone()) {
                self.claims.claim(contact.to_string(), group.phone())?;
            }
            let record = identity
                .contact()
                .and_then(|contact| chunk.records.get(&contact.id));
            let change = self.change(group, identity, record);
            match &change {
                PlannedChange::Reject(_) => self.rejects = true,
                PlannedChange::Update { contact, .. } => self.keep_member(contact.id)?,
                PlannedChange::Keep(id) => self.keep_member(*id)?,
                PlannedChange::Create { .. } => {}
            }
            self.groups.push(Planned {
                phone: group.phone(),
                duplicate_count: group.duplicate_count(),
                change,
                encoded_bytes: group.encoded_bytes(),
            })?;
        }
        Ok(())
    }

    /// Notes who stays a member in an overwrite.
    fn keep_member(&mut self, id: Uuid) -> Result<()> {
        match self.update.header.action {
            Action::Overwrite => self.stored_ids.push(id),
            Action::Add | Action::Remove => Ok(()),
        }
    }

    fn change(
        &self,
        group: &Group<'_>,
        identity: Identity<'_>,
        stored_record: Option<&Properties>,
    ) -> PlannedChange {
        let mut violations: Vec<_> = identity.violation().into_iter().collect();
        let record = match self.update.custom_object() {
            Some(object) if !group.changes().properties.is_empty() => object
                .merge(stored_record, &group.changes().properties)
                .map_or_else(
                    |missing| {
                        violations.extend(missing);
                        None
                    },
                    Some,
                ),
            _ => None,
        };
        if !violations.is_empty() {
            return PlannedChange::Reject(violations);
        }
        let record = record.filter(|record| Some(record) != stored_record);
        let Some(stored) = identity.contact() else {
            let mut fields = ContactFields::default();
            group.changes().fields.apply_to(&mut fields);
            let contact = Box::new(Contact {
                // Ids in the order of the phones: those that arrive in order are the fastest to index.
                id: Uuid::now_v7(),
                phone: group.phone(),
                fields,
            });
            return PlannedChange::Create { contact, record };
        };
        PlannedChange::of_stored(stored, group.changes(), record)
    }

    fn finish(mut self) -> Result<Plan> {
        let mut rejected = Rejected::new(&self.update.quota);
        rejected.rejections = self.update.rejected.rejections.clone();
        self.groups.sort();
        self.stored_ids.sort();
        let contested = self.claims.contested()?;
        let groups = if contested.is_empty() && !self.rejects {
            self.groups
        } else {
            sift(self.update, self.groups, &contested, &mut rejected)?
        };
        Ok(Plan {
            groups,
            rejected,
            stored_ids: self.stored_ids,
        })
    }
}

/// Parts the groups that are applied, which it answers, from those that are not.
fn sift(
    update: &Update,
    mut planned: Spool<Planned>,
    contested: &PhoneSet,
    rejected: &mut Rejected,
) -> Result<Spool<Planned>> {
    let mut applied = Spool::new(&update.quota);
    let mut contested = contested.lookup();
    // Both are in the order of the phones.
    for (planned, group) in planned.drain().zip(update.groups.iter()) {
        let (planned, group) = (planned?.into_owned(), group?);
        let mut violations = match &planned.change {
            PlannedChange::Reject(violations) => violations.clone(),
            _ => Vec::new(),
        };
        if contested.contains(planned.phone)? {
            violations.push(Violation::new(
                Reason::ConflictingDuplicate,
                "",
                "another contact of the call resolves to the same stored contact",
            ));
        }
        if violations.is_empty() {
            applied.push(planned)?;
        } else {
            group.reject(&violations, rejected)?;
        }
    }
    applied.sort();
    Ok(applied)
}
