//! The outcome of an update.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{contact_list::ContactList, violation::Violation};

/// SHA-256 over a call's header and contacts as sent.
pub type Fingerprint = [u8; 32];

/// What an update did.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateOutcome {
    /// The id under which it is recorded; `None` for `validate_only`.
    pub update_id: Option<Uuid>,
    /// The list right after the update.
    pub contact_list: ContactList,
    /// The counts.
    pub counts: Counts,
    /// The rejected contacts with the lowest indexes.
    pub rejected_contacts: Vec<RejectedContact>,
    /// Whether this is the recorded outcome of an earlier call.
    pub replayed: bool,
}

/// The counts of an update. Every contact received is in one of created, updated, unchanged, duplicate and rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Contacts that arrived.
    pub received: u64,
    /// Contacts that are new.
    pub created: u64,
    /// Stored contacts whose row or record changed.
    pub updated: u64,
    /// Stored contacts that were already as given.
    pub unchanged: u64,
    /// Contacts folded into an earlier one of the same phone.
    pub duplicate: u64,
    /// Contacts that were not applied.
    pub rejected: u64,
    /// Contacts that became members.
    pub added: u64,
    /// Contacts that stopped being members.
    pub removed: u64,
    /// Contact-channel pairs newly opted in.
    pub opted_in: u64,
    /// Contact-channel pairs that an opt-out kept from being opted in.
    pub kept_opt_out: u64,
}

/// A contact that was not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedContact {
    /// Its place in the stream, from 0.
    pub index: u32,
    /// All that is wrong with it.
    pub violations: Vec<Violation>,
}
