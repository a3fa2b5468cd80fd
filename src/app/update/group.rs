//! Groups: the contacts of a call that have the same phone, folded into one.

use std::{borrow::Cow, cmp::Ordering, collections::BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    claims::Claims,
    phone_set::PhoneSet,
    rejections::{RejectedKeys, Rejections},
};
use crate::{
    domain::{
        consent::Consent,
        contact::{Address, ContactChanges},
        phone_number::PhoneNumber,
        text::Text,
        violation::{Reason, Violation},
    },
    error::Result,
    spool::{Item, Spool, SpoolQuota},
};

/// A contact of the stream that is valid by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceivedContact {
    /// Its place in the stream, from 0.
    pub index: u32,
    /// What it says.
    pub changes: ContactChanges,
    /// Its encoded size.
    pub encoded_bytes: u32,
}

impl Item for ReceivedContact {
    fn order(&self, other: &Self) -> Ordering {
        (self.changes.phone, self.index).cmp(&(other.changes.phone, other.index))
    }

    fn size_bytes(&self) -> usize {
        let address = self
            .changes
            .fields
            .address
            .as_ref()
            .map_or(0, |_| size_of::<Address>());
        let consent = self
            .changes
            .consent
            .as_ref()
            .map_or(0, |_| size_of::<Consent>());
        size_of::<Self>() + address + consent + self.encoded_bytes as usize
    }
}

/// The contacts of the same phone, folded into one.
pub struct Group<'a> {
    /// The first contact, with what the later ones say.
    folded: Cow<'a, Box<ReceivedContact>>,
    later_indexes: Vec<u32>,
    /// The external_ids that a later contact replaced.
    earlier_external_ids: BTreeSet<Text>,
}

impl<'a> Group<'a> {
    fn of(first: Cow<'a, Box<ReceivedContact>>) -> Self {
        Self {
            folded: first,
            later_indexes: Vec::new(),
            earlier_external_ids: BTreeSet::new(),
        }
    }

    fn add(&mut self, later: Cow<'_, Box<ReceivedContact>>) {
        let (folded, later) = (self.folded.to_mut(), later.into_owned());
        self.later_indexes.push(later.index);
        let (old, new) = (&folded.changes.fields, &later.changes.fields);
        if new.external_id.is_some() && new.external_id != old.external_id {
            let earlier = folded.changes.given_external_id().cloned();
            self.earlier_external_ids.extend(earlier);
        }
        folded.encoded_bytes = folded.encoded_bytes.saturating_add(later.encoded_bytes);
        folded.changes.fold(later.changes);
    }

    /// What the contacts say together.
    pub fn changes(&self) -> &ContactChanges {
        &self.folded.changes
    }

    /// Their phone.
    pub fn phone(&self) -> PhoneNumber {
        self.folded.changes.phone
    }

    /// How many contacts come after the first.
    pub fn duplicate_count(&self) -> u32 {
        self.later_indexes.len() as u32
    }

    /// Their encoded size.
    pub fn encoded_bytes(&self) -> u32 {
        self.folded.encoded_bytes
    }

    /// Every external_id that one of the contacts has.
    fn external_ids(&self) -> impl Iterator<Item = &Text> {
        let last = self.changes().given_external_id();
        self.earlier_external_ids.iter().chain(last)
    }

    fn has_different_external_ids(&self) -> bool {
        let mut ids = self.external_ids();
        ids.next().is_some_and(|first| ids.any(|id| id != first))
    }

    /// Rejects every contact of the group.
    pub fn reject(&self, violations: &[Violation], rejected: &mut Rejections) -> Result<()> {
        for index in [self.folded.index].iter().chain(&self.later_indexes) {
            rejected.contacts.add(*index, violations.to_vec());
        }
        rejected.keys.push(RejectedKeys {
            phone: Some(self.phone()),
            external_id: None,
        })?;
        for external_id in self.external_ids() {
            rejected.keys.push(RejectedKeys {
                phone: None,
                external_id: Some(external_id.clone()),
            })?;
        }
        Ok(())
    }

    fn reject_as_conflicting(&self, message: &str, rejected: &mut Rejections) -> Result<()> {
        let violation = Violation::new(Reason::ConflictingDuplicate, "", message);
        self.reject(&[violation], rejected)
    }
}

/// The groups of a call that neither contradict themselves nor each other.
pub struct Groups {
    /// Sorted by phone.
    contacts: Spool<Box<ReceivedContact>>,
    /// The phones of the groups that are left out.
    conflicting: PhoneSet,
}

impl Groups {
    /// Groups the contacts. Rejects the groups with two external_ids, and those that share one. A group with two counts with
    /// each: which of them it is stays open.
    pub fn of(
        mut contacts: Spool<Box<ReceivedContact>>,
        rejected: &mut Rejections,
        quota: &SpoolQuota,
    ) -> Result<Self> {
        contacts.sort();
        let mut conflicting = PhoneSet::new(quota);
        let mut external_ids = Claims::new(quota);
        for group in groups(contacts.iter()) {
            let group = group?;
            if group.has_different_external_ids() {
                let message = "contacts of the call with this phone have different external_ids";
                group.reject_as_conflicting(message, rejected)?;
                conflicting.insert(group.phone())?;
                for external_id in group.external_ids() {
                    external_ids.claim(external_id.as_str(), group.phone())?;
                }
            } else if let Some(external_id) = group.changes().given_external_id() {
                external_ids.claim(external_id.as_str(), group.phone())?;
            }
        }
        let contested = external_ids.contested()?;
        if !contested.is_empty() {
            let mut contested = contested.lookup();
            for group in groups(contacts.iter()) {
                let group = group?;
                if contested.contains(group.phone())? && !group.has_different_external_ids() {
                    let message =
                        "contacts of the call with other phones have the same external_id";
                    group.reject_as_conflicting(message, rejected)?;
                    conflicting.insert(group.phone())?;
                }
            }
        }
        conflicting.sort();
        Ok(Self {
            contacts,
            conflicting,
        })
    }

    /// The groups, sorted by phone.
    pub fn iter(&self) -> impl Iterator<Item = Result<Group<'_>>> {
        let mut conflicting = self.conflicting.lookup();
        let applied = self.contacts.iter().filter_map(move |contact| {
            let contact = match contact {
                Ok(contact) => contact,
                Err(error) => return Some(Err(error)),
            };
            match conflicting.contains(contact.changes.phone) {
                Ok(true) => None,
                Ok(false) => Some(Ok(contact)),
                Err(error) => Some(Err(error)),
            }
        });
        groups(applied)
    }
}

/// Groups contacts that are sorted by phone.
fn groups<'a>(
    contacts: impl Iterator<Item = Result<Cow<'a, Box<ReceivedContact>>>>,
) -> impl Iterator<Item = Result<Group<'a>>> {
    let mut contacts = contacts.peekable();
    std::iter::from_fn(move || {
        let mut group = match contacts.next()? {
            Ok(first) => Group::of(first),
            Err(error) => return Some(Err(error)),
        };
        let phone = group.phone();
        while let Some(Ok(later)) =
            contacts.next_if(|next| next.as_ref().is_ok_and(|next| next.changes.phone == phone))
        {
            group.add(later);
        }
        Some(Ok(group))
    })
}
