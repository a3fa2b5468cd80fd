//! The opt-outs of unassigned numbers, under keyed hashes.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult};
use uuid::Uuid;

use super::{
    Transaction,
    bulk::{execute, origin_scalars},
    entity::opted_out_number,
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        preference::{ChangeOrigin, NumberHash, NumberPreference},
    },
    error::{Error, Result},
};

/// How many rows one statement writes: SQLite binds at most 32,766 values.
const ROWS_CHUNK: usize = 4000;

/// Returns whether the organization has opted-out numbers.
pub async fn any(transaction: &Transaction, organization: OrganizationId) -> Result<bool> {
    Ok(opted_out_number::Entity::find()
        .filter(opted_out_number::Column::OrganizationId.eq(organization.0))
        .one(transaction.db())
        .await?
        .is_some())
}

/// Returns the opt-outs of numbers, and the channels for which one of all channels was lifted.
pub async fn find(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
) -> Result<Vec<(NumberHash, NumberPreference)>> {
    let sql = "SELECT n.number_hash, n.channel_id, n.opted_in, n.change_time, n.api_key_id, n.update_id \
        FROM {numbers} {join} opted_out_numbers n ON n.organization_id = $1 AND n.number_hash = numbers.hash";
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into()],
        [hashes(numbers)],
    )?;
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| {
            let hash: Vec<u8> = row.try_get_by_index(0)?;
            let hash = NumberHash::try_from(hash.as_slice()).map_err(Error::internal)?;
            Ok((hash, preference(row)?))
        })
        .collect()
}

/// Returns what contacts leave behind with their numbers: their opt-outs, not what they opted in to.
pub async fn of_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<(Uuid, NumberPreference)>> {
    let sql = "SELECT p.contact_id, p.channel_id, p.opted_in, p.change_time, p.api_key_id, p.update_id \
        FROM {contacts} {join} communication_preferences p ON p.organization_id = $1 AND p.contact_id = contacts.id \
        WHERE NOT p.opted_in";
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into()],
        [Rows::ids("contacts", contact_ids)],
    )?;
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0)?, preference(row)?)))
        .collect()
}

/// Reads a row's columns from the second on: channel, opted in, change time, API key, update.
pub(super) fn preference(row: &QueryResult) -> Result<NumberPreference> {
    Ok(NumberPreference {
        channel_id: row.try_get_by_index(1)?,
        opted_in: row.try_get_by_index(2)?,
        origin: ChangeOrigin {
            change_time: row.try_get_by_index(3)?,
            api_key_id: row.try_get_by_index(4)?,
            update_id: row.try_get_by_index(5)?,
        },
    })
}

/// Stores the opt-outs of numbers. Returns how many pairs of number and channel had not been opted out.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    opt_outs: &[(NumberHash, NumberPreference)],
) -> Result<u64> {
    let sql = "INSERT INTO opted_out_numbers AS n \
        (organization_id, number_hash, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, new.hash, new.channel_id, new.opted_in, new.change_time, new.api_key_id, \
        NULLIF(new.update_id, {nil}) FROM organizations o CROSS JOIN {new} WHERE o.id = $1 \
        ON CONFLICT (organization_id, number_hash, channel_id) DO UPDATE SET opted_in = excluded.opted_in, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id \
        WHERE n.opted_in";
    let mut opted_out = 0;
    for chunk in opt_outs.chunks(ROWS_CHUNK) {
        let new = Rows::new("new").bytes("hash", chunk.iter().map(|(hash, _)| hash.to_vec()));
        let new = preference_rows(new, chunk.iter().map(|(_, preference)| preference));
        opted_out += execute(transaction, sql, [organization.0.into()], [new]).await?;
    }
    Ok(opted_out)
}

/// Makes the opt-outs of numbers the contacts' own. They win over what the contacts are opted in to. Returns how many pairs of
/// contact and channel had not been opted out.
pub async fn hand_over(
    transaction: &Transaction,
    organization: OrganizationId,
    opt_outs: &[(Uuid, NumberPreference)],
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences AS p \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, new.contact_id, new.channel_id, new.opted_in, new.change_time, new.api_key_id, \
        NULLIF(new.update_id, {nil}) FROM organizations o CROSS JOIN {new} WHERE o.id = $1 \
        ON CONFLICT (organization_id, contact_id, channel_id) DO UPDATE SET opted_in = FALSE, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id \
        WHERE p.opted_in";
    let mut opted_out = 0;
    for chunk in opt_outs.chunks(ROWS_CHUNK) {
        let new = Rows::new("new").uuids("contact_id", chunk.iter().map(|(contact, _)| *contact));
        let new = preference_rows(new, chunk.iter().map(|(_, preference)| preference));
        opted_out += execute(transaction, sql, [organization.0.into()], [new]).await?;
    }
    Ok(opted_out)
}

fn preference_rows<'a>(
    rows: Rows,
    preferences: impl Iterator<Item = &'a NumberPreference> + Clone,
) -> Rows {
    let origin = preferences.clone().map(|it| it.origin);
    rows.uuids("channel_id", preferences.clone().map(|it| it.channel_id))
        .booleans("opted_in", preferences.map(|it| it.opted_in))
        .times("change_time", origin.clone().map(|it| it.change_time))
        .uuids("api_key_id", origin.clone().map(|it| it.api_key_id))
        .uuids(
            "update_id",
            origin.map(|it| it.update_id.unwrap_or_default()),
        )
}

/// Deletes the opt-outs of numbers, which contacts have now.
pub async fn forget(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
) -> Result<()> {
    let sql = "DELETE FROM opted_out_numbers WHERE organization_id = $1 \
        AND number_hash IN (SELECT numbers.hash FROM {numbers})";
    execute(transaction, sql, [organization.0.into()], [hashes(numbers)]).await?;
    Ok(())
}

/// Opts numbers out of channels, except those that an opt-out of all channels covers. Returns how many pairs of number
/// and channel were opted out.
pub async fn opt_out(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
    channel_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO opted_out_numbers AS n \
        (organization_id, number_hash, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT h.organization_id, numbers.hash, h.id, FALSE, $2, $3, $4 \
        FROM {numbers} CROSS JOIN {targets} {join} channels h ON h.organization_id = $1 AND h.id = targets.id \
        WHERE NOT EXISTS (SELECT 1 FROM opted_out_numbers a WHERE a.organization_id = $1 \
        AND a.number_hash = numbers.hash AND a.channel_id = {nil}) \
        OR EXISTS (SELECT 1 FROM opted_out_numbers o WHERE o.organization_id = $1 \
        AND o.number_hash = numbers.hash AND o.channel_id = h.id) \
        ON CONFLICT (organization_id, number_hash, channel_id) DO UPDATE SET opted_in = FALSE, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id \
        WHERE n.opted_in";
    let targets = Rows::ids("targets", channel_ids.iter().copied());
    execute(
        transaction,
        sql,
        origin_scalars(organization, origin),
        [hashes(numbers), targets],
    )
    .await
}

/// Opts numbers out of all channels, present and later.
pub async fn opt_out_of_all_channels(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
    origin: ChangeOrigin,
) -> Result<()> {
    let sql = "INSERT INTO opted_out_numbers \
        (organization_id, number_hash, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, numbers.hash, {nil}, FALSE, $2, $3, $4 \
        FROM organizations o CROSS JOIN {numbers} WHERE o.id = $1 \
        ON CONFLICT (organization_id, number_hash, channel_id) DO NOTHING";
    execute(
        transaction,
        sql,
        origin_scalars(organization, origin),
        [hashes(numbers)],
    )
    .await?;
    Ok(())
}

/// Lifts the opt-outs of numbers from channels, also where an opt-out of all channels covers them. Returns how many pairs
/// of number and channel had been opted out.
pub async fn lift(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
    channel_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<u64> {
    let single = "UPDATE opted_out_numbers SET opted_in = TRUE, change_time = $2, api_key_id = $3, update_id = $4 \
        WHERE organization_id = $1 AND NOT opted_in \
        AND number_hash IN (SELECT numbers.hash FROM {numbers}) \
        AND channel_id IN (SELECT targets.id FROM {targets})";
    let covered = "INSERT INTO opted_out_numbers \
        (organization_id, number_hash, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT h.organization_id, a.number_hash, h.id, TRUE, $2, $3, $4 \
        FROM {numbers} {join} opted_out_numbers a ON a.organization_id = $1 AND a.number_hash = numbers.hash \
        AND a.channel_id = {nil} CROSS JOIN {targets} {join} channels h ON h.organization_id = $1 AND h.id = targets.id \
        WHERE TRUE ON CONFLICT (organization_id, number_hash, channel_id) DO NOTHING";
    let mut lifted = 0;
    for sql in [single, covered] {
        let targets = Rows::ids("targets", channel_ids.iter().copied());
        let sources = [hashes(numbers), targets];
        lifted += execute(
            transaction,
            sql,
            origin_scalars(organization, origin),
            sources,
        )
        .await?;
    }
    Ok(lifted)
}

/// Deletes what has no meaning once opt-outs were lifted: everything where they were lifted from `all` channels, else the
/// lifted ones that no opt-out of all channels would cover.
pub async fn forget_lifted(
    transaction: &Transaction,
    organization: OrganizationId,
    numbers: &[NumberHash],
    all: bool,
) -> Result<()> {
    if all {
        return forget(transaction, organization, numbers).await;
    }
    let sql = "DELETE FROM opted_out_numbers WHERE organization_id = $1 AND opted_in \
        AND number_hash IN (SELECT numbers.hash FROM {numbers}) \
        AND number_hash NOT IN (SELECT a.number_hash FROM opted_out_numbers a \
        WHERE a.organization_id = $1 AND a.channel_id = {nil})";
    execute(transaction, sql, [organization.0.into()], [hashes(numbers)]).await?;
    Ok(())
}

fn hashes(numbers: &[NumberHash]) -> Rows {
    Rows::new("numbers").bytes("hash", numbers.iter().map(|hash| hash.to_vec()))
}
