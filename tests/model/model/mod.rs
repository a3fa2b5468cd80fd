//! The model: what an organization is, and what each call makes of it, as section 3 of the design says it - in memory, in
//! plain steps, without chunks, locks or SQL. It shares nothing with the service but the contract's types, so that the two
//! can only agree by both being right.
//!
//! A call works on a copy that takes the organization's place when the call succeeds: see [`Organization::attempt`].

mod channels;
mod checks;
mod contacts;
mod groups;
mod lists;
mod objects;
mod preferences;
mod refusal;
mod stream;
mod update;

use std::collections::BTreeMap;

use contact_lists::proto::{self, CustomObject, UpdateContactListContactsResponse as Outcome};
use prost_types::Struct;

pub use checks::number;
pub use preferences::{Preferences, State};
pub use refusal::Refusal;

/// What a call answers: what it did, or why it did nothing.
pub type Answer<T> = Result<T, Refusal>;

/// When something was said or written: the number of the call that did it, counted through a sequence.
pub type When = usize;

/// Names a contact of the model. The service's own id is learned by reading.
pub type ContactKey = usize;

/// All that an organization has.
#[derive(Clone, Default)]
pub struct Organization {
    /// Whether it takes phone numbers in Germany's national format.
    pub takes_national_numbers: bool,
    /// Its channels, in the order in which they were made.
    pub channels: Vec<Channel>,
    /// Its custom objects, in the order in which they were made, without times.
    pub objects: Vec<CustomObject>,
    /// Its lists, the deleted ones too, in the order in which they were made.
    pub lists: Vec<List>,
    /// Its contacts.
    pub contacts: BTreeMap<ContactKey, Contact>,
    /// What the numbers carry that are nobody's.
    pub numbers: BTreeMap<String, Preferences>,
    /// Its recorded updates, oldest first.
    pub updates: Vec<Update>,
    /// How often each of the rarer things happened, to see that a run has met them.
    pub notes: BTreeMap<&'static str, u64>,
    next_contact: ContactKey,
}

/// A channel.
#[derive(Clone)]
pub struct Channel {
    /// The channel as the service shows it, without times.
    pub wire: proto::Channel,
    /// When it was made.
    pub created: When,
    /// When it last changed.
    pub changed: When,
}

/// A contact list.
#[derive(Clone)]
pub struct List {
    /// The list as the service shows it, without times.
    pub wire: proto::ContactList,
    /// When it was made.
    pub created: When,
    /// When it last changed; its members don't count.
    pub changed: When,
    /// Who is on it, and since when.
    pub members: BTreeMap<ContactKey, When>,
}

/// A contact.
#[derive(Clone)]
pub struct Contact {
    /// The service's id, once it was read.
    pub id: Option<String>,
    /// The contact as the service shows it, without id, times and properties. What is empty is absent.
    pub wire: proto::Contact,
    /// Its records, by the ids of their custom objects.
    pub records: BTreeMap<String, Struct>,
    /// What it is opted in to and out of.
    pub preferences: Preferences,
    /// When it was made.
    pub created: When,
    /// When its fields or records last changed.
    pub changed: When,
}

/// A recorded update.
#[derive(Clone)]
pub struct Update {
    /// When it was applied.
    pub applied: When,
    /// Its header as sent.
    pub header: proto::UpdateContactListContactsHeader,
    /// Its contacts as sent.
    pub contacts: Vec<proto::Contact>,
    /// What it answered, without what the service chooses.
    pub outcome: Outcome,
}

impl Organization {
    /// An organization with nothing in it.
    pub fn new(takes_national_numbers: bool) -> Self {
        Self {
            takes_national_numbers,
            ..Self::default()
        }
    }

    /// Does all of `call` or nothing of it.
    pub fn attempt<T>(&mut self, call: impl FnOnce(&mut Self) -> Answer<T>) -> Answer<T> {
        let mut after = self.clone();
        let answer = call(&mut after)?;
        *self = after;
        Ok(answer)
    }

    /// Remembers that something rarer happened.
    fn note(&mut self, what: &'static str) {
        *self.notes.entry(what).or_default() += 1;
    }

    /// The list with this id.
    pub fn list(&self, id: &str) -> Answer<&List> {
        let found = self.lists.iter().find(|list| list.wire.id == id);
        found.ok_or_else(|| Refusal::not_found("contact_list", id))
    }

    fn list_mut(&mut self, id: &str) -> Answer<&mut List> {
        let found = self.lists.iter_mut().find(|list| list.wire.id == id);
        found.ok_or_else(|| Refusal::not_found("contact_list", id))
    }

    /// Who has this number.
    pub fn by_phone(&self, phone: &str) -> Option<ContactKey> {
        self.find(|contact| contact.wire.phone.as_deref() == Some(phone))
    }

    /// Who has this external_id. The empty one is nobody's.
    pub fn by_external_id(&self, external_id: &str) -> Option<ContactKey> {
        self.find(|contact| contact.wire.external_id.as_deref() == Some(external_id))
    }

    /// Who has this id.
    pub fn by_id(&self, id: &str) -> Option<ContactKey> {
        self.find(|contact| contact.id.as_deref() == Some(id))
    }

    fn find(&self, holds: impl Fn(&Contact) -> bool) -> Option<ContactKey> {
        let found = self.contacts.iter().find(|(_, contact)| holds(contact));
        found.map(|(key, _)| *key)
    }

    fn contact_mut(&mut self, key: ContactKey) -> &mut Contact {
        self.contacts.get_mut(&key).expect("a contact of the model")
    }

    /// The custom object that a request names, or the only one; `Err` is how many there are instead.
    pub fn object(&self, id: Option<&str>) -> Answer<Result<&CustomObject, usize>> {
        match (id, self.objects.as_slice()) {
            (Some(id), objects) => match objects.iter().find(|object| object.id == id) {
                Some(object) => Ok(Ok(object)),
                None => Err(Refusal::not_found("custom_object", id)),
            },
            (None, [only]) => Ok(Ok(only)),
            (None, others) => Ok(Err(others.len())),
        }
    }
}
