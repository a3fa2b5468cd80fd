//! What taking an update back came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contact_list::ContactList;

/// What a revert did.
#[derive(Debug, Clone, PartialEq)]
pub struct RevertOutcome {
    /// The id under which it is recorded; `None` for `validate_only`.
    pub update_id: Option<Uuid>,
    /// The update that it took back.
    pub reverted_update_id: Uuid,
    /// The list right after it.
    pub contact_list: ContactList,
    /// The counts.
    pub counts: RevertCounts,
    /// Whether this is the recorded outcome of an earlier call.
    pub replayed: bool,
}

/// The counts of a revert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevertCounts {
    /// Members that the update had added, and that left.
    pub removed: u64,
    /// Members that the update had removed, and that are back.
    pub restored_members: u64,
    /// Opt-ins of the update that were taken back.
    pub withdrawn_opt_ins: u64,
    /// Opt-outs that the update had lifted, and that are in force again.
    pub restored_opt_outs: u64,
    /// Contacts of which a field, the number or the record has its earlier value again.
    pub restored_contacts: u64,
    /// Contacts that the update had created, and that were erased.
    pub erased_contacts: u64,
    /// What stayed as it is, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

/// Why something stays as it is in a revert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The contact was erased: it can't be a member again, nor have its earlier values.
    ContactErased,
    /// The contact has changed since: what changed keeps its value, and a created contact is not erased.
    ContactChanged,
    /// The created contact is on a list, or has spoken since: it is not erased.
    ContactInUse,
    /// Another contact has the earlier number.
    PhoneTaken,
    /// Another contact has the earlier external_id.
    ExternalIdTaken,
    /// The earlier default channel is deleted.
    ChannelDeleted,
    /// The custom object of the earlier record is deleted.
    CustomObjectDeleted,
}

impl RevertCounts {
    /// Counts something that stays as it is.
    pub fn skip(&mut self, reason: SkipReason, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason).or_default() += count;
        }
    }
}
