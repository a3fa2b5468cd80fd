//! The header of an update.

use std::fmt;

use strum::{EnumString, IntoStaticStr};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    channel::ChannelReference, consent::Consent, custom_object::ObjectReference, percent::Percent,
};

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
    /// The version that the list must have.
    pub expected_version: Option<u64>,
    /// How many members may leave the list.
    pub max_removed_count: Option<u64>,
    /// How many percent of the members may leave the list.
    pub max_removed_percent: Option<Percent>,
    /// How the contacts said that they want messages, where they bring no consent of their own.
    pub consent: Option<Consent>,
    /// When the header arrived: the time of opt-ins for which none is given.
    pub arrival_time: OffsetDateTime,
}

impl UpdateHeader {
    /// The `request_id` under which the update is recorded; `None` if it is not, as with `validate_only`.
    pub fn recorded_id(&self) -> Option<Uuid> {
        self.request_id.filter(|_| !self.validate_only)
    }

    /// When the person said so to whom `consent` belongs.
    pub fn said_at(&self, consent: Option<&Consent>) -> OffsetDateTime {
        consent
            .and_then(|it| it.collect_time)
            .unwrap_or(self.arrival_time)
    }

    /// The header's consent with its time: opt-ins refer to it.
    pub fn dated_consent(&self) -> Option<Consent> {
        let consent = self.consent.clone()?;
        let collect_time = Some(self.said_at(Some(&consent)));
        Some(Consent {
            collect_time,
            ..consent
        })
    }

    /// Whether the update may have no contacts: only an overwrite that is meant to empty the list.
    pub fn may_empty_list(&self) -> bool {
        self.allow_empty && self.action == Action::Overwrite
    }

    /// Returns the limit that the update is over if it removes `removed` of `before` members. `default` is the organization's
    /// own limit, which holds for an overwrite whose header has no percentage.
    pub fn exceeded_limit(
        &self,
        removed: u64,
        before: u64,
        default: Option<Percent>,
    ) -> Option<RemovalLimit> {
        let default = default.filter(|_| self.action == Action::Overwrite);
        let percent = self.max_removed_percent.or(default);
        let count = self.max_removed_count.filter(|limit| removed > *limit);
        let percent = percent.filter(|percent| !percent.allows(removed, before));
        count
            .map(RemovalLimit::Count)
            .or(percent.map(RemovalLimit::Percent))
    }
}

/// How many members an update may remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalLimit {
    /// So many.
    Count(u64),
    /// So many percent of those before it.
    Percent(Percent),
}

impl fmt::Display for RemovalLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Percent(percent) => write!(f, "{percent} percent"),
        }
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
