//! Opt-ins and opt-outs outside of an update.

pub mod numbers;

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Display,
};

use uuid::Uuid;

use self::numbers::UnassignedNumbers;
use crate::{
    app,
    domain::{
        caller::Caller,
        channel::ChannelReference,
        contact::ContactReference,
        now,
        phone_number::PhoneNumber,
        preference::{ChangeOrigin, NumberHash},
    },
    error::{Error, Result},
    repository::{Repository, Transaction, TransactionOutcome, bulk, channels, opted_out_numbers},
};

/// A change of communication preferences.
pub struct PreferenceChange {
    /// The caller.
    pub caller: Caller,
    /// The contacts, or numbers, to opt in or out.
    pub contacts: Vec<ContactReference>,
    /// The channels to opt in to or out of.
    pub channels: Channels,
    /// True: opt in. False: opt out.
    pub opt_in: bool,
}

/// The channels of a change.
pub enum Channels {
    /// All channels; an opt-out also covers channels that are created later.
    All,
    /// These channels.
    Listed(Vec<ChannelReference>),
}

/// How many pairs of contact (or number) and channel a change was about.
pub struct ChangedPairs {
    /// Pairs that changed.
    pub changed: u64,
    /// Pairs that already were as requested.
    pub unchanged: u64,
    /// The contacts that an opt-out names by id and the organization does not have.
    pub unknown_contacts: HashSet<ContactReference>,
    /// The channels that an opt-out names and the organization does not have.
    pub unknown_channels: HashSet<ChannelReference>,
}

/// Opts contacts in or out. An opt-in fails if a contact or a channel is unknown; an opt-out leaves it out, and fails if
/// none is left.
pub async fn change(repository: &Repository, change: PreferenceChange) -> Result<ChangedPairs> {
    repository
        .write(change, |change, transaction| {
            Box::pin(change.apply_in(transaction))
        })
        .await
}

/// The locked contacts and the unassigned numbers that a change is about.
struct Subjects {
    contact_ids: Vec<Uuid>,
    numbers: UnassignedNumbers,
    /// The ids that are no contact's.
    unknown_ids: Vec<Uuid>,
}

impl PreferenceChange {
    async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionOutcome<ChangedPairs>> {
        let organization = self.caller.organization.id;
        let all = channels::share(transaction, organization).await?;
        let origin = ChangeOrigin {
            change_time: now(),
            api_key_id: self.caller.api_key_id,
            update_id: None,
        };
        let subjects = self.lock_subjects(transaction, origin).await?;
        let (channel_ids, unknown_channels) = match &self.channels {
            Channels::All => (all.iter().map(|channel| channel.id).collect(), Vec::new()),
            Channels::Listed(references) => app::channels::find(&all, references),
        };
        self.refuse_unknown("channel", &unknown_channels, channel_ids.is_empty())?;
        let changed = self
            .change_contacts(transaction, &subjects.contact_ids, &channel_ids, origin)
            .await?
            + self
                .change_numbers(transaction, subjects.numbers.hashes(), &channel_ids, origin)
                .await?;
        transaction.note_added_rows(changed);
        let subject_count = subjects.contact_ids.len() + subjects.numbers.hashes().len();
        let pairs = subject_count * channel_ids.len();
        subjects.numbers.unlock(transaction, organization).await?;
        Ok(TransactionOutcome::Commit(ChangedPairs {
            changed,
            unchanged: pairs as u64 - changed,
            unknown_contacts: subjects
                .unknown_ids
                .into_iter()
                .map(ContactReference::Id)
                .collect(),
            unknown_channels: unknown_channels.into_iter().collect(),
        }))
    }

    /// Locks the contacts that are named by id and those that have the numbers, and then the numbers that no contact has.
    async fn lock_subjects(
        &self,
        transaction: &Transaction,
        origin: ChangeOrigin,
    ) -> Result<Subjects> {
        let organization = &self.caller.organization;
        let phones: BTreeSet<PhoneNumber> = self.phones().collect();
        let named: HashSet<Uuid> = self.ids().collect();
        let given = phones.iter().copied();
        let holders =
            bulk::ids_named_by(transaction, organization.id, given, [].into_iter()).await?;
        let ids: HashSet<Uuid> = self.ids().chain(holders).collect();
        let mut contacts =
            bulk::contacts_by_id(transaction, organization.id, ids.into_iter()).await?;
        // A contact can give up a number between the lookup and the lock.
        contacts.retain(|contact| named.contains(&contact.id) || phones.contains(&contact.phone));
        let mut contact_ids: Vec<Uuid> = contacts.iter().map(|contact| contact.id).collect();
        contact_ids.sort_unstable();
        let is_unknown = |id: &Uuid| contact_ids.binary_search(id).is_err();
        let unknown_ids: Vec<Uuid> = self.ids().filter(is_unknown).collect();
        let is_none_left = contact_ids.is_empty() && phones.is_empty();
        self.refuse_unknown("contact", &unknown_ids, is_none_left)?;
        let assigned: HashSet<PhoneNumber> = contacts.iter().map(|it| it.phone).collect();
        let unassigned = phones.into_iter().filter(|it| !assigned.contains(it));
        let numbers =
            UnassignedNumbers::lock(transaction, organization, unassigned, origin).await?;
        Ok(Subjects {
            contact_ids,
            numbers,
            unknown_ids,
        })
    }

    /// Fails if something is unknown, but of an opt-out only if nothing else is left.
    fn refuse_unknown(
        &self,
        resource_type: &'static str,
        unknown: &[impl Display],
        is_none_left: bool,
    ) -> Result<()> {
        match unknown.first() {
            Some(first) if self.opt_in || is_none_left => {
                Err(Error::not_found(resource_type, first))
            }
            _ => Ok(()),
        }
    }

    fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.contacts
            .iter()
            .filter_map(|reference| match reference {
                ContactReference::Id(id) => Some(*id),
                _ => None,
            })
    }

    fn phones(&self) -> impl Iterator<Item = PhoneNumber> {
        self.contacts
            .iter()
            .filter_map(|reference| match reference {
                ContactReference::Phone(phone) => Some(*phone),
                _ => None,
            })
    }

    async fn change_contacts(
        &self,
        transaction: &Transaction,
        contact_ids: &[Uuid],
        channel_ids: &[Uuid],
        origin: ChangeOrigin,
    ) -> Result<u64> {
        if contact_ids.is_empty() {
            return Ok(0);
        }
        let organization = self.caller.organization.id;
        let all = matches!(self.channels, Channels::All);
        if self.opt_in {
            if all {
                bulk::lift_opt_outs_of_all_channels(transaction, organization, contact_ids).await?;
            }
            bulk::resubscribe(transaction, organization, contact_ids, channel_ids, origin).await
        } else {
            // Single channels come first: the opt-out of all would cover them.
            let changed =
                bulk::opt_out(transaction, organization, contact_ids, channel_ids, origin).await?;
            if all {
                bulk::opt_out_of_all_channels(transaction, organization, contact_ids, origin)
                    .await?;
            }
            Ok(changed)
        }
    }

    async fn change_numbers(
        &self,
        transaction: &Transaction,
        numbers: &[NumberHash],
        channel_ids: &[Uuid],
        origin: ChangeOrigin,
    ) -> Result<u64> {
        if numbers.is_empty() {
            return Ok(0);
        }
        let organization = self.caller.organization.id;
        let all = matches!(self.channels, Channels::All);
        if self.opt_in {
            let lifted =
                opted_out_numbers::lift(transaction, organization, numbers, channel_ids, origin)
                    .await?;
            opted_out_numbers::forget_lifted(transaction, organization, numbers, all).await?;
            Ok(lifted)
        } else {
            let changed =
                opted_out_numbers::opt_out(transaction, organization, numbers, channel_ids, origin)
                    .await?;
            if all {
                opted_out_numbers::opt_out_of_all_channels(
                    transaction,
                    organization,
                    numbers,
                    origin,
                )
                .await?;
            }
            Ok(changed)
        }
    }
}
