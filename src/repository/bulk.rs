//! The set-based statements of the hot path: a constant number per chunk, whatever its size.
//!
//! Every table in them is held to the organization, and every insert takes its `organization_id` from a row of the
//! organization: so the same statements run on one shard where the tables are distributed by it.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Transaction,
    rows::{Rows, statement},
};
use crate::{
    domain::{
        OrganizationId,
        birth_date::BirthDate,
        contact::{Contact, ContactFields},
        email::Email,
        language::Language,
        phone_number::PhoneNumber,
        property_value::Properties,
        text::Text,
    },
    error::{Error, Result},
};

/// Who says a preference, when, and in which update.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// The time of the change.
    pub change_time: OffsetDateTime,
    /// The caller's API key.
    pub api_key_id: Uuid,
    /// The update, if it is one.
    pub update_id: Option<Uuid>,
}

/// How many contacts are applied with one round of statements: what is fastest on each database.
pub fn chunk_size(backend: DbBackend) -> usize {
    match backend {
        DbBackend::Postgres => 2000,
        _ => 500,
    }
}

/// The columns of a contact `c`, as [`contact`] reads them.
macro_rules! contact_columns {
    () => {
        "c.id, c.phone, c.external_id, c.email, c.name, c.language, c.default_channel_id, \
         c.address{as_text} AS address, c.birth_date, c.create_time, c.update_time"
    };
}

pub(super) use contact_columns;

/// Finds and locks the contacts with these numbers, in the order of the numbers.
pub async fn contacts_by_phone(
    transaction: &Transaction,
    organization: OrganizationId,
    phones: impl Iterator<Item = PhoneNumber>,
) -> Result<Vec<Contact>> {
    let sql = concat!(
        "SELECT ",
        contact_columns!(),
        " FROM {phones} JOIN contacts c ON c.organization_id = $1 AND c.phone = phones.phone \
         ORDER BY c.phone {lock}"
    );
    let phones = Rows::new("phones").texts("phone", phones.map(|phone| phone.as_str().to_owned()));
    contacts(transaction, sql, organization, phones).await
}

/// Finds and locks the contacts with these external_ids, in the order of their numbers.
pub async fn contacts_by_external_id(
    transaction: &Transaction,
    organization: OrganizationId,
    external_ids: impl Iterator<Item = Text>,
) -> Result<Vec<Contact>> {
    let sql = concat!(
        "SELECT ",
        contact_columns!(),
        " FROM {given} JOIN contacts c ON c.organization_id = $1 AND c.external_id = given.external_id \
         ORDER BY c.phone {lock}"
    );
    let given =
        Rows::new("given").texts("external_id", external_ids.map(|id| id.as_str().to_owned()));
    contacts(transaction, sql, organization, given).await
}

/// Finds and locks the contacts with these ids, in the order of their numbers.
pub async fn contacts_by_id(
    transaction: &Transaction,
    organization: OrganizationId,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<Contact>> {
    let sql = concat!(
        "SELECT ",
        contact_columns!(),
        " FROM {ids} JOIN contacts c ON c.organization_id = $1 AND c.id = ids.id ORDER BY c.phone {lock}"
    );
    contacts(transaction, sql, organization, Rows::ids("ids", ids)).await
}

async fn contacts(
    transaction: &Transaction,
    sql: &'static str,
    organization: OrganizationId,
    rows: Rows,
) -> Result<Vec<Contact>> {
    let statement = statement(transaction.backend(), sql, [organization.0.into()], [rows]);
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter().map(contact).collect()
}

/// Reads a row of [`contact_columns`].
pub(super) fn contact(row: &QueryResult) -> Result<Contact> {
    let phone: String = row.try_get_by_index(1)?;
    let address: Option<String> = row.try_get_by_index(7)?;
    let birth_date: Option<String> = row.try_get_by_index(8)?;
    Ok(Contact {
        id: row.try_get_by_index(0)?,
        phone: PhoneNumber::stored(&phone)
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a stored number is malformed")))?,
        fields: ContactFields {
            external_id: row.try_get_by_index::<Option<_>>(2)?.map(Text::stored),
            email: row.try_get_by_index::<Option<_>>(3)?.map(Email::stored),
            name: row.try_get_by_index::<Option<_>>(4)?.map(Text::stored),
            language: row.try_get_by_index::<Option<_>>(5)?.map(Language::stored),
            default_channel_id: row.try_get_by_index(6)?,
            address: match address {
                None => None,
                Some(json) => Some(serde_json::from_str(&json).map_err(Error::internal)?),
            },
            birth_date: birth_date.as_deref().and_then(BirthDate::stored),
        },
        create_time: row.try_get_by_index(9)?,
        update_time: row.try_get_by_index(10)?,
    })
}

/// Reads the records that these contacts have of a custom object.
pub async fn records(
    transaction: &Transaction,
    organization: OrganizationId,
    custom_object: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Properties>> {
    let sql = "SELECT r.contact_id, r.properties{as_text} AS properties FROM {contacts} \
        JOIN custom_object_records r ON r.organization_id = $1 AND r.custom_object_id = $2 \
        AND r.contact_id = contacts.id";
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into(), custom_object.into()],
        [Rows::ids("contacts", contact_ids)],
    );
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| {
            let json: String = row.try_get_by_index(1)?;
            let properties = serde_json::from_str(&json).map_err(Error::internal)?;
            Ok((row.try_get_by_index(0)?, properties))
        })
        .collect()
}

/// Inserts contacts that nobody else can see yet: without a look at what is stored. A number or external_id that another
/// call took in the meantime is a lost race.
pub async fn insert_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[&Contact],
) -> Result<()> {
    let sql = "INSERT INTO contacts (organization_id, id, phone, external_id, email, name, language, \
        default_channel_id, address, birth_date, create_time, update_time) \
        SELECT o.id, new.id, new.phone, NULLIF(new.external_id, ''), NULLIF(new.email, ''), NULLIF(new.name, ''), \
        NULLIF(new.language, ''), NULLIF(new.default_channel_id, {nil}), NULLIF(new.address, ''){jsonb}, \
        NULLIF(new.birth_date, ''), new.create_time, new.update_time \
        FROM organizations o CROSS JOIN {new} WHERE o.id = $1";
    execute(
        transaction,
        sql,
        [organization.0.into()],
        [contact_rows(contacts)?],
    )
    .await?;
    Ok(())
}

/// Writes contacts that are stored already, as they are now.
pub async fn update_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contacts: &[&Contact],
) -> Result<()> {
    let sql = "UPDATE contacts AS c SET phone = new.phone, external_id = NULLIF(new.external_id, ''), \
        email = NULLIF(new.email, ''), name = NULLIF(new.name, ''), language = NULLIF(new.language, ''), \
        default_channel_id = NULLIF(new.default_channel_id, {nil}), address = NULLIF(new.address, ''){jsonb}, \
        birth_date = NULLIF(new.birth_date, ''), update_time = new.update_time \
        FROM {new} WHERE c.organization_id = $1 AND c.id = new.id";
    execute(
        transaction,
        sql,
        [organization.0.into()],
        [contact_rows(contacts)?],
    )
    .await?;
    Ok(())
}

fn contact_rows(contacts: &[&Contact]) -> Result<Rows> {
    fn text(value: Option<&str>) -> String {
        value.unwrap_or_default().to_owned()
    }
    let mut addresses = Vec::with_capacity(contacts.len());
    for contact in contacts {
        addresses.push(match &contact.fields.address {
            None => String::new(),
            Some(address) => serde_json::to_string(address).map_err(Error::internal)?,
        });
    }
    let fields = || contacts.iter().map(|contact| &contact.fields);
    Ok(Rows::new("new")
        .uuids("id", contacts.iter().map(|contact| contact.id))
        .texts(
            "phone",
            contacts.iter().map(|contact| contact.phone.as_str()),
        )
        .texts(
            "external_id",
            fields().map(|it| text(it.external_id.as_ref().map(Text::as_str))),
        )
        .texts(
            "email",
            fields().map(|it| text(it.email.as_ref().map(Email::as_str))),
        )
        .texts(
            "name",
            fields().map(|it| text(it.name.as_ref().map(Text::as_str))),
        )
        .texts(
            "language",
            fields().map(|it| text(it.language.as_ref().map(Language::as_str))),
        )
        .uuids(
            "default_channel_id",
            fields().map(|it| it.default_channel_id.unwrap_or_default()),
        )
        .texts("address", addresses)
        .texts(
            "birth_date",
            fields().map(|it| {
                it.birth_date
                    .map_or_else(String::new, |date| date.to_string())
            }),
        )
        .times(
            "create_time",
            contacts.iter().map(|contact| contact.create_time),
        )
        .times(
            "update_time",
            contacts.iter().map(|contact| contact.update_time),
        ))
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
    let mut properties = Vec::with_capacity(records.len());
    for (_, record) in records {
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

/// Opts contacts that nobody else can see yet in to channels. Answers how many pairs were opted in.
pub async fn opt_in_new_contacts(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: impl Iterator<Item = Uuid>,
    channel_ids: &[Uuid],
    said: Said,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT h.organization_id, contacts.id, h.id, TRUE, $2, $3, $4 \
        FROM {contacts} CROSS JOIN {targets} JOIN channels h ON h.organization_id = $1 AND h.id = targets.id";
    execute(
        transaction,
        sql,
        said.scalars(organization),
        [
            Rows::ids("contacts", contact_ids),
            Rows::ids("targets", channel_ids.iter().copied()),
        ],
    )
    .await
}

/// How many of `channel_ids` each of the contacts is opted in to, where it is not all of them.
pub async fn incomplete_opt_ins(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: impl Iterator<Item = Uuid>,
    channel_ids: &[Uuid],
) -> Result<Vec<(Uuid, u64)>> {
    let sql = "SELECT contacts.id, COUNT(p.channel_id) FROM {contacts} \
        LEFT JOIN communication_preferences p ON p.organization_id = $1 AND p.contact_id = contacts.id \
        AND p.opted_in AND p.channel_id IN (SELECT targets.id FROM {targets}) \
        GROUP BY contacts.id HAVING COUNT(p.channel_id) < $2";
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into(), (channel_ids.len() as i64).into()],
        [
            Rows::ids("contacts", contact_ids),
            Rows::ids("targets", channel_ids.iter().copied()),
        ],
    );
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| {
            let count: i64 = row.try_get_by_index(1)?;
            Ok((row.try_get_by_index(0)?, count.unsigned_abs()))
        })
        .collect()
}

/// Opts contacts in to channels, but for those that they are opted out of. Answers how many pairs were opted in.
pub async fn opt_in(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    said: Said,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT h.organization_id, contacts.id, h.id, TRUE, $2, $3, $4 \
        FROM {contacts} CROSS JOIN {targets} JOIN channels h ON h.organization_id = $1 AND h.id = targets.id \
        WHERE NOT EXISTS (SELECT 1 FROM communication_preferences a WHERE a.organization_id = $1 \
        AND a.contact_id = contacts.id AND a.channel_id = {nil}) \
        ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
    prefer(
        transaction,
        sql,
        organization,
        contact_ids,
        channel_ids,
        said,
    )
    .await
}

/// Opts contacts in to channels, also to those that they are opted out of. Answers how many pairs were opted in.
pub async fn resubscribe(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    said: Said,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences AS p \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT h.organization_id, contacts.id, h.id, TRUE, $2, $3, $4 \
        FROM {contacts} CROSS JOIN {targets} JOIN channels h ON h.organization_id = $1 AND h.id = targets.id \
        WHERE TRUE ON CONFLICT (organization_id, contact_id, channel_id) DO UPDATE SET opted_in = TRUE, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id \
        WHERE NOT p.opted_in";
    prefer(
        transaction,
        sql,
        organization,
        contact_ids,
        channel_ids,
        said,
    )
    .await
}

/// Opts contacts out of channels. Answers how many pairs were opted out.
pub async fn opt_out(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    said: Said,
) -> Result<u64> {
    let sql = "INSERT INTO communication_preferences AS p \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT h.organization_id, contacts.id, h.id, FALSE, $2, $3, $4 \
        FROM {contacts} CROSS JOIN {targets} JOIN channels h ON h.organization_id = $1 AND h.id = targets.id \
        WHERE TRUE ON CONFLICT (organization_id, contact_id, channel_id) DO UPDATE SET opted_in = FALSE, \
        change_time = excluded.change_time, api_key_id = excluded.api_key_id, update_id = excluded.update_id \
        WHERE p.opted_in";
    prefer(
        transaction,
        sql,
        organization,
        contact_ids,
        channel_ids,
        said,
    )
    .await
}

async fn prefer(
    transaction: &Transaction,
    sql: &'static str,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    channel_ids: &[Uuid],
    said: Said,
) -> Result<u64> {
    let sources = [
        Rows::ids("contacts", contact_ids.iter().copied()),
        Rows::ids("targets", channel_ids.iter().copied()),
    ];
    execute(transaction, sql, said.scalars(organization), sources).await
}

/// Opts contacts out of all channels, present and later.
pub async fn opt_out_of_all_channels(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_ids: &[Uuid],
    said: Said,
) -> Result<()> {
    let sql = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT o.id, contacts.id, {nil}, FALSE, $2, $3, $4 \
        FROM organizations o CROSS JOIN {contacts} WHERE o.id = $1 \
        ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
    let contacts = Rows::ids("contacts", contact_ids.iter().copied());
    execute(transaction, sql, said.scalars(organization), [contacts]).await?;
    Ok(())
}

/// Lifts the contacts' opt-outs of all channels; those of single channels stay.
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

/// Makes contacts members of a list, where they are not. Answers how many became so.
pub async fn add_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
    join_time: OffsetDateTime,
) -> Result<u64> {
    let sql = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time) \
        SELECT l.organization_id, l.id, contacts.id, $3 \
        FROM contact_lists l CROSS JOIN {contacts} WHERE l.organization_id = $1 AND l.id = $2 \
        ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING";
    execute(
        transaction,
        sql,
        [organization.0.into(), contact_list.into(), join_time.into()],
        [Rows::ids("contacts", contact_ids)],
    )
    .await
}

/// Takes contacts out of a list. Answers how many were members.
pub async fn remove_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    contact_ids: impl Iterator<Item = Uuid>,
) -> Result<u64> {
    let sql = "DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 \
        AND contact_id IN (SELECT contacts.id FROM {contacts})";
    execute(
        transaction,
        sql,
        [organization.0.into(), contact_list.into()],
        [Rows::ids("contacts", contact_ids)],
    )
    .await
}

/// Takes everybody out of a list whose id is above `after` and at most `up_to`, but for `kept`. Answers how many.
pub async fn remove_other_members(
    transaction: &Transaction,
    organization: OrganizationId,
    contact_list: Uuid,
    (after, up_to): (Uuid, Uuid),
    kept: &[Uuid],
) -> Result<u64> {
    let sql = "DELETE FROM contact_list_contacts WHERE organization_id = $1 AND contact_list_id = $2 \
        AND contact_id > $3 AND contact_id <= $4 AND contact_id NOT IN (SELECT kept.id FROM {kept})";
    execute(
        transaction,
        sql,
        [
            organization.0.into(),
            contact_list.into(),
            after.into(),
            up_to.into(),
        ],
        [Rows::ids("kept", kept.iter().copied())],
    )
    .await
}

/// The ids of the contacts that have one of these numbers or external_ids.
pub async fn ids_named_by(
    transaction: &Transaction,
    organization: OrganizationId,
    phones: impl Iterator<Item = PhoneNumber>,
    external_ids: impl Iterator<Item = Text>,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT c.id FROM {phones} JOIN contacts c ON c.organization_id = $1 AND c.phone = phones.phone \
        UNION SELECT c.id FROM {given} JOIN contacts c ON c.organization_id = $1 AND c.external_id = given.external_id";
    let statement = statement(
        transaction.backend(),
        sql,
        [organization.0.into()],
        [
            Rows::new("phones").texts("phone", phones.map(|phone| phone.as_str().to_owned())),
            Rows::new("given").texts("external_id", external_ids.map(|id| id.as_str().to_owned())),
        ],
    );
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}

/// Executes a statement, and answers how many rows it changed.
pub async fn execute<const N: usize>(
    transaction: &Transaction,
    sql: &'static str,
    scalars: [Value; N],
    sources: impl IntoIterator<Item = Rows>,
) -> Result<u64> {
    let statement = statement(transaction.backend(), sql, scalars, sources);
    Ok(transaction
        .db()
        .execute_raw(statement)
        .await?
        .rows_affected())
}

impl Said {
    pub(super) fn scalars(self, organization: OrganizationId) -> [Value; 4] {
        [
            organization.0.into(),
            self.change_time.into(),
            self.api_key_id.into(),
            self.update_id.into(),
        ]
    }
}
