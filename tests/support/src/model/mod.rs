//! The reference model of the rules: what an organization has, and what each call does to it. Plain steps in memory, without
//! chunks, locks or SQL. It shares nothing with the service but the contract's types, so that a mistake is not made twice.
//!
//! A method for each call takes the request and returns what the service must answer, without what the service chooses:
//! ids, times and the wording of messages. A call that is refused changes nothing.

mod bulk;
mod channels;
mod checks;
mod choices;
mod contacts;
mod group;
mod lists;
mod objects;
mod pairs;
mod plan;
mod preferences;
mod records;
mod refusal;
mod stream;
mod traces;
mod undo;
mod update;
mod word;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use contact_lists::proto::{
    self, CustomObject, RevertContactListUpdateResponse as Reverted,
    UpdateContactListContactsResponse as Outcome,
};
use prost_types::Struct;

pub use checks::number;
pub use choices::{revert_without_choices, without_choices};
pub use pairs::Pairs;
pub use preferences::{OptState, Preferences};
pub use refusal::Refusal;
pub use traces::{Part, Traces};
pub use word::Word;

/// The answer to a call, or why it is refused.
pub type Answer<T> = Result<T, Refusal>;

/// The number of a call in a sequence, which stands for the time at which it is applied.
pub type CallNumber = usize;

/// The model's own id of a contact. The service's id is not known before it is read.
pub type ContactKey = usize;

/// All that an organization has.
#[derive(Clone, Default)]
pub struct Organization {
    /// Whether its default region is Germany, so that it takes phone numbers in the national format.
    pub takes_national_numbers: bool,
    /// Its channels, oldest first.
    pub channels: Vec<Channel>,
    /// Its custom objects, oldest first, without times. Which one is the default is not in them.
    pub objects: Vec<CustomObject>,
    /// How many percent of a list's members an overwrite may remove, unless its header says otherwise.
    pub max_removed_percent: Option<f64>,
    /// The id of the custom object that was made the default one.
    pub made_default: Option<String>,
    /// Its lists, deleted ones too, oldest first.
    pub lists: Vec<List>,
    /// Its contacts.
    pub contacts: BTreeMap<ContactKey, Contact>,
    /// The preferences that unassigned numbers carry.
    pub numbers: BTreeMap<String, Preferences>,
    /// Its recorded updates, oldest first.
    pub updates: Vec<Arc<Update>>,
    /// The reverts of updates, oldest first.
    pub reverts: Vec<Revert>,
    /// How often each of the rarer things happened, to show that a run covers them.
    pub notes: BTreeMap<&'static str, u64>,
    next_contact: ContactKey,
    /// What the update that is being applied has done so far.
    traces: Traces,
}

/// A channel.
#[derive(Clone)]
pub struct Channel {
    /// The channel as the service shows it, without times.
    pub wire: proto::Channel,
    /// The call that created it.
    pub created: CallNumber,
    /// The call that changed it last.
    pub changed: CallNumber,
}

/// A contact list.
#[derive(Clone)]
pub struct List {
    /// The list as the service shows it, without times.
    pub wire: proto::ContactList,
    /// The call that created it.
    pub created: CallNumber,
    /// The call that changed it last; changes of its members don't count.
    pub changed: CallNumber,
    /// Its members, each with the call that added it.
    pub members: BTreeMap<ContactKey, CallNumber>,
}

/// A contact.
#[derive(Clone)]
pub struct Contact {
    /// The service's id, once it is known.
    pub id: Option<String>,
    /// The contact as the service shows it, without id, times and properties. Empty fields are absent.
    pub wire: proto::Contact,
    /// Its records, by the ids of their custom objects.
    pub records: BTreeMap<String, Struct>,
    /// Its communication preferences.
    pub preferences: Preferences,
    /// The call that created it.
    pub created: CallNumber,
    /// The call that changed its fields or records last.
    pub changed: CallNumber,
    /// What each call has changed of it, but for updates that were reverted, and reverts.
    pub changes: BTreeMap<CallNumber, BTreeSet<Part>>,
}

/// A recorded update.
#[derive(Clone)]
pub struct Update {
    /// The service's id, which the caller fills in.
    pub id: String,
    /// The call that applied it.
    pub applied: CallNumber,
    /// Its header as sent.
    pub header: proto::UpdateContactListContactsHeader,
    /// Its contacts as sent.
    pub contacts: Vec<proto::Contact>,
    /// The answer, without what the service chooses.
    pub outcome: Outcome,
    /// What it did.
    pub traces: Traces,
}

/// A revert of a recorded update.
#[derive(Clone)]
pub struct Revert {
    /// The service's id, which the caller fills in.
    pub id: String,
    /// The call that applied it.
    pub applied: CallNumber,
    /// The call that applied the update.
    pub update: CallNumber,
    /// Its `request_id`.
    pub request_id: Option<String>,
    /// The answer, without what the service chooses.
    pub answer: Reverted,
}

impl Organization {
    /// An organization with nothing in it.
    pub fn new(takes_national_numbers: bool, max_removed_percent: Option<f64>) -> Self {
        Self {
            takes_national_numbers,
            max_removed_percent,
            ..Self::default()
        }
    }

    /// Counts that something rarer happened.
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

    /// The contact that has this number.
    pub fn by_phone(&self, phone: &str) -> Option<ContactKey> {
        self.find(|contact| contact.wire.phone.as_deref() == Some(phone))
    }

    /// The contact that has this external_id. No contact has an empty one.
    pub fn by_external_id(&self, external_id: &str) -> Option<ContactKey> {
        self.find(|contact| contact.wire.external_id.as_deref() == Some(external_id))
    }

    /// The contact that has this id.
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
}
