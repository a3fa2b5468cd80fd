//! The header of an update.

use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use super::{channel::ChannelReference, custom_object::ObjectReference};

/// The most channels that `opt_in_to` may name.
pub const MAX_OPT_IN_TO: usize = 1000;

/// A parsed header: what an update is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateHeader {
    /// The list to update.
    pub contact_list_id: Uuid,
    /// What happens to the list.
    pub action: Action,
    /// What the contacts are opted in to.
    pub opt_ins: OptIns,
    /// Whether contacts that opted out are opted in again.
    pub resubscribe: bool,
    /// The custom object that the contacts' properties belong to; `None` for the organization's default one.
    pub custom_object: Option<ObjectReference>,
    /// What a rejected contact does to the others.
    pub rejection_policy: RejectionPolicy,
    /// Makes the call idempotent.
    pub request_id: Option<Uuid>,
    /// Do everything but commit.
    pub validate_only: bool,
    /// Whether an overwrite without contacts empties the list.
    pub allow_empty: bool,
}

impl UpdateHeader {
    /// The `request_id` under which the update is recorded; `None` if it is not, as with `validate_only`.
    pub fn recorded_id(&self) -> Option<Uuid> {
        self.request_id.filter(|_| !self.validate_only)
    }

    /// Whether the update may have no contacts: only an overwrite that is meant to empty the list.
    pub fn may_empty_list(&self) -> bool {
        self.allow_empty && self.action == Action::Overwrite
    }
}

/// What happens to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Action {
    /// The contacts become members.
    Add,
    /// The contacts stop being members.
    Remove,
    /// The contacts become the only members.
    Overwrite,
}

impl Action {
    /// Returns the action's name, which is stored and logged.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What the contacts of an add or overwrite are opted in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptIns {
    /// Nothing.
    None,
    /// Every channel that the organization has at the commit.
    AllChannels,
    /// These channels.
    Channels(Vec<ChannelReference>),
}

/// What a rejected contact does to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionPolicy {
    /// Nothing is applied.
    RejectAll,
    /// The others are applied.
    Skip,
}
