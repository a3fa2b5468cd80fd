//! What an update does to the contacts, the preferences and the list.

use std::collections::BTreeSet;

use contact_lists::proto::{
    Contact, CustomObject, ErrorReason as Reason, RejectedContact,
    UpdateContactListContactsHeader as Header, UpdateContactListContactsResponse as Outcome,
    Violation as WireViolation,
    update_contact_list_contacts_header::{Action, RejectionPolicy},
};

use super::{
    Answer, ContactKey, Organization, When,
    groups::{Group, Sorted},
    refusal::{Refusal, Violation},
};

impl Organization {
    /// Applies an update whose stream was in order. Where it fails, what it has changed so far is thrown away.
    pub fn apply(&mut self, when: When, header: &Header, contacts: &[Contact]) -> Answer<Outcome> {
        let object = self
            .object(header.custom_object_id.as_deref())?
            .ok()
            .cloned();
        let sorted = self.sort(contacts, object.as_ref());
        if header.rejection_policy() != RejectionPolicy::Skip && !sorted.rejected.is_empty() {
            return Err(contacts_rejected(&sorted, contacts.len()));
        }
        let mut outcome = Outcome {
            received_count: contacts.len() as i32,
            rejected_count: sorted.rejected.len() as i32,
            rejected_contacts: sorted.rejected.iter().map(rejected_contact).collect(),
            ..Outcome::default()
        };
        if !sorted.groups.is_empty() {
            let mut applied = BTreeSet::new();
            for group in &sorted.groups {
                let key = self.apply_group(when, header, group, object.as_ref(), &mut outcome);
                applied.insert(key);
            }
            self.change_members(when, header, &applied, &sorted.named, &mut outcome)?;
        } else {
            self.note("every contact rejected under SKIP");
        }
        outcome.contact_list = Some(self.list(&header.contact_list_id)?.wire.clone());
        Ok(outcome)
    }

    /// Creates or updates a group's contact, and opts it in.
    fn apply_group(
        &mut self,
        when: When,
        header: &Header,
        group: &Group,
        object: Option<&CustomObject>,
        outcome: &mut Outcome,
    ) -> ContactKey {
        outcome.duplicate_count += group.indexes.len() as i32 - 1;
        let channels = self.channels_to_opt_in_to(header);
        let said = Contact {
            phone: Some(group.phone.clone()),
            ..group.said.clone()
        };
        let key = group.stored.unwrap_or_else(|| self.create_contact(when));
        let is_new = group.stored.is_none();
        let written = self.write_contact(when, key, &said, object, &channels);
        match (is_new, written.changed) {
            (true, _) => outcome.created_count += 1,
            (false, true) => outcome.updated_count += 1,
            (false, false) => outcome.unchanged_count += 1,
        }
        let (opted_in, kept) = self.opt_in_by_update(key, &channels, rule(header), when);
        outcome.opted_in_count += written.opted_in + opted_in;
        outcome.kept_opt_out_count += kept;
        key
    }

    /// The channels that the header's rule opts contacts in to.
    fn channels_to_opt_in_to(&self, header: &Header) -> BTreeSet<String> {
        if header.action() == Action::Remove {
            BTreeSet::new()
        } else if !header.opt_in_to.is_empty() {
            self.channels_of(&header.opt_in_to)
                .expect("unknown channels were refused")
        } else if header.opt_in_to_all_channels.unwrap_or(true) {
            self.channel_ids()
        } else {
            BTreeSet::new()
        }
    }

    fn change_members(
        &mut self,
        when: When,
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
        // Who stays keeps the day of joining.
        list.members.retain(|key, _| after.contains(key));
        for key in &after {
            list.members.entry(*key).or_insert(when);
        }
        list.wire.contact_count = list.members.len() as i32;
        if header.action() == Action::Overwrite {
            let is_kept = |key: &&ContactKey| !applied.contains(key);
            if after.iter().any(|key| is_kept(&key)) {
                self.note("a rejected contact kept a member in an overwrite");
            }
            if outcome.removed_count > 0 {
                self.note("an overwrite put members out");
            }
        }
        Ok(())
    }
}

/// Whether an update opts back in, and whether it opts in to all channels.
fn rule(header: &Header) -> (bool, bool) {
    let to_all = header.opt_in_to.is_empty() && header.opt_in_to_all_channels.unwrap_or(true);
    let opts_in = header.action() != Action::Remove;
    (opts_in && header.resubscribe, opts_in && to_all)
}

fn contacts_rejected(sorted: &Sorted, received: usize) -> Refusal {
    let metadata = vec![
        ("rejected_count", sorted.rejected.len().to_string()),
        ("received_count", received.to_string()),
    ];
    let mut refusal = Refusal::argument(Reason::ContactsRejected, metadata);
    for (index, violations) in &sorted.rejected {
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
