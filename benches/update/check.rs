//! Checks of the rows that a run leaves: all are counted, and some contacts are compared in full.

use contact_lists::repository::entity::{communication_preference, contact, contact_list_contact};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    data::Person,
    database::{CHANNEL_COUNT, Database},
};

/// How many people of a run are compared in full.
const COMPARED: usize = 20;

/// How many rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Contacts of the organization.
    pub contacts: i64,
    /// Its communication preferences.
    pub preferences: i64,
    /// Its recorded updates.
    pub updates: i64,
    /// Members of the list.
    pub members: i64,
    /// The list's `contact_count`.
    pub member_count: i64,
    /// The size of the organization's journal.
    pub journal_bytes: i64,
}

/// What an update does.
#[derive(Debug, Clone, Copy)]
pub struct Effect {
    /// How many contacts it creates.
    pub created: u64,
    /// How many contacts it changes.
    pub changed: u64,
    /// How many members there are then.
    pub members: i64,
}

/// What the journal has of a contact that was created or changed.
const ID_BYTES: u64 = 16;

/// What it has of a member that left.
const FORMER_MEMBER_BYTES: i64 = 40;

impl Totals {
    /// Counts the rows.
    pub async fn of(database: &Database, list: Uuid) -> anyhow::Result<Self> {
        let sql = "SELECT (SELECT COUNT(*) FROM contacts WHERE organization_id = $1), \
            (SELECT COUNT(*) FROM communication_preferences WHERE organization_id = $1), \
            (SELECT COUNT(*) FROM contact_list_updates WHERE organization_id = $1), \
            (SELECT COUNT(*) FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2), \
            (SELECT contact_count FROM contact_lists WHERE organization_id = $1 AND id = $2), \
            (SELECT CAST(COALESCE(SUM(LENGTH(contacts)), 0) AS BIGINT) FROM journal WHERE organization_id = $1)";
        let values = [database.tenant.organization.into(), list.into()];
        let row = database
            .db
            .query_one_raw(database.statement(sql, values))
            .await?;
        let row = row.ok_or_else(|| anyhow::anyhow!("no counts"))?;
        Ok(Self {
            contacts: row.try_get_by_index(0)?,
            preferences: row.try_get_by_index(1)?,
            updates: row.try_get_by_index(2)?,
            members: row.try_get_by_index(3)?,
            member_count: row.try_get_by_index(4)?,
            journal_bytes: row.try_get_by_index(5)?,
        })
    }

    /// The totals after an update.
    pub fn after(self, effect: Effect) -> Self {
        let Effect {
            created,
            changed,
            members,
        } = effect;
        // The benchmark's updates add either new contacts or none.
        let removed = self.members + created as i64 - members;
        let ids = ID_BYTES * (created + changed);
        Self {
            contacts: self.contacts + created as i64,
            preferences: self.preferences + (created * CHANNEL_COUNT) as i64,
            updates: self.updates + 1,
            members,
            member_count: members,
            journal_bytes: self.journal_bytes + ids as i64 + FORMER_MEMBER_BYTES * removed,
        }
    }
}

/// Compares some people with their stored contacts.
pub async fn check_people(
    database: &Database,
    list: Uuid,
    people: &[Person],
    are_members: bool,
) -> anyhow::Result<()> {
    let organization = database.tenant.organization;
    for person in people.iter().step_by(people.len().div_ceil(COMPARED)) {
        let stored = contact::Entity::find()
            .filter(contact::Column::OrganizationId.eq(organization))
            .filter(contact::Column::Phone.eq(&person.phone))
            .one(&database.db)
            .await?
            .ok_or_else(|| anyhow::anyhow!("{person:?} is not there"))?;
        let as_given = stored.external_id == person.external_id
            && stored.email.as_deref() == Some(&person.email)
            && stored.name.as_deref() == Some(&person.name)
            && stored.language.is_none()
            && stored.default_channel_id.is_none()
            && stored.address.is_none()
            && stored.birth_date.is_none();
        anyhow::ensure!(as_given, "{stored:?} is not {person:?}");
        let opt_ins = communication_preference::Entity::find()
            .filter(communication_preference::Column::OrganizationId.eq(organization))
            .filter(communication_preference::Column::ContactId.eq(stored.id))
            .filter(communication_preference::Column::OptedIn.eq(true))
            .count(&database.db)
            .await?;
        anyhow::ensure!(opt_ins == CHANNEL_COUNT, "{stored:?} has {opt_ins} opt-ins");
        let member = contact_list_contact::Entity::find_by_id((organization, list, stored.id))
            .one(&database.db)
            .await?;
        anyhow::ensure!(member.is_some() == are_members, "{stored:?}: {member:?}");
    }
    Ok(())
}
