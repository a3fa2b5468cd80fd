//! The opt-outs of numbers. An opt-out belongs to the number too: it stays behind when a contact gives the number up, and
//! the contact that gets the number next starts with it. An opt-in is never inherited.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        contact::{Contact, ContactFieldSet, ContactFields},
        organization::Organization,
        phone_number::PhoneNumber,
        preference::{ALL_CHANNELS, ChangeOrigin, NumberHash, NumberPreference},
    },
    error::Result,
    repository::{Transaction, bulk, opted_out_numbers},
};

/// Numbers that no contact has, locked: a call that gives a contact one of them waits for the commit, and reads their
/// opt-outs only then. The lock is a contact's row with the number, which the transaction inserts and deletes.
pub struct UnassignedNumbers {
    hashes: Vec<NumberHash>,
    rows: Vec<Contact>,
}

impl UnassignedNumbers {
    /// Locks the numbers, which must come in order. Waits for a call that is giving a contact one of them, and fails with a
    /// lost race if one of them has a contact then.
    pub async fn lock(
        transaction: &Transaction,
        organization: &Organization,
        numbers: impl Iterator<Item = PhoneNumber>,
        origin: ChangeOrigin,
    ) -> Result<Self> {
        let row = |phone| Contact {
            id: Uuid::now_v7(),
            phone,
            fields: ContactFields::default(),
        };
        let rows: Vec<Contact> = numbers.map(row).collect();
        if !rows.is_empty() {
            let (no_fields, rows) = (ContactFieldSet::default(), rows.iter().collect::<Vec<_>>());
            bulk::insert_contacts(transaction, organization.id, no_fields, &rows, origin).await?;
        }
        let mut hashes: Vec<_> = rows.iter().map(|it| organization.hash(it.phone)).collect();
        hashes.sort_unstable();
        Ok(Self { hashes, rows })
    }

    /// The hashes of the numbers, in order.
    pub fn hashes(&self) -> &[NumberHash] {
        &self.hashes
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

/// Leaves the opt-outs of `contacts` behind with the numbers that they give up. Their own preferences stay theirs.
pub async fn detach_opt_outs(
    transaction: &Transaction,
    organization: &Organization,
    contacts: &[(Uuid, PhoneNumber)],
) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let hashes: HashMap<Uuid, NumberHash> = contacts
        .iter()
        .map(|(contact, phone)| (*contact, organization.hash(*phone)))
        .collect();
    let ids = contacts.iter().map(|(contact, _)| *contact);
    let left = opted_out_numbers::of_contacts(transaction, organization.id, ids).await?;
    let left: Vec<_> = left
        .into_iter()
        .filter_map(|(contact, preference)| Some((*hashes.get(&contact)?, preference)))
        .collect();
    opted_out_numbers::insert(transaction, organization.id, &left).await?;
    Ok(())
}

/// What became of the opt-outs of numbers.
#[derive(Default)]
pub struct InheritedOptOuts {
    /// The contacts that inherited some.
    pub contacts: HashSet<Uuid>,
    /// How many pairs of contact and channel were opted in on the way.
    pub opted_in: u64,
}

/// Hands the opt-outs of numbers to the contacts that have them now, and forgets the hashes. `channels` are all that the
/// organization has; `targets` are those that the contacts are being opted in to.
pub async fn inherit_opt_outs(
    transaction: &Transaction,
    organization: &Organization,
    contacts: &[(Uuid, PhoneNumber)],
    channels: &[Uuid],
    (targets, origin): (&[Uuid], ChangeOrigin),
) -> Result<InheritedOptOuts> {
    if contacts.is_empty() || !opted_out_numbers::any(transaction, organization.id).await? {
        return Ok(InheritedOptOuts::default());
    }
    let contacts: HashMap<NumberHash, Uuid> = contacts
        .iter()
        .map(|(contact, phone)| (organization.hash(*phone), *contact))
        .collect();
    let hashes: Vec<_> = contacts.keys().copied().collect();
    let mut by_number: HashMap<NumberHash, Vec<NumberPreference>> = HashMap::new();
    for (hash, preference) in opted_out_numbers::find(transaction, organization.id, &hashes).await?
    {
        by_number.entry(hash).or_default().push(preference);
    }
    let mut inherited = Vec::new();
    // By channel: the contacts for which the number's opt-out of all channels was lifted there.
    let mut lifted: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (hash, preferences) in &by_number {
        let Some(contact) = contacts.get(hash) else {
            continue;
        };
        for preference in spelled_out(preferences, channels) {
            if !preference.opted_in {
                inherited.push((*contact, preference));
            } else if targets.contains(&preference.channel_id) {
                lifted
                    .entry(preference.channel_id)
                    .or_default()
                    .push(*contact);
            }
        }
    }
    let mut opted_in = 0;
    for (channel, contacts) in lifted {
        // Before the opt-out of all channels is the contacts' own: it would keep them out.
        opted_in +=
            bulk::opt_in(transaction, organization.id, &contacts, &[channel], origin).await?;
    }
    opted_out_numbers::hand_over(transaction, organization.id, &inherited).await?;
    let hashes: Vec<_> = by_number.into_keys().collect();
    opted_out_numbers::forget(transaction, organization.id, &hashes).await?;
    Ok(InheritedOptOuts {
        contacts: inherited.into_iter().map(|(contact, _)| contact).collect(),
        opted_in,
    })
}

/// A number's preferences with one for every channel that its opt-out of all channels covers: the contact that inherits
/// them may have opted in to one of them under another number.
fn spelled_out(preferences: &[NumberPreference], channels: &[Uuid]) -> Vec<NumberPreference> {
    let mut all = preferences.to_vec();
    if let Some(general) = preferences.iter().find(|it| it.channel_id == ALL_CHANNELS) {
        let covered = channels
            .iter()
            .filter(|channel| !preferences.iter().any(|it| it.channel_id == **channel));
        all.extend(covered.map(|channel| NumberPreference {
            channel_id: *channel,
            ..*general
        }));
    }
    all
}
