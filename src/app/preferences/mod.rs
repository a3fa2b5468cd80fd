//! Opt-ins and opt-outs outside of an update.

pub mod numbers;

use std::collections::HashSet;

use uuid::Uuid;

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
    repository::{
        Repository, Transaction, TransactionOutcome, bulk, channels, opted_out_numbers,
        organizations,
    },
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
}

/// Opts contacts in or out.
pub async fn change(repository: &Repository, change: PreferenceChange) -> Result<ChangedPairs> {
    repository
        .write(change, |change, transaction| {
            Box::pin(change.apply_in(transaction))
        })
        .await
}

/// The contacts that have the numbers of a change, before they are locked.
struct NumberHolders {
    contact_ids: Vec<Uuid>,
    organization_is_locked: bool,
}

/// The locked contacts and the unassigned numbers that a change is about.
struct Subjects {
    contact_ids: Vec<Uuid>,
    numbers: Vec<NumberHash>,
}

impl PreferenceChange {
    async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionOutcome<ChangedPairs>> {
        let organization = self.caller.organization.id;
        let holders = self.number_holders(transaction).await?;
        let all = channels::share(transaction, organization).await?;
        let subjects = self.lock_subjects(transaction, holders).await?;
        let channel_ids = match &self.channels {
            Channels::All => all.iter().map(|channel| channel.id).collect(),
            Channels::Listed(references) => app::channels::resolve(&all, references)?,
        };
        let origin = ChangeOrigin {
            change_time: now(),
            api_key_id: self.caller.api_key_id,
            update_id: None,
        };
        let changed = self
            .change_contacts(transaction, &subjects.contact_ids, &channel_ids, origin)
            .await?
            + self
                .change_numbers(transaction, &subjects.numbers, &channel_ids, origin)
                .await?;
        transaction.note_added_rows(changed);
        let pairs = (subjects.contact_ids.len() + subjects.numbers.len()) * channel_ids.len();
        Ok(TransactionOutcome::Commit(ChangedPairs {
            changed,
            unchanged: pairs as u64 - changed,
        }))
    }

    /// Looks up which contacts have the numbers. If a number is unassigned, locks the organization's row, so that no contact
    /// gets the number before the commit.
    async fn number_holders(&self, transaction: &Transaction) -> Result<NumberHolders> {
        let organization = self.caller.organization.id;
        let phones: HashSet<PhoneNumber> = self.phones().collect();
        let look_up = || {
            let phones = phones.iter().copied();
            bulk::ids_named_by(transaction, organization, phones, [].into_iter())
        };
        let contact_ids = look_up().await?;
        if contact_ids.len() == phones.len() {
            return Ok(NumberHolders {
                contact_ids,
                organization_is_locked: false,
            });
        }
        organizations::lock(transaction, organization).await?;
        Ok(NumberHolders {
            // A contact may have got one of the numbers before the row was locked.
            contact_ids: look_up().await?,
            organization_is_locked: true,
        })
    }

    /// Locks the contacts that are named by id and those that have the numbers. The remaining numbers are unassigned.
    async fn lock_subjects(
        &self,
        transaction: &Transaction,
        holders: NumberHolders,
    ) -> Result<Subjects> {
        let organization = &self.caller.organization;
        let phones: HashSet<PhoneNumber> = self.phones().collect();
        let named: HashSet<Uuid> = self.ids().collect();
        let ids: HashSet<Uuid> = self.ids().chain(holders.contact_ids).collect();
        let mut contacts =
            bulk::contacts_by_id(transaction, organization.id, ids.into_iter()).await?;
        // A contact can give up a number between the lookup and the lock.
        contacts.retain(|contact| named.contains(&contact.id) || phones.contains(&contact.phone));
        let mut contact_ids: Vec<Uuid> = contacts.iter().map(|contact| contact.id).collect();
        contact_ids.sort_unstable();
        if let Some(missing) = self.ids().find(|id| contact_ids.binary_search(id).is_err()) {
            return Err(Error::not_found("contact", missing));
        }
        let assigned: HashSet<PhoneNumber> = contacts.iter().map(|it| it.phone).collect();
        let mut numbers: Vec<NumberHash> = phones
            .difference(&assigned)
            .map(|phone| organization.hash(*phone))
            .collect();
        if !numbers.is_empty() && !holders.organization_is_locked {
            // Nothing keeps another contact from getting it at the same time.
            return Err(Error::ConcurrentChange);
        }
        numbers.sort_unstable();
        Ok(Subjects {
            contact_ids,
            numbers,
        })
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
