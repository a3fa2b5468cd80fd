//! The response of `UpdateContactListContacts`.

use super::{count, count_of_pairs};
use crate::{
    domain::update_outcome::{RejectedContact, UpdateOutcome},
    proto::{self, UpdateContactListContactsResponse},
};

impl From<UpdateOutcome> for UpdateContactListContactsResponse {
    fn from(outcome: UpdateOutcome) -> Self {
        let counts = outcome.counts;
        Self {
            update_id: outcome
                .update_id
                .map_or_else(String::new, |id| id.to_string()),
            contact_list: Some(outcome.contact_list.into()),
            received_count: count(counts.received),
            created_count: count(counts.created),
            updated_count: count(counts.updated),
            unchanged_count: count(counts.unchanged),
            duplicate_count: count(counts.duplicate),
            rejected_count: count(counts.rejected),
            added_count: count(counts.added),
            removed_count: count(counts.removed),
            opted_in_count: count_of_pairs(counts.opted_in),
            kept_opt_out_count: count_of_pairs(counts.kept_opt_out),
            rejected_contacts: outcome
                .rejected_contacts
                .into_iter()
                .map(Into::into)
                .collect(),
            replayed: outcome.replayed,
        }
    }
}

impl From<RejectedContact> for proto::RejectedContact {
    fn from(contact: RejectedContact) -> Self {
        Self {
            index: count(contact.index.into()),
            violations: contact.violations.into_iter().map(Into::into).collect(),
        }
    }
}
