//! What is stored of how preferences changed: their history, and those that there are now as its last entries.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, QueryResult, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Transaction,
    entity::parse_name,
    preferences::{consent, origin},
    sql::statement,
};
use crate::{
    domain::{
        OrganizationId,
        consent::Consent,
        preference::NumberHash,
        preference_history::{CURRENT, HistoryItem, HistoryKey, KEPT_OUT},
        preference_set::HistoryKind,
    },
    error::{Error, Result},
};

/// Whose history is read.
#[derive(Debug, Clone, Copy)]
pub struct HistoryOf {
    /// The contact that has the number, if there is one.
    pub contact: Option<Uuid>,
    /// The number.
    pub number: NumberHash,
}

/// Returns at most `limit` items of a contact and its number, or of an unassigned number, with a key above `after`, in order.
pub async fn page(
    transaction: &Transaction,
    organization: OrganizationId,
    of: HistoryOf,
    after: HistoryKey,
    limit: u64,
) -> Result<Vec<HistoryItem>> {
    let columns = "change_time, api_key_id, update_id, collect_time, consent_id, channel_id";
    let history = format!(
        "SELECT {columns}, h.kind, h.change_id, h.contact_id, h.number_hash, CASE h.kind WHEN 'taken_over' THEN 0 \
         WHEN 'lifted' THEN 1 WHEN 'withdrawn' THEN 2 ELSE 3 END AS position \
         FROM preference_changes h WHERE h.organization_id = $1 AND h.change_time >= $4"
    );
    // Subqueries, as a join could read all consents of the organization.
    let own = "(SELECT";
    let of_own = " FROM consents k WHERE k.organization_id = $1 AND k.contact_id = p.contact_id \
        AND k.number_hash = p.number_hash AND k.id = p.consent_id)";
    let kind = "CASE WHEN p.opted_in THEN 'opted_in' ELSE 'opted_out' END";
    let sql = format!(
        "SELECT p.change_time, p.api_key_id, p.update_id, p.collect_time, p.consent_id, p.channel_id, p.kind, p.position, \
         p.change_id, p.contact_id, {own} k.source{of_own}, {own} k.evidence{of_own}, \
         (SELECT u.consent{{as_text}} FROM contact_list_updates u WHERE u.organization_id = $1 AND u.id = p.update_id \
         AND p.consent_id IS NULL AND p.contact_id <> {{nil}}) FROM (\
         {history} AND h.contact_id = $2 AND h.number_hash = {{no_hash}} UNION ALL \
         {history} AND h.contact_id = {{nil}} AND h.number_hash = $3 UNION ALL \
         SELECT {columns}, {kind}, {{nil}}, p.contact_id, {{no_hash}}, {CURRENT} FROM communication_preferences p \
         WHERE p.organization_id = $1 AND p.contact_id = $2 UNION ALL \
         SELECT {columns}, {kind}, {{nil}}, {{nil}}, p.number_hash, {CURRENT} FROM opted_out_numbers p \
         WHERE p.organization_id = $1 AND p.number_hash = $3) p \
         WHERE (p.change_time, p.channel_id, p.position, p.change_id) > ($4, $5, $6, $7) \
         ORDER BY p.change_time, p.channel_id, p.position, p.change_id LIMIT $8"
    );
    let scalars: [Value; 8] = [
        organization.0.into(),
        of.contact.unwrap_or_default().into(),
        of.number.to_vec().into(),
        after.change_time.into(),
        after.channel_id.into(),
        i32::from(after.rank).into(),
        after.change_id.into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let statement = statement(transaction.backend(), &sql, scalars, [])?;
    let rows = transaction.db().query_all_raw(statement).await?;
    rows.iter().map(item).collect()
}

fn item(row: &QueryResult) -> Result<HistoryItem> {
    let origin = origin(row, 0)?;
    let kind: String = row.try_get_by_index(6)?;
    let kind: HistoryKind = parse_name(&kind)?;
    let rank: i32 = row.try_get_by_index(7)?;
    let contact: Uuid = row.try_get_by_index(9)?;
    let kind = match kind {
        // A number is opted in to nothing.
        HistoryKind::OptedIn if contact.is_nil() => HistoryKind::Lifted,
        kind => kind,
    };
    let was_said = !matches!(kind, HistoryKind::TakenOver | HistoryKind::Withdrawn);
    let consent = if was_said {
        consent(row, 10, &origin)?
    } else {
        None
    };
    let of_consent = consent.as_ref().and_then(|it| it.collect_time);
    Ok(HistoryItem {
        key: HistoryKey {
            change_time: origin.change_time,
            channel_id: row.try_get_by_index(5)?,
            rank: i16::try_from(rank).map_err(Error::internal)?,
            change_id: row.try_get_by_index(8)?,
        },
        kind,
        api_key_id: origin.api_key_id,
        update_id: origin.update_id,
        said_at: was_said.then(|| of_consent.unwrap_or(origin.said_at())),
        consent,
    })
}

/// How many bytes the journal has of a pair that was kept out: the contact's id, and the channel's.
const PAIR_BYTES: usize = 32;

/// Returns the opt-ins of a contact that opt-outs kept out, as long as the journal has them: those to `channels` with a key above
/// `after`, in order, and at least the first `limit` of those up to `up_to`.
pub async fn kept_out(
    transaction: &Transaction,
    organization: OrganizationId,
    (contact, channels): (Uuid, &HashSet<Uuid>),
    (after, up_to): (HistoryKey, Option<OffsetDateTime>),
    limit: usize,
) -> Result<Vec<HistoryItem>> {
    // Subqueries, as a join could read all updates of the organization.
    let sql = "SELECT j.create_time, j.change_id, (SELECT u.api_key_id FROM contact_list_updates u \
        WHERE u.organization_id = $1 AND u.id = j.change_id), k.source, k.evidence, \
        (SELECT u.consent{as_text} FROM contact_list_updates u WHERE u.organization_id = $1 AND u.id = j.change_id), \
        j.contacts FROM journal j LEFT JOIN consents k ON k.organization_id = $1 AND k.contact_id = $2 AND k.number_hash = {no_hash} \
        AND k.id = j.change_id \
        WHERE j.organization_id = $1 AND j.kind = 'kept_opt_outs' AND j.first_contact_id <= $2 AND j.last_contact_id >= $2 \
        AND j.create_time >= $3 AND j.create_time <= COALESCE($4, j.create_time) AND {index_of}(j.contacts, $5) > 0 \
        ORDER BY j.create_time, j.change_id, j.position";
    let scalars: [Value; 5] = [
        organization.0.into(),
        contact.into(),
        after.change_time.into(),
        up_to.into(),
        contact.as_bytes().to_vec().into(),
    ];
    let statement = statement(transaction.backend(), sql, scalars, [])?;
    let mut kept: Vec<HistoryItem> = Vec::new();
    let read = |row: &QueryResult| {
        let change_time: OffsetDateTime = row.try_get_by_index(0)?;
        let is_later = |last: &HistoryItem| last.key.change_time < change_time;
        if kept.len() >= limit && kept.last().is_some_and(is_later) {
            return Ok(None);
        }
        let pairs: Vec<u8> = row.try_get_by_index(6)?;
        let consent = consent_of_update(row, 3)?;
        for pair in pairs.chunks_exact(PAIR_BYTES) {
            let (of, channel) = pair.split_at(PAIR_BYTES / 2);
            let key = HistoryKey {
                change_time,
                channel_id: Uuid::from_slice(channel).map_err(Error::internal)?,
                rank: KEPT_OUT,
                change_id: row.try_get_by_index(1)?,
            };
            if of == contact.as_bytes() && key > after && channels.contains(&key.channel_id) {
                kept.push(HistoryItem {
                    key,
                    kind: HistoryKind::KeptOut,
                    api_key_id: row.try_get_by_index(2)?,
                    update_id: Some(key.change_id),
                    said_at: consent.as_ref().and_then(|it| it.collect_time),
                    consent: consent.clone(),
                });
            }
        }
        Ok(Some(()))
    };
    transaction.db().read_while(statement, read).await?;
    kept.sort_unstable_by_key(|item| item.key);
    Ok(kept)
}

/// Reads the consent that belongs to what an update did not write: the contact's own, whose time is with its preferences alone,
/// or else the header's.
fn consent_of_update(row: &QueryResult, first: usize) -> Result<Option<Consent>> {
    let source: Option<String> = row.try_get_by_index(first)?;
    let evidence: Option<String> = row.try_get_by_index(first + 1)?;
    let of_header: Option<String> = row.try_get_by_index(first + 2)?;
    let own = source.zip(evidence).map(|(source, evidence)| Consent {
        source: source.parse().ok(),
        evidence,
        collect_time: None,
    });
    match (own, of_header) {
        (Some(own), _) => Ok(Some(own)),
        (None, Some(text)) => Ok(Some(serde_json::from_str(&text).map_err(Error::internal)?)),
        (None, None) => Ok(None),
    }
}
