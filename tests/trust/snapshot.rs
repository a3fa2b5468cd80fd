//! Everything that an organization has at one moment, except its recorded updates: as the rows of the database show it, or
//! as the reference model does.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::contact_list::State;
use test_support::{
    json_of,
    model::{self, ContactKey, Organization},
};

use crate::{
    calls::Number,
    id_map::IdMap,
    values::{PROPERTY, digits, number_of},
};

/// An organization at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The contacts, by their numbers.
    pub contacts: BTreeMap<Number, Contact>,
    pub lists: BTreeMap<u8, State>,
    pub channels: BTreeSet<u8>,
    /// The opt-outs of unassigned numbers.
    pub number_opt_outs: BTreeMap<Number, BTreeSet<u8>>,
}

/// A contact at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contact {
    /// Which one of the id map's contacts it is.
    pub known: Option<u32>,
    pub external_id: Option<u32>,
    pub name: Option<u32>,
    /// The value of the custom property.
    pub plan: Option<u32>,
    /// The lists that it is a member of.
    pub lists: BTreeSet<u8>,
    /// By channel: whether opted in.
    pub preferences: BTreeMap<u8, bool>,
}

impl Snapshot {
    /// The numbers of a list's members.
    pub fn members(&self, list: u8) -> impl Iterator<Item = Number> {
        let contacts = self.contacts.iter();
        let members = contacts.filter(move |(_, contact)| contact.lists.contains(&list));
        members.map(|(number, _)| *number)
    }

    /// The reference model's view.
    pub fn of(organization: &Organization, ids: &IdMap) -> Self {
        let contacts = organization.contacts.keys();
        let lists = organization.lists.iter();
        let channels = organization.channels.iter();
        let numbers = organization.numbers.iter();
        Self {
            contacts: contacts
                .map(|key| Contact::of(organization, *key, ids))
                .collect(),
            lists: lists
                .map(|list| (ids.list_of(&list.wire.id), list.wire.state()))
                .collect(),
            channels: channels
                .map(|channel| ids.channel_of(&channel.wire.id))
                .collect(),
            number_opt_outs: numbers
                .map(|(phone, carried)| (number_of(phone), opt_outs(carried, ids)))
                .collect(),
        }
    }
}

impl Contact {
    /// The reference model's view of a contact, with its number.
    pub fn of(organization: &Organization, key: ContactKey, ids: &IdMap) -> (Number, Self) {
        let contact = &organization.contacts[&key];
        let lists = organization.lists.iter();
        let lists = lists.filter(|list| list.members.contains_key(&key));
        let preferences = contact.preferences.own.iter();
        let record = contact.records.values().next();
        let view = Self {
            known: contact.id.as_deref().and_then(|id| ids.known_of(id)),
            external_id: contact.wire.external_id.as_deref().map(digits),
            name: contact.wire.name.as_deref().map(digits),
            plan: record.and_then(|record| json_of(record)[PROPERTY].as_str().map(digits)),
            lists: lists.map(|list| ids.list_of(&list.wire.id)).collect(),
            preferences: preferences
                .map(|(channel, word)| (ids.channel_of(channel), word.opted_in))
                .collect(),
        };
        (number_of(contact.wire.phone()), view)
    }
}

fn opt_outs(preferences: &model::Preferences, ids: &IdMap) -> BTreeSet<u8> {
    let own = preferences.own.iter();
    let opt_outs = own.filter(|(_, word)| !word.opted_in);
    opt_outs
        .map(|(channel, _)| ids.channel_of(channel))
        .collect()
}
