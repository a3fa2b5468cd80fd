//! The outcome of opt-outs in bulk.

use serde::{Deserialize, Serialize};

use super::update_outcome::RejectedContact;

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOutOutcome {
    /// The counts.
    pub counts: OptOutCounts,
    /// The rejected contacts with the lowest indexes.
    pub rejected_contacts: Vec<RejectedContact>,
    /// Whether this is the recorded outcome of an earlier call.
    #[serde(skip)]
    pub replayed: bool,
}

/// The counts of a call. Every contact received is in one of opted_out, unchanged, duplicate and rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOutCounts {
    /// Contacts that arrived.
    pub received: u64,
    /// Contacts and unassigned numbers that were newly opted out of something.
    pub opted_out: u64,
    /// Those that were opted out of all of it.
    pub unchanged: u64,
    /// Contacts that name what another one names.
    pub duplicate: u64,
    /// Contacts that were not applied.
    pub rejected: u64,
    /// The unassigned numbers among those opted out or unchanged.
    pub unassigned_numbers: u64,
    /// Pairs of contact, or number, and channel that were newly opted out.
    pub opted_out_pairs: u64,
    /// Pairs that already were.
    pub unchanged_pairs: u64,
}
