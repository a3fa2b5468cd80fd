//! The floor on PostgreSQL: UNNEST of arrays in chunks of 2000. It reads what is stored first, and writes only differences.

use sqlx::{Connection, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::{
    data::Person,
    floor::{Action, Chunk, Counts, Stored, StoredRow, Update, elsewhere, resolve},
    floor_journal::{self, FormerMember},
};

const CHUNK_SIZE: usize = 2000;

/// Updates a list in one transaction.
pub async fn update(
    connection: &mut PgConnection,
    update: Update,
    people: &[Person],
) -> anyhow::Result<()> {
    let mut transaction = connection.begin().await?;
    let (list_count, version): (i64, i64) = sqlx::query_as(
        "SELECT contact_count, version FROM contact_lists WHERE organization_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(update.tenant.organization)
    .bind(update.list)
    .fetch_one(&mut *transaction)
    .await?;
    let channels = hold(&mut transaction, update).await?;
    let mut chunks = Vec::new();
    for chunk in people.chunks(CHUNK_SIZE) {
        chunks.push(look_up(&mut transaction, update, chunk).await?);
    }
    let (mut counts, mut removed, mut opted_in) = (Counts::default(), Vec::new(), Vec::new());
    if update.action == Action::Overwrite {
        removed = remove_others(&mut transaction, update, &chunks).await?;
    }
    for chunk in &chunks {
        counts.add_chunk(chunk);
        write_contacts(&mut transaction, update, chunk).await?;
        if update.action == Action::Remove {
            removed.extend(remove(&mut transaction, update, chunk).await?);
        } else {
            let (count, incomplete) = opt_in(&mut transaction, update, chunk, &channels).await?;
            counts.opted_in += count;
            opted_in.extend(incomplete);
            counts.added += add_members(&mut transaction, update, chunk).await?;
        }
    }
    counts.removed = removed.len() as u64;
    write_journal(&mut transaction, update, &chunks, (opted_in, removed)).await?;
    let list = (list_count + counts.change(), version + 1);
    record(&mut transaction, update, people.len(), &counts, list).await?;
    transaction.commit().await?;
    Ok(())
}

/// Writes the list's count and version, and the update's record.
async fn record(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    received: usize,
    counts: &Counts,
    (list_count, version): (i64, i64),
) -> anyhow::Result<()> {
    sqlx::query(
        "UPDATE contact_lists SET contact_count = $3, version = $4 WHERE organization_id = $1 AND id = $2",
    )
    .bind(update.tenant.organization)
    .bind(update.list)
    .bind(list_count)
    .bind(version)
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO contact_list_updates \
        (organization_id, id, contact_list_id, action, api_key_id, create_time, outcome, list_version) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(update.tenant.organization)
    .bind(update.id)
    .bind(update.list)
    .bind(update.action.name())
    .bind(update.tenant.api_key)
    .bind(update.now)
    .bind(counts.outcome(&update, received, list_count))
    .bind(version)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Locks what the service locks: the organization and its channels.
async fn hold(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
) -> anyhow::Result<Vec<Uuid>> {
    // No unassigned number has an opt-out here. A new contact would have to inherit it.
    let opt_outs: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM opted_out_numbers n WHERE n.organization_id = $1) \
        FROM organizations o WHERE o.id = $1 FOR SHARE OF o",
    )
    .bind(update.tenant.organization)
    .fetch_one(&mut **transaction)
    .await?;
    anyhow::ensure!(!opt_outs, "the benchmark's people have no opt-outs");
    let channels = sqlx::query_scalar(
        "SELECT id FROM channels WHERE organization_id = $1 ORDER BY id FOR KEY SHARE",
    )
    .bind(update.tenant.organization)
    .fetch_all(&mut **transaction)
    .await?;
    Ok(channels)
}

async fn look_up<'a>(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    people: &'a [Person],
) -> anyhow::Result<Chunk<'a>> {
    let by_phone = "SELECT c.id, c.phone, c.external_id, c.email, c.name FROM UNNEST($2::text[]) AS given (phone) \
        JOIN contacts c ON c.organization_id = $1 AND c.phone = given.phone \
        ORDER BY c.phone FOR NO KEY UPDATE OF c";
    let by_external_id = "SELECT c.id, c.phone, c.external_id, c.email, c.name FROM UNNEST($2::text[]) AS given (id) \
        JOIN contacts c ON c.organization_id = $1 AND c.external_id = given.id \
        ORDER BY c.phone FOR NO KEY UPDATE OF c";
    let phones = people.iter().map(|person| person.phone.as_str()).collect();
    let by_phone = stored(transaction, update, by_phone, phones).await?;
    let external_ids = elsewhere(people, &by_phone);
    let by_external_id = stored(transaction, update, by_external_id, external_ids).await?;
    resolve(people, &by_phone, &by_external_id)
}

async fn stored(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    sql: &'static str,
    values: Vec<&str>,
) -> anyhow::Result<Vec<Stored>> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<StoredRow> = sqlx::query_as(sql)
        .bind(update.tenant.organization)
        .bind(values)
        .fetch_all(&mut **transaction)
        .await?;
    Ok(rows.into_iter().map(Stored::from).collect())
}

async fn write_contacts(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    chunk: &Chunk<'_>,
) -> anyhow::Result<()> {
    let insert = "INSERT INTO contacts \
        (organization_id, id, phone, external_id, email, name, create_time, update_time) \
        SELECT $1, new.id, new.phone, new.external_id, new.email, new.name, $2, $2 \
        FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) \
        AS new (id, phone, external_id, email, name)";
    let change = "UPDATE contacts AS c SET phone = new.phone, external_id = COALESCE(new.external_id, c.external_id), \
        email = new.email, name = new.name, update_time = $2 \
        FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]) \
        AS new (id, phone, external_id, email, name) WHERE c.organization_id = $1 AND c.id = new.id";
    for (sql, people) in [(insert, &chunk.created), (change, &chunk.updated)] {
        if people.is_empty() {
            continue;
        }
        let column = |value: fn(&Person) -> &str| -> Vec<&str> {
            people.iter().map(|(_, person)| value(person)).collect()
        };
        let ids: Vec<Uuid> = people.iter().map(|(id, _)| *id).collect();
        let external_ids: Vec<Option<&str>> = people
            .iter()
            .map(|(_, person)| person.external_id.as_deref())
            .collect();
        sqlx::query(sql)
            .bind(update.tenant.organization)
            .bind(update.now)
            .bind(ids)
            .bind(column(|person| &person.phone))
            .bind(external_ids)
            .bind(column(|person| &person.email))
            .bind(column(|person| &person.name))
            .execute(&mut **transaction)
            .await?;
    }
    if !chunk.updated.is_empty() {
        sqlx::query(
            "INSERT INTO contact_changes (organization_id, contact_id, change_id, change_time, old_values) \
            SELECT $1, old.id, $2, $3, old.old_values FROM UNNEST($4::uuid[], $5::text[]) AS old (id, old_values)",
        )
        .bind(update.tenant.organization)
        .bind(update.id)
        .bind(update.now)
        .bind(chunk.updated.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(&chunk.old_values)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// Opts new contacts in without a check; of the stored ones, a count for each tells which opt-ins are missing. Returns how many
/// opt-ins were made, and those of the stored contacts that got some.
async fn opt_in(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    chunk: &Chunk<'_>,
    channels: &[Uuid],
) -> anyhow::Result<(u64, Vec<Uuid>)> {
    let insert = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT $1, contact.id, channel.id, TRUE, $2, $3, $4 \
        FROM UNNEST($5::uuid[]) AS contact (id) CROSS JOIN UNNEST($6::uuid[]) AS channel (id)";
    let insert_missing = "INSERT INTO communication_preferences \
        (organization_id, contact_id, channel_id, opted_in, change_time, api_key_id, update_id) \
        SELECT $1, contact.id, channel.id, TRUE, $2, $3, $4 \
        FROM UNNEST($5::uuid[]) AS contact (id) CROSS JOIN UNNEST($6::uuid[]) AS channel (id) \
        ON CONFLICT (organization_id, contact_id, channel_id) DO NOTHING";
    let mut incomplete: Vec<Uuid> = Vec::new();
    if !chunk.stored.is_empty() {
        incomplete = sqlx::query_scalar(
            "SELECT contact.id FROM UNNEST($2::uuid[]) AS contact (id) \
            WHERE (SELECT COUNT(*) FROM communication_preferences p WHERE p.organization_id = $1 \
            AND p.contact_id = contact.id AND p.channel_id = ANY ($3) AND p.opted_in) < $4",
        )
        .bind(update.tenant.organization)
        .bind(&chunk.stored)
        .bind(channels)
        .bind(channels.len() as i64)
        .fetch_all(&mut **transaction)
        .await?;
    }
    let created: Vec<Uuid> = chunk.created.iter().map(|(id, _)| *id).collect();
    let mut opted_in = 0;
    for (sql, contacts) in [(insert, &created), (insert_missing, &incomplete)] {
        if contacts.is_empty() {
            continue;
        }
        opted_in += sqlx::query(sql)
            .bind(update.tenant.organization)
            .bind(update.now)
            .bind(update.tenant.api_key)
            .bind(update.id)
            .bind(contacts)
            .bind(channels)
            .execute(&mut **transaction)
            .await?
            .rows_affected();
    }
    Ok((opted_in, incomplete))
}

async fn add_members(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    chunk: &Chunk<'_>,
) -> anyhow::Result<u64> {
    let insert = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
        SELECT $1, $2, contact.id, $3, $4 FROM UNNEST($5::uuid[]) AS contact (id)";
    let insert_missing = "INSERT INTO contact_list_contacts (organization_id, contact_list_id, contact_id, join_time, update_id) \
        SELECT $1, $2, contact.id, $3, $4 FROM UNNEST($5::uuid[]) AS contact (id) \
        ON CONFLICT (organization_id, contact_list_id, contact_id) DO NOTHING";
    let created: Vec<Uuid> = chunk.created.iter().map(|(id, _)| *id).collect();
    let mut added = 0;
    for (sql, contacts) in [(insert, &created), (insert_missing, &chunk.stored)] {
        if contacts.is_empty() {
            continue;
        }
        added += sqlx::query(sql)
            .bind(update.tenant.organization)
            .bind(update.list)
            .bind(update.now)
            .bind(update.id)
            .bind(contacts)
            .execute(&mut **transaction)
            .await?
            .rows_affected();
    }
    Ok(added)
}

/// Removes a chunk's members. A new contact is not one yet.
async fn remove(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    chunk: &Chunk<'_>,
) -> anyhow::Result<Vec<FormerMember>> {
    let sql = "DELETE FROM contact_list_contacts m USING UNNEST($3::uuid[]) AS contact (id) \
        WHERE m.organization_id = $1 AND m.contact_list_id = $2 AND m.contact_id = contact.id \
        RETURNING m.contact_id, m.join_time, m.update_id";
    let removed = sqlx::query_as(sql)
        .bind(update.tenant.organization)
        .bind(update.list)
        .bind(&chunk.stored)
        .fetch_all(&mut **transaction)
        .await?;
    Ok(removed)
}

async fn remove_others(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    chunks: &[Chunk<'_>],
) -> anyhow::Result<Vec<FormerMember>> {
    let kept: Vec<Uuid> = chunks
        .iter()
        .flat_map(|chunk| chunk.stored.iter().copied())
        .collect();
    let sql = "DELETE FROM contact_list_contacts m WHERE m.organization_id = $1 AND m.contact_list_id = $2 \
        AND NOT EXISTS (SELECT FROM UNNEST($3::uuid[]) AS kept (id) WHERE kept.id = m.contact_id) \
        RETURNING m.contact_id, m.join_time, m.update_id";
    let removed = sqlx::query_as(sql)
        .bind(update.tenant.organization)
        .bind(update.list)
        .bind(kept)
        .fetch_all(&mut **transaction)
        .await?;
    Ok(removed)
}

async fn write_journal(
    transaction: &mut Transaction<'_, Postgres>,
    update: Update,
    chunks: &[Chunk<'_>],
    (opted_in, removed): (Vec<Uuid>, Vec<FormerMember>),
) -> anyhow::Result<()> {
    for row in floor_journal::rows(chunks, opted_in, removed) {
        sqlx::query(
            "INSERT INTO journal \
            (organization_id, change_id, kind, position, create_time, first_contact_id, last_contact_id, contacts) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(update.tenant.organization)
        .bind(update.id)
        .bind(row.kind)
        .bind(row.position)
        .bind(update.now)
        .bind(row.first)
        .bind(row.last)
        .bind(row.contacts)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}
