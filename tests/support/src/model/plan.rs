//! Which contacts of a call are applied, to which stored contacts, and which are rejected: decided by what is stored before
//! the call.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use contact_lists::proto::{Contact, CustomObject, ErrorReason as Reason};

use super::{ContactKey, Organization, checks, group::Group, refusal::Violation};

/// What a call is to do with its contacts.
#[derive(Default)]
pub struct Plan {
    /// The groups to apply, in phone order.
    pub groups: Vec<Group>,
    /// All that is wrong with each rejected contact, by its position in the stream.
    pub rejected: BTreeMap<usize, Vec<Violation>>,
    /// The stored contacts that rejected ones name by phone or external_id.
    pub named: BTreeSet<ContactKey>,
    /// Whether a contact is rejected because the one that would give its number up is.
    pub rejected_with_giver: bool,
}

/// What a group resolves to.
struct Resolved {
    /// The stored contact; None for a new one.
    stored: Option<ContactKey>,
    /// What is wrong, if the number is not another contact's that keeps it.
    conflict: Option<Conflict>,
    /// What is wrong in any case.
    violations: Vec<Violation>,
}

/// The number is another contact's, which may give it up.
struct Conflict {
    holder: ContactKey,
    violation: Violation,
}

impl Resolved {
    fn to(stored: Option<ContactKey>) -> Self {
        Self {
            stored,
            conflict: None,
            violations: Vec::new(),
        }
    }

    fn after(stored: Option<ContactKey>, holder: ContactKey, field: &str, reason: Reason) -> Self {
        let violation = (field.to_owned(), reason);
        Self {
            conflict: Some(Conflict { holder, violation }),
            ..Self::to(stored)
        }
    }
}

/// The contacts that groups want a number of and that give it up: they are in an applied group, and so have another number.
fn given_up(resolved: &[Resolved]) -> BTreeSet<ContactKey> {
    let wanted = resolved.iter().filter_map(|it| it.conflict.as_ref());
    let mut given_up: BTreeSet<ContactKey> = wanted.map(|it| it.holder).collect();
    loop {
        let is_applied = |it: &&Resolved| {
            let mut conflict = it.conflict.iter();
            it.violations.is_empty() && conflict.all(|it| given_up.contains(&it.holder))
        };
        let applied = resolved.iter().filter(is_applied);
        let applied: BTreeSet<_> = applied.filter_map(|it| it.stored).collect();
        let left: BTreeSet<_> = given_up.intersection(&applied).copied().collect();
        if left == given_up {
            return given_up;
        }
        given_up = left;
    }
}

/// Makes a plan.
struct Planner<'a> {
    organization: &'a Organization,
    object: Option<&'a CustomObject>,
    by_phone: HashMap<&'a str, ContactKey>,
    by_external_id: HashMap<&'a str, ContactKey>,
    plan: Plan,
}

impl Organization {
    /// Plans an update with these contacts.
    pub fn plan(&self, contacts: &[Contact], object: Option<&CustomObject>) -> Plan {
        let index = |value: fn(&Contact) -> Option<&str>| {
            let contacts = self.contacts.iter();
            contacts
                .filter_map(|(key, contact)| Some((value(&contact.wire)?, *key)))
                .collect()
        };
        let planner = Planner {
            organization: self,
            object,
            by_phone: index(|contact| contact.phone.as_deref()),
            by_external_id: index(|contact| contact.external_id.as_deref()),
            plan: Plan::default(),
        };
        planner.plan(contacts)
    }
}

impl Planner<'_> {
    fn plan(mut self, contacts: &[Contact]) -> Plan {
        let groups = self.group(contacts);
        let groups = self.reject_contradictory(groups);
        let mut resolved: Vec<_> = groups.iter().map(|group| self.resolve(group)).collect();
        let contested = repeated(resolved.iter().filter_map(|it| it.stored));
        for (group, resolved) in groups.iter().zip(&mut resolved) {
            let stored = resolved.stored;
            let wrong = self
                .organization
                .record_violations(&group.fields, stored, self.object);
            resolved.violations.extend(wrong);
            if stored.is_some_and(|stored| contested.contains(&stored)) {
                resolved.violations.push(conflicting_duplicate());
            }
        }
        let given_up = given_up(&resolved);
        let addressed: BTreeSet<_> = resolved.iter().filter_map(|it| it.stored).collect();
        for (mut group, resolved) in groups.into_iter().zip(resolved) {
            let mut violations = resolved.violations;
            if let Some(conflict) = resolved.conflict
                && !given_up.contains(&conflict.holder)
            {
                violations.push(conflict.violation);
                self.plan.rejected_with_giver |= addressed.contains(&conflict.holder);
            }
            group.stored = resolved.stored;
            if violations.is_empty() {
                self.plan.groups.push(group);
            } else {
                self.reject(&group, &violations);
            }
        }
        self.plan
    }

    /// Groups the contacts whose fields are valid, in phone order, and rejects the others.
    fn group(&mut self, contacts: &[Contact]) -> Vec<Group> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (index, contact) in contacts.iter().enumerate() {
            let violations = self.organization.check(contact, self.object);
            let phone = contact.phone.as_deref().unwrap_or_default();
            let phone = checks::number(phone, self.organization.takes_national_numbers).ok();
            match phone {
                Some(phone) if violations.is_empty() => {
                    let group = groups.entry(phone.clone());
                    let group = group.or_insert_with(|| Group::new(phone));
                    group.fold(index, contact);
                }
                phone => {
                    let is_valid = |field: &str| !violations.iter().any(|(it, _)| it == field);
                    let external_id = contact.external_id.as_deref();
                    let external_id = external_id.filter(|_| is_valid("external_id"));
                    self.add_named(phone.as_deref(), external_id);
                    self.plan.rejected.insert(index, violations);
                }
            }
        }
        groups.into_values().collect()
    }

    /// Rejects groups with more than one external_id, and those that share one, be it with one of these.
    fn reject_contradictory(&mut self, groups: Vec<Group>) -> Vec<Group> {
        let (contradictory, groups) = partition(groups, |group| group.external_ids.len() > 1);
        let external_ids = groups.iter().filter_map(Group::external_id);
        let of_contradictory = contradictory.iter().flat_map(|group| &group.external_ids);
        let external_ids = external_ids.map(str::to_owned);
        let shared = repeated(external_ids.chain(of_contradictory.cloned()));
        let (sharing, groups) = partition(groups, |group| {
            group.external_id().is_some_and(|id| shared.contains(id))
        });
        for group in contradictory.iter().chain(&sharing) {
            self.reject(group, &[conflicting_duplicate()]);
        }
        groups
    }

    /// The stored contact that a group resolves to, by external_id or else by phone, and what speaks against it.
    fn resolve(&self, group: &Group) -> Resolved {
        let external_id = group.external_id();
        let by_external_id = external_id.and_then(|id| self.by_external_id.get(id).copied());
        let by_phone = self.by_phone.get(group.phone.as_str()).copied();
        match (by_external_id, by_phone) {
            (Some(named), Some(holder)) if named != holder => {
                Resolved::after(Some(named), holder, "phone", Reason::PhoneTaken)
            }
            (Some(named), _) => Resolved::to(Some(named)),
            (None, Some(holder)) => {
                let stored = &self.organization.contacts[&holder].wire.external_id;
                if stored.is_none() || external_id.is_none() {
                    Resolved::to(Some(holder))
                } else {
                    Resolved::after(None, holder, "external_id", Reason::ExternalIdMismatch)
                }
            }
            (None, None) => Resolved::to(None),
        }
    }

    fn reject(&mut self, group: &Group, violations: &[Violation]) {
        for index in &group.indexes {
            self.plan.rejected.insert(*index, violations.to_vec());
        }
        self.add_named(Some(&group.phone), None);
        for external_id in &group.external_ids {
            self.add_named(None, Some(external_id));
        }
    }

    fn add_named(&mut self, phone: Option<&str>, external_id: Option<&str>) {
        let by_phone = phone.and_then(|it| self.by_phone.get(it));
        let by_external_id = external_id.and_then(|it| self.by_external_id.get(it));
        self.plan.named.extend(by_phone);
        self.plan.named.extend(by_external_id);
    }
}

fn conflicting_duplicate() -> Violation {
    (String::new(), Reason::ConflictingDuplicate)
}

fn partition(groups: Vec<Group>, is_first: impl Fn(&Group) -> bool) -> (Vec<Group>, Vec<Group>) {
    groups.into_iter().partition(is_first)
}

/// The items that occur more than once.
fn repeated<T: Ord + Clone>(items: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| !seen.insert(item.clone())).collect()
}
