//! The opt-outs of numbers. An opt-out belongs to the number too: it stays behind when a contact gives the number up, and
//! the contact that gets the number next starts with it. An opt-in is never inherited.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        contact::{Contact, ContactFieldSet, ContactFields},
        now,
        organization::Organization,
        phone_number::PhoneNumber,
        preference::{Change, ChangeOrigin, NumberHash, OptInOrigins, Subject},
        preference_set::{PreferenceSet, PreferenceWrites},
    },
    error::Result,
    repository::{Transaction, bulk, opted_out_numbers, preferences},
};

/// Numbers that no contact has, locked: a call that gives a contact one of them waits for the commit, and reads their
/// opt-outs only then. The lock is a contact's row with the number, which the transaction inserts and deletes.
pub struct UnassignedNumbers {
    numbers: Vec<(NumberHash, PhoneNumber)>,
    rows: Vec<Contact>,
}

impl UnassignedNumbers {
    /// Locks the numbers, which must come in order. Waits for a call that is giving a contact one of them, and fails with a
    /// lost race if one of them has a contact then.
    pub async fn lock(
        transaction: &Transaction,
        organization: &Organization,
        numbers: impl Iterator<Item = PhoneNumber>,
    ) -> Result<Self> {
        let row = |phone| Contact {
            id: Uuid::now_v7(),
            phone,
            fields: ContactFields::default(),
        };
        let rows: Vec<Contact> = numbers.map(row).collect();
        if !rows.is_empty() {
            let origin = ChangeOrigin::of_nobody(now());
            let (no_fields, rows) = (ContactFieldSet::default(), rows.iter().collect::<Vec<_>>());
            bulk::insert_contacts(transaction, organization.id, no_fields, &rows, origin).await?;
        }
        let number = |row: &Contact| (organization.hash(row.phone), row.phone);
        let mut numbers: Vec<_> = rows.iter().map(number).collect();
        numbers.sort_unstable();
        Ok(Self { numbers, rows })
    }

    /// The numbers and their hashes, in order of these.
    pub fn all(&self) -> &[(NumberHash, PhoneNumber)] {
        &self.numbers
    }

    /// Deletes the rows, at the end of the transaction.
    pub async fn unlock(
        self,
        transaction: &Transaction,
        organization: OrganizationId,
    ) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let ids = self.rows.iter().map(|row| row.id);
        bulk::delete_contacts(transaction, organization, ids).await
    }
}

/// Leaves the opt-outs of `contacts` behind with the numbers that they give up, without their consents. Their own preferences
/// stay theirs.
pub async fn detach_opt_outs(
    transaction: &Transaction,
    organization: &Organization,
    contacts: &[(Uuid, PhoneNumber)],
    change: &Change,
) -> Result<()> {
    let ids: Vec<Uuid> = contacts.iter().map(|(contact, _)| *contact).collect();
    let opted_out = match ids.as_slice() {
        [] => return Ok(()),
        ids => bulk::opted_out(transaction, organization.id, ids).await?,
    };
    if opted_out.is_empty() {
        return Ok(());
    }
    let phones: HashMap<Uuid, PhoneNumber> = contacts.iter().copied().collect();
    let hash = |contact: &Uuid| Some(organization.hash(*phones.get(contact)?));
    let hashes: Vec<NumberHash> = opted_out.iter().filter_map(hash).collect();
    let mut stored = opted_out_numbers::find(transaction, organization.id, &hashes).await?;
    let sets = preferences::sets_of_contacts(transaction, organization.id, &opted_out).await?;
    let mut writes = PreferenceWrites::default();
    for (hash, of_contact) in hashes.into_iter().zip(sets) {
        let stored = stored.remove(&hash).unwrap_or_default();
        let mut of_number = PreferenceSet::new(Subject::Number(hash), stored);
        for opt_out in of_contact.opt_outs() {
            let origin = ChangeOrigin {
                consent_id: None,
                ..opt_out.origin
            };
            of_number.add_opt_out(opt_out.channel_id, origin);
        }
        of_number.write_to(change, &mut writes);
    }
    preferences::write(transaction, organization.id, change, &writes, None).await
}

/// What became of the opt-outs of numbers.
#[derive(Default)]
pub struct InheritedOptOuts {
    /// The contacts that inherited some.
    pub contacts: HashSet<Uuid>,
    /// How many pairs of contact and channel were opted in on the way.
    pub opted_in: u64,
}

/// Hands the opt-outs of numbers to the contacts that have them now, with their consents and history, and forgets the hashes.
/// `channels` are all that the organization has; `targets` are those that the contacts are being opted in to.
pub async fn inherit_opt_outs(
    transaction: &Transaction,
    organization: &Organization,
    contacts: &[(Uuid, PhoneNumber)],
    channels: &[Uuid],
    (targets, origins): (&[Uuid], &OptInOrigins),
) -> Result<InheritedOptOuts> {
    let mut inherited = InheritedOptOuts::default();
    if contacts.is_empty() || !opted_out_numbers::any(transaction, organization.id).await? {
        return Ok(inherited);
    }
    let by_hash = |(contact, phone): &(Uuid, PhoneNumber)| (organization.hash(*phone), *contact);
    let mut holders: Vec<(NumberHash, Uuid)> = contacts.iter().map(by_hash).collect();
    let hashes: Vec<NumberHash> = holders.iter().map(|(hash, _)| *hash).collect();
    let carried = opted_out_numbers::find(transaction, organization.id, &hashes).await?;
    let remembered = opted_out_numbers::with_history(transaction, organization.id, &hashes).await?;
    holders.retain(|(hash, _)| carried.contains_key(hash) || remembered.contains(hash));
    let ids: Vec<Uuid> = holders.iter().map(|(_, contact)| *contact).collect();
    let sets = preferences::sets_of_contacts(transaction, organization.id, &ids).await?;
    let mut writes = PreferenceWrites::default();
    for ((hash, contact), mut set) in holders.iter().zip(sets) {
        let carried = carried.get(hash).map_or(&[][..], Vec::as_slice);
        inherited.opted_in += set.inherit(carried, channels, targets, origins.of(*contact));
        if carried.iter().any(|it| !it.opted_in) {
            inherited.contacts.insert(*contact);
        }
        set.write_to(&origins.change, &mut writes);
    }
    preferences::write(transaction, organization.id, &origins.change, &writes, None).await?;
    opted_out_numbers::move_to_contacts(transaction, organization.id, &holders).await?;
    Ok(inherited)
}
