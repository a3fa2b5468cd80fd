//! The opt-outs of numbers. An opt-out belongs to the number too: it stays behind when a contact gives the number up, and
//! whoever gets the number next starts with it.

use std::collections::{HashMap, HashSet};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    domain::{
        phone_number::PhoneNumber,
        preference::{ALL_CHANNELS, NumberHash, NumberPreference},
    },
    error::Result,
    repository::{Transaction, opted_out_numbers, organizations::Organization},
};

impl Organization {
    /// The keyed hash of a number.
    pub fn hash(&self, phone: PhoneNumber) -> NumberHash {
        // HMAC takes keys of any length.
        #[allow(clippy::expect_used)]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.opt_out_key.as_ref()).expect("any length");
        mac.update(phone.as_str().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Leaves the opt-outs of `contacts` behind with the numbers that they give up. Their own preferences stay theirs.
pub async fn leave(
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
    opted_out_numbers::insert(transaction, organization.id, &left).await
}

/// Hands the opt-outs of numbers over to the `contacts` who have them now, and forgets the hashes. Answers who got some.
pub async fn take_over(
    transaction: &Transaction,
    organization: &Organization,
    contacts: &[(Uuid, PhoneNumber)],
    channels: &[Uuid],
) -> Result<HashSet<Uuid>> {
    if contacts.is_empty() || !opted_out_numbers::any(transaction, organization.id).await? {
        return Ok(HashSet::new());
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
    let mut taken = Vec::new();
    for (hash, preferences) in &by_number {
        let Some(contact) = contacts.get(hash) else {
            continue;
        };
        let preferences = spelled_out(preferences, channels);
        taken.extend(preferences.into_iter().map(|it| (*contact, it)));
    }
    opted_out_numbers::hand_over(transaction, organization.id, &taken).await?;
    let hashes: Vec<_> = by_number.into_keys().collect();
    opted_out_numbers::forget(transaction, organization.id, &hashes).await?;
    Ok(taken.into_iter().map(|(contact, _)| contact).collect())
}

/// A number's preferences with one for every channel that its opt-out of all channels covers: whoever takes it over may
/// have opted in to one of them under another number.
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
