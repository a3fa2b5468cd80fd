//! The response of `RevertContactListUpdate`.

use super::{count, count_of_pairs};
use crate::{
    domain::revert::{RevertOutcome, SkipReason},
    proto::{RevertContactListUpdateResponse, SkippedRestoration, skipped_restoration::Reason},
};

impl From<RevertOutcome> for RevertContactListUpdateResponse {
    fn from(outcome: RevertOutcome) -> Self {
        let counts = outcome.counts;
        Self {
            update_id: outcome
                .update_id
                .map_or_else(String::new, |id| id.to_string()),
            reverted_update_id: outcome.reverted_update_id.to_string(),
            contact_list: Some(outcome.contact_list.into()),
            removed_count: count(counts.removed),
            restored_member_count: count(counts.restored_members),
            withdrawn_opt_in_count: count_of_pairs(counts.withdrawn_opt_ins),
            restored_opt_out_count: count_of_pairs(counts.restored_opt_outs),
            restored_contact_count: count(counts.restored_contacts),
            erased_count: count(counts.erased_contacts),
            skipped: counts
                .skipped
                .into_iter()
                .map(|(reason, skipped)| SkippedRestoration {
                    reason: Reason::from(reason).into(),
                    count: count(skipped),
                })
                .collect(),
            replayed: outcome.replayed,
        }
    }
}

impl From<SkipReason> for Reason {
    fn from(reason: SkipReason) -> Self {
        match reason {
            SkipReason::ContactErased => Self::ContactErased,
            SkipReason::ContactChanged => Self::ContactChanged,
            SkipReason::ContactInUse => Self::ContactInUse,
            SkipReason::PhoneTaken => Self::PhoneTaken,
            SkipReason::ExternalIdTaken => Self::ExternalIdTaken,
            SkipReason::ChannelDeleted => Self::ChannelDeleted,
            SkipReason::CustomObjectDeleted => Self::CustomObjectDeleted,
        }
    }
}
