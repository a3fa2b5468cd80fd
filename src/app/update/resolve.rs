//! Which stored contact a group of a call is, decided by what is stored before the update.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    contact::Contact,
    phone_number::PhoneNumber,
    text::Text,
    violation::{Reason, Violation},
};

/// The stored contact that a group of a call is, if it is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Identity<'a> {
    /// No stored contact.
    New,
    /// A stored contact with the same external_id; its number may change.
    ByExternalId(&'a Contact),
    /// A stored contact with the same phone; its external_id may be set.
    ByPhone(&'a Contact),
    /// A stored contact with the same external_id, whose new number another stored contact has.
    PhoneTaken(&'a Contact),
    /// No stored contact, but the number is that of one with another external_id.
    ExternalIdMismatch,
}

/// Why a group is rejected unless the stored contact that has its number gives it up in the same update.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum NumberConflict {
    /// The number is not that of the contact with the external_id.
    PhoneTaken,
    /// The external_id is not that of the contact with the number.
    ExternalIdMismatch,
}

/// Decides which contact a group is. `by_external_id` and `by_phone` are the stored contacts with its external_id and its
/// phone.
pub fn resolve<'a>(
    external_id: Option<&Text>,
    by_external_id: Option<&'a Contact>,
    by_phone: Option<&'a Contact>,
) -> Identity<'a> {
    match (by_external_id, by_phone) {
        (Some(contact), Some(other)) if contact.id != other.id => Identity::PhoneTaken(contact),
        (Some(contact), _) => Identity::ByExternalId(contact),
        (None, Some(contact)) => {
            if contact.fields.external_id.is_none() || external_id.is_none() {
                Identity::ByPhone(contact)
            } else {
                Identity::ExternalIdMismatch
            }
        }
        (None, None) => Identity::New,
    }
}

impl<'a> Identity<'a> {
    /// The stored contact that the group resolves to.
    pub fn contact(self) -> Option<&'a Contact> {
        match self {
            Self::ByExternalId(contact) | Self::ByPhone(contact) | Self::PhoneTaken(contact) => {
                Some(contact)
            }
            Self::New | Self::ExternalIdMismatch => None,
        }
    }

    /// The stored contact that another group of the call could resolve to as well: one by its external_id, the other by
    /// its phone.
    pub fn contestable(self, phone: PhoneNumber) -> Option<Uuid> {
        match self {
            Self::ByExternalId(contact) | Self::PhoneTaken(contact) => {
                (contact.phone != phone).then_some(contact.id)
            }
            Self::ByPhone(contact) => contact.fields.external_id.as_ref().map(|_| contact.id),
            Self::New | Self::ExternalIdMismatch => None,
        }
    }

    /// What keeps the group from having its number, if another stored contact has it.
    pub fn number_conflict(self) -> Option<NumberConflict> {
        match self {
            Self::PhoneTaken(_) => Some(NumberConflict::PhoneTaken),
            Self::ExternalIdMismatch => Some(NumberConflict::ExternalIdMismatch),
            Self::New | Self::ByExternalId(_) | Self::ByPhone(_) => None,
        }
    }
}

impl NumberConflict {
    /// The violation, where the number is not given up.
    pub fn violation(self) -> Violation {
        match self {
            Self::PhoneTaken => Violation::new(
                Reason::PhoneTaken,
                "phone",
                "belongs to another contact than the external_id",
            ),
            Self::ExternalIdMismatch => Violation::new(
                Reason::ExternalIdMismatch,
                "external_id",
                "differs from that of the contact with this phone",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::ContactFields;

    fn stored(phone: &str, external_id: Option<&str>) -> Contact {
        Contact {
            id: Uuid::new_v4(),
            phone: PhoneNumber::from_stored(phone).unwrap(),
            fields: ContactFields {
                external_id: external_id.map(|id| Text::from_stored(id.to_owned())),
                ..ContactFields::default()
            },
        }
    }

    #[test]
    fn every_case_of_the_rules() {
        let given = Text::from_stored("a".to_owned());
        let given = Some(&given);
        let with_a = stored("+1", Some("a"));
        let with_b = stored("+2", Some("b"));
        let without = stored("+3", None);
        for (external_id, by_external_id, by_phone, expected) in [
            (None, None, None, Identity::New),
            (given, None, None, Identity::New),
            (given, Some(&with_a), None, Identity::ByExternalId(&with_a)),
            (
                given,
                Some(&with_a),
                Some(&with_a),
                Identity::ByExternalId(&with_a),
            ),
            (
                given,
                Some(&with_a),
                Some(&without),
                Identity::PhoneTaken(&with_a),
            ),
            (
                given,
                Some(&with_a),
                Some(&with_b),
                Identity::PhoneTaken(&with_a),
            ),
            (given, None, Some(&without), Identity::ByPhone(&without)),
            (given, None, Some(&with_b), Identity::ExternalIdMismatch),
            (None, None, Some(&with_b), Identity::ByPhone(&with_b)),
            (None, None, Some(&without), Identity::ByPhone(&without)),
        ] {
            assert_eq!(resolve(external_id, by_external_id, by_phone), expected);
        }
    }
}
