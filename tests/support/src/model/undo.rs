//! `RevertContactListUpdate`: takes an update back, but for what the person or somebody else has said or changed since.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use contact_lists::proto::{
    RevertContactListUpdateRequest as Request, RevertContactListUpdateResponse as Reverted,
    SkippedRestoration, contact_list::State, skipped_restoration::Reason as Skipped,
};

use super::{
    Answer, CallNumber, Contact, ContactKey, Organization, Revert, Update,
    refusal::Refusal,
    traces::{Field, Part},
};

impl Organization {
    /// `RevertContactListUpdate`. The caller fills the id of the revert in.
    pub fn revert(&mut self, when: CallNumber, request: &Request) -> Answer<Reverted> {
        let id = request.update_id.as_str();
        let update = self.updates.iter().find(|it| it.id == id).cloned();
        let applied = update.as_ref().map(|it| it.applied);
        let of_revert = self.reverts.iter().find(|it| it.id == id);
        let list_id = match (&update, of_revert) {
            (Some(update), _) => update.header.contact_list_id.clone(),
            (None, Some(revert)) => revert.answer.contact_list.clone().unwrap_or_default().id,
            (None, None) => return Err(Refusal::not_found("contact_list_update", id)),
        };
        if let Some(request_id) = &request.request_id
            && self.is_of_another_call(request_id, applied)
        {
            return Err(Refusal::request_id_reused(request_id));
        }
        let recorded = self.reverts.iter().find(|it| Some(it.update) == applied);
        if let Some(recorded) = recorded {
            return Ok(Reverted {
                replayed: true,
                ..recorded.answer.clone()
            });
        }
        if self.list(&list_id)?.wire.state() != State::Active {
            return Err(Refusal::not_active(&list_id));
        }
        let update = update.ok_or_else(|| Refusal::not_revertible(id))?;
        let latest = self.latest_unreverted(&list_id);
        if let Some(latest) = latest.filter(|latest| latest.id != id) {
            return Err(Refusal::not_latest(id, &latest.id));
        }
        let mut after = self.clone();
        let mut answer = after.take_back(when, &update);
        if request.validate_only {
            let list = answer.contact_list.as_mut().expect("the list");
            list.version -= 1;
            return Ok(answer);
        }
        *self = after;
        self.reverts.push(Revert {
            id: String::new(),
            applied: when,
            update: update.applied,
            request_id: request.request_id.clone(),
            answer: answer.clone(),
        });
        Ok(answer)
    }

    fn is_of_another_call(&self, request_id: &str, update: Option<CallNumber>) -> bool {
        let mut updates = self.updates.iter();
        let mut reverts = self.reverts.iter();
        updates.any(|it| it.header.request_id.as_deref() == Some(request_id))
            || reverts
                .any(|it| it.request_id.as_deref() == Some(request_id) && Some(it.update) != update)
    }

    /// The list's latest update that is not reverted.
    pub fn latest_unreverted(&self, list_id: &str) -> Option<&Arc<Update>> {
        let is_reverted = |it: &Update| {
            self.reverts
                .iter()
                .any(|revert| revert.update == it.applied)
        };
        let mut updates = self.updates.iter().rev();
        updates.find(|it| it.header.contact_list_id == list_id && !is_reverted(it))
    }

    fn take_back(&mut self, when: CallNumber, update: &Update) -> Reverted {
        let mut undo = Undo {
            organization: self,
            update,
            when,
            answer: Reverted::default(),
            restored: BTreeSet::new(),
            skipped: BTreeMap::new(),
        };
        undo.members();
        undo.opt_ins();
        undo.created_contacts();
        undo.changed_contacts();
        let Undo {
            mut answer,
            restored,
            skipped,
            ..
        } = undo;
        for contact in self.contacts.values_mut() {
            contact.changes.remove(&update.applied);
        }
        for key in &restored {
            self.contact_mut(*key).changed = when;
        }
        answer.restored_contact_count = restored.len() as i32;
        let skipped = skipped.into_iter();
        answer.skipped = skipped
            .map(|(reason, count)| SkippedRestoration { reason, count })
            .collect();
        let list = self.list_mut(&update.header.contact_list_id);
        let list = list.expect("the list of an update");
        list.wire.contact_count = list.members.len() as i32;
        list.wire.version += 1;
        answer.contact_list = Some(list.wire.clone());
        answer
    }
}

/// A revert that is under way.
struct Undo<'a> {
    organization: &'a mut Organization,
    update: &'a Update,
    when: CallNumber,
    answer: Reverted,
    /// The contacts that have something back as it was.
    restored: BTreeSet<ContactKey>,
    skipped: BTreeMap<i32, i32>,
}

impl Undo<'_> {
    fn skip(&mut self, reason: Skipped) {
        *self.skipped.entry(reason.into()).or_default() += 1;
    }

    fn contact(&self, key: ContactKey) -> Option<&Contact> {
        self.organization.contacts.get(&key)
    }

    /// Members that the update added leave; those that it removed return, since when they were members before.
    fn members(&mut self) {
        let (id, joined) = (&self.update.header.contact_list_id, self.update.applied);
        for key in self.update.traces.removed.keys() {
            if !self.organization.contacts.contains_key(key) {
                self.skip(Skipped::ContactErased);
            }
        }
        let contacts = self.organization.contacts.clone();
        let list = self.organization.list_mut(id).expect("the list");
        let count = list.members.len();
        list.members.retain(|_, join| *join != joined);
        self.answer.removed_count = (count - list.members.len()) as i32;
        let removed = self.update.traces.removed.iter();
        for (key, join) in removed.filter(|(key, _)| contacts.contains_key(key)) {
            list.members.insert(*key, *join);
            self.answer.restored_member_count += 1;
        }
    }

    /// The update's own opt-ins end, and opt-outs that they lifted are in force again where nothing else was said since.
    fn opt_ins(&mut self) {
        let applied = self.update.applied;
        let channels = self.organization.channel_ids();
        for (key, lifted) in &self.update.traces.lifted {
            let Some(contact) = self.organization.contacts.get_mut(key) else {
                continue;
            };
            let preferences = &mut contact.preferences;
            let count = preferences.own.len();
            preferences
                .own
                .retain(|_, it| !(it.opted_in && it.by_update && it.when == applied));
            self.answer.withdrawn_opt_in_count += (count - preferences.own.len()) as i64;
            for (channel, word) in &lifted.own {
                if channels.contains(channel) && !preferences.own.contains_key(channel) {
                    preferences.own.insert(channel.clone(), word.clone());
                    self.answer.restored_opt_out_count += 1;
                }
            }
            if preferences.all.is_none() && lifted.all.is_some() {
                preferences.all.clone_from(&lifted.all);
                self.answer.restored_opt_out_count += 1;
            }
        }
    }

    /// Contacts that the update created are erased, unless something else has to do with them by now.
    fn created_contacts(&mut self) {
        for key in &self.update.traces.created {
            let Some(contact) = self.contact(*key) else {
                self.skip(Skipped::ContactErased);
                continue;
            };
            let since = self.update.applied + 1;
            let words = contact.preferences.own.values();
            let mut words = words.chain(&contact.preferences.all);
            let mut lists = self.organization.lists.iter();
            if contact.changes.range(since..).next().is_some() {
                self.skip(Skipped::ContactChanged);
            } else if words.any(|it| it.when >= since)
                || lists.any(|list| list.members.contains_key(key))
            {
                self.skip(Skipped::ContactInUse);
            } else {
                let number = contact.wire.phone.clone().expect("a number");
                let preferences = contact.preferences.clone();
                self.organization.detach_opt_outs(&number, &preferences);
                self.organization.contacts.remove(key);
                self.answer.erased_count += 1;
            }
        }
    }

    /// Stored contacts have back what has not changed since.
    fn changed_contacts(&mut self) {
        let mut moves = BTreeMap::new();
        for key in &self.update.traces.changed {
            let Some(contact) = self.contact(*key).cloned() else {
                self.skip(Skipped::ContactErased);
                continue;
            };
            let since = contact.changes.range(self.update.applied + 1..);
            let since: BTreeSet<Part> = since.flat_map(|(_, parts)| parts.clone()).collect();
            let parts = contact.changes[&self.update.applied].clone();
            let has_moved = self.fields(*key, &parts, &since);
            self.records(*key, &parts, &since);
            let number = self.update.traces.before[key].wire.phone.clone();
            if has_moved && number != contact.wire.phone {
                moves.insert(*key, number.expect("a number"));
            }
            if self.contact(*key).map(|it| (&it.wire, &it.records))
                != Some((&contact.wire, &contact.records))
            {
                self.restored.insert(*key);
            }
        }
        self.numbers(moves);
    }

    /// Returns whether the contact is to have its number back.
    fn fields(&mut self, key: ContactKey, parts: &BTreeSet<Part>, since: &BTreeSet<Part>) -> bool {
        let before = &self.update.traces.before[&key].wire;
        let fields: Vec<Field> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Field(field) => Some(*field),
                _ => None,
            })
            .collect();
        let (kept, back): (Vec<Field>, Vec<Field>) = fields
            .into_iter()
            .partition(|field| since.contains(&Part::Field(*field)));
        if !kept.is_empty() {
            self.skip(Skipped::ContactChanged);
        }
        for field in &back {
            let holder = before.external_id.as_deref();
            let holder = holder.and_then(|id| self.organization.by_external_id(id));
            let channel = &before.default_channel_id;
            let channels = self.organization.channel_ids();
            if *field == Field::ExternalId && holder.is_some_and(|holder| holder != key) {
                self.skip(Skipped::ExternalIdTaken);
            } else if *field == Field::DefaultChannel
                && channel.as_ref().is_some_and(|it| !channels.contains(it))
            {
                self.skip(Skipped::ChannelDeleted);
            } else if *field != Field::Phone {
                field.copy(before, &mut self.organization.contact_mut(key).wire);
            }
        }
        back.contains(&Field::Phone)
    }

    fn records(&mut self, key: ContactKey, parts: &BTreeSet<Part>, since: &BTreeSet<Part>) {
        let before = &self.update.traces.before[&key].records;
        let is_new = parts.iter().find_map(|part| match part {
            Part::NewRecord(object) => Some(object),
            _ => None,
        });
        if let Some(object) = is_new {
            let is_of =
                |part: &Part| matches!(part, Part::Property(changed, _) if changed == object);
            if since.iter().any(is_of) {
                self.skip(Skipped::ContactChanged);
            } else {
                self.organization.contact_mut(key).records.remove(object);
                self.organization.note("undo takes a record away");
            }
            return;
        }
        let (mut is_kept, contact) = (false, self.organization.contact_mut(key));
        for part in parts {
            let Part::Property(object, property) = part else {
                continue;
            };
            if since.contains(part) {
                is_kept = true;
                continue;
            }
            let record = contact.records.get_mut(object).expect("a changed record");
            match before[object].fields.get(property) {
                Some(value) => _ = record.fields.insert(property.clone(), value.clone()),
                None => _ = record.fields.remove(property),
            }
        }
        if is_kept {
            self.skip(Skipped::ContactChanged);
            self.organization.note("undo leaves a property");
        } else if parts.iter().any(|it| matches!(it, Part::Property(..))) {
            self.organization.note("undo brings a property back");
        }
    }

    /// Contacts have their numbers back that are free, or whose holders have theirs back.
    fn numbers(&mut self, wanted: BTreeMap<ContactKey, String>) {
        let mut moves = wanted.clone();
        loop {
            let is_free = |number: &String| {
                let holder = self.organization.by_phone(number);
                holder.is_none_or(|holder| moves.contains_key(&holder))
            };
            let free: BTreeMap<_, _> = moves
                .iter()
                .filter(|(_, number)| is_free(number))
                .map(|(key, number)| (*key, number.clone()))
                .collect();
            if free.len() == moves.len() {
                break;
            }
            moves = free;
        }
        for _ in moves.len()..wanted.len() {
            self.skip(Skipped::PhoneTaken);
        }
        let held = |number| self.organization.by_phone(number).is_some();
        for is_held in moves.values().map(|it| held(it)).collect::<Vec<_>>() {
            self.organization.note(if is_held {
                "undo passes a number back"
            } else {
                "undo brings a number back"
            });
        }
        for key in moves.keys() {
            self.give_up_number(*key);
        }
        for (key, number) in moves {
            let contact = self.organization.contact_mut(key);
            contact.wire.phone = Some(number.clone());
            self.restored.insert(key);
            let nothing = (&BTreeSet::new(), (self.when, None));
            self.organization
                .inherit_opt_outs(key, &number, nothing.0, nothing.1);
        }
    }

    /// A contact leaves its opt-outs with its number. Those that had come with it end, and what opt-outs they replaced is back.
    fn give_up_number(&mut self, key: ContactKey) {
        let contact = self.organization.contact_mut(key);
        let number = contact.wire.phone.take().expect("a number");
        let preferences = contact.preferences.clone();
        self.organization.detach_opt_outs(&number, &preferences);
        let channels = self.organization.channel_ids();
        let (came, before) = (
            &self.update.traces.came[&key],
            &self.update.traces.before[&key].preferences,
        );
        let (given_back, mut replaced) = (preferences.clone(), 0);
        let preferences = &mut self.organization.contact_mut(key).preferences;
        for (channel, word) in &came.own {
            if preferences.own.get(channel) != Some(word) {
                continue;
            }
            preferences.own.remove(channel);
            let own = before.own.get(channel).filter(|own| !own.opted_in);
            if let Some(own) = own.filter(|_| channels.contains(channel)) {
                preferences.own.insert(channel.clone(), own.clone());
                self.answer.restored_opt_out_count += 1;
                replaced += 1;
            }
        }
        if came.all.is_some() && preferences.all == came.all {
            preferences.all.clone_from(&before.all);
            self.answer.restored_opt_out_count += i64::from(before.all.is_some());
        }
        if replaced > 0 {
            self.organization
                .note("undo brings back what a number's opt-out had replaced");
        } else if preferences.own.len() < given_back.own.len() {
            self.organization
                .note("undo gives a number its opt-out back");
        }
    }
}
