//! The opt-outs of unassigned numbers, under keyed hashes.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{
    Transaction,
    bulk::execute,
    preferences::{channel_preference, columns, preference_rows},
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        preference::{ChannelPreference, NumberHash},
    },
    error::{Error, Result},
};

/// Returns whether the organization has numbers that are opted out, or have been.
pub async fn any(transaction: &Transaction, organization: OrganizationId) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM opted_out_numbers n WHERE n.organization_id = $1) \
        OR EXISTS (SELECT 1 FROM preference_changes h WHERE h.organization_id = $1 AND h.contact_id = {nil}) \
        FROM organizations o WHERE o.id = $1";
    let scalars = [organization.0.into()];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let row = transaction.db().query_one_raw(statement).await?;
    let any = row.map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(any.unwrap_or(false))
}

/// Returns those of `numbers` that have a history.
pub async fn with_history(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
) -> Result<HashSet<NumberHash>> {
    let sql = "SELECT numbers.hash FROM {numbers} WHERE EXISTS (SELECT 1 FROM preference_changes h \
        WHERE h.organization_id = $1 AND h.contact_id = {nil} AND h.number_hash = numbers.hash)";
    let scalars = [organization.0.into()];
    let statement = statement(transaction.backend(), sql, scalars, [hashes(numbers)])?;
    let read = |row: &QueryResult| {
        let hash: Vec<u8> = row.try_get_by_index(0)?;
        NumberHash::try_from(hash.as_slice()).map_err(Error::internal)
    };
    let found = transaction.db().read_all(statement, read).await?;
    Ok(found.into_iter().collect())
}

/// Returns the opt-outs of numbers, and the channels for which one of all channels was lifted.
pub async fn find(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
) -> Result<HashMap<NumberHash, Vec<ChannelPreference>>> {
    let sql = format!(
        "SELECT {} FROM {{numbers}} {{join}} opted_out_numbers p ON p.organization_id = $1 \
         AND p.number_hash = numbers.hash",
        columns("p.number_hash")
    );
    let scalars = [organization.0.into()];
    let statement = statement(transaction.backend(), &sql, scalars, [hashes(numbers)])?;
    let read = |row: &QueryResult| {
        let hash: Vec<u8> = row.try_get_by_index(0)?;
        let hash = NumberHash::try_from(hash.as_slice()).map_err(Error::internal)?;
        Ok((hash, channel_preference(row)?))
    };
    let mut by_number: HashMap<NumberHash, Vec<ChannelPreference>> = HashMap::new();
    for (hash, preference) in transaction.db().read_all(statement, read).await? {
        by_number.entry(hash).or_default().push(preference);
    }
    Ok(by_number)
}

/// Writes preferences of numbers.
pub(super) async fn upsert(
    transaction: &Transaction,
    organization: OrganizationId,
    written: &[(NumberHash, ChannelPreference)],
) -> Result<()> {
    if written.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO opted_out_numbers \
        (organization_id, number_hash, channel_id, opted_in, change_time, api_key_id, update_id, collect_time, consent_id) \
        SELECT o.id, new.hash, new.channel_id, new.opted_in, new.change_time, new.api_key_id, \
        NULLIF(new.update_id, {nil}), NULLIF(new.collect_time, new.change_time), NULLIF(new.consent_id, {nil}) \
        FROM organizations o CROSS JOIN {new} WHERE o.id = $1 \
        ON CONFLICT (organization_id, number_hash, channel_id) DO UPDATE SET opted_in = excluded.opted_in, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id, \
        collect_time = excluded.collect_time, consent_id = excluded.consent_id";
    let new = Rows::new("new").bytes("hash", written.iter().map(|(hash, _)| hash.to_vec()));
    let new = preference_rows(new, written.iter().map(|(_, preference)| preference));
    execute(transaction, sql, [organization.0.into()], [new]).await?;
    Ok(())
}

/// Deletes preferences of numbers.
pub(super) async fn remove(
    transaction: &Transaction,
    organization: OrganizationId,
    removed: &[(NumberHash, Uuid)],
) -> Result<()> {
    if removed.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM opted_out_numbers WHERE organization_id = $1 \
        AND (number_hash, channel_id) IN (SELECT old.hash, old.channel_id FROM {old})";
    let old = Rows::new("old")
        .bytes("hash", removed.iter().map(|(hash, _)| hash.to_vec()))
        .uuids("channel_id", removed.iter().map(|(_, channel)| *channel));
    execute(transaction, sql, [organization.0.into()], [old]).await?;
    Ok(())
}

/// Gives contacts what is stored of the numbers that they have now: consents and history. Deletes the numbers' opt-outs, which
/// are the contacts' own by now.
pub async fn move_to_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    holders: &[(NumberHash, Uuid)],
) -> Result<()> {
    if holders.is_empty() {
        return Ok(());
    }
    let consents = "INSERT INTO consents (organization_id, contact_id, number_hash, id, source, evidence) \
        SELECT k.organization_id, holders.contact_id, {no_hash}, k.id, k.source, k.evidence \
        FROM {holders} {join} consents k ON k.organization_id = $1 AND k.contact_id = {nil} \
        AND k.number_hash = holders.hash \
        WHERE TRUE ON CONFLICT (organization_id, contact_id, number_hash, id) DO NOTHING";
    let history = "INSERT INTO preference_changes (organization_id, contact_id, number_hash, change_time, change_id, \
        channel_id, kind, collect_time, api_key_id, update_id, consent_id) \
        SELECT h.organization_id, holders.contact_id, {no_hash}, h.change_time, h.change_id, h.channel_id, \
        CASE h.kind WHEN 'opted_in' THEN 'lifted' ELSE h.kind END, h.collect_time, h.api_key_id, h.update_id, h.consent_id \
        FROM {holders} {join} preference_changes h ON h.organization_id = $1 AND h.contact_id = {nil} \
        AND h.number_hash = holders.hash WHERE TRUE ON CONFLICT (organization_id, contact_id, number_hash, change_time, \
        change_id, channel_id, kind) DO NOTHING";
    // An exception from an opt-out of all channels is not inherited, and so becomes history.
    let exceptions = "INSERT INTO preference_changes (organization_id, contact_id, number_hash, change_time, change_id, \
        channel_id, kind, collect_time, api_key_id, update_id, consent_id) \
        SELECT p.organization_id, holders.contact_id, {no_hash}, p.change_time, COALESCE(p.consent_id, {nil}), p.channel_id, \
        'lifted', p.collect_time, p.api_key_id, p.update_id, p.consent_id \
        FROM {holders} {join} opted_out_numbers p ON p.organization_id = $1 AND p.number_hash = holders.hash \
        WHERE p.opted_in ON CONFLICT (organization_id, contact_id, number_hash, change_time, change_id, channel_id, kind) \
        DO NOTHING";
    for sql in [consents, history, exceptions] {
        let contacts = holders.iter().map(|(_, contact)| *contact);
        let rows = Rows::new("holders")
            .bytes("hash", holders.iter().map(|(hash, _)| hash.to_vec()))
            .uuids("contact_id", contacts);
        execute(transaction, sql, [organization.0.into()], [rows]).await?;
    }
    let numbers: Vec<NumberHash> = holders.iter().map(|(hash, _)| *hash).collect();
    for sql in [
        "DELETE FROM consents WHERE organization_id = $1 AND contact_id = {nil} \
            AND number_hash IN (SELECT numbers.hash FROM {numbers})",
        "DELETE FROM preference_changes WHERE organization_id = $1 AND contact_id = {nil} \
            AND number_hash IN (SELECT numbers.hash FROM {numbers})",
        "DELETE FROM opted_out_numbers WHERE organization_id = $1 \
            AND number_hash IN (SELECT numbers.hash FROM {numbers})",
    ] {
        let scalars = [organization.0.into()];
        execute(transaction, sql, scalars, [hashes(&numbers)]).await?;
    }
    Ok(())
}

fn hashes(numbers: &[NumberHash]) -> Rows {
    Rows::new("numbers").bytes("hash", numbers.iter().map(|hash| hash.to_vec()))
}
