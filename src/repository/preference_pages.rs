//! Reading the preferences of contacts with their consent.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{
    Transaction,
    preferences::{
        COLUMN_COUNT, CONSENT_COLUMNS, CONSENT_JOINS, channel_preference, columns, consent,
    },
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        preference::{ChannelPreference, Preference},
    },
    error::Result,
};

/// Returns at most `limit` preferences of a contact with a channel id above `after`, ordered by channel id.
pub async fn page(
    db: &impl ConnectionTrait,
    organization: OrganizationId,
    contact: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Preference>> {
    // The nil id stands for all channels, and comes first.
    let above = if after.is_some() { ">" } else { ">=" };
    let sql = format!(
        "SELECT {}, {CONSENT_COLUMNS} FROM communication_preferences p {CONSENT_JOINS} \
         WHERE p.organization_id = $1 AND p.contact_id = $2 AND p.channel_id {above} $3 ORDER BY p.channel_id LIMIT $4",
        columns("p.contact_id"),
    );
    let scalars = [
        organization.0.into(),
        contact.into(),
        after.unwrap_or_default().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let statement = statement(db.get_database_backend(), &sql, scalars, [])?;
    let rows = db.query_all_raw(statement).await?;
    rows.iter().map(preference).collect()
}

/// The most bytes of preferences that a page of contacts has, unless the first contact alone has more.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Returns the preferences of contacts, which must be in order, as far as they take not too much memory; and of how many of them,
/// at least one if there is one.
pub async fn of_first(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
) -> Result<(HashMap<Uuid, Vec<Preference>>, usize)> {
    let sql = format!(
        "SELECT {}, {CONSENT_COLUMNS} FROM {{contacts}} {{join}} communication_preferences p ON p.organization_id = $1 \
         AND p.contact_id = contacts.id {CONSENT_JOINS} ORDER BY p.contact_id, p.channel_id",
        columns("p.contact_id"),
    );
    let contacts = Rows::ids("contacts", contact_ids.iter().copied());
    let scalars = [organization.0.into()];
    let statement = statement(transaction.backend(), &sql, scalars, [contacts])?;
    let (mut by_contact, mut bytes): (HashMap<_, Vec<_>>, usize) = (HashMap::new(), 0);
    let mut next = None;
    let read = |row: &QueryResult| {
        let preference = preference(row)?;
        let consent = preference.consent.as_ref();
        bytes += size_of::<Preference>() + consent.map_or(0, |it| it.evidence.len());
        let id = preference.contact_id;
        if bytes > MAX_PAGE_BYTES && !by_contact.is_empty() && !by_contact.contains_key(&id) {
            next = Some(id);
            return Ok(None);
        }
        by_contact.entry(id).or_default().push(preference);
        Ok(Some(()))
    };
    transaction.db().read_while(statement, read).await?;
    let count = match next {
        Some(next) => contact_ids.partition_point(|id| *id < next),
        None => contact_ids.len(),
    };
    Ok((by_contact, count))
}

fn preference(row: &QueryResult) -> Result<Preference> {
    let ChannelPreference {
        channel_id,
        opted_in,
        origin,
    } = channel_preference(row)?;
    Ok(Preference {
        contact_id: row.try_get_by_index(0)?,
        channel_id,
        opted_in,
        change_time: origin.change_time,
        api_key_id: origin.api_key_id,
        update_id: origin.update_id,
        consent: consent(row, COLUMN_COUNT, &origin)?,
    })
}
