//! Records of custom objects, read so that they never take more memory than a few of the largest: an earlier version stored
//! records without a limit.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult, Statement};
use uuid::Uuid;

use super::{
    ACQUIRE_TIMEOUT, Transaction, custom_objects,
    entity::custom_object_record,
    search::Found,
    sql::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        contact::Contact,
        property_value::{Properties, memory_bytes},
    },
    error::{Error, Result},
    memory_budget::{MemoryBudget, MemoryShare},
};

/// The properties of a record `r` as [`read`] reads them: unless they are so large that they must be read alone. PostgreSQL's
/// text of a record of the largest size is longer than what was sent, but never twice as long.
const PROPERTIES: &str =
    "CASE WHEN octet_length(r.properties{as_text}) <= 131072 THEN r.properties{as_text} END";

/// The most bytes of memory that the contacts of a page take, and so their records, unless the first one alone takes more.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The most bytes that larger records have, as text, in all responses that are being read or sent, and in those of one
/// organization. While a record is read it takes about five times as much memory.
const LARGE_RECORDS_BYTES: (usize, usize) = (32 * 1024 * 1024, 16 * 1024 * 1024);

/// Returns the memory for larger records.
pub(super) fn large_records() -> MemoryBudget {
    let (all, of_organization) = LARGE_RECORDS_BYTES;
    MemoryBudget::new(all, of_organization, ACQUIRE_TIMEOUT)
}

/// Returns the columns of a record `r` that [`read`] reads: its contact and its properties.
pub(super) fn columns() -> String {
    format!("r.contact_id, {PROPERTIES}")
}

/// Reads the records of a statement with an id and [`PROPERTIES`] while they take at most `max_bytes` of memory. Returns them
/// by these ids, and whether they are all.
pub(super) async fn read(
    transaction: &Transaction,
    statement: Statement,
    max_bytes: usize,
) -> Result<(HashMap<Uuid, Properties>, bool)> {
    let (mut bytes, mut all) = (0, true);
    let read = |row: &QueryResult| {
        let id = row.try_get_by_index(0)?;
        let json: Option<String> = row.try_get_by_index(1)?;
        let record: Option<Properties> = json
            .map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(Error::internal)?;
        bytes += record.as_ref().map_or(0, memory_bytes);
        let record = record.filter(|_| bytes <= max_bytes);
        all = record.is_some();
        Ok(record.map(|record| (id, record)))
    };
    let records = transaction.db().read_while(statement, read).await?;
    Ok((records.into_iter().collect(), all))
}

/// Returns the record that a contact has of a custom object, whatever its size.
pub async fn find(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    contact: Uuid,
) -> Result<Option<Properties>> {
    let sql = "SELECT r.properties{as_text} FROM custom_object_records r WHERE r.organization_id = $1 \
        AND r.custom_object_id = $2 AND r.contact_id = $3";
    let scalars = [organization.0.into(), custom_object.into(), contact.into()];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let read = |row: &QueryResult| {
        let json: String = row.try_get_by_index(0)?;
        serde_json::from_str(&json).map_err(Error::internal)
    };
    let mut records = transaction.db().read_all(statement, read).await?;
    Ok(records.pop())
}

/// Returns the records that a contact has of custom objects, by these. Where they are large, they come with their share of
/// memory, which must be held until their response has been taken.
pub async fn of_contact(
    transaction: &Transaction,
    organization: OrganizationId,
    contact: Uuid,
    custom_objects: &[Uuid],
) -> Result<(HashMap<Uuid, Properties>, Option<MemoryShare>)> {
    let select = |columns: &str| {
        let sql = format!(
            "SELECT {columns} FROM custom_object_records r WHERE r.organization_id = $1 AND r.contact_id = $2 \
             AND r.custom_object_id {{in_objects}}"
        );
        let scalars = [organization.0.into(), contact.into()];
        let objects = Rows::ids("objects", custom_objects.iter().copied());
        statement(transaction.backend(), &sql, scalars, [objects])
    };
    let columns = |properties: &str| format!("r.custom_object_id, {properties}");
    let (records, all) = read(transaction, select(&columns(PROPERTIES))?, MAX_PAGE_BYTES).await?;
    if all {
        return Ok((records, None));
    }
    let length = select("CAST(SUM(octet_length(r.properties{as_text})) AS BIGINT)")?;
    let lengths = transaction.db().query_one_raw(length).await?;
    let bytes: Option<i64> = match lengths {
        Some(row) => row.try_get_by_index(0)?,
        None => None,
    };
    let bytes = usize::try_from(bytes.unwrap_or_default()).map_err(Error::internal)?;
    let share = transaction
        .large_records()
        .share(organization.0, bytes)
        .await?;
    let all = select(&columns("r.properties{as_text}"))?;
    let (records, _) = read(transaction, all, usize::MAX).await?;
    Ok((records, Some(share)))
}

/// Deletes the records of a contact.
pub async fn delete_of_contact(
    transaction: &Transaction,
    organization: OrganizationId,
    contact: Uuid,
) -> Result<()> {
    // The table is looked up by the object first.
    let objects = custom_objects::ids(transaction.db(), organization).await?;
    custom_object_record::Entity::delete_many()
        .filter(custom_object_record::Column::OrganizationId.eq(organization.0))
        .filter(custom_object_record::Column::CustomObjectId.is_in(objects))
        .filter(custom_object_record::Column::ContactId.eq(contact))
        .exec(transaction.db())
        .await?;
    Ok(())
}

/// The records of the first contacts of a page.
struct FirstRecords {
    by_contact: HashMap<Uuid, Properties>,
    /// How many contacts these are.
    contact_count: usize,
    /// The memory of a large record.
    memory: Option<MemoryShare>,
}

/// Returns the records that contacts have of a custom object: of as many of the first ones as have about
/// [`MAX_PAGE_BYTES`] in memory, but at least of one.
async fn of_first(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    contacts: &[Uuid],
) -> Result<FirstRecords> {
    let sql = format!(
        "SELECT {} FROM custom_object_records r WHERE r.organization_id = $1 AND r.custom_object_id = $2 \
         AND r.contact_id {{in_contacts}}",
        columns()
    );
    let mut count = contacts.len();
    while count > 1 {
        let scalars = [organization.0.into(), custom_object.into()];
        let ids = Rows::ids("contacts", contacts[..count].iter().copied());
        let statement = statement(transaction.backend(), &sql, scalars, [ids])?;
        let (records, all) = read(transaction, statement, MAX_PAGE_BYTES).await?;
        if all {
            return Ok(FirstRecords {
                by_contact: records,
                contact_count: count,
                memory: None,
            });
        }
        // About as many as had room come next.
        count = records.len().clamp(1, count - 1);
    }
    let (mut by_contact, mut memory) = (HashMap::new(), None);
    if let Some(contact) = contacts.first() {
        let mut records;
        (records, memory) =
            of_contact(transaction, organization, *contact, &[custom_object]).await?;
        let record = records.remove(&custom_object);
        by_contact.extend(record.map(|record| (*contact, record)));
    }
    Ok(FirstRecords {
        by_contact,
        contact_count: contacts.len().min(1),
        memory,
    })
}

/// Reads the records that the contacts of a page have of a custom object, and leaves contacts to the next page where they or
/// their records would take too much memory. At least one stays; the page holds the memory of its record if that is large.
pub async fn of_page<T>(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Option<Uuid>,
    found: &mut Found<T>,
    contact: impl Fn(&T) -> &Contact,
) -> Result<HashMap<Uuid, Properties>> {
    let mut bytes = 0;
    let fitting = found.rows.iter().take_while(|row| {
        bytes += contact(row).fields.text_bytes();
        bytes <= MAX_PAGE_BYTES
    });
    let count = fitting.count().max(1);
    found.keep(count, |row| contact(row).id);
    let Some(object) = custom_object else {
        return Ok(HashMap::new());
    };
    let ids: Vec<_> = found.rows.iter().map(|row| contact(row).id).collect();
    let records = of_first(transaction, organization, object, &ids).await?;
    found.keep(records.contact_count, |row| contact(row).id);
    found.memory = records.memory;
    Ok(records.by_contact)
}
