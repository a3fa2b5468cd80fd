//! What the floors write beside the rows themselves: the same journal as the service, from which an update can be undone.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::floor::Chunk;

/// How many contacts a row of the journal has at most.
const ROW_CONTACTS: usize = 4096;

/// A member that left the list: contact, join time, and the update with which it joined.
pub type FormerMember = (Uuid, OffsetDateTime, Option<Uuid>);

/// A row of the journal: packed contacts, ordered by id.
pub struct JournalRow {
    pub kind: &'static str,
    pub position: i64,
    pub first: Uuid,
    pub last: Uuid,
    pub contacts: Vec<u8>,
}

/// The journal of an update.
pub fn rows(
    chunks: &[Chunk<'_>],
    opted_in: Vec<Uuid>,
    mut removed: Vec<FormerMember>,
) -> Vec<JournalRow> {
    let created = chunks.iter().flat_map(|chunk| &chunk.created);
    let updated = chunks.iter().flat_map(|chunk| &chunk.updated);
    let mut journal = packed_ids("created", created.map(|(id, _)| *id).collect());
    journal.extend(packed_ids("updated", updated.map(|(id, _)| *id).collect()));
    journal.extend(packed_ids("opted_in", opted_in));
    removed.sort_unstable();
    journal.extend(packed("removed", &removed, |member| member.0, pack_member));
    journal
}

fn packed_ids(kind: &'static str, mut ids: Vec<Uuid>) -> Vec<JournalRow> {
    ids.sort_unstable();
    packed(
        kind,
        &ids,
        |id| *id,
        |id, bytes| bytes.extend_from_slice(id.as_bytes()),
    )
}

fn packed<T>(
    kind: &'static str,
    contacts: &[T],
    id: impl Fn(&T) -> Uuid,
    pack: impl Fn(&T, &mut Vec<u8>),
) -> Vec<JournalRow> {
    let mut rows = Vec::new();
    for (position, chunk) in (0..).zip(contacts.chunks(ROW_CONTACTS)) {
        let mut bytes = Vec::new();
        chunk.iter().for_each(|contact| pack(contact, &mut bytes));
        rows.push(JournalRow {
            kind,
            position,
            first: id(&chunk[0]),
            last: id(&chunk[chunk.len() - 1]),
            contacts: bytes,
        });
    }
    rows
}

fn pack_member((contact, join_time, update): &FormerMember, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(contact.as_bytes());
    bytes.extend_from_slice(update.unwrap_or_default().as_bytes());
    let microseconds = (join_time.unix_timestamp_nanos() / 1000) as i64;
    bytes.extend_from_slice(&microseconds.to_be_bytes());
}
