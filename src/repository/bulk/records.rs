//! Records of custom objects.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use super::{CHUNK_BYTES, execute};
use crate::{
    domain::{OrganizationId, property_value::Properties},
    error::{Error, Result},
    long_work::Pieces,
    repository::{
        Transaction, records,
        sql::{Rows, statement},
    },
};

/// Returns the records that contacts have of a custom object, by contact id; `None` if they take more than
/// [`CHUNK_BYTES`].
pub async fn records(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<Option<HashMap<Uuid, Properties>>> {
    let sql = format!(
        "SELECT {} FROM {{contacts}} {{join}} custom_object_records r ON r.organization_id = $1 \
         AND r.custom_object_id = $2 AND r.contact_id = contacts.id",
        records::columns()
    );
    let statement = statement(
        transaction.backend(),
        &sql,
        [organization.0.into(), custom_object.into()],
        [Rows::ids("contacts", contact_ids)],
    )?;
    let (records, all) = records::read(transaction, statement, CHUNK_BYTES).await?;
    Ok(all.then_some(records))
}

/// Writes the records of contacts.
pub async fn upsert_records(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    records: &[(Uuid, &Properties)],
) -> Result<()> {
    let sql = "INSERT INTO custom_object_records (organization_id, custom_object_id, contact_id, properties) \
        SELECT o.organization_id, o.id, new.contact_id, new.properties{jsonb} \
        FROM custom_objects o CROSS JOIN {new} WHERE o.organization_id = $1 AND o.id = $2 \
        ON CONFLICT (organization_id, custom_object_id, contact_id) DO UPDATE SET properties = excluded.properties";
    let (mut properties, mut pieces) = (Vec::with_capacity(records.len()), Pieces::start());
    for (_, record) in records {
        pieces.step().await;
        properties.push(serde_json::to_string(record).map_err(Error::internal)?);
    }
    let new = Rows::new("new")
        .uuids(
            "contact_id",
            records.iter().map(|(contact_id, _)| *contact_id),
        )
        .texts("properties", properties);
    execute(
        transaction,
        sql,
        [organization.0.into(), custom_object.into()],
        [new],
    )
    .await?;
    Ok(())
}

/// Returns a contact whose record of a custom object has more than `bytes` as stored, if there is one.
pub async fn record_above(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    bytes: usize,
) -> Result<Option<Uuid>> {
    let sql = "SELECT r.contact_id FROM custom_object_records r WHERE r.organization_id = $1 AND r.custom_object_id = $2 \
        AND octet_length(r.properties{as_text}) > $3 LIMIT 1";
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let scalars = [organization.0.into(), custom_object.into(), bytes.into()];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let row = transaction.db().query_one_raw(statement).await?;
    let contact = row.map(|row| row.try_get_by_index(0));
    Ok(contact.transpose()?)
}

/// Adds values to every record of a custom object.
pub async fn add_to_records(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    values: &Properties,
) -> Result<()> {
    let sql = match transaction.backend() {
        DbBackend::Postgres => {
            "UPDATE custom_object_records SET properties = properties || $3::jsonb \
            WHERE organization_id = $1 AND custom_object_id = $2"
        }
        _ => {
            "UPDATE custom_object_records SET properties = json_patch(properties, $3) \
            WHERE organization_id = $1 AND custom_object_id = $2"
        }
    };
    let values = serde_json::to_string(values).map_err(Error::internal)?;
    let scalars = [organization.0.into(), custom_object.into(), values.into()];
    execute(transaction, sql, scalars, []).await?;
    Ok(())
}
