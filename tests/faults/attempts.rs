//! Updates that may be cut off.

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;
use tonic::Status;

use test_support::*;

use crate::helpers::{new_id, numbered_contacts};

/// How many contacts an update has.
pub const CONTACTS: u32 = 60;

/// What an update does.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Adds new contacts to the shared list.
    Add,
    /// Makes new contacts the only members of the caller's own list.
    Overwrite,
    /// Removes the members that the caller added last from the shared list.
    Remove,
}

/// An update that is sent, and may be sent again.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub kind: Kind,
    pub list: String,
    pub first: u32,
    pub request_id: String,
}

impl Attempt {
    /// Sends it.
    pub async fn send(&self, caller: &Client) -> Result<Outcome, Status> {
        let header = header(&self.list).request_id(&self.request_id);
        let header = match self.kind {
            Kind::Add => header.add(),
            Kind::Overwrite => header.overwrite(),
            Kind::Remove => header.remove(),
        };
        caller
            .update(header, numbered_contacts(self.first, CONTACTS))
            .await
    }

    /// Whether this one, if it is applied, removes another one's members.
    pub fn undoes(&self, other: &Self) -> bool {
        match self.kind {
            Kind::Add => false,
            Kind::Overwrite => self.list == other.list,
            Kind::Remove => self.first == other.first,
        }
    }

    /// Checks an answer's counts: those of the one time that the update was applied.
    pub fn assert_counts(&self, outcome: &Outcome) {
        let contacts = CONTACTS as i32;
        let (created, unchanged, added, removed) = match self.kind {
            // An overwrite removes the members that the caller's last one added, if there was one.
            Kind::Add | Kind::Overwrite => (contacts, 0, contacts, outcome.removed_count),
            Kind::Remove => (0, contacts, 0, contacts),
        };
        let expected = Outcome {
            created_count: created,
            unchanged_count: unchanged,
            added_count: added,
            removed_count: removed,
            ..outcome.clone()
        };
        assert_eq!(*outcome, expected, "{self:?}");
    }
}

/// A caller, and what it has sent.
#[derive(Clone)]
pub struct Sender {
    pub client: Client,
    shared_list: String,
    own_list: String,
    next: u32,
    /// The first contact that it added last and has not removed yet.
    added: Option<u32>,
}

impl Sender {
    /// The next update: a remove, an overwrite or an add, as `choice` is 0, 1 or 2. Without anything to remove, 0 is an add.
    pub fn next(&mut self, choice: usize) -> Attempt {
        let (kind, list, first) = match (choice, self.added.take()) {
            (0, Some(added)) => (Kind::Remove, &self.shared_list, added),
            (1, added) => {
                self.added = added;
                (Kind::Overwrite, &self.own_list, self.next)
            }
            _ => {
                self.added = Some(self.next);
                (Kind::Add, &self.shared_list, self.next)
            }
        };
        if first == self.next {
            self.next += CONTACTS;
        }
        Attempt {
            kind,
            list: list.clone(),
            first,
            request_id: new_id(),
        }
    }
}

/// Callers that share one list and have another of their own, in an organization with one channel.
pub async fn senders(service: &Service, count: u32) -> Vec<Sender> {
    let admin = service.admin();
    admin.create_channel("+12025550100").await;
    let shared_list = admin.create_list("Shared").await;
    let mut senders = Vec::new();
    for n in 0..count {
        senders.push(Sender {
            client: service.admin(),
            shared_list: shared_list.clone(),
            own_list: admin.create_list(&format!("Own {n}")).await,
            next: n * (80_000_000 / count),
            added: None,
        });
    }
    senders
}
