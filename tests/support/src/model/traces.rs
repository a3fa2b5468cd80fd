//! What an update did, as far as taking it back needs it.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto;

use super::{CallNumber, Contact, ContactKey, Organization, Preferences};

/// What an update did.
#[derive(Clone, Default)]
pub struct Traces {
    /// The stored contacts that it was about, as they were.
    pub before: BTreeMap<ContactKey, Contact>,
    /// The contacts that it created.
    pub created: BTreeSet<ContactKey>,
    /// The stored contacts that it changed.
    pub changed: BTreeSet<ContactKey>,
    /// The opt-outs that came to contacts with their numbers.
    pub came: BTreeMap<ContactKey, Preferences>,
    /// The opt-outs that its opt-ins lifted.
    pub lifted: BTreeMap<ContactKey, Preferences>,
    /// The members that it removed, each with the call that had added it.
    pub removed: BTreeMap<ContactKey, CallNumber>,
}

/// A part of a contact that changes by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Field(Field),
    /// The record of the custom object with this id, which the contact did not have.
    NewRecord(String),
    /// A property of the record.
    Property(String, String),
}

/// A field of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Phone,
    ExternalId,
    Email,
    Name,
    Language,
    DefaultChannel,
    Address,
    BirthDate,
}

const FIELDS: [Field; 8] = [
    Field::Phone,
    Field::ExternalId,
    Field::Email,
    Field::Name,
    Field::Language,
    Field::DefaultChannel,
    Field::Address,
    Field::BirthDate,
];

impl Field {
    /// Sets the field to what it is in another contact.
    pub fn copy(self, from: &proto::Contact, to: &mut proto::Contact) {
        match self {
            Self::Phone => to.phone.clone_from(&from.phone),
            Self::ExternalId => to.external_id.clone_from(&from.external_id),
            Self::Email => to.email.clone_from(&from.email),
            Self::Name => to.name.clone_from(&from.name),
            Self::Language => to.language.clone_from(&from.language),
            Self::DefaultChannel => {
                to.default_channel_id.clone_from(&from.default_channel_id);
            }
            Self::Address => to.address.clone_from(&from.address),
            Self::BirthDate => to.birth_date.clone_from(&from.birth_date),
        }
    }

    fn differs(self, one: &proto::Contact, other: &proto::Contact) -> bool {
        let mut copy = one.clone();
        self.copy(other, &mut copy);
        copy != *one
    }
}

/// The parts in which two states of a contact differ.
pub fn parts_that_differ(before: &Contact, after: &Contact) -> BTreeSet<Part> {
    let fields = FIELDS.into_iter();
    let fields = fields.filter(|field| field.differs(&before.wire, &after.wire));
    let mut parts: BTreeSet<Part> = fields.map(Part::Field).collect();
    for (object, record) in &after.records {
        let old = before.records.get(object);
        if old.is_none() {
            parts.insert(Part::NewRecord(object.clone()));
        }
        let old = old.cloned().unwrap_or_default().fields;
        let keys = old.keys().chain(record.fields.keys());
        let changed = keys.filter(|key| old.get(*key) != record.fields.get(*key));
        parts.extend(changed.map(|key| Part::Property(object.clone(), key.clone())));
    }
    parts
}

impl Organization {
    pub(super) fn trace_before(&mut self, stored: impl Iterator<Item = ContactKey>) {
        let before = stored.map(|key| (key, self.contacts[&key].clone()));
        self.traces = Traces {
            before: before.collect(),
            ..Traces::default()
        };
    }

    /// Notes what became of a contact when its fields were written.
    pub(super) fn trace_written(&mut self, key: ContactKey, is_new: bool, changed: bool) {
        if is_new {
            self.traces.created.insert(key);
        } else if changed {
            self.traces.changed.insert(key);
        }
        let before = self.traces.before.get(&key);
        let before = before.map(|it| it.preferences.clone()).unwrap_or_default();
        let came = opt_outs_that_differ(&self.contacts[&key].preferences, &before);
        self.traces.came.insert(key, came);
    }

    /// Notes which opt-outs that a contact had are lifted.
    pub(super) fn trace_lifted(&mut self, key: ContactKey, met: Preferences) {
        let lifted = opt_outs_that_differ(&met, &self.contacts[&key].preferences);
        self.traces.lifted.insert(key, lifted);
    }
}

/// The opt-outs that are not in the other preferences.
fn opt_outs_that_differ(preferences: &Preferences, others: &Preferences) -> Preferences {
    let mut left = preferences.clone();
    left.own
        .retain(|channel, it| !it.opted_in && others.own.get(channel) != Some(it));
    left.all = left.all.filter(|it| others.all.as_ref() != Some(it));
    left
}
