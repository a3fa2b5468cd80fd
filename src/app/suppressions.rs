//! Opt-outs and erasures that a restored back-up lacks: exported from the database that was in use, and applied to the restored
//! one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use time::OffsetDateTime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::contacts;
use crate::{
    domain::{
        OrganizationId, now,
        organization::Organization,
        phone_number::PhoneNumber,
        preference::{ALL_CHANNELS, Change, ChangeOrigin, ChannelPreference, NumberHash, Subject},
        preference_set::{PreferenceSet, PreferenceWrites},
        suppression::{Erasure, OptOut, Suppressions},
    },
    error::{Error, Result},
    repository::{
        Repository, Transaction, TransactionOutcome, bulk, channels, opted_out_numbers,
        organizations, preferences, suppressions,
    },
};

/// Sends the opt-outs that are in force and the erasures, as of one instant, to `pages`: those since a time, of one organization
/// or of all. Fails if there is no such organization.
pub async fn export(
    repository: &Repository,
    organization: Option<OrganizationId>,
    since: OffsetDateTime,
    pages: mpsc::Sender<Suppressions>,
) -> Result<()> {
    let mut exported = organizations::all(repository).await?;
    if let Some(id) = organization {
        exported.retain(|it| it.id == id);
        if exported.is_empty() {
            return Err(Error::not_found("organization", id));
        }
    }
    let export = Export {
        organizations: exported,
        since,
        pages,
    };
    repository
        .snapshot(export, |export, transaction| {
            Box::pin(export.run_in(transaction))
        })
        .await
}

struct Export {
    organizations: Vec<Organization>,
    since: OffsetDateTime,
    pages: mpsc::Sender<Suppressions>,
}

impl Export {
    async fn run_in(&self, transaction: &Transaction) -> Result<()> {
        for organization in &self.organizations {
            self.send_contacts(transaction, organization).await?;
            self.send_numbers(transaction, organization.id).await?;
            self.send_erasures(transaction, organization.id).await?;
        }
        Ok(())
    }

    async fn send_contacts(
        &self,
        transaction: &Transaction,
        organization: &Organization,
    ) -> Result<()> {
        let (id, mut after) = (organization.id, (Uuid::nil(), Uuid::nil()));
        loop {
            let page =
                suppressions::opt_outs_of_contacts(transaction, id, self.since, after).await?;
            let Some((contact, _, last)) = page.last() else {
                return Ok(());
            };
            after = (*contact, last.channel_id);
            let opt_out =
                |(contact, phone, preference): &(Uuid, PhoneNumber, ChannelPreference)| {
                    OptOut::new(id, Some(*contact), organization.hash(*phone), preference)
                };
            self.send(page.iter().map(opt_out).collect(), Vec::new())
                .await?;
        }
    }

    async fn send_numbers(&self, transaction: &Transaction, id: OrganizationId) -> Result<()> {
        let mut after = (Vec::new(), Uuid::nil());
        loop {
            let above = (after.0.as_slice(), after.1);
            let page =
                suppressions::opt_outs_of_numbers(transaction, id, self.since, above).await?;
            let Some((hash, last)) = page.last() else {
                return Ok(());
            };
            after = (hash.to_vec(), last.channel_id);
            let opt_out = |(hash, preference): &(NumberHash, ChannelPreference)| {
                OptOut::new(id, None, *hash, preference)
            };
            self.send(page.iter().map(opt_out).collect(), Vec::new())
                .await?;
        }
    }

    async fn send_erasures(&self, transaction: &Transaction, id: OrganizationId) -> Result<()> {
        let mut after = Uuid::nil();
        loop {
            let page = suppressions::erasures(transaction, id, self.since, after).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.contact_id;
            self.send(Vec::new(), page).await?;
        }
    }

    async fn send(&self, opt_outs: Vec<OptOut>, erasures: Vec<Erasure>) -> Result<()> {
        let page = Suppressions { opt_outs, erasures };
        self.pages.send(page).await.map_err(Error::internal)
    }
}

/// What became of suppressions. A pair is one of a contact, or a number, and a channel or all channels.
#[derive(Debug, Default, Clone, Copy)]
pub struct Applied {
    /// Contacts that were erased.
    pub erased_contacts: u64,
    /// Erasures of contacts that the organization does not have.
    pub unknown_contacts: u64,
    /// Pairs of contacts that were opted out.
    pub contact_opt_outs: u64,
    /// Pairs of unassigned numbers that were opted out.
    pub number_opt_outs: u64,
    /// Opt-outs of channels that the organization does not have.
    pub unknown_channels: u64,
    /// Opt-outs and erasures of organizations that the database does not have.
    pub unknown_organizations: u64,
}

/// Applies opt-outs and erasures. Applied again, they change nothing, so that it can be repeated after an error.
pub async fn apply(repository: &Repository, suppressions: Suppressions) -> Result<Applied> {
    let mut applied = Applied::default();
    let mut by_organization: HashMap<OrganizationId, Suppressions> = HashMap::new();
    for it in suppressions.opt_outs {
        let of_organization = by_organization.entry(it.organization_id).or_default();
        of_organization.opt_outs.push(it);
    }
    for it in suppressions.erasures {
        let of_organization = by_organization.entry(it.organization_id).or_default();
        of_organization.erasures.push(it);
    }
    for organization in organizations::all(repository).await? {
        if let Some(suppressions) = by_organization.remove(&organization.id) {
            apply_to(repository, organization, suppressions, &mut applied).await?;
        }
    }
    let left = by_organization.values();
    let left = left.map(|it| it.opt_outs.len() + it.erasures.len());
    applied.unknown_organizations = left.sum::<usize>() as u64;
    Ok(applied)
}

async fn apply_to(
    repository: &Repository,
    organization: Organization,
    suppressions: Suppressions,
    applied: &mut Applied,
) -> Result<()> {
    for erasure in &suppressions.erasures {
        let organization = organization.clone();
        match contacts::erase(repository, organization, *erasure).await {
            Ok(()) => applied.erased_contacts += 1,
            Err(Error::NotFound { .. }) => applied.unknown_contacts += 1,
            Err(error) => return Err(error),
        }
    }
    let input = (organization, suppressions);
    let opted_out = repository
        .write(input, |(organization, suppressions), transaction| {
            Box::pin(apply_in(transaction, organization, suppressions))
        })
        .await?;
    applied.contact_opt_outs += opted_out.contact_opt_outs;
    applied.number_opt_outs += opted_out.number_opt_outs;
    applied.unknown_channels += opted_out.unknown_channels;
    Ok(())
}

/// Opts contacts and numbers out, and keeps the erasures for a further back-up's sake.
async fn apply_in(
    transaction: &Transaction,
    organization: &Organization,
    suppressions: &Suppressions,
) -> Result<TransactionOutcome<Applied>> {
    let (id, mut applied) = (organization.id, Applied::default());
    // Until the commit, no contact is created and none gets a number.
    organizations::lock(transaction, id).await?;
    let channels = channels::share(transaction, id).await?;
    let mut channels: HashSet<Uuid> = channels.iter().map(|it| it.id).collect();
    channels.insert(ALL_CHANNELS);
    let (opt_outs, unknown): (Vec<_>, Vec<_>) =
        (suppressions.opt_outs.iter()).partition(|opt_out| channels.contains(&opt_out.channel_id));
    applied.unknown_channels = unknown.len() as u64;
    let subjects = Subjects::lock(transaction, organization, &opt_outs).await?;
    // A pair once: one statement can't write a row twice.
    let mut of_contacts: BTreeMap<(Uuid, Uuid), ChannelPreference> = BTreeMap::new();
    let mut of_numbers: BTreeMap<(NumberHash, Uuid), ChannelPreference> = BTreeMap::new();
    for opt_out in opt_outs {
        let (channel, preference) = (opt_out.channel_id, opt_out.preference());
        let named = opt_out.contact_id.filter(|it| subjects.ids.contains(it));
        let holder = subjects.holders.get(&opt_out.number_hash).copied();
        for contact in named.into_iter().chain(holder) {
            of_contacts.insert((contact, channel), preference);
        }
        if holder.is_none() {
            of_numbers.insert((opt_out.number_hash, channel), preference);
        }
    }
    let contacts: BTreeSet<Uuid> = of_contacts.keys().map(|(contact, _)| *contact).collect();
    let contacts = Vec::from_iter(contacts);
    let sets = preferences::sets_of_contacts(transaction, id, &contacts).await?;
    let contacts = contacts.into_iter().zip(sets).collect();
    applied.contact_opt_outs = add(transaction, id, contacts, of_contacts).await?;
    let numbers: BTreeSet<NumberHash> = of_numbers.keys().map(|(number, _)| *number).collect();
    let numbers = Vec::from_iter(numbers);
    let mut stored = opted_out_numbers::find(transaction, id, &numbers).await?;
    let set = |number| {
        let stored = stored.remove(&number).unwrap_or_default();
        (number, PreferenceSet::new(Subject::Number(number), stored))
    };
    let numbers = numbers.into_iter().map(set).collect();
    applied.number_opt_outs = add(transaction, id, numbers, of_numbers).await?;
    suppressions::insert_erasures(transaction, id, &suppressions.erasures).await?;
    transaction.note_added_rows(applied.contact_opt_outs);
    Ok(TransactionOutcome::Commit(applied))
}

/// Adds opt-outs to what contacts or numbers have; of two, the later one stays. Returns how many were opted out of what they had
/// not been.
async fn add<K: Ord + Copy>(
    transaction: &Transaction,
    organization: OrganizationId,
    mut sets: BTreeMap<K, PreferenceSet>,
    opt_outs: BTreeMap<(K, Uuid), ChannelPreference>,
) -> Result<u64> {
    let mut added = 0;
    for ((subject, _), opt_out) in opt_outs {
        if let Some(set) = sets.get_mut(&subject) {
            added += u64::from(set.add_opt_out(opt_out.channel_id, opt_out.origin));
        }
    }
    let change = Change {
        id: Uuid::now_v7(),
        origin: ChangeOrigin::of_nobody(now()),
    };
    let mut writes = PreferenceWrites::default();
    for set in sets.into_values() {
        set.write_to(&change, &mut writes);
    }
    preferences::write(transaction, organization, &change, &writes, None).await?;
    Ok(added)
}

/// The locked contacts that opt-outs are about.
struct Subjects {
    ids: HashSet<Uuid>,
    /// Which of them has a number.
    holders: HashMap<NumberHash, Uuid>,
}

impl Subjects {
    /// Locks the contacts that the opt-outs name by their id or their number. Looks at every contact of the organization, as a
    /// number can't be told from its hash.
    async fn lock(
        transaction: &Transaction,
        organization: &Organization,
        opt_outs: &[&OptOut],
    ) -> Result<Self> {
        let ids: HashSet<Uuid> = opt_outs.iter().filter_map(|it| it.contact_id).collect();
        let hashes: HashSet<NumberHash> = opt_outs.iter().map(|it| it.number_hash).collect();
        let mut named: BTreeMap<PhoneNumber, Uuid> = BTreeMap::new();
        let mut after = Uuid::nil();
        while !opt_outs.is_empty() {
            let page =
                suppressions::numbers_of_contacts(transaction, organization.id, after).await?;
            let Some((last, _)) = page.last() else {
                break;
            };
            after = *last;
            let is_named = |(id, phone): &(Uuid, PhoneNumber)| {
                ids.contains(id) || hashes.contains(&organization.hash(*phone))
            };
            let found = page.into_iter().filter(is_named);
            named.extend(found.map(|(id, phone)| (phone, id)));
        }
        let named: Vec<Uuid> = named.into_values().collect();
        let (mut ids, mut holders) = (HashSet::new(), HashMap::new());
        for chunk in named.chunks(suppressions::PAGE_ROWS) {
            let chunk = chunk.iter().copied();
            for contact in bulk::contacts_by_id(transaction, organization.id, chunk).await? {
                ids.insert(contact.id);
                holders.insert(organization.hash(contact.phone), contact.id);
            }
        }
        Ok(Self { ids, holders })
    }
}
