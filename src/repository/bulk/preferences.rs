//! Opt-ins and opt-outs of contacts.

use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{execute, origin_scalars};
use crate::{
    domain::{OrganizationId, preference::ChangeOrigin},
    error::Result,
    repository::{
        Transaction,
        sql::{Rows, statement},
    },
};

/// Opts new contacts in to channels. Returns how many pairs of contact and channel were opted in.
pub async fn opt_in_new_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: impl Iterator<Item = Uuid>,
    channel_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, contacts.id, targets.id, TRUE, $2, $3, $4 \
        FROM organizations o CROSS JOIN {contacts} CROSS JOIN {targets} WHERE o.id = $1 {keep_order}";
    execute(
        transaction,
        sql,
        origin_scalars(organization, origin),
        [
            Rows::ids("contacts", contact_ids),
            Rows::ids("targets", channel_ids.iter().copied()),
        ],
    )
    .await
}

/// Returns the contacts that are not opted in to all of `channel_ids`, with the number of those that each is opted in to.
pub async fn incomplete_opt_ins(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: impl Iterator<Item = Uuid>,
    channel_ids: &[Uuid],
) -> Result<Vec<(Uuid, u64)>> {
    let sql = "SELECT counted.id, counted.channels FROM (SELECT contacts.id, (SELECT COUNT(*) \
        FROM communication_preferences p WHERE p.organization_id = $1 AND p.contact_id = contacts.id AND p.opted_in \
        AND p.channel_id {in_targets}) AS channels FROM {contacts}) AS counted \
        WHERE counted.channels < $2";
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into(), (channel_ids.len() as i64).into()],
        [
            Rows::ids("contacts", contact_ids),
            Rows::ids("targets", channel_ids.iter().copied()),
        ],
    )?;
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| {
            let count: i64 = row.try_get_by_index(1)?;
            Ok((row.try_get_by_index(0)?, count.unsigned_abs()))
        })
        .collect()
}

/// Returns the pairs of contacts and channels that are not opted in.
pub async fn missing_opt_ins(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>> {
    let sql = "SELECT contacts.id, targets.id FROM {contacts} CROSS JOIN {targets} WHERE NOT EXISTS \
        (SELECT 1 FROM communication_preferences p WHERE p.organization_id = $1 AND p.contact_id = contacts.id \
        AND p.channel_id = targets.id AND p.opted_in)";
    let sources = [
        Rows::ids("contacts", contact_ids.iter().copied()),
        Rows::ids("targets", channel_ids.iter().copied()),
    ];
    let statement = statement(transaction.backend(), sql, [organization.0.into()], sources)?;
    let read = |row: &QueryResult| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
    transaction.db().read_all(statement, read).await
}

/// Opts contacts in to channels, except those that they are opted out of. Returns how many pairs were newly opted in.
pub async fn opt_in(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, contacts.id, targets.id, TRUE, $2, $3, $4 \
        FROM organizations o CROSS JOIN {contacts} CROSS JOIN {targets} WHERE o.id = $1 \
        AND NOT EXISTS (SELECT 1 FROM communication_preferences a WHERE a.organization_id = $1 \
        AND a.contact_id = contacts.id AND a.channel_id = {nil}) \
        ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
    prefer(
        transaction,
        sql,
        organization,
        contact_ids,
        channel_ids,
        origin,
    )
    .await
}

/// Opts contacts in to channels, even those that they are opted out of. Returns how many pairs were newly opted in.
pub async fn resubscribe(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences AS p \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, contacts.id, targets.id, TRUE, $2, $3, $4 \
        FROM organizations o CROSS JOIN {contacts} CROSS JOIN {targets} WHERE o.id = $1 \
        ON CONFLICT (organization_id, contact_id, channel_id) DO UPDATE SET opted_in = TRUE, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id \
        WHERE NOT p.opted_in";
    prefer(
        transaction,
        sql,
        organization,
        contact_ids,
        channel_ids,
        origin,
    )
    .await
}

/// Opts contacts out of channels, except those that an opt-out of all channels covers. Returns how many pairs were newly
/// opted out.
pub async fn opt_out(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences AS p \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, contacts.id, targets.id, FALSE, $2, $3, $4 \
        FROM organizations o CROSS JOIN {contacts} CROSS JOIN {targets} WHERE o.id = $1 \
        AND (NOT EXISTS (SELECT 1 FROM communication_preferences a WHERE a.organization_id = $1 \
        AND a.contact_id = contacts.id AND a.channel_id = {nil}) \
        OR EXISTS (SELECT 1 FROM communication_preferences s WHERE s.organization_id = $1 \
        AND s.contact_id = contacts.id AND s.channel_id = targets.id)) \
        ON CONFLICT (organization_id, contact_id, channel_id) DO UPDATE SET opted_in = FALSE, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id \
        WHERE p.opted_in";
    prefer(
        transaction,
        sql,
        organization,
        contact_ids,
        channel_ids,
        origin,
    )
    .await
}

async fn prefer(
    transaction: &Transaction,
    sql: &'static str,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<u64> {
    let sources = [
        Rows::ids("contacts", contact_ids.iter().copied()),
        Rows::ids("targets", channel_ids.iter().copied()),
    ];
    execute(
        transaction,
        sql,
        origin_scalars(organization, origin),
        sources,
    )
    .await
}

/// Keeps the contacts' opt-outs from these channels, the nil id for that of all, in the history: `change` is about to lift them.
pub async fn keep_opt_outs(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    change: Uuid,
) -> Result<()> {
    let sql = "INSERT INTO preference_changes (organization_id, contact_id, number_hash, change_time, change_id, channel_id, \
        kind, api_key_id, update_id) \
        SELECT p.organization_id, p.contact_id, {no_hash}, p.change_time, $2, p.channel_id, 'opted_out', p.api_key_id, \
        p.update_id FROM {contacts} {join} communication_preferences p ON p.organization_id = $1 \
        AND p.contact_id = contacts.id WHERE NOT p.opted_in AND p.channel_id {in_targets}";
    let sources = [
        Rows::ids("contacts", contact_ids.iter().copied()),
        Rows::ids("targets", channel_ids.iter().copied()),
    ];
    let scalars = [organization.0.into(), change.into()];
    execute(transaction, sql, scalars, sources).await?;
    Ok(())
}

/// Forgets the history of a contact's preferences.
pub async fn forget_history(
    transaction: &Transaction,
    organization: OrganizationId,
    contact: Uuid,
) -> Result<()> {
    let sql = "DELETE FROM preference_changes WHERE organization_id = $1 AND contact_id = $2";
    let scalars = [organization.0.into(), contact.into()];
    execute(transaction, sql, scalars, []).await?;
    Ok(())
}

/// Opts contacts out of all channels, present and later.
pub async fn opt_out_of_all_channels(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    origin: ChangeOrigin,
) -> Result<()> {
    let sql = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, contacts.id, {nil}, FALSE, $2, $3, $4 \
        FROM organizations o CROSS JOIN {contacts} WHERE o.id = $1 \
        ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
    let contacts = Rows::ids("contacts", contact_ids.iter().copied());
    execute(
        transaction,
        sql,
        origin_scalars(organization, origin),
        [contacts],
    )
    .await?;
    Ok(())
}

/// Lifts the contacts' opt-outs of all channels. Those of single channels stay.
pub async fn lift_opt_outs_of_all_channels(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
) -> Result<()> {
    let sql = "DELETE FROM communication_preferences WHERE organization_id = $1 AND channel_id = {nil} \
        AND contact_id IN (SELECT contacts.id FROM {contacts})";
    let contacts = Rows::ids("contacts", contact_ids.iter().copied());
    execute(transaction, sql, [organization.0.into()], [contacts]).await?;
    Ok(())
}
