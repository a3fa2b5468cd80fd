//! Opt-ins and opt-outs outside of an update.

pub mod history;
pub mod numbers;
pub mod opt_outs;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Display,
};

use time::OffsetDateTime;
use uuid::Uuid;

use self::numbers::UnassignedNumbers;
use crate::{
    app,
    domain::{
        caller::Caller,
        channel::ChannelReference,
        consent::Consent,
        contact::ContactReference,
        now,
        phone_number::PhoneNumber,
        preference::{Change, ChangeOrigin, NumberHash, Subject},
        preference_set::{PreferenceSet, PreferenceWrites},
    },
    error::{Error, Result},
    repository::{
        Repository, Transaction, TransactionOutcome, bulk, channels, opted_out_numbers, preferences,
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
    /// How the contacts said so.
    pub consent: Option<Consent>,
}

/// The channels of a change.
#[derive(Debug, Clone)]
pub enum Channels {
    /// All channels; an opt-out also covers channels that are created later.
    All,
    /// These channels.
    Listed(Vec<ChannelReference>),
}

/// How many pairs of contact (or number) and channel a change was about.
#[derive(Default)]
pub struct ChangedPairs {
    /// Pairs that changed.
    pub changed: u64,
    /// Pairs that already were as requested.
    pub unchanged: u64,
    /// Pairs that stay opted out, as the opt-out is not earlier than the opt-in.
    pub kept_opt_outs: u64,
    /// The first of these pairs.
    pub first_kept_opt_outs: Vec<KeptOptOut>,
    /// The contacts that an opt-out names by id and the organization does not have.
    pub unknown_contacts: HashSet<ContactReference>,
    /// The channels that an opt-out names and the organization does not have.
    pub unknown_channels: HashSet<ChannelReference>,
}

/// A pair of contact (or number) and channel that an opt-in left opted out.
pub struct KeptOptOut {
    /// The first place in the change's contacts at which the contact is named.
    pub contact_index: usize,
    /// The channel.
    pub channel_id: Uuid,
    /// When the person said so.
    pub said_at: OffsetDateTime,
}

/// How many [`KeptOptOut`]s are returned.
const MAX_KEPT_OPT_OUTS: usize = 10_000;

/// About how many preferences are in memory at once.
const PAIRS_CHUNK: usize = 20_000;

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
    contacts: Vec<(Uuid, PhoneNumber)>,
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
        let subjects = self.lock_subjects(transaction).await?;
        // After the locks, so that it is later than what is there.
        let change = self.begin();
        let (channel_ids, unknown_channels) = match &self.channels {
            Channels::All => (all.iter().map(|channel| channel.id).collect(), Vec::new()),
            Channels::Listed(references) => app::channels::find(&all, references),
        };
        self.refuse_unknown("channel", &unknown_channels, channel_ids.is_empty())?;
        let mut pairs = ChangedPairs::default();
        let chunk_size = (PAIRS_CHUNK / channel_ids.len().max(1)).max(1);
        let places = self.places();
        for chunk in subjects.contacts.chunks(chunk_size) {
            let ids: Vec<Uuid> = chunk.iter().map(|(id, _)| *id).collect();
            let sets = preferences::sets_of_contacts(transaction, organization, &ids).await?;
            let place = |(id, phone): &(Uuid, PhoneNumber)| {
                let by_id = places.get(&ContactReference::Id(*id));
                by_id
                    .into_iter()
                    .chain(places.get(&ContactReference::Phone(*phone)))
                    .min()
            };
            let sets = chunk.iter().map(place).zip(sets);
            self.change_sets(transaction, sets, &channel_ids, &change, &mut pairs)
                .await?;
        }
        for chunk in subjects.numbers.all().chunks(chunk_size) {
            let hashes: Vec<NumberHash> = chunk.iter().map(|(hash, _)| *hash).collect();
            let mut stored = opted_out_numbers::find(transaction, organization, &hashes).await?;
            let sets = chunk.iter().map(|(hash, phone)| {
                let set = PreferenceSet::new(
                    Subject::Number(*hash),
                    stored.remove(hash).unwrap_or_default(),
                );
                (places.get(&ContactReference::Phone(*phone)), set)
            });
            self.change_sets(transaction, sets, &channel_ids, &change, &mut pairs)
                .await?;
        }
        transaction.note_added_rows(pairs.changed);
        let subject_count = subjects.contacts.len() + subjects.numbers.all().len();
        let pair_count = (subject_count * channel_ids.len()) as u64;
        subjects.numbers.unlock(transaction, organization).await?;
        pairs.unchanged = pair_count - pairs.changed - pairs.kept_opt_outs;
        pairs
            .first_kept_opt_outs
            .sort_by_key(|it| (it.contact_index, it.channel_id));
        pairs.unknown_contacts = subjects
            .unknown_ids
            .into_iter()
            .map(ContactReference::Id)
            .collect();
        pairs.unknown_channels = unknown_channels.into_iter().collect();
        Ok(TransactionOutcome::Commit(pairs))
    }

    /// The change, which is made now.
    fn begin(&self) -> Change {
        let id = Uuid::now_v7();
        let consent = self.consent.as_ref();
        let origin = ChangeOrigin {
            change_time: now(),
            api_key_id: self.caller.api_key_id,
            update_id: None,
            collect_time: consent.and_then(|it| it.collect_time),
            consent_id: consent.map(|_| id),
        };
        Change { id, origin }
    }

    /// The first place at which each contact is named.
    fn places(&self) -> HashMap<&ContactReference, usize> {
        let named = self.contacts.iter().enumerate().rev();
        named.map(|(place, reference)| (reference, place)).collect()
    }

    /// Opts subjects, each with its place among the contacts, in or out.
    async fn change_sets<'a>(
        &self,
        transaction: &Transaction,
        sets: impl Iterator<Item = (Option<&'a usize>, PreferenceSet)>,
        channel_ids: &[Uuid],
        change: &Change,
        pairs: &mut ChangedPairs,
    ) -> Result<()> {
        let all = matches!(self.channels, Channels::All);
        let mut writes = PreferenceWrites::default();
        for (place, mut set) in sets {
            if self.opt_in {
                let effect = set.opt_in(channel_ids, all, true, change.origin);
                pairs.changed += effect.opted_in;
                pairs.kept_opt_outs += effect.kept.len() as u64;
                let left = MAX_KEPT_OPT_OUTS - pairs.first_kept_opt_outs.len();
                let kept = effect.kept.into_iter().take(left);
                let kept = kept.map(|(channel_id, said_at)| KeptOptOut {
                    contact_index: place.copied().unwrap_or_default(),
                    channel_id,
                    said_at,
                });
                pairs.first_kept_opt_outs.extend(kept);
            } else {
                pairs.changed += set.opt_out(channel_ids, all, change.origin);
            }
            set.write_to(change, &mut writes);
        }
        let (organization, consent) = (self.caller.organization.id, self.consent.as_ref());
        preferences::write(transaction, organization, change, &writes, consent).await
    }

    /// Locks the contacts that are named by id and those that have the numbers, and then the numbers that no contact has.
    async fn lock_subjects(&self, transaction: &Transaction) -> Result<Subjects> {
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
        contacts.sort_unstable_by_key(|contact| contact.id);
        let is_unknown = |id: &Uuid| {
            contacts
                .binary_search_by_key(id, |contact| contact.id)
                .is_err()
        };
        let unknown_ids: Vec<Uuid> = self.ids().filter(is_unknown).collect();
        let is_none_left = contacts.is_empty() && phones.is_empty();
        self.refuse_unknown("contact", &unknown_ids, is_none_left)?;
        let assigned: HashSet<PhoneNumber> = contacts.iter().map(|it| it.phone).collect();
        let unassigned = phones.into_iter().filter(|it| !assigned.contains(it));
        let numbers = UnassignedNumbers::lock(transaction, organization, unassigned).await?;
        Ok(Subjects {
            contacts: contacts.iter().map(|it| (it.id, it.phone)).collect(),
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
}
