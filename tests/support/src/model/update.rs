//! What an update does to contacts, preferences and the list.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::{
    Consent, Contact, ContactList, CustomObject, ErrorReason as Reason, RejectedContact,
    UpdateContactListContactsHeader as Header, UpdateContactListContactsResponse as Outcome,
    Violation as WireViolation,
    update_contact_list_contacts_header::{Action, RejectionPolicy},
};

use super::{
    Answer, CallNumber, ContactKey, Organization,
    group::Group,
    plan::Plan,
    refusal::{Refusal, Violation},
};

/// What an update opts its contacts in to.
#[derive(Default)]
pub struct OptIns {
    /// The ids of the channels.
    pub channels: BTreeSet<String>,
    /// Whether they are all channels.
    pub to_all: bool,
    /// Whether opt-outs are lifted.
    pub resubscribe: bool,
    /// The header's consent.
    pub consent: Option<Consent>,
}

impl Organization {
    /// Applies an update whose stream is complete.
    pub fn apply(
        &mut self,
        when: CallNumber,
        header: &Header,
        contacts: &[Contact],
    ) -> Answer<Outcome> {
        let object = self.object_of(header)?.cloned();
        let plan = self.plan(contacts, object.as_ref());
        if plan.rejected_with_giver {
            self.note("a contact rejected with the giver of its number");
        }
        if header.rejection_policy() != RejectionPolicy::Skip && !plan.rejected.is_empty() {
            return Err(contacts_rejected(&plan, contacts.len()));
        }
        let mut outcome = Outcome {
            received_count: contacts.len() as i32,
            rejected_count: plan.rejected.len() as i32,
            rejected_contacts: plan.rejected.iter().map(rejected_contact).collect(),
            ..Outcome::default()
        };
        if !plan.groups.is_empty() || contacts.is_empty() {
            let mut applied = BTreeSet::new();
            let opt_ins = self.opt_ins(header)?;
            self.trace_before(plan.groups.iter().filter_map(|group| group.stored));
            self.give_up_numbers(&plan.groups);
            for group in &plan.groups {
                let key = self.apply_group(when, &opt_ins, group, object.as_ref(), &mut outcome);
                applied.insert(key);
            }
            let before = self.list(&header.contact_list_id)?.wire.clone();
            self.change_members(when, header, &applied, &plan.named, &mut outcome)?;
            self.refuse_removals(header, &before, outcome.removed_count)?;
        } else {
            self.note("every contact rejected under SKIP");
        }
        let list = self.list_mut(&header.contact_list_id)?;
        list.wire.version += i64::from(!header.validate_only);
        outcome.contact_list = Some(list.wire.clone());
        Ok(outcome)
    }

    /// Refuses an update that has removed more members than it may.
    fn refuse_removals(&self, header: &Header, before: &ContactList, removed: i32) -> Answer<()> {
        let default = (self.max_removed_percent).filter(|_| header.action() == Action::Overwrite);
        let percent = header.max_removed_percent.or(default);
        let count = header.max_removed_count;
        if let Some(limit) = count.filter(|limit| i64::from(removed) > *limit) {
            let limit = ("max_removed_count", limit.to_string());
            return Err(Refusal::too_many_removed(before, removed, limit));
        }
        let parts = f64::from(removed) * 100.0;
        let members = f64::from(before.contact_count);
        if let Some(limit) = percent.filter(|percent| parts > percent * members) {
            let limit = ("max_removed_percent", limit.to_string());
            return Err(Refusal::too_many_removed(before, removed, limit));
        }
        Ok(())
    }

    /// Takes their numbers from the contacts that change them, so that others can have them. Their opt-outs stay behind.
    fn give_up_numbers(&mut self, groups: &[Group]) {
        let moves: BTreeMap<String, &Group> = groups
            .iter()
            .filter_map(|group| {
                let number = self.contacts[&group.stored?].wire.phone.clone()?;
                (number != group.phone).then_some((number, group))
            })
            .collect();
        for group in groups {
            if moves.contains_key(&group.phone) {
                self.note(match group.stored {
                    Some(_) => "a number passed on to a stored contact",
                    None => "a number passed on to a new contact",
                });
            }
            // Where its number comes from, and that one's, and so on.
            let mut giver = moves.get(&group.phone);
            for _ in groups {
                if giver.is_some_and(|giver| giver.phone == group.phone) {
                    self.note("numbers passed round in a ring");
                    break;
                }
                giver = giver.and_then(|giver| moves.get(&giver.phone));
            }
        }
        for (number, group) in moves {
            let key = group.stored.expect("a stored contact");
            self.note("a change of number");
            let preferences = self.contacts[&key].preferences.clone();
            self.detach_opt_outs(&number, &preferences);
            self.contact_mut(key).wire.phone = None;
        }
    }

    /// Creates or updates a group's contact, and opts it in.
    fn apply_group(
        &mut self,
        when: CallNumber,
        opt_ins: &OptIns,
        group: &Group,
        object: Option<&CustomObject>,
        outcome: &mut Outcome,
    ) -> ContactKey {
        outcome.duplicate_count += group.indexes.len() as i32 - 1;
        let fields = Contact {
            phone: Some(group.phone.clone()),
            ..group.fields.clone()
        };
        let key = group.stored.unwrap_or_else(|| self.create_contact(when));
        let is_new = group.stored.is_none();
        let consent = group.fields.consent.as_ref().or(opt_ins.consent.as_ref());
        let opts = (&opt_ins.channels, consent);
        let written = self.write_contact(when, key, &fields, object, opts);
        match (is_new, written.changed) {
            (true, _) => outcome.created_count += 1,
            (false, true) => outcome.updated_count += 1,
            (false, false) => outcome.unchanged_count += 1,
        }
        self.trace_written(key, is_new, written.changed);
        let met = self.contacts[&key].preferences.clone();
        let (opted_in, kept) = self.opt_in_by_update(key, opt_ins, (when, consent));
        self.trace_lifted(key, met);
        outcome.opted_in_count += written.opted_in + opted_in;
        outcome.kept_opt_out_count += kept;
        key
    }

    /// The opt-ins that a header asks for.
    fn opt_ins(&self, header: &Header) -> Answer<OptIns> {
        let to_all = header.opt_in_to.is_empty() && header.opt_in_to_all_channels.unwrap_or(true);
        if header.action() == Action::Remove {
            return Ok(OptIns::default());
        }
        Ok(OptIns {
            channels: match to_all {
                true => self.channel_ids(),
                false => self.channels_of(&header.opt_in_to)?,
            },
            to_all,
            resubscribe: header.resubscribe,
            consent: header.consent.clone(),
        })
    }

    fn change_members(
        &mut self,
        when: CallNumber,
        header: &Header,
        applied: &BTreeSet<ContactKey>,
        named: &BTreeSet<ContactKey>,
        outcome: &mut Outcome,
    ) -> Answer<()> {
        let list = self.list_mut(&header.contact_list_id)?;
        let before: BTreeSet<_> = list.members.keys().copied().collect();
        let after: BTreeSet<_> = match header.action() {
            Action::Add => before.union(applied).copied().collect(),
            Action::Remove => before.difference(applied).copied().collect(),
            _ => {
                let kept = before.intersection(named);
                applied.iter().chain(kept).copied().collect()
            }
        };
        outcome.added_count = after.difference(&before).count() as i32;
        outcome.removed_count = before.difference(&after).count() as i32;
        let removed = before.difference(&after);
        let removed = removed.map(|key| (*key, list.members[key])).collect();
        // Contacts that stay keep their join time.
        list.members.retain(|key, _| after.contains(key));
        for key in &after {
            list.members.entry(*key).or_insert(when);
        }
        list.wire.contact_count = list.members.len() as i32;
        self.traces.removed = removed;
        if header.action() == Action::Overwrite {
            let is_kept = |key: &&ContactKey| !applied.contains(key);
            if after.iter().any(|key| is_kept(&key)) {
                self.note("a rejected contact kept a member in an overwrite");
            }
            if outcome.removed_count > 0 {
                self.note("an overwrite removed members");
            }
        }
        Ok(())
    }
}

fn contacts_rejected(plan: &Plan, received: usize) -> Refusal {
    let metadata = vec![
        ("rejected_count", plan.rejected.len().to_string()),
        ("received_count", received.to_string()),
    ];
    let mut refusal = Refusal::argument(Reason::ContactsRejected, metadata);
    for (index, violations) in &plan.rejected {
        for (field, reason) in violations {
            let dot = if field.is_empty() { "" } else { "." };
            let path = format!("contacts[{index}]{dot}{field}");
            refusal.violations.push((path, *reason));
        }
    }
    refusal
}

fn rejected_contact((index, violations): (&usize, &Vec<Violation>)) -> RejectedContact {
    let violation = |(field, reason): &Violation| WireViolation {
        reason: (*reason).into(),
        field: field.clone(),
        message: String::new(),
    };
    RejectedContact {
        index: *index as i32,
        violations: violations.iter().map(violation).collect(),
    }
}
