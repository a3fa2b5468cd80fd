//! Opt-ins and opt-outs of contacts.

use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{execute, origin_scalars};
use crate::{
    domain::{OrganizationId, preference::OptInOrigins},
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
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    origins: &OptInOrigins,
) -> Result<u64> {
    let subjects = (organization, contact_ids, channel_ids);
    insert_opt_ins(transaction, subjects, origins, "{keep_order}").await
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
    origins: &OptInOrigins,
) -> Result<u64> {
    let subjects = (organization, contact_ids, channel_ids);
    let unless_opted_out = "AND NOT EXISTS (SELECT 1 FROM communication_preferences a WHERE a.organization_id = $1 \
        AND a.contact_id = contacts.id AND a.channel_id = {nil}) \
        ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
    insert_opt_ins(transaction, subjects, origins, unless_opted_out).await
}

async fn insert_opt_ins(
    transaction: &Transaction,
    (organization, contact_ids, channel_ids): (OrganizationId, &[Uuid], &[Uuid]),
    origins: &OptInOrigins,
    rest: &str,
) -> Result<u64> {
    let origin = origins.change.origin;
    let targets = Rows::ids("targets", channel_ids.iter().copied());
    let contacts = Rows::ids("contacts", contact_ids.iter().copied());
    let scalars = origin_scalars(organization, origin);
    if origins.own_times.is_empty() {
        // The time at which they said so is that of the update's consent.
        let sql = format!(
            "INSERT INTO communication_preferences \
             (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
             SELECT o.id, contacts.id, targets.id, TRUE, $2, $3, $4 \
             FROM organizations o CROSS JOIN {{contacts}} CROSS JOIN {{targets}} WHERE o.id = $1 {rest}"
        );
        return execute(transaction, &sql, scalars, [contacts, targets]).await;
    }
    let sql = format!(
        "INSERT INTO communication_preferences \
         (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id, collect_time, consent_id) \
         SELECT o.id, contacts.id, targets.id, TRUE, $2, $3, $4, contacts.collect_time, NULLIF(contacts.consent_id, {{nil}}) \
         FROM organizations o CROSS JOIN {{contacts}} CROSS JOIN {{targets}} WHERE o.id = $1 {rest}"
    );
    let of_contacts = contact_ids.iter().map(|id| origins.of(*id));
    let contacts = contacts
        .times("collect_time", of_contacts.clone().map(|it| it.said_at()))
        .uuids(
            "consent_id",
            of_contacts.map(|it| it.consent_id.unwrap_or_default()),
        );
    execute(transaction, &sql, scalars, [contacts, targets]).await
}

/// Returns those of `contact_ids` that are opted out of something, in order.
pub async fn opted_out(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
) -> Result<Vec<Uuid>> {
    let sql = "SELECT DISTINCT p.contact_id FROM {contacts} {join} communication_preferences p ON p.organization_id = $1 \
        AND p.contact_id = contacts.id AND NOT p.opted_in ORDER BY p.contact_id";
    let contacts = Rows::ids("contacts", contact_ids.iter().copied());
    let scalars = [organization.0.into()];
    let statement = statement(transaction.backend(), sql, scalars, [contacts])?;
    let read = |row: &QueryResult| Ok(row.try_get_by_index(0)?);
    transaction.db().read_all(statement, read).await
}
