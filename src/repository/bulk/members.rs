//! Members of lists.

use std::cmp::Ordering;

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::execute;
use crate::{
    domain::{OrganizationId, preference::ChangeOrigin},
    error::Result,
    repository::{
        Transaction,
        sql::{Rows, statement},
    },
    spool::{Item, Spool},
};

/// Makes new contacts members of a list. Returns how many.
pub async fn add_new_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
        SELECT l.organization_id, l.id, contacts.id, $3, $4 \
        FROM contact_lists l CROSS JOIN {contacts} WHERE l.organization_id = $1 AND l.id = $2";
    execute(
        transaction,
        sql,
        joining_scalars(organization, contact_list, origin),
        [Rows::ids("contacts", contact_ids)],
    )
    .await
}

/// Returns the scalars of statements that add members: the organization, the list, then the change's time and update.
fn joining_scalars(
    organization: OrganizationId,
    contact_list: Uuid,
    origin: ChangeOrigin,
) -> [Value; 4] {
    [
        organization.0.into(),
        contact_list.into(),
        origin.change_time.into(),
        origin.update_id.into(),
    ]
}

/// Makes contacts members of a list. Returns how many were not members before.
pub async fn add_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
    origin: ChangeOrigin,
) -> Result<u64> {
    let sql = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
        SELECT l.organization_id, l.id, contacts.id, $3, $4 \
        FROM contact_lists l CROSS JOIN {contacts} WHERE l.organization_id = $1 AND l.id = $2 \
        ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING";
    execute(
        transaction,
        sql,
        joining_scalars(organization, contact_list, origin),
        [Rows::ids("contacts", contact_ids)],
    )
    .await
}

/// A contact that was a member of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerMember {
    /// The contact.
    pub contact_id: Uuid,
    /// The update with which it had joined, if that is known.
    pub update_id: Option<Uuid>,
    /// When it had joined.
    #[serde(with = "time::serde::timestamp::microseconds")]
    pub join_time: OffsetDateTime,
}

impl Item for FormerMember {
    fn order(&self, other: &Self) -> Ordering {
        self.contact_id.cmp(&other.contact_id)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// Removes contacts from a list. Adds those that were members to `removed`.
pub async fn remove_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
    removed: &mut Spool<FormerMember>,
) -> Result<u64> {
    let sql = "DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 \
        AND contact_id {in_contacts} RETURNING contact_id, update_id, join_time";
    let scalars = [organization.0.into(), contact_list.into()];
    let contacts = Rows::ids("contacts", contact_ids);
    let statement = statement(transaction.backend(), sql, scalars, [contacts])?;
    read_removed(transaction, statement, removed).await
}

/// Removes the members of a list whose ids are above `after` and at most `up_to`, except `kept`. Adds them to `removed`.
pub async fn remove_other_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    (after, up_to): (Uuid, Uuid),
    kept: &[Uuid],
    removed: &mut Spool<FormerMember>,
) -> Result<u64> {
    let sql = "DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 \
        AND contact_id > $3 AND contact_id <= $4 AND contact_id NOT IN ({each_kept}) \
        RETURNING contact_id, update_id, join_time";
    let scalars = [
        organization.0.into(),
        contact_list.into(),
        after.into(),
        up_to.into(),
    ];
    let kept = Rows::ids("kept", kept.iter().copied());
    let statement = statement(transaction.backend(), sql, scalars, [kept])?;
    read_removed(transaction, statement, removed).await
}

/// Executes a statement that returns the members that it removes. Returns how many.
async fn read_removed(
    transaction: &Transaction,
    statement: Statement,
    removed: &mut Spool<FormerMember>,
) -> Result<u64> {
    let read = |row: &QueryResult| {
        removed.push(FormerMember {
            contact_id: row.try_get_by_index(0)?,
            update_id: row.try_get_by_index(1)?,
            join_time: row.try_get_by_index(2)?,
        })?;
        Ok(Some(()))
    };
    let rows = transaction.db().read_while(statement, read).await?;
    Ok(rows.len() as u64)
}

/// Returns the id that `count` members of a list have at most, of those whose ids are above `after`; `None` if there are not
/// more.
pub async fn nth_member(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    after: Uuid,
    count: u64,
) -> Result<Option<Uuid>> {
    let sql = "SELECT m.contact_id FROM contact_list_contacts m WHERE m.organization_id = $1 AND m.contact_list_id = $2 \
        AND m.contact_id > $3 ORDER BY m.contact_id LIMIT 1 OFFSET $4";
    let offset = i64::try_from(count).unwrap_or(i64::MAX);
    let scalars = [
        organization.0.into(),
        contact_list.into(),
        after.into(),
        offset.into(),
    ];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let row = transaction.db().query_one_raw(statement).await?;
    let id = row.map(|row| row.try_get_by_index(0));
    Ok(id.transpose()?)
}
