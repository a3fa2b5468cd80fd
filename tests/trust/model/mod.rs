//! A small model of the service: one call after another, on maps. Written from the contract, without a line of the
//! service's own code, so that a mistake is not made twice.

mod calls;
mod people;
mod plan;
mod update;

use std::collections::{BTreeMap, BTreeSet};

pub use calls::*;

/// All that an organization has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// The contacts, by their numbers.
    pub people: BTreeMap<Number, Person>,
    /// The lists; who is on them is said by the people.
    pub lists: BTreeMap<u8, ListState>,
    pub channels: BTreeSet<u8>,
    /// The opt-outs of numbers that are nobody's.
    pub number_opt_outs: BTreeMap<Number, BTreeSet<u8>>,
    /// The recorded updates, by their request_ids.
    pub records: BTreeMap<u32, Record>,
}

/// A contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Person {
    /// Which of those it is whose ids were learned when they were created.
    pub origin: Option<u32>,
    pub external_id: Option<u32>,
    pub name: Option<u32>,
    pub plan: Option<u32>,
    /// The lists that the person is on, deleted ones too.
    pub lists: BTreeSet<u8>,
    /// By channel: opted in, or out.
    pub preferences: BTreeMap<u8, bool>,
}

/// A recorded update.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// What was sent.
    pub update: Update,
    pub answer: Updated,
}

impl State {
    /// Makes a call, and answers what the service should.
    pub fn call(&mut self, call: &Call) -> Answer {
        match call {
            Call::Update(update) => self.update(update),
            Call::Archive { list, archived } => self.archive(*list, *archived),
            Call::DeleteList(list) => {
                self.lists.insert(*list, ListState::Deleted);
                Answer::Done
            }
            Call::Erase(who) => self.erase(*who),
            Call::Change {
                who,
                number,
                external_id,
                name,
            } => self.change(*who, *number, *external_id, *name),
            Call::Prefer {
                numbers,
                channels,
                opt_in,
            } => self.prefer(numbers, channels, *opt_in),
            Call::CreateChannel(channel) => {
                self.channels.insert(*channel);
                Answer::Done
            }
            Call::DeleteChannel(channel) => self.delete_channel(*channel),
            Call::ReadMembers(list) => Answer::Members(self.members(*list).collect()),
            Call::ReadList(list) => Answer::List {
                state: self.lists[list],
                contact_count: self.contact_count(*list),
            },
            Call::ReadPerson(number) => self.view(*number),
            Call::ReadUpdate(request) => match self.records.get(request) {
                Some(record) => Answer::Updated(record.answer.clone()),
                None => Answer::refused("RESOURCE_NOT_FOUND"),
            },
        }
    }

    /// The numbers of those on a list.
    pub fn members(&self, list: u8) -> impl Iterator<Item = Number> {
        let on_it = move |(_, person): &(&Number, &Person)| person.lists.contains(&list);
        self.people.iter().filter(on_it).map(|(number, _)| *number)
    }

    fn contact_count(&self, list: u8) -> i32 {
        self.members(list)
            .count()
            .try_into()
            .expect("a small count")
    }

    fn archive(&mut self, list: u8, archived: bool) -> Answer {
        if self.lists[&list] == ListState::Deleted {
            return Answer::refused("CONTACT_LIST_NOT_ACTIVE");
        }
        let state = if archived {
            ListState::Archived
        } else {
            ListState::Active
        };
        self.lists.insert(list, state);
        Answer::Done
    }

    fn delete_channel(&mut self, channel: u8) -> Answer {
        if !self.channels.contains(&channel) {
            return Answer::refused("RESOURCE_NOT_FOUND");
        }
        let is_used = |person: &Person| person.preferences.get(&channel) == Some(&true);
        if self.people.values().any(is_used) {
            return Answer::refused("RESOURCE_IN_USE");
        }
        self.channels.remove(&channel);
        for person in self.people.values_mut() {
            person.preferences.remove(&channel);
        }
        self.number_opt_outs.retain(|_, channels| {
            channels.remove(&channel);
            !channels.is_empty()
        });
        Answer::Done
    }

    fn view(&self, number: Number) -> Answer {
        let Some(person) = self.people.get(&number) else {
            return Answer::refused("RESOURCE_NOT_FOUND");
        };
        let is_shown = |list: &u8| self.lists[list] != ListState::Deleted;
        Answer::Person(View {
            number,
            external_id: person.external_id,
            name: person.name,
            plan: person.plan,
            lists: person.lists.iter().copied().filter(is_shown).collect(),
            preferences: person.preferences.clone(),
        })
    }
}
