//! Opt-ins and opt-outs said by themselves, outside of an update.

pub mod numbers;

use std::collections::HashSet;

use uuid::Uuid;

use crate::{
    app,
    auth::Caller,
    domain::{
        channel::ChannelReference,
        contact::{ContactFieldSet, ContactReference},
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

/// Who is to be opted in to or out of what.
pub struct PreferenceChange {
    /// Who asks.
    pub caller: Caller,
    /// Whom.
    pub contacts: Vec<ContactReference>,
    /// Which channels.
    pub channels: Channels,
    /// In or out.
    pub opt_in: bool,
}

/// Which channels a change is about.
pub enum Channels {
    /// All, on an opt-out later ones too.
    All,
    /// These.
    RejectedKeys(Vec<ChannelReference>),
}

/// How many pairs of contact (or number) and channel a change was about.
pub struct ChangedPairs {
    /// Pairs that changed.
    pub changed: u64,
    /// Pairs that were as asked.
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

/// Whom a change is about, once looked up.
struct Subjects {
    contact_ids: Vec<Uuid>,
    /// The numbers that are nobody's.
    numbers: Vec<NumberHash>,
}

impl PreferenceChange {
    async fn apply_in(
        &self,
        transaction: &Transaction,
    ) -> Result<TransactionOutcome<ChangedPairs>> {
        let organization = self.caller.organization.id;
        let subjects = self.lock_subjects(transaction).await?;
        let all = channels::share(transaction, organization).await?;
        let channel_ids = match &self.channels {
            Channels::All => all.iter().map(|channel| channel.id).collect(),
            Channels::RejectedKeys(references) => app::channels::resolve(&all, references)?,
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

    /// Finds and locks the contacts. Whoever is named by a number that is nobody's becomes that number, and is kept from
    /// getting it until the commit.
    async fn lock_subjects(&self, transaction: &Transaction) -> Result<Subjects> {
        let organization = &self.caller.organization;
        let ids: HashSet<Uuid> = self.ids().collect();
        let phones: HashSet<PhoneNumber> = self.phones().collect();
        // The organization's row comes before the contacts', in an update as well: so the two never wait for each other.
        let unknown = bulk::ids_named_by(
            transaction,
            organization.id,
            phones.iter().copied(),
            [].into_iter(),
        )
        .await?
        .len()
            < phones.len();
        if unknown {
            organizations::lock(transaction, organization.id).await?;
        }
        let by_phone = bulk::contacts_by_phone(
            transaction,
            organization.id,
            ContactFieldSet::default(),
            phones.iter().copied(),
        )
        .await?;
        if by_phone.len() < phones.len() && !unknown {
            // Somebody gave up a number between the look and the lock.
            return Err(Error::ConcurrentChange);
        }
        let by_id = bulk::contacts_by_id(transaction, organization.id, ids.iter().copied()).await?;
        let found: HashSet<Uuid> = by_id.iter().map(|contact| contact.id).collect();
        if let Some(missing) = self.ids().find(|id| !found.contains(id)) {
            return Err(Error::not_found("contact", missing));
        }
        let mut contact_ids: Vec<Uuid> = found
            .into_iter()
            .chain(by_phone.iter().map(|contact| contact.id))
            .collect();
        contact_ids.sort_unstable();
        contact_ids.dedup();
        let known: HashSet<PhoneNumber> = by_phone.iter().map(|contact| contact.phone).collect();
        let mut numbers: Vec<_> = phones
            .difference(&known)
            .map(|phone| organization.hash(*phone))
            .collect();
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
            // The single channels first: the opt-out of all would cover them.
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
