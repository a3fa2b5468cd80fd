//! Writes a plan, with a constant number of statements for each chunk of its groups.

mod chunk;
mod opt_ins;
mod overwrite;

use std::iter::Peekable;

use uuid::Uuid;

use self::chunk::Chunk;
use super::{
    Update,
    passed_on::PassedOn,
    plan::{Plan, Planned},
};
use crate::{
    app::{journal::Journal, preferences::numbers},
    domain::{
        contact_list::ContactList, phone_number::PhoneNumber, preference::ChangeOrigin,
        update_header::Action, update_outcome::Counts,
    },
    error::Result,
    repository::{Transaction, bulk, journal},
    spool::{Items, Spool},
};

/// Writes `plan`, and what it does to contacts into `journal`. Returns the counts of what changed.
pub async fn write_plan(
    update: &Update,
    transaction: &Transaction,
    plan: &mut Plan,
    (list, channels): (&ContactList, &[Uuid]),
    (origin, journal): (ChangeOrigin, &mut Journal),
) -> Result<Counts> {
    let mut writer = Writer {
        update,
        transaction,
        channels,
        targets: opt_ins::targets(update, channels),
        origin,
        counts: Counts::default(),
        member_count: list.contact_count.unsigned_abs(),
        journal,
        passed_on: plan.passed_on.iter().peekable(),
    };
    if update.header.action == Action::Overwrite {
        writer
            .remove_others(&plan.stored_ids, &plan.rejections)
            .await?;
    }
    writer.release_numbers(&plan.passed_on).await?;
    writer.write_groups(&mut plan.groups).await?;
    Ok(writer.counts)
}

struct Writer<'a> {
    update: &'a Update,
    transaction: &'a Transaction,
    /// Every channel of the organization.
    channels: &'a [Uuid],
    /// The channels that the contacts are opted in to.
    targets: Vec<Uuid>,
    origin: ChangeOrigin,
    counts: Counts,
    /// How many members the list has before.
    member_count: u64,
    journal: &'a mut Journal,
    /// The numbers that are passed on by groups which are not written yet.
    passed_on: Peekable<Items<'a, PassedOn>>,
}

impl Writer<'_> {
    /// Takes the numbers that are passed on from the contacts that have them, before any other contact takes one: the unique
    /// key is checked row by row. Their opt-outs stay with the numbers.
    async fn release_numbers(&mut self, passed_on: &Spool<PassedOn>) -> Result<()> {
        let mut passed_on = passed_on.iter();
        loop {
            let chunk = passed_on.by_ref().take(self.transaction.chunk_size());
            let chunk: Vec<(Uuid, PhoneNumber)> = chunk
                .map(|it| it.map(|it| (it.0.contact, it.0.number)))
                .collect::<Result<_>>()?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.transaction.check_caller()?;
            let ids = chunk.iter().map(|(contact, _)| *contact);
            bulk::release_phones(self.transaction, self.update.organization(), ids).await?;
            let organization = &self.update.caller.organization;
            numbers::detach_opt_outs(self.transaction, organization, &chunk, &self.change())
                .await?;
        }
    }

    async fn write_groups(&mut self, groups: &mut Spool<Planned>) -> Result<()> {
        let mut groups = groups.drain();
        let size = self.transaction.chunk_size();
        let mut chunk = Chunk::take(&mut groups, size).await?;
        let mut written_chunks: u64 = 0;
        while !chunk.is_empty() {
            self.transaction.check_caller()?;
            if written_chunks.is_power_of_two() {
                // A query plan made for small tables gets slower as this update fills them.
                self.transaction.discard_plans().await?;
            }
            // While the database writes a chunk, the next one is read from the plan.
            let next = Chunk::take(&mut groups, size);
            let before = added_rows(&self.counts);
            (_, chunk) = tokio::try_join!(biased; self.write_chunk(&chunk), next)?;
            let added = added_rows(&self.counts) - before;
            self.transaction.note_added_rows(added);
            written_chunks += 1;
        }
        Ok(())
    }

    async fn write_chunk(&mut self, chunk: &Chunk) -> Result<()> {
        let (organization, fields) = (self.update.organization(), self.update.fields);
        chunk.count(&mut self.counts);
        let created: Vec<_> = chunk.created.iter().collect();
        if !created.is_empty() {
            for contact in &created {
                self.journal.created.push(contact.id)?;
            }
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
            for contact in &updated {
                self.journal.updated.push(contact.id)?;
            }
            let (change, old) = (self.journal.change, &chunk.old_values);
            journal::insert_old_values(
                self.transaction,
                organization,
                (change, self.origin.change_time),
                old,
            )
            .await?;
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

    async fn change_members(&mut self, chunk: &Chunk) -> Result<()> {
        let (transaction, organization) = (self.transaction, self.update.organization());
        let (list, origin) = (self.update.header.contact_list_id, self.origin);
        // A new contact cannot be a member yet.
        let created = chunk.created.iter().map(|contact| contact.id);
        let stored = chunk.stored_ids.iter().copied();
        if self.update.header.action == Action::Remove {
            if !chunk.stored_ids.is_empty() {
                self.counts.removed += bulk::remove_members(
                    transaction,
                    organization,
                    list,
                    stored,
                    &mut self.journal.removed,
                )
                .await?;
            }
            return Ok(());
        }
        if !chunk.created.is_empty() {
            self.counts.added +=
                bulk::add_new_members(transaction, organization, list, created, origin).await?;
        }
        if !chunk.stored_ids.is_empty() {
            self.counts.added +=
                bulk::add_members(transaction, organization, list, stored, origin).await?;
        }
        Ok(())
    }
}

/// About how many rows the tables have more; PostgreSQL keeps the old version of an updated row for a while.
fn added_rows(counts: &Counts) -> u64 {
    counts.created + counts.updated + counts.opted_in + counts.added
}
