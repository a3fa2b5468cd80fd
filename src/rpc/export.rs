//! `ExportContactListContacts`: the list is read as of one instant into a spool, and sent from there. No transaction is open
//! while the client reads, and a client that is slow or has left costs no more than the spool.

use std::{cmp::Ordering, time::Duration};

use prost::Message;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use uuid::Uuid;

use super::{call::CallPermit, members::wire_member};
use crate::{
    domain::OrganizationId,
    error::{Error, Result},
    proto::{ContactListContact, ExportContactListContactsResponse},
    repository::{
        Repository, Transaction, contacts,
        contacts::{Member, MemberFilter},
    },
    spool::{Item, Spool, SpoolQuota},
    telemetry::{self, CallRecord},
};

/// The most members that one statement reads.
const PAGE_SIZE: u64 = 200;

/// The most members of a message.
const MAX_MESSAGE_CONTACTS: usize = 500;

/// The most bytes of a message, unless one member alone has more.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// How many bytes of an export are kept in memory: fewer than for an update, since a client may take its time to read.
const MEMORY_BYTES: u64 = 512 * 1024;

/// The messages of the response. One waits while the client reads the one before it.
pub type Messages = ReceiverStream<Result<ExportContactListContactsResponse, Status>>;

impl Item for Member {
    fn order(&self, other: &Self) -> Ordering {
        self.id().cmp(&other.id())
    }

    fn size_bytes(&self) -> usize {
        // Its size in the spool's file, which is about what its parts take in memory.
        size_of::<Self>() + postcard::to_stdvec(self).map_or(0, |encoded| encoded.len())
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
    let mut spool = Spool::with_memory(quota, MEMORY_BYTES);
    let mut after = Uuid::nil();
    loop {
        transaction.check_caller()?;
        let ids = after..=Uuid::max();
        let page = contacts::members(transaction, organization, filter, ids, PAGE_SIZE)
            .await?
            .rows;
        let Some(last) = page.last() else {
            spool.sort();
            return Ok(spool);
        };
        after = last.id();
        for member in page {
            spool.push(member)?;
        }
    }
}

/// Sends the members at the client's pace, until it has taken none for `idle_limit`. The call keeps its `permit` until then.
pub fn send(members: Spool<Member>, permit: Option<CallPermit>, idle_limit: Duration) -> Messages {
    // One message waits while the client reads; the other slot is kept for an error, so that a stream that is
    // cut off never looks complete.
    let (sender, receiver) = mpsc::channel(2);
    let sending = async move {
        let _permit = permit;
        let Ok(last_word) = sender.clone().reserve_owned().await else {
            return;
        };
        if let Err(error) = send_all(&members, &sender, idle_limit).await {
            // The response has begun, past the layer that notes the errors of calls.
            telemetry::note(|call| call.note_error(&error));
            last_word.send(Err(error.into()));
        }
    };
    tokio::spawn(CallRecord::current().scope(sending));
    ReceiverStream::new(receiver)
}

async fn send_all(
    members: &Spool<Member>,
    sender: &Sender<Result<ExportContactListContactsResponse, Status>>,
    idle_limit: Duration,
) -> Result<()> {
    let (mut message, mut returned_count) = (Batch::default(), 0);
    for member in members.iter() {
        returned_count += 1;
        if let Some(full) = message.add(wire_member(member?.into_owned())) {
            send_one(full, sender, idle_limit).await?;
        }
    }
    // Before the last message, with which the call can end.
    telemetry::note(|call| call.returned_count = Some(returned_count));
    if !message.members.is_empty() {
        send_one(message.take(), sender, idle_limit).await?;
    }
    Ok(())
}

async fn send_one(
    message: ExportContactListContactsResponse,
    sender: &Sender<Result<ExportContactListContactsResponse, Status>>,
    idle_limit: Duration,
) -> Result<()> {
    match tokio::time::timeout(idle_limit, sender.send(Ok(message))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Error::StreamBroken("the client left".to_owned())),
        Err(_) => Err(Error::StreamIdle {
            limit_seconds: idle_limit.as_secs(),
        }),
    }
}

/// A message that is being filled.
#[derive(Default)]
struct Batch {
    members: Vec<ContactListContact>,
    bytes: usize,
}

impl Batch {
    /// Adds a member. Returns the message before it if that is full.
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
