//! What `OptIn`, `OptOut` and `OptOutContacts` answer.

use contact_lists::proto::{
    ErrorReason as Reason, OptInResponse, OptOutContactsResponse, OptOutResponse, RejectedReference,
};

/// A reference that an opt-out left out: its index in the request, the wrong field and the reason.
pub type Rejected = (i32, String, Reason);

/// What an opt-in or an opt-out did, in pairs of a contact and a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// Newly opted in or out, as asked.
    pub changed: i64,
    /// Opted in or out before.
    pub unchanged: i64,
    /// Kept opted out by an opt-out that is not earlier than the opt-in.
    pub kept: i64,
    /// The contacts that an opt-out left out.
    pub rejected_contacts: Vec<Rejected>,
    /// The channels that it left out.
    pub rejected_channels: Vec<Rejected>,
}

impl From<OptInResponse> for Pairs {
    fn from(response: OptInResponse) -> Self {
        Self {
            changed: response.opted_in_count,
            unchanged: response.unchanged_count,
            kept: response.kept_opt_out_count,
            rejected_contacts: Vec::new(),
            rejected_channels: Vec::new(),
        }
    }
}

/// Without the wording of messages.
impl From<OptOutContactsResponse> for Pairs {
    fn from(response: OptOutContactsResponse) -> Self {
        let rejected = response.rejected_contacts.into_iter();
        let rejected = rejected.flat_map(|contact| {
            let violations = contact.violations.into_iter();
            violations.map(move |it| (contact.index, it.field.clone(), it.reason()))
        });
        Self {
            changed: response.opted_out_pair_count,
            unchanged: response.unchanged_pair_count,
            kept: 0,
            rejected_contacts: rejected.collect(),
            rejected_channels: Vec::new(),
        }
    }
}

/// Without the wording of messages.
impl From<OptOutResponse> for Pairs {
    fn from(response: OptOutResponse) -> Self {
        let rejected = |references: Vec<RejectedReference>| {
            let rejected = references.into_iter().flat_map(|reference| {
                let violations = reference.violations.into_iter();
                violations.map(move |it| (reference.index, it.field.clone(), it.reason()))
            });
            rejected.collect()
        };
        Self {
            changed: response.opted_out_count,
            unchanged: response.unchanged_count,
            kept: 0,
            rejected_contacts: rejected(response.rejected_contacts),
            rejected_channels: rejected(response.rejected_channels),
        }
    }
}
