//! The contacts of a call: which are valid by themselves, which make a group, which are rejected, and who each group is.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::{Contact, CustomObject, ErrorReason as Reason};
use prost_types::Struct;

use super::{ContactKey, Organization, checks, refusal::Violation, stream::has_properties};

/// The contacts of a call with the same phone, folded into one.
#[derive(Clone)]
pub struct Group {
    /// The number in E.164.
    pub phone: String,
    /// What they say together, later values winning.
    pub said: Contact,
    /// Their places in the stream.
    pub indexes: Vec<usize>,
    /// The non-empty external_ids that they give.
    external_ids: BTreeSet<String>,
    /// Who it is, as decided by what was stored before; none: somebody new.
    pub stored: Option<ContactKey>,
}

/// What becomes of the contacts of a call.
#[derive(Default)]
pub struct Sorted {
    /// Those that are applied, in the order of their phones.
    pub groups: Vec<Group>,
    /// All that is wrong with each of the others, by their places in the stream.
    pub rejected: BTreeMap<usize, Vec<Violation>>,
    /// The stored contacts that the rejected ones name by phone or external_id.
    pub named: BTreeSet<ContactKey>,
}

impl Organization {
    /// Sorts the contacts of a call by what is stored before it.
    pub fn sort(&self, contacts: &[Contact], object: Option<&CustomObject>) -> Sorted {
        let mut sorted = Sorted::default();
        let mut groups = self.fold(contacts, object, &mut sorted);
        let conflict = || vec![(String::new(), Reason::ConflictingDuplicate)];

        let (contradictory, rest) = part(groups, |group| group.external_ids.len() > 1);
        groups = rest;
        let shared = more_than_once(groups.iter().filter_map(Group::external_id));
        let (sharing, rest) = part(groups, |group| {
            group.external_id().is_some_and(|id| shared.contains(&id))
        });
        groups = rest;
        for group in contradictory.into_iter().chain(sharing) {
            self.reject(&mut sorted, &group, conflict());
        }

        let targets: Vec<_> = groups.iter().map(|group| self.target(group)).collect();
        let contested = more_than_once(targets.iter().filter_map(|(target, _)| *target));
        for (mut group, (target, wrong)) in groups.into_iter().zip(targets) {
            let mut violations: Vec<Violation> = wrong.into_iter().collect();
            violations.extend(self.missing_properties(&group.said, target, object));
            if target.is_some_and(|target| contested.contains(&target)) {
                violations.extend(conflict());
            }
            group.stored = target;
            if violations.is_empty() {
                sorted.groups.push(group);
            } else {
                self.reject(&mut sorted, &group, violations);
            }
        }
        sorted
    }

    /// Makes groups of the contacts that are valid by themselves, and rejects the others.
    fn fold(
        &self,
        contacts: &[Contact],
        object: Option<&CustomObject>,
        sorted: &mut Sorted,
    ) -> Vec<Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (index, contact) in contacts.iter().enumerate() {
            let wrong = self.check(contact, object);
            let phone = checks::number(
                contact.phone.as_deref().unwrap_or_default(),
                self.takes_national_numbers,
            );
            let Some(phone) = phone.clone().ok().filter(|_| wrong.is_empty()) else {
                let names = |field: &str| !wrong.iter().any(|(wrong, _)| wrong == field);
                let external_id = contact
                    .external_id
                    .as_deref()
                    .filter(|_| names("external_id"));
                self.name(sorted, phone.ok().as_deref(), external_id);
                sorted.rejected.insert(index, wrong);
                continue;
            };
            let group = groups
                .entry(phone.clone())
                .or_insert_with(|| Group::of(phone));
            group.add(index, contact);
        }
        groups.into_values().collect()
    }

    /// The stored contact that a group is, by external_id (a) or by phone (b), and why it may not be that one.
    fn target(&self, group: &Group) -> (Option<ContactKey>, Option<Violation>) {
        let external_id = group.external_id();
        let by_external_id = external_id
            .as_deref()
            .and_then(|id| self.by_external_id(id));
        let by_phone = self.by_phone(&group.phone);
        match (by_external_id, by_phone) {
            (Some(a), Some(b)) if a != b => {
                (Some(a), Some(("phone".to_owned(), Reason::PhoneTaken)))
            }
            (Some(a), _) => (Some(a), None),
            (None, Some(b)) => {
                let has_none = self.contacts[&b].wire.external_id.is_none();
                if has_none || external_id.is_none() {
                    (Some(b), None)
                } else {
                    let wrong = ("external_id".to_owned(), Reason::ExternalIdMismatch);
                    (None, Some(wrong))
                }
            }
            (None, None) => (None, None),
        }
    }

    /// The required properties that would end without a value.
    pub fn missing_properties(
        &self,
        said: &Contact,
        target: Option<ContactKey>,
        object: Option<&CustomObject>,
    ) -> Vec<Violation> {
        let Some(object) = object.filter(|_| has_properties(said)) else {
            return Vec::new();
        };
        let record = self.merged_record(said, target, object);
        let required = object.properties.iter().filter(|it| it.required);
        required
            .filter(|it| !record.fields.contains_key(&it.key))
            .map(|it| (format!("properties.{}", it.key), Reason::PropertyRequired))
            .collect()
    }

    /// The record that a contact ends with: the stored one, or a new one with its defaults, with what is said merged in.
    pub fn merged_record(
        &self,
        said: &Contact,
        target: Option<ContactKey>,
        object: &CustomObject,
    ) -> Struct {
        let stored = target.and_then(|key| self.contacts[&key].records.get(&object.id));
        let mut record = stored.cloned().unwrap_or_else(|| {
            let defaults = object
                .properties
                .iter()
                .filter_map(|it| Some((it.key.clone(), checks::default_of(it)?.clone())));
            Struct {
                fields: defaults.collect(),
            }
        });
        for (key, value) in said.properties.iter().flat_map(|it| &it.fields) {
            if checks::is_null(value) {
                record.fields.remove(key);
            } else {
                record.fields.insert(key.clone(), value.clone());
            }
        }
        record
    }

    fn reject(&self, sorted: &mut Sorted, group: &Group, violations: Vec<Violation>) {
        for index in &group.indexes {
            sorted.rejected.insert(*index, violations.clone());
        }
        self.name(sorted, Some(&group.phone), None);
        for external_id in &group.external_ids {
            self.name(sorted, None, Some(external_id));
        }
    }

    fn name(&self, sorted: &mut Sorted, phone: Option<&str>, external_id: Option<&str>) {
        sorted.named.extend(phone.and_then(|it| self.by_phone(it)));
        sorted
            .named
            .extend(external_id.and_then(|it| self.by_external_id(it)));
    }
}

impl Group {
    fn of(phone: String) -> Self {
        Self {
            phone,
            said: Contact::default(),
            indexes: Vec::new(),
            external_ids: BTreeSet::new(),
            stored: None,
        }
    }

    /// The external_id that it ends with; an empty one is none.
    fn external_id(&self) -> Option<String> {
        self.said.external_id.clone().filter(|id| !id.is_empty())
    }

    fn add(&mut self, index: usize, later: &Contact) {
        fn win<T: Clone>(earlier: &mut Option<T>, later: &Option<T>) {
            if later.is_some() {
                earlier.clone_from(later);
            }
        }
        self.indexes.push(index);
        let given = later.external_id.clone().filter(|id| !id.is_empty());
        self.external_ids.extend(given);
        win(&mut self.said.external_id, &later.external_id);
        win(&mut self.said.email, &later.email);
        win(&mut self.said.name, &later.name);
        win(&mut self.said.language, &later.language);
        win(&mut self.said.default_channel_id, &later.default_channel_id);
        win(&mut self.said.address, &later.address);
        win(&mut self.said.birth_date, &later.birth_date);
        for (key, value) in later.properties.iter().flat_map(|it| &it.fields) {
            let properties = self.said.properties.get_or_insert_default();
            properties.fields.insert(key.clone(), value.clone());
        }
    }
}

fn part(groups: Vec<Group>, is_first: impl Fn(&Group) -> bool) -> (Vec<Group>, Vec<Group>) {
    groups.into_iter().partition(is_first)
}

fn more_than_once<T: Ord + Clone>(items: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| !seen.insert(item.clone())).collect()
}
