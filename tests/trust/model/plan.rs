//! Who the contacts of an update are, decided by what is stored before it.

use super::*;

/// What an update is to do.
#[derive(Default)]
pub struct Plan {
    /// The groups that are applied.
    pub groups: Vec<Group>,
    pub rejected: Rejected,
    /// Whom rejected contacts name.
    pub named_numbers: BTreeSet<Number>,
    pub named_external_ids: BTreeSet<u32>,
}

/// The contacts with the same number, folded into one.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub number: Number,
    pub external_id: Option<Option<u32>>,
    pub name: Option<u32>,
    pub plan: Option<u32>,
    /// The number under which the contact is stored.
    pub stored: Option<Number>,
    /// The contacts' places.
    pub places: Vec<i32>,
    /// Every external_id that one of them has.
    external_ids: BTreeSet<u32>,
    reasons: BTreeSet<String>,
}

impl Group {
    fn fold(&mut self, place: i32, contact: &Sent) {
        self.places.push(place);
        self.external_ids.extend(contact.external_id.flatten());
        self.external_id = contact.external_id.or(self.external_id);
        self.name = contact.name.or(self.name);
        self.plan = contact.plan.or(self.plan);
    }

    fn reject(&mut self, reason: &str) {
        self.reasons.insert(reason.to_owned());
    }
}

impl Plan {
    /// Makes the plan of an update.
    pub fn of(state: &State, update: &Update) -> Self {
        let mut plan = Self::default();
        let mut groups = plan.fold(&update.contacts);
        reject_conflicts(&mut groups);
        let mut resolved: BTreeMap<Number, Vec<Number>> = BTreeMap::new();
        for group in groups.values_mut().filter(|group| group.reasons.is_empty()) {
            resolve(state, group);
            if let Some(stored) = group.stored {
                resolved.entry(stored).or_default().push(group.number);
            }
        }
        for number in resolved
            .into_values()
            .filter(|numbers| numbers.len() > 1)
            .flatten()
        {
            let group = groups.get_mut(&number).expect("the group");
            group.reject("CONFLICTING_DUPLICATE");
        }
        for group in groups.into_values() {
            plan.sort_in(group);
        }
        plan
    }

    /// Folds the contacts that are valid by themselves into groups, and rejects the others.
    fn fold(&mut self, contacts: &[Sent]) -> BTreeMap<Number, Group> {
        let mut groups: BTreeMap<Number, Group> = BTreeMap::new();
        for (place, contact) in (0..).zip(contacts) {
            let mut reasons = BTreeSet::new();
            if contact.bad_email {
                reasons.insert("EMAIL_INVALID".to_owned());
            }
            match contact.number {
                None => {
                    reasons.insert("PHONE_INVALID".to_owned());
                }
                Some(number) if reasons.is_empty() => {
                    let group = groups.entry(number).or_default();
                    group.number = number;
                    group.fold(place, contact);
                    continue;
                }
                Some(number) => {
                    self.named_numbers.insert(number);
                }
            }
            self.named_external_ids
                .extend(contact.external_id.flatten());
            self.rejected.insert(place, reasons);
        }
        groups
    }

    fn sort_in(&mut self, group: Group) {
        if group.reasons.is_empty() {
            self.groups.push(group);
            return;
        }
        self.named_numbers.insert(group.number);
        self.named_external_ids.extend(&group.external_ids);
        for place in group.places {
            self.rejected.insert(place, group.reasons.clone());
        }
    }
}

/// Rejects the groups with two external_ids, and of the others those that share one.
fn reject_conflicts(groups: &mut BTreeMap<Number, Group>) {
    let mut holders: BTreeMap<u32, Vec<Number>> = BTreeMap::new();
    for group in groups.values_mut() {
        if group.external_ids.len() > 1 {
            group.reject("CONFLICTING_DUPLICATE");
        } else if let Some(external_id) = group.external_id.flatten() {
            holders.entry(external_id).or_default().push(group.number);
        }
    }
    for number in holders
        .into_values()
        .filter(|numbers| numbers.len() > 1)
        .flatten()
    {
        let group = groups.get_mut(&number).expect("the group");
        group.reject("CONFLICTING_DUPLICATE");
    }
}

/// Finds the stored contact that a group is: by external_id, else by number.
fn resolve(state: &State, group: &mut Group) {
    let external_id = group.external_id.flatten();
    let by_external_id = external_id.and_then(|id| state.known_as(id));
    let by_number = state.people.get(&group.number);
    match (by_external_id, by_number) {
        (Some(stored), _) => {
            group.stored = Some(stored);
            if by_number.is_some() && stored != group.number {
                group.reject("PHONE_TAKEN");
            }
        }
        (None, Some(person)) if person.external_id.is_none() || external_id.is_none() => {
            group.stored = Some(group.number);
        }
        (None, Some(_)) => group.reject("EXTERNAL_ID_MISMATCH"),
        (None, None) => {}
    }
}
