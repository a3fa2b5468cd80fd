//! The journal: which contacts changes were about, and what changed contacts were.

use sea_orm::{ConnectionTrait, QueryResult};
use strum::IntoStaticStr;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Transaction,
    bulk::execute,
    sql::{Rows, statement},
};
use crate::{
    domain::{OrganizationId, old_values::OldValues},
    error::{Error, Result},
};

/// What a change did to contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum JournalKind {
    /// They were created.
    Created,
    /// Their fields, number or record changed.
    Updated,
    /// They existed, and were opted in to some channel.
    OptedIn,
    /// They left the list.
    Removed,
    /// Opt-outs kept them from being opted in.
    KeptOptOuts,
}

impl JournalKind {
    fn name(self) -> &'static str {
        self.into()
    }
}

/// A row of the journal: packed contacts, ordered by id.
pub struct JournalRow {
    /// What the change did to them.
    pub kind: JournalKind,
    /// The row's place among those of its kind, from 0.
    pub position: i64,
    /// The first contact's id.
    pub first_contact_id: Uuid,
    /// The last contact's id.
    pub last_contact_id: Uuid,
    /// The contacts.
    pub contacts: Vec<u8>,
}

/// Inserts rows of a change.
pub async fn insert(
    transaction: &Transaction,
    organization: OrganizationId,
    (change, change_time): (Uuid, OffsetDateTime),
    rows: Vec<JournalRow>,
) -> Result<()> {
    let sql = "INSERT INTO journal \
        (organization_id, change_id, kind, position, create_time, first_contact_id, last_contact_id, contacts) \
        SELECT o.id, $2, new.kind, new.position, $3, new.first_contact_id, new.last_contact_id, new.contacts \
        FROM organizations o CROSS JOIN {new} WHERE o.id = $1";
    let new = Rows::new("new")
        .texts("kind", rows.iter().map(|row| row.kind.name()))
        .numbers("position", rows.iter().map(|row| row.position))
        .uuids(
            "first_contact_id",
            rows.iter().map(|row| row.first_contact_id),
        )
        .uuids(
            "last_contact_id",
            rows.iter().map(|row| row.last_contact_id),
        )
        .bytes("contacts", rows.into_iter().map(|row| row.contacts));
    let scalars = [organization.0.into(), change.into(), change_time.into()];
    execute(transaction, sql, scalars, [new]).await?;
    Ok(())
}

/// Returns the packed contacts of a change's row, if there is one at this place.
pub async fn find(
    transaction: &Transaction,
    organization: OrganizationId,
    change: Uuid,
    kind: JournalKind,
    position: i64,
) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT j.contacts FROM journal j WHERE j.organization_id = $1 AND j.change_id = $2 AND j.kind = $3 \
        AND j.position = $4";
    let scalars = [
        organization.0.into(),
        change.into(),
        kind.name().into(),
        position.into(),
    ];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let row = transaction.db().query_one_raw(statement).await?;
    let contacts = row.map(|row| row.try_get_by_index(0));
    Ok(contacts.transpose()?)
}

/// Keeps what contacts were before a change.
pub async fn insert_old_values(
    transaction: &Transaction,
    organization: OrganizationId,
    (change, change_time): (Uuid, OffsetDateTime),
    old_values: &[(Uuid, OldValues)],
) -> Result<()> {
    let sql = "INSERT INTO contact_changes (organization_id, contact_id, change_id, change_time, old_values) \
        SELECT o.id, new.contact_id, $2, $3, new.old_values FROM organizations o CROSS JOIN {new} WHERE o.id = $1";
    let mut texts = Vec::with_capacity(old_values.len());
    for (_, old) in old_values {
        texts.push(serde_json::to_string(old).map_err(Error::internal)?);
    }
    let new = Rows::new("new")
        .uuids("contact_id", old_values.iter().map(|(id, _)| *id))
        .texts("old_values", texts);
    let scalars = [organization.0.into(), change.into(), change_time.into()];
    execute(transaction, sql, scalars, [new]).await?;
    Ok(())
}

/// What a contact was before a change, or before a later one.
pub struct ContactChange {
    /// The contact.
    pub contact_id: Uuid,
    /// The change.
    pub change_id: Uuid,
    /// When it was.
    pub change_time: OffsetDateTime,
    /// What the contact was.
    pub old: OldValues,
}

/// Returns how contacts changed in a change and after it, ordered by contact and change.
pub async fn changes_since(
    transaction: &Transaction,
    organization: OrganizationId,
    change: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<ContactChange>> {
    let sql = "SELECT h.contact_id, h.change_id, h.change_time, h.old_values FROM {contacts} {join} contact_changes h \
        ON h.organization_id = $1 AND h.contact_id = contacts.id AND h.change_id >= $2 \
        ORDER BY h.contact_id, h.change_id";
    let scalars = [organization.0.into(), change.into()];
    let contacts = Rows::ids("contacts", contact_ids);
    let statement = statement(transaction.backend(), sql, scalars, [contacts])?;
    let read = |row: &QueryResult| {
        let old: String = row.try_get_by_index(3)?;
        Ok(ContactChange {
            contact_id: row.try_get_by_index(0)?,
            change_id: row.try_get_by_index(1)?,
            change_time: row.try_get_by_index(2)?,
            old: serde_json::from_str(&old).map_err(Error::internal)?,
        })
    };
    transaction.db().read_all(statement, read).await
}

/// Leaves nothing of what contacts were before a change but that it was.
pub async fn blank_changes(
    transaction: &Transaction,
    organization: OrganizationId,
    change: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<()> {
    let sql = "UPDATE contact_changes SET old_values = $3 WHERE organization_id = $1 AND change_id = $2 \
        AND contact_id {in_contacts}";
    let nothing = serde_json::to_string(&OldValues::default()).map_err(Error::internal)?;
    let contacts = Rows::ids("contacts", contact_ids);
    let scalars = [organization.0.into(), change.into(), nothing.into()];
    execute(transaction, sql, scalars, [contacts]).await?;
    Ok(())
}

/// Forgets what erased contacts were.
pub async fn forget_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<()> {
    let sql = "DELETE FROM contact_changes WHERE organization_id = $1 AND contact_id {in_contacts}";
    let contacts = Rows::ids("contacts", contact_ids);
    execute(transaction, sql, [organization.0.into()], [contacts]).await?;
    Ok(())
}

/// A row of the journal that is to be purged.
pub struct AgedRow {
    /// The change.
    pub change_id: Uuid,
    /// The name of what the change did to the contacts.
    pub kind: String,
    /// The row's place.
    pub position: i64,
    /// The contacts, where what they were is kept.
    pub changed: Vec<u8>,
}

/// Returns at most `limit` rows from before `time`.
pub async fn aged(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
    limit: u32,
) -> Result<Vec<AgedRow>> {
    let sql = "SELECT j.change_id, j.kind, j.position, CASE WHEN j.kind = $4 THEN j.contacts ELSE {no_hash} END \
        FROM journal j WHERE j.organization_id = $1 AND j.create_time < $2 ORDER BY j.create_time LIMIT $3";
    let scalars = [
        organization.0.into(),
        time.into(),
        i64::from(limit).into(),
        JournalKind::Updated.name().into(),
    ];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let read = |row: &QueryResult| {
        Ok(AgedRow {
            change_id: row.try_get_by_index(0)?,
            kind: row.try_get_by_index(1)?,
            position: row.try_get_by_index(2)?,
            changed: row.try_get_by_index(3)?,
        })
    };
    transaction.db().read_all(statement, read).await
}

/// Deletes a row.
pub async fn delete(
    transaction: &Transaction,
    organization: OrganizationId,
    row: &AgedRow,
) -> Result<()> {
    let sql = "DELETE FROM journal WHERE organization_id = $1 AND change_id = $2 AND kind = $3 AND position = $4";
    let scalars = [
        organization.0.into(),
        row.change_id.into(),
        row.kind.as_str().into(),
        row.position.into(),
    ];
    execute(transaction, sql, scalars, []).await?;
    Ok(())
}

/// Forgets what contacts were before a change.
pub async fn forget_changes(
    transaction: &Transaction,
    organization: OrganizationId,
    change: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<()> {
    let sql = "DELETE FROM contact_changes WHERE organization_id = $1 AND change_id = $2 AND contact_id {in_contacts}";
    let contacts = Rows::ids("contacts", contact_ids);
    let scalars = [organization.0.into(), change.into()];
    execute(transaction, sql, scalars, [contacts]).await?;
    Ok(())
}
