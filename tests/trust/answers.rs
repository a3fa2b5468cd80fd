//! What calls return, of the service and of the reference model, in a form in which the two are equal.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::{
    RevertContactListUpdateResponse as Reverted, UpdateContactListContactsResponse as Outcome,
    contact_list,
};
use test_support::{
    model::{Pairs, Refusal, revert_without_choices, without_choices},
    reason, reason_name, violations,
};
use tonic::Status;

use crate::{calls::Number, snapshot::Contact};

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Updated(Updated),
    /// The answer to a revert, without what the service chooses.
    Reverted(Reverted),
    Refused(Refused),
    Done,
    /// Pairs of contact and channel.
    Preferences(Pairs),
    Members(BTreeSet<Number>),
    List {
        state: contact_list::State,
        contact_count: i32,
    },
    Contact(Number, Contact),
}

/// The answer to an update.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    /// The outcome without what the service chooses.
    pub outcome: Outcome,
    /// Whether the update is recorded, which `validate_only` calls are not.
    pub recorded: bool,
}

/// The whole answer to a call that is recorded, to be compared with its replays.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    Update(Outcome),
    Revert(Reverted),
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub reason: String,
    /// The reasons of the rejected contacts of an update, by the contacts' positions.
    pub rejected: BTreeMap<usize, BTreeSet<String>>,
}

impl Updated {
    /// The answer to an update with this outcome.
    pub fn new(outcome: Outcome, recorded: bool) -> Self {
        Self {
            outcome: without_choices(outcome),
            recorded,
        }
    }
}

impl Recorded {
    /// The answer without what the service chooses.
    pub fn answer(&self) -> Answer {
        match self.clone() {
            Self::Update(outcome) => {
                let is_recorded = !outcome.update_id.is_empty();
                Answer::Updated(Updated::new(outcome, is_recorded))
            }
            Self::Revert(reverted) => Answer::Reverted(revert_without_choices(reverted)),
        }
    }

    /// Whether it is the answer to an earlier call.
    pub fn is_replayed(&self) -> bool {
        match self {
            Self::Update(outcome) => outcome.replayed,
            Self::Revert(reverted) => reverted.replayed,
        }
    }

    /// The same as the answer to a first call, or to a later one.
    pub fn with_replayed(mut self, is_replayed: bool) -> Self {
        match &mut self {
            Self::Update(outcome) => outcome.replayed = is_replayed,
            Self::Revert(reverted) => reverted.replayed = is_replayed,
        }
        self
    }
}

impl Refused {
    fn new(reason: String, violations: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut rejected: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        if reason == "CONTACTS_REJECTED" {
            for (field, reason) in violations {
                let position = field.strip_prefix("contacts[");
                let position = position.and_then(|rest| rest.split(']').next()?.parse().ok());
                let position = position.expect("a contact's position");
                rejected.entry(position).or_default().insert(reason);
            }
        }
        Self { reason, rejected }
    }
}

impl From<&Status> for Refused {
    fn from(status: &Status) -> Self {
        Self::new(reason(status), violations(status))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let violations = refusal.violations.into_iter();
        let violations = violations.map(|(field, reason)| (field, reason_name(reason).to_owned()));
        Self::new(reason_name(refusal.reason).to_owned(), violations)
    }
}

impl Answer {
    /// Returns the answer without the reasons of rejected contacts. Which contacts are rejected stays.
    pub fn without_reasons(mut self) -> Self {
        match &mut self {
            Self::Updated(updated) => {
                let rejected = updated.outcome.rejected_contacts.iter_mut();
                rejected.for_each(|contact| contact.violations.clear());
            }
            Self::Refused(refused) => refused.rejected.values_mut().for_each(BTreeSet::clear),
            _ => {}
        }
        self
    }
}
