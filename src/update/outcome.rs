//! What an update did: the counts and the rejected contacts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{contact_list::ContactList, violation::Violation};

/// The most rejected contacts that an answer lists.
const MAX_REJECTED_CONTACTS: usize = 10_000;

/// The most bytes of rejected contacts that an answer lists.
const MAX_REJECTED_BYTES: usize = 2 * 1024 * 1024;

/// What an update did.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateOutcome {
    /// The id under which it is recorded; none for `validate_only`.
    pub update_id: Option<Uuid>,
    /// The list right after the update.
    pub contact_list: ContactList,
    /// The counts.
    pub counts: Counts,
    /// The rejected contacts with the lowest indexes.
    pub rejected_contacts: Vec<RejectedContact>,
    /// Whether this is the recorded answer of an earlier call.
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
    /// Stored contacts that were as given.
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
    /// Contact-channel pairs that would have been, but for an opt-out.
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

/// The rejected contacts of an update: all counted, those with the lowest indexes kept.
#[derive(Debug, Clone, Default)]
pub struct Rejections {
    count: u64,
    kept: BTreeMap<u32, Vec<Violation>>,
    kept_bytes: usize,
}

impl Rejections {
    /// Rejects the contact at `index`.
    pub fn reject(&mut self, index: u32, violations: Vec<Violation>) {
        self.count += 1;
        self.kept_bytes += size_bytes(&violations);
        self.kept.insert(index, violations);
        while self.kept.len() > MAX_REJECTED_CONTACTS || self.kept_bytes > MAX_REJECTED_BYTES {
            let Some((_, dropped)) = self.kept.pop_last() else {
                break;
            };
            self.kept_bytes -= size_bytes(&dropped);
        }
    }

    /// How many contacts were rejected.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The kept ones, by index.
    pub fn into_contacts(self) -> Vec<RejectedContact> {
        self.kept
            .into_iter()
            .map(|(index, violations)| RejectedContact { index, violations })
            .collect()
    }
}

/// About how many bytes a rejected contact takes on the wire.
fn size_bytes(violations: &[Violation]) -> usize {
    let strings: usize = violations
        .iter()
        .map(|violation| violation.field.len() + violation.message.len() + 16)
        .sum();
    strings + 16
}
