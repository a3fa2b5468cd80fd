//! Communication preferences of contacts and of unassigned numbers: reading them, and writing what the rules of
//! [`crate::domain::preference_set`] make of them. What calls show of them is read in [`super::preference_pages`]; what updates do in
//! bulk is in [`super::bulk`].

use std::collections::HashMap;

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{
    Transaction, bulk, opted_out_numbers,
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        consent::Consent,
        preference::{Change, ChangeOrigin, ChannelPreference, NumberHash, Subject},
        preference_set::{HistoryEntry, PreferenceSet, PreferenceWrites},
    },
    error::{Error, Result},
};

/// How many rows one statement writes: SQLite binds at most 32,766 values.
const ROWS_CHUNK: usize = 3000;

/// The columns of a consent that a preference `p` refers to, for [`consent`]: joined by [`CONSENT_JOINS`].
pub(super) const CONSENT_COLUMNS: &str = "k.source, k.evidence, u.consent{as_text}";

/// Joins a preference `p` of a contact, or what its history says, with its consent: its own, or else that of the update.
pub(super) const CONSENT_JOINS: &str = "LEFT JOIN consents k ON k.organization_id = $1 AND k.contact_id = p.contact_id \
    AND k.number_hash = {no_hash} AND k.id = p.consent_id \
    LEFT JOIN contact_list_updates u ON u.organization_id = $1 AND u.id = p.update_id AND p.consent_id IS NULL";

/// Reads [`CONSENT_COLUMNS`], which begin at the column `first`.
pub(super) fn consent(
    row: &QueryResult,
    first: usize,
    origin: &ChangeOrigin,
) -> Result<Option<Consent>> {
    let source: Option<String> = row.try_get_by_index(first)?;
    let evidence: Option<String> = row.try_get_by_index(first + 1)?;
    let of_update: Option<String> = row.try_get_by_index(first + 2)?;
    if let Some((source, evidence)) = source.zip(evidence) {
        return Ok(Some(Consent::from_stored(
            &source,
            evidence,
            origin.said_at(),
        )));
    }
    let Some(of_update) = of_update else {
        return Ok(None);
    };
    let consent: Consent = serde_json::from_str(&of_update).map_err(Error::internal)?;
    Ok(Some(Consent {
        collect_time: consent.collect_time.or(Some(origin.said_at())),
        ..consent
    }))
}

/// How many columns [`columns`] names.
pub(super) const COLUMN_COUNT: usize = 8;

/// The columns of a preference `p` that [`channel_preference`] reads, after the column `key`.
pub(super) fn columns(key: &str) -> String {
    format!(
        "{key}, p.channel_id, p.opted_in, p.change_time, p.api_key_id, p.update_id, p.collect_time, p.consent_id"
    )
}

/// Reads a row of [`columns`].
pub(super) fn channel_preference(row: &QueryResult) -> Result<ChannelPreference> {
    Ok(ChannelPreference {
        channel_id: row.try_get_by_index(1)?,
        opted_in: row.try_get_by_index(2)?,
        origin: origin(row, 3)?,
    })
}

/// Reads the change time, API key, update, collect time and consent, which begin at the column `first`.
pub(super) fn origin(row: &QueryResult, first: usize) -> Result<ChangeOrigin> {
    Ok(ChangeOrigin {
        change_time: row.try_get_by_index(first)?,
        api_key_id: row.try_get_by_index(first + 1)?,
        update_id: row.try_get_by_index(first + 2)?,
        collect_time: row.try_get_by_index(first + 3)?,
        consent_id: row.try_get_by_index(first + 4)?,
    })
}

/// Returns the preferences of contacts, which must be locked, in the order of `contact_ids`.
pub async fn sets_of_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
) -> Result<Vec<PreferenceSet>> {
    let sql = format!(
        "SELECT {} FROM {{contacts}} {{join}} communication_preferences p ON p.organization_id = $1 \
         AND p.contact_id = contacts.id",
        columns("p.contact_id")
    );
    let contacts = Rows::ids("contacts", contact_ids.iter().copied());
    let statement = statement(
        transaction.backend(),
        &sql,
        [organization.0.into()],
        [contacts],
    )?;
    let read = |row: &QueryResult| {
        let contact: Uuid = row.try_get_by_index(0)?;
        Ok((contact, channel_preference(row)?))
    };
    let mut by_contact: HashMap<Uuid, Vec<ChannelPreference>> = HashMap::new();
    for (contact, preference) in transaction.db().read_all(statement, read).await? {
        by_contact.entry(contact).or_default().push(preference);
    }
    let set = |id: &Uuid| {
        let stored = by_contact.remove(id).unwrap_or_default();
        PreferenceSet::new(Subject::Contact(*id), stored)
    };
    Ok(contact_ids.iter().map(set).collect())
}

/// Writes what a change made of preferences, with `consent` where they refer to the change's own.
pub async fn write(
    transaction: &Transaction,
    organization: OrganizationId,
    change: &Change,
    writes: &PreferenceWrites,
    consent: Option<&Consent>,
) -> Result<()> {
    for chunk in writes.history.chunks(ROWS_CHUNK) {
        insert_history(transaction, organization, change.id, chunk).await?;
    }
    for chunk in writes.removed.chunks(ROWS_CHUNK) {
        remove(transaction, organization, chunk).await?;
    }
    for chunk in writes.written.chunks(ROWS_CHUNK) {
        upsert(transaction, organization, chunk).await?;
    }
    let Some(consent) = consent else {
        return Ok(());
    };
    let subjects = writes.subjects_with_consent(change.id);
    let consents: Vec<_> = subjects.into_iter().map(|it| (it, consent)).collect();
    insert_consents(transaction, organization, change.id, &consents).await
}

/// Keeps what subjects said with a change.
pub async fn insert_consents(
    transaction: &Transaction,
    organization: OrganizationId,
    change: Uuid,
    consents: &[(Subject, &Consent)],
) -> Result<()> {
    let sql = "INSERT INTO consents (organization_id, contact_id, number_hash, id, source, evidence) \
        SELECT o.id, new.contact_id, new.number_hash, $2, new.source, new.evidence \
        FROM organizations o CROSS JOIN {new} WHERE o.id = $1 \
        ON CONFLICT (organization_id, contact_id, number_hash, id) DO NOTHING";
    for chunk in consents.chunks(ROWS_CHUNK) {
        let new = subjects(Rows::new("new"), chunk.iter().map(|(subject, _)| *subject))
            .texts("source", chunk.iter().map(|(_, it)| it.source_name()))
            .texts("evidence", chunk.iter().map(|(_, it)| it.evidence.as_str()));
        let scalars = [organization.0.into(), change.into()];
        bulk::execute(transaction, sql, scalars, [new]).await?;
    }
    Ok(())
}

async fn insert_history(
    transaction: &Transaction,
    organization: OrganizationId,
    change: Uuid,
    entries: &[HistoryEntry],
) -> Result<()> {
    let sql = "INSERT INTO preference_changes (organization_id, contact_id, number_hash, change_time, change_id, channel_id, \
        kind, collect_time, api_key_id, update_id, consent_id) \
        SELECT o.id, new.contact_id, new.number_hash, new.change_time, $2, new.channel_id, new.kind, \
        NULLIF(new.collect_time, new.change_time), new.api_key_id, NULLIF(new.update_id, {nil}), \
        NULLIF(new.consent_id, {nil}) FROM organizations o CROSS JOIN {new} WHERE o.id = $1";
    let new = subjects(Rows::new("new"), entries.iter().map(|it| it.subject))
        .uuids("channel_id", entries.iter().map(|it| it.channel_id))
        .texts("kind", entries.iter().map(|it| it.kind.name()));
    let new = origins(new, entries.iter().map(|it| it.origin));
    let scalars = [organization.0.into(), change.into()];
    bulk::execute(transaction, sql, scalars, [new]).await?;
    Ok(())
}

async fn remove(
    transaction: &Transaction,
    organization: OrganizationId,
    removed: &[(Subject, Uuid)],
) -> Result<()> {
    let (contacts, numbers) = (of_contacts(removed), of_numbers(removed));
    if !contacts.is_empty() {
        let sql = "DELETE FROM communication_preferences WHERE organization_id = $1 \
            AND (contact_id, channel_id) IN (SELECT old.id, old.channel_id FROM {old})";
        let old = Rows::ids("old", contacts.iter().map(|(id, _)| *id))
            .uuids("channel_id", contacts.iter().map(|(_, channel)| *channel));
        bulk::execute(transaction, sql, [organization.0.into()], [old]).await?;
    }
    opted_out_numbers::remove(transaction, organization, &numbers).await
}

async fn upsert(
    transaction: &Transaction,
    organization: OrganizationId,
    written: &[(Subject, ChannelPreference)],
) -> Result<()> {
    let (contacts, numbers) = (of_contacts(written), of_numbers(written));
    if !contacts.is_empty() {
        let sql = "INSERT INTO communication_preferences \
            (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id, collect_time, consent_id) \
            SELECT o.id, new.contact_id, new.channel_id, new.opted_in, new.change_time, new.api_key_id, \
            NULLIF(new.update_id, {nil}), NULLIF(new.collect_time, new.change_time), NULLIF(new.consent_id, {nil}) \
            FROM organizations o CROSS JOIN {new} WHERE o.id = $1 \
            ON CONFLICT (organization_id, contact_id, channel_id) DO UPDATE SET opted_in = excluded.opted_in, \
            change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id, \
            collect_time = excluded.collect_time, consent_id = excluded.consent_id";
        let new = Rows::new("new").uuids("contact_id", contacts.iter().map(|(id, _)| *id));
        let new = preference_rows(new, contacts.iter().map(|(_, new)| new));
        bulk::execute(transaction, sql, [organization.0.into()], [new]).await?;
    }
    opted_out_numbers::upsert(transaction, organization, &numbers).await
}

/// Forgets what a contact has said: its history and its consents.
pub async fn forget_contact(
    transaction: &Transaction,
    organization: OrganizationId,
    contact: Uuid,
) -> Result<()> {
    for sql in [
        "DELETE FROM preference_changes WHERE organization_id = $1 AND contact_id = $2",
        "DELETE FROM consents WHERE organization_id = $1 AND contact_id = $2",
    ] {
        let scalars = [organization.0.into(), contact.into()];
        bulk::execute(transaction, sql, scalars, []).await?;
    }
    Ok(())
}

/// Forgets what has been said of a number while it was unassigned, but for the opt-outs that it has.
pub async fn forget_number(
    transaction: &Transaction,
    organization: OrganizationId,
    number: NumberHash,
) -> Result<()> {
    for sql in [
        "DELETE FROM preference_changes WHERE organization_id = $1 AND contact_id = {nil} AND number_hash = $2",
        "DELETE FROM consents WHERE organization_id = $1 AND contact_id = {nil} AND number_hash = $2",
    ] {
        let scalars = [organization.0.into(), number.to_vec().into()];
        bulk::execute(transaction, sql, scalars, []).await?;
    }
    Ok(())
}

/// Forgets the history of a channel.
pub async fn forget_channel(
    transaction: &Transaction,
    organization: OrganizationId,
    channel: Uuid,
) -> Result<()> {
    let sql = "DELETE FROM preference_changes WHERE organization_id = $1 AND channel_id = $2";
    let scalars = [organization.0.into(), channel.into()];
    bulk::execute(transaction, sql, scalars, []).await?;
    Ok(())
}

/// What is about contacts.
fn of_contacts<T: Copy>(items: &[(Subject, T)]) -> Vec<(Uuid, T)> {
    let contact = |(subject, item): &(Subject, T)| match subject {
        Subject::Contact(id) => Some((*id, *item)),
        Subject::Number(_) => None,
    };
    items.iter().filter_map(contact).collect()
}

/// What is about numbers.
fn of_numbers<T: Copy>(items: &[(Subject, T)]) -> Vec<(NumberHash, T)> {
    let number = |(subject, item): &(Subject, T)| match subject {
        Subject::Contact(_) => None,
        Subject::Number(hash) => Some((*hash, *item)),
    };
    items.iter().filter_map(number).collect()
}

/// Adds the columns `contact_id` and `number_hash`, of which one is nil or empty.
fn subjects(rows: Rows, subjects: impl Iterator<Item = Subject> + Clone) -> Rows {
    let contact = |subject| match subject {
        Subject::Contact(id) => id,
        Subject::Number(_) => Uuid::nil(),
    };
    let hash = |subject| match subject {
        Subject::Contact(_) => Vec::new(),
        Subject::Number(hash) => hash.to_vec(),
    };
    rows.uuids("contact_id", subjects.clone().map(contact))
        .bytes("number_hash", subjects.map(hash))
}

/// Adds the columns of preferences but for whose they are.
pub(super) fn preference_rows<'a>(
    rows: Rows,
    preferences: impl Iterator<Item = &'a ChannelPreference> + Clone,
) -> Rows {
    let rows = rows
        .uuids("channel_id", preferences.clone().map(|it| it.channel_id))
        .booleans("opted_in", preferences.clone().map(|it| it.opted_in));
    origins(rows, preferences.map(|it| it.origin))
}

fn origins(rows: Rows, origins: impl Iterator<Item = ChangeOrigin> + Clone) -> Rows {
    let ids = origins.clone();
    rows.times("change_time", origins.clone().map(|it| it.change_time))
        .times("collect_time", origins.map(|it| it.said_at()))
        .uuids("api_key_id", ids.clone().map(|it| it.api_key_id))
        .uuids(
            "update_id",
            ids.clone().map(|it| it.update_id.unwrap_or_default()),
        )
        .uuids(
            "consent_id",
            ids.map(|it| it.consent_id.unwrap_or_default()),
        )
}
