//! `ExportContactListContacts`: the list is read as of one instant into a spool, and sent from there. No transaction is
//! open while the client reads, and a slow or vanished one costs no more than the spool.

use std::cmp::Ordering;

use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use uuid::Uuid;

use super::members::wire_member;
use crate::{
    auth::Place,
    domain::OrganizationId,
    error::Result,
    proto::{ContactListContact, ExportContactListContactsResponse},
    repository::{
        Repository, Transaction, contacts,
        contacts::{Member, MemberFilter},
    },
    spool::{Item, Spool, SpoolQuota},
};

/// How many members one statement reads.
const PAGE_SIZE: u64 = 1000;

/// The most members of a message.
const MAX_MESSAGE_CONTACTS: usize = 500;

/// The most bytes of a message, unless one member alone has more.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// The messages of the answer. One waits while the client reads the one before.
pub type Messages = ReceiverStream<Result<ExportContactListContactsResponse, Status>>;

impl Item for Member {
    fn order(&self, other: &Self) -> Ordering {
        self.contact.id.cmp(&other.contact.id)
    }

    fn size_bytes(&self) -> usize {
        // A guess that is too large rather than too small: what is kept in memory is bounded by it.
        let record = self.record.as_ref().map_or(0, |record| record.len() * 128);
        size_of::<Self>() + 512 + record
    }
}

/// Reads the members as of one instant.
pub async fn members(
    repository: &Repository,
    organization: OrganizationId,
    filter: MemberFilter,
    quota: &SpoolQuota,
) -> Result<Spool<Member>> {
    let input = (organization, filter, quota.clone());
    repository
        .snapshot(input, |(organization, filter, quota), transaction| {
            Box::pin(spool(transaction, *organization, *filter, quota))
        })
        .await
}

async fn spool(
    transaction: &Transaction,
    organization: OrganizationId,
    filter: MemberFilter,
    quota: &SpoolQuota,
) -> Result<Spool<Member>> {
    let mut spool = Spool::new(quota);
    let mut after = Uuid::nil();
    loop {
        transaction.check_caller()?;
        let page =
            contacts::members(transaction.db(), organization, filter, after, PAGE_SIZE).await?;
        let Some(last) = page.last() else {
            spool.sort();
            return Ok(spool);
        };
        after = last.contact.id;
        for member in page {
            spool.push(member)?;
        }
    }
}

/// Sends the members at the client's pace. The call keeps its `place` until the last one is sent.
pub fn send(members: Spool<Member>, place: Option<Place>) -> Messages {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let _place = place;
        let mut message = Batch::default();
        for member in members.iter() {
            let member = match member {
                Ok(member) => wire_member(member.into_owned()),
                Err(failure) => {
                    let _ = sender.send(Err(failure.into())).await;
                    return;
                }
            };
            if let Some(full) = message.add(member)
                && sender.send(Ok(full)).await.is_err()
            {
                // The client is gone.
                return;
            }
        }
        if !message.members.is_empty() {
            let _ = sender.send(Ok(message.take())).await;
        }
    });
    ReceiverStream::new(receiver)
}

/// A message while it fills.
#[derive(Default)]
struct Batch {
    members: Vec<ContactListContact>,
    bytes: usize,
}

impl Batch {
    /// Adds a member, and answers the message before it if that is full.
    fn add(&mut self, member: ContactListContact) -> Option<ExportContactListContactsResponse> {
        let bytes = member.encoded_len() + 8;
        let is_full = self.members.len() == MAX_MESSAGE_CONTACTS
            || !self.members.is_empty() && self.bytes + bytes > MAX_MESSAGE_BYTES;
        let full = is_full.then(|| self.take());
        self.bytes += bytes;
        self.members.push(member);
        full
    }

    fn take(&mut self) -> ExportContactListContactsResponse {
        self.bytes = 0;
        ExportContactListContactsResponse {
            contact_list_contacts: std::mem::take(&mut self.members),
        }
    }
}
