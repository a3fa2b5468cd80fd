//! What an export of suppressions reads, page by page, and what applying one looks contacts up by. Erasures are kept here.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    Value,
};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::{
    Transaction,
    bulk::{execute, malformed_number},
    entity::erasure,
    preferences::{COLUMN_COUNT, channel_preference, columns},
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        phone_number::PhoneNumber,
        preference::{ChannelPreference, NumberHash},
        suppression::Erasure,
    },
    error::{Error, Result},
};

/// How many rows a page has.
pub const PAGE_ROWS: usize = 1000;

/// Returns the next page of what contacts have been opted out of since a time, with their numbers: above `after`, by contact
/// and channel.
pub async fn opt_outs_of_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    since: OffsetDateTime,
    after: (Uuid, Uuid),
) -> Result<Vec<(Uuid, PhoneNumber, ChannelPreference)>> {
    let sql = format!(
        "SELECT {}, c.phone FROM communication_preferences p {{join}} contacts c ON c.organization_id = $1 \
         AND c.id = p.contact_id WHERE p.organization_id = $1 AND (p.contact_id, p.channel_id) > ($3, $4) \
         AND NOT p.opted_in AND p.change_time >= $2 ORDER BY p.contact_id, p.channel_id LIMIT $5",
        columns("p.contact_id")
    );
    let scalars = [
        organization.0.into(),
        since.into(),
        after.0.into(),
        after.1.into(),
        page_rows(),
    ];
    read(transaction, &sql, scalars, |row| {
        let number = phone(row, COLUMN_COUNT)?;
        Ok((row.try_get_by_index(0)?, number, channel_preference(row)?))
    })
    .await
}

/// Returns the next page of what unassigned numbers have been opted out of since a time: above `after`, by number and channel.
pub async fn opt_outs_of_numbers(
    transaction: &Transaction,
    organization: OrganizationId,
    since: OffsetDateTime,
    after: (&[u8], Uuid),
) -> Result<Vec<(NumberHash, ChannelPreference)>> {
    let sql = format!(
        "SELECT {} FROM opted_out_numbers p WHERE p.organization_id = $1 AND (p.number_hash, p.channel_id) > ($3, $4) \
         AND NOT p.opted_in AND p.change_time >= $2 ORDER BY p.number_hash, p.channel_id LIMIT $5",
        columns("p.number_hash")
    );
    let scalars = [
        organization.0.into(),
        since.into(),
        after.0.to_vec().into(),
        after.1.into(),
        page_rows(),
    ];
    read(transaction, &sql, scalars, |row| {
        let hash: Vec<u8> = row.try_get_by_index(0)?;
        let hash = NumberHash::try_from(hash.as_slice()).map_err(Error::internal)?;
        Ok((hash, channel_preference(row)?))
    })
    .await
}

/// Returns the next page of the contacts that have been erased since a time: above `after`, by contact.
pub async fn erasures(
    transaction: &Transaction,
    organization: OrganizationId,
    since: OffsetDateTime,
    after: Uuid,
) -> Result<Vec<Erasure>> {
    let models = erasure::Entity::find()
        .filter(erasure::Column::OrganizationId.eq(organization.0))
        .filter(erasure::Column::ContactId.gt(after))
        .filter(erasure::Column::EraseTime.gte(since))
        .order_by_asc(erasure::Column::ContactId)
        .limit(PAGE_ROWS as u64)
        .all(transaction.db())
        .await?;
    let erasure = |model: erasure::Model| Erasure {
        organization_id: organization,
        contact_id: model.contact_id,
        erase_time: model.erase_time,
    };
    Ok(models.into_iter().map(erasure).collect())
}

/// Returns the next page of an organization's contacts with their numbers: above `after`, by id.
pub async fn numbers_of_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    after: Uuid,
) -> Result<Vec<(Uuid, PhoneNumber)>> {
    let sql = "SELECT c.id, c.phone FROM contacts c WHERE c.organization_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3";
    let scalars = [organization.0.into(), after.into(), page_rows()];
    read(transaction, sql, scalars, |row| {
        Ok((row.try_get_by_index(0)?, phone(row, 1)?))
    })
    .await
}

/// Keeps that contacts were erased. A time that is kept already stays.
pub async fn insert_erasures(
    transaction: &Transaction,
    organization: OrganizationId,
    erasures: &[Erasure],
) -> Result<()> {
    let sql = "INSERT INTO erasures (organization_id, contact_id, erase_time) \
        SELECT o.id, new.contact_id, new.erase_time FROM organizations o CROSS JOIN {new} WHERE o.id = $1 \
        ON CONFLICT (organization_id, contact_id) DO NOTHING";
    for chunk in erasures.chunks(PAGE_ROWS) {
        let new = Rows::new("new")
            .uuids("contact_id", chunk.iter().map(|it| it.contact_id))
            .times(
                "erase_time",
                chunk
                    .iter()
                    .map(|it| it.erase_time.to_offset(UtcOffset::UTC)),
            );
        execute(transaction, sql, [organization.0.into()], [new]).await?;
    }
    Ok(())
}

/// Forgets what is still kept of contacts that have been erased since a time: a program that knows no history leaves it there.
pub async fn forget_erased(
    transaction: &Transaction,
    organization: OrganizationId,
    since: OffsetDateTime,
) -> Result<()> {
    for table in ["preference_changes", "consents", "contact_changes"] {
        let sql = format!(
            "DELETE FROM {table} WHERE organization_id = $1 AND contact_id IN (SELECT e.contact_id FROM erasures e \
             WHERE e.organization_id = $1 AND e.erase_time >= $2)"
        );
        let scalars = [organization.0.into(), since.into()];
        execute(transaction, &sql, scalars, []).await?;
    }
    Ok(())
}

fn page_rows() -> Value {
    (PAGE_ROWS as i64).into()
}

fn phone(row: &QueryResult, index: usize) -> Result<PhoneNumber> {
    let phone: String = row.try_get_by_index(index)?;
    PhoneNumber::from_stored(&phone).ok_or_else(malformed_number)
}

async fn read<const N: usize, T>(
    transaction: &Transaction,
    sql: &str,
    scalars: [Value; N],
    read: impl Fn(&QueryResult) -> Result<T>,
) -> Result<Vec<T>> {
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter().map(read).collect()
}
