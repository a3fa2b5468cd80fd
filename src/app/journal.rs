//! What a change does to contacts, packed: what undo, the history of consent and a feed of changes need beside the rows themselves.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::{OrganizationId, old_values::OldValues},
    error::{Error, Result},
    repository::{
        Repository, Transaction, TransactionOutcome,
        bulk::FormerMember,
        journal::{self, JournalKind, JournalRow},
    },
    spool::{Item, Spool, SpoolQuota},
};

/// How many contacts a row of the journal has at most.
const ROW_CONTACTS: usize = 4096;

/// How many rows one statement inserts at most.
const STATEMENT_ROWS: usize = 16;

/// How many bytes of each kind are kept in memory.
const MEMORY_BYTES: u64 = 1024 * 1024;

/// What is written of a contact in a row of the journal: always as many bytes.
pub trait Packed: Item {
    /// How many bytes.
    const BYTES: usize;

    /// The contact's id.
    fn contact_id(&self) -> Uuid;

    /// Adds the bytes.
    fn pack(&self, bytes: &mut Vec<u8>);

    /// Reads what [`Self::pack`] has written.
    fn unpack(bytes: &[u8]) -> Option<Self>;
}

/// A pair of contact and channel that an opt-out kept from being opted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOptOut {
    /// The contact.
    pub contact_id: Uuid,
    /// The channel.
    pub channel_id: Uuid,
}

impl Item for KeptOptOut {
    fn order(&self, other: &Self) -> Ordering {
        (self.contact_id, self.channel_id).cmp(&(other.contact_id, other.channel_id))
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Packed for Uuid {
    const BYTES: usize = 16;

    fn contact_id(&self) -> Uuid {
        *self
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }
}

impl Packed for KeptOptOut {
    const BYTES: usize = 32;

    fn contact_id(&self) -> Uuid {
        self.contact_id
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        self.contact_id.pack(bytes);
        self.channel_id.pack(bytes);
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (contact, channel) = bytes.split_at_checked(Uuid::BYTES)?;
        Some(Self {
            contact_id: Uuid::unpack(contact)?,
            channel_id: Uuid::unpack(channel)?,
        })
    }
}

impl Packed for FormerMember {
    const BYTES: usize = 40;

    fn contact_id(&self) -> Uuid {
        self.contact_id
    }

    fn pack(&self, bytes: &mut Vec<u8>) {
        self.contact_id.pack(bytes);
        self.update_id.unwrap_or_default().pack(bytes);
        let microseconds = self.join_time.unix_timestamp_nanos() / 1000;
        bytes.extend_from_slice(&(microseconds as i64).to_be_bytes());
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (contact, rest) = bytes.split_at_checked(Uuid::BYTES)?;
        let (update, time) = rest.split_at_checked(Uuid::BYTES)?;
        let microseconds = i64::from_be_bytes(time.try_into().ok()?);
        let nanoseconds = i128::from(microseconds) * 1000;
        Some(Self {
            contact_id: Uuid::unpack(contact)?,
            update_id: Uuid::unpack(update).filter(|id| !id.is_nil()),
            join_time: OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?,
        })
    }
}

/// What a change has done to contacts so far.
pub struct Journal {
    /// The change's id.
    pub change: Uuid,
    /// The contacts that it created.
    pub created: Spool<Uuid>,
    /// The stored contacts that it changed.
    pub updated: Spool<Uuid>,
    /// The stored contacts that it opted in to some channel.
    pub opted_in: Spool<Uuid>,
    /// The members that it removed.
    pub removed: Spool<FormerMember>,
    /// What it did not opt in.
    pub kept_opt_outs: Spool<KeptOptOut>,
}

impl Journal {
    /// Nothing yet.
    pub fn new(change: Uuid, quota: &SpoolQuota) -> Self {
        Self {
            change,
            created: Spool::with_memory(quota, MEMORY_BYTES),
            updated: Spool::with_memory(quota, MEMORY_BYTES),
            opted_in: Spool::with_memory(quota, MEMORY_BYTES),
            removed: Spool::with_memory(quota, MEMORY_BYTES),
            kept_opt_outs: Spool::with_memory(quota, MEMORY_BYTES),
        }
    }

    /// Writes all of it in the change's transaction.
    pub async fn write(
        mut self,
        transaction: &Transaction,
        organization: OrganizationId,
        change_time: OffsetDateTime,
    ) -> Result<()> {
        let mut writer = Writer {
            transaction,
            organization,
            change: (self.change, change_time),
            rows: Vec::new(),
        };
        writer.add(JournalKind::Created, &mut self.created).await?;
        writer.add(JournalKind::Updated, &mut self.updated).await?;
        writer.add(JournalKind::OptedIn, &mut self.opted_in).await?;
        writer.add(JournalKind::Removed, &mut self.removed).await?;
        let kept = &mut self.kept_opt_outs;
        writer.add(JournalKind::KeptOptOuts, kept).await?;
        writer.flush().await
    }
}

/// Notes that a call of its own changed a contact, and what that was.
pub async fn note_updated(
    transaction: &Transaction,
    organization: OrganizationId,
    (contact, old): (Uuid, OldValues),
    change_time: OffsetDateTime,
) -> Result<()> {
    let change = (Uuid::now_v7(), change_time);
    journal::insert_old_values(transaction, organization, change, &[(contact, old)]).await?;
    let row = JournalRow {
        kind: JournalKind::Updated,
        position: 0,
        first_contact_id: contact,
        last_contact_id: contact,
        contacts: contact.into_bytes().to_vec(),
    };
    journal::insert(transaction, organization, change, vec![row]).await
}

struct Writer<'a> {
    transaction: &'a Transaction,
    organization: OrganizationId,
    change: (Uuid, OffsetDateTime),
    rows: Vec<JournalRow>,
}

impl Writer<'_> {
    async fn add<T: Packed>(&mut self, kind: JournalKind, contacts: &mut Spool<T>) -> Result<()> {
        contacts.sort();
        let mut contacts = contacts.iter();
        for position in 0.. {
            let mut packed = Vec::new();
            let (mut first, mut last) = (None, Uuid::nil());
            for contact in contacts.by_ref().take(ROW_CONTACTS) {
                let contact = contact?;
                first = first.or(Some(contact.contact_id()));
                last = contact.contact_id();
                contact.pack(&mut packed);
            }
            let Some(first_contact_id) = first else {
                return Ok(());
            };
            self.rows.push(JournalRow {
                kind,
                position,
                first_contact_id,
                last_contact_id: last,
                contacts: packed,
            });
            if self.rows.len() == STATEMENT_ROWS {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.transaction.check_caller()?;
        let rows = std::mem::take(&mut self.rows);
        journal::insert(self.transaction, self.organization, self.change, rows).await
    }
}

/// Purges the journal's rows from before `time`, and what their contacts were before, a few in each transaction.
pub async fn purge(
    repository: &Repository,
    organization: OrganizationId,
    time: OffsetDateTime,
) -> Result<()> {
    let input = (organization, time);
    let purge_some = async || {
        repository
            .write(input, |(organization, time), transaction| {
                Box::pin(async move {
                    let count = purge_in(transaction, *organization, *time).await?;
                    Ok(TransactionOutcome::Commit(count))
                })
            })
            .await
    };
    while purge_some().await? == STATEMENT_ROWS {}
    Ok(())
}

async fn purge_in(
    transaction: &Transaction,
    organization: OrganizationId,
    time: OffsetDateTime,
) -> Result<usize> {
    let rows = journal::aged(transaction, organization, time, STATEMENT_ROWS as u32).await?;
    for row in &rows {
        let contacts: Vec<Uuid> = unpack(&row.changed)?;
        if !contacts.is_empty() {
            let contacts = contacts.into_iter();
            journal::forget_changes(transaction, organization, row.change_id, contacts).await?;
        }
        journal::delete(transaction, organization, row).await?;
    }
    Ok(rows.len())
}

/// Returns the contacts of a row of the journal.
pub fn unpack<T: Packed>(row: &[u8]) -> Result<Vec<T>> {
    let contacts = row.chunks(T::BYTES).map(T::unpack);
    let contacts: Option<Vec<T>> = contacts.collect();
    contacts.ok_or_else(|| Error::internal(anyhow::anyhow!("a row of the journal is malformed")))
}
