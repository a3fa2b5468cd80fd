//! Writes a plan: a constant number of statements per chunk.

use std::{borrow::Cow, collections::HashSet};

use uuid::Uuid;

use super::{
    Update,
    plan::{Plan, Planned, PlannedChange},
};
use crate::{
    app::preferences::numbers,
    domain::{
        contact::Contact,
        phone_number::PhoneNumber,
        preference::ChangeOrigin,
        property_value::Properties,
        update_header::{Action, OptIns},
        update_outcome::Counts,
    },
    error::Result,
    repository::{Transaction, bulk},
    spool::Spool,
};

/// How many ids of members one statement of an overwrite takes.
const KEPT_IDS_CHUNK: usize = 10_000;

/// Writes `plan`, and counts what it did.
pub async fn write_plan(
    update: &Update,
    transaction: &Transaction,
    plan: &mut Plan,
    channels: &[Uuid],
    origin: ChangeOrigin,
) -> Result<Counts> {
    let mut applier = Applier {
        update,
        transaction,
        channels,
        targets: targets(update, channels),
        origin,
        counts: Counts::default(),
    };
    if update.header.action == Action::Overwrite {
        applier.remove_others(plan).await?;
    }
    let mut groups = plan.groups.drain();
    let size = bulk::chunk_size(transaction.backend());
    let mut take = || Chunk::of(groups.by_ref().take(size));
    let mut chunk = take()?;
    let mut written_chunks: u64 = 0;
    while !chunk.is_empty() {
        transaction.check_caller()?;
        if written_chunks.is_power_of_two() {
            // What was planned for tables as small as they were would get slower with each chunk.
            transaction.discard_plans().await?;
        }
        // While the database writes a chunk, the next one is taken from the plan.
        (_, chunk) = tokio::try_join!(biased; applier.apply_chunk(&chunk), async { take() })?;
        written_chunks += 1;
    }
    Ok(applier.counts)
}

/// The channels that the contacts are to be opted in to.
fn targets(update: &Update, channels: &[Uuid]) -> Vec<Uuid> {
    match (&update.header.opt_ins, update.header.action) {
        (_, Action::Remove) | (OptIns::None, _) => Vec::new(),
        (OptIns::AllChannels, _) => channels.to_vec(),
        (OptIns::Channels(_), _) => update.opt_in_channels.clone(),
    }
}

struct Applier<'a> {
    update: &'a Update,
    transaction: &'a Transaction,
    /// Every channel of the organization.
    channels: &'a [Uuid],
    targets: Vec<Uuid>,
    origin: ChangeOrigin,
    counts: Counts,
}

/// A chunk of a plan, by what is to be written.
#[derive(Default)]
struct Chunk {
    /// Who was stored before.
    stored_ids: Vec<Uuid>,
    created: Vec<Contact>,
    updated: Vec<Contact>,
    records: Vec<(Uuid, Properties)>,
    /// Who changes number, with the old one.
    moved: Vec<(Uuid, PhoneNumber)>,
    /// Who gets a number, with that.
    arrived: Vec<(Uuid, PhoneNumber)>,
    duplicate_count: u64,
}

impl Chunk {
    fn of<'a>(groups: impl Iterator<Item = Result<Cow<'a, Planned>>>) -> Result<Self> {
        let mut chunk = Self::default();
        for group in groups {
            chunk.add(group?.into_owned());
        }
        Ok(chunk)
    }

    fn is_empty(&self) -> bool {
        self.created.is_empty() && self.stored_ids.is_empty()
    }

    fn add(&mut self, group: Planned) {
        self.duplicate_count += u64::from(group.duplicate_count);
        let (contact_id, record) = match group.change {
            PlannedChange::Create { contact, record } => {
                self.arrived.push((contact.id, contact.phone));
                let id = contact.id;
                self.created.push(*contact);
                (id, record)
            }
            PlannedChange::Update {
                contact,
                record,
                old_phone,
            } => {
                if let Some(old_phone) = old_phone {
                    self.moved.push((contact.id, old_phone));
                    self.arrived.push((contact.id, contact.phone));
                }
                let id = contact.id;
                self.stored_ids.push(id);
                self.updated.push(*contact);
                (id, record)
            }
            PlannedChange::Keep(id) => {
                self.stored_ids.push(id);
                (id, None)
            }
            // A plan's groups are those that are applied.
            PlannedChange::Reject(_) => return,
        };
        self.records
            .extend(record.map(|record| (contact_id, record)));
    }
}

impl Counts {
    fn add_chunk(&mut self, chunk: &Chunk) {
        self.created += chunk.created.len() as u64;
        self.updated += chunk.updated.len() as u64;
        self.unchanged += (chunk.stored_ids.len() - chunk.updated.len()) as u64;
        self.duplicate += chunk.duplicate_count;
    }
}

impl Applier<'_> {
    async fn apply_chunk(&mut self, chunk: &Chunk) -> Result<()> {
        let (organization, fields) = (self.update.organization(), self.update.fields);
        self.counts.add_chunk(chunk);
        let created: Vec<_> = chunk.created.iter().collect();
        if !created.is_empty() {
            bulk::insert_contacts(
                self.transaction,
                organization,
                fields,
                &created,
                self.origin,
            )
            .await?;
        }
        let updated: Vec<_> = chunk.updated.iter().collect();
        if !updated.is_empty() {
            bulk::update_contacts(
                self.transaction,
                organization,
                fields,
                &updated,
                self.origin,
            )
            .await?;
        }
        if let Some(object) = self.update.custom_object()
            && !chunk.records.is_empty()
        {
            let records: Vec<_> = chunk
                .records
                .iter()
                .map(|(id, record)| (*id, record))
                .collect();
            bulk::upsert_records(self.transaction, organization, object.id, &records).await?;
        }
        let opted_out = self.hand_over_numbers(chunk).await?;
        self.opt_in(chunk, &opted_out).await?;
        self.change_members(chunk).await
    }

    /// Leaves the opt-outs of numbers that are given up behind, and hands those of the new ones over. Answers who got some.
    async fn hand_over_numbers(&mut self, chunk: &Chunk) -> Result<HashSet<Uuid>> {
        let organization = &self.update.caller.organization;
        numbers::detach_opt_outs(self.transaction, organization, &chunk.moved).await?;
        let opt_ins = (self.targets.as_slice(), self.origin);
        let taken_over = numbers::inherit_opt_outs(
            self.transaction,
            organization,
            &chunk.arrived,
            self.channels,
            opt_ins,
        )
        .await?;
        self.counts.opted_in += taken_over.opted_in;
        Ok(taken_over.contacts)
    }

    async fn opt_in(&mut self, chunk: &Chunk, opted_out: &HashSet<Uuid>) -> Result<()> {
        let organization = self.update.organization();
        let created = chunk.created.iter().map(|contact| contact.id);
        let (with_opt_outs, without): (Vec<Uuid>, Vec<Uuid>) =
            created.partition(|id| opted_out.contains(id));
        let mut stored = with_opt_outs;
        stored.extend(&chunk.stored_ids);
        if self.targets.is_empty() {
            // An opt-out of all channels can be there, and be lifted, before there is a channel.
            return self.lift_opt_outs_of_all_channels(&stored).await;
        }
        if !without.is_empty() {
            // Nobody else can see these yet, and they have no preferences: they need no look at what is stored.
            self.counts.opted_in += bulk::opt_in_new_contacts(
                self.transaction,
                organization,
                without.into_iter(),
                &self.targets,
                self.origin,
            )
            .await?;
        }
        if !stored.is_empty() {
            self.opt_in_stored(&stored).await?;
        }
        Ok(())
    }

    /// Lifts the contacts' opt-outs of all channels, where the update opts back in to all.
    async fn lift_opt_outs_of_all_channels(&self, contacts: &[Uuid]) -> Result<()> {
        let header = &self.update.header;
        let lifts = header.resubscribe
            && header.opt_ins == OptIns::AllChannels
            && header.action != Action::Remove;
        if lifts {
            let organization = self.update.organization();
            bulk::lift_opt_outs_of_all_channels(self.transaction, organization, contacts).await?;
        }
        Ok(())
    }

    async fn opt_in_stored(&mut self, contacts: &[Uuid]) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.update.organization());
        self.lift_opt_outs_of_all_channels(contacts).await?;
        let incomplete = bulk::incomplete_opt_ins(
            transaction,
            organization,
            contacts.iter().copied(),
            &self.targets,
        )
        .await?;
        if incomplete.is_empty() {
            return Ok(());
        }
        let missing_pairs: u64 = incomplete
            .iter()
            .map(|(_, count)| self.targets.len() as u64 - count)
            .sum();
        let contacts: Vec<Uuid> = incomplete.into_iter().map(|(contact, _)| contact).collect();
        let opted_in = if self.update.header.resubscribe {
            bulk::resubscribe(
                transaction,
                organization,
                &contacts,
                &self.targets,
                self.origin,
            )
            .await?
        } else {
            bulk::opt_in(
                transaction,
                organization,
                &contacts,
                &self.targets,
                self.origin,
            )
            .await?
        };
        self.counts.opted_in += opted_in;
        self.counts.kept_opt_out += missing_pairs - opted_in;
        Ok(())
    }

    async fn change_members(&mut self, chunk: &Chunk) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.update.organization());
        let (list, join_time) = (self.update.header.contact_list_id, self.origin.change_time);
        // Who is new is no member.
        let created = chunk.created.iter().map(|contact| contact.id);
        let stored = chunk.stored_ids.iter().copied();
        if self.update.header.action == Action::Remove {
            if !chunk.stored_ids.is_empty() {
                self.counts.removed +=
                    bulk::remove_members(transaction, organization, list, stored).await?;
            }
            return Ok(());
        }
        if !chunk.created.is_empty() {
            self.counts.added +=
                bulk::add_new_members(transaction, organization, list, created, join_time).await?;
        }
        if !chunk.stored_ids.is_empty() {
            self.counts.added +=
                bulk::add_members(transaction, organization, list, stored, join_time).await?;
        }
        Ok(())
    }

    /// Takes everybody out of the list who is neither in the plan nor named by a rejected contact: in ranges of ids, so
    /// that a statement never has more than so many.
    async fn remove_others(&mut self, plan: &Plan) -> Result<()> {
        let mut named_ids = self.named_ids(plan).await?;
        named_ids.sort();
        let mut kept = merged(&plan.stored_ids, &named_ids);
        let mut after = Uuid::nil();
        loop {
            self.transaction.check_caller()?;
            let ids: Vec<Uuid> = kept.by_ref().take(KEPT_IDS_CHUNK).collect::<Result<_>>()?;
            let is_last = ids.len() < KEPT_IDS_CHUNK;
            let up_to = match ids.last() {
                Some(last) if !is_last => *last,
                _ => Uuid::max(),
            };
            self.counts.removed += bulk::remove_other_members(
                self.transaction,
                self.update.organization(),
                self.update.header.contact_list_id,
                (after, up_to),
                &ids,
            )
            .await?;
            if is_last {
                return Ok(());
            }
            after = up_to;
        }
    }

    /// Who is named by a rejected contact, of the stream's or of the plan's.
    async fn named_ids(&self, plan: &Plan) -> Result<Spool<Uuid>> {
        let mut ids = Spool::new(&self.update.quota);
        let mut named = self
            .update
            .rejections
            .keys
            .iter()
            .chain(plan.rejections.keys.iter());
        let size = bulk::chunk_size(self.transaction.backend());
        loop {
            let chunk: Vec<_> = named.by_ref().take(size).collect::<Result<_>>()?;
            if chunk.is_empty() {
                return Ok(ids);
            }
            let found = bulk::ids_named_by(
                self.transaction,
                self.update.organization(),
                chunk.iter().filter_map(|named| named.phone),
                chunk.iter().filter_map(|named| named.external_id.clone()),
            )
            .await?;
            for id in found {
                ids.push(id)?;
            }
        }
    }
}

/// The ids of two spools in their order. An id that is in both comes twice, which harms nobody.
fn merged<'a>(
    first: &'a Spool<Uuid>,
    second: &'a Spool<Uuid>,
) -> impl Iterator<Item = Result<Uuid>> + 'a {
    let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
    std::iter::from_fn(move || {
        let from_first = match (first.peek(), second.peek()) {
            (Some(Ok(a)), Some(Ok(b))) => a <= b,
            (Some(_), _) => true,
            (None, _) => false,
        };
        let next = if from_first {
            first.next()
        } else {
            second.next()
        };
        next.map(|id| id.map(|id| *id))
    })
}
