//! The main call.

use super::{
    plan::{Group, Plan},
    *,
};

impl State {
    pub(super) fn update(&mut self, update: &Update) -> Answer {
        let request = update.request.filter(|_| !update.validate_only);
        if let Some(record) = request.and_then(|request| self.records.get(&request)) {
            return record.replay(update);
        }
        if self.lists[&update.list] != ListState::Active {
            return Answer::refused("CONTACT_LIST_NOT_ACTIVE");
        }
        if let OptIns::To(channels) = &update.opt_ins
            && !channels
                .iter()
                .all(|channel| self.channels.contains(channel))
        {
            return Answer::refused("RESOURCE_NOT_FOUND");
        }
        let plan = Plan::of(self, update);
        if !update.skip && !plan.rejected.is_empty() {
            return Answer::Refused(Refused {
                reason: "CONTACTS_REJECTED".to_owned(),
                rejected: plan.rejected,
            });
        }
        if update.validate_only {
            return Answer::Updated(self.clone().apply(update, plan));
        }
        let mut answer = self.apply(update, plan);
        answer.recorded = true;
        if let Some(request) = request {
            let record = Record {
                update: update.clone(),
                answer: answer.clone(),
            };
            self.records.insert(request, record);
        }
        Answer::Updated(answer)
    }

    fn apply(&mut self, update: &Update, plan: Plan) -> Updated {
        let mut counts = Counts {
            received: count(update.contacts.len()),
            rejected: count(plan.rejected.len()),
            ..Counts::default()
        };
        if update.action == Action::Overwrite && !plan.groups.is_empty() {
            counts.removed = self.remove_others(update.list, &plan);
        }
        for group in &plan.groups {
            counts.duplicate += count(group.places.len() - 1);
            self.write(group, &mut counts);
            self.opt_in(update, group.number, &mut counts);
            self.change_membership(update, group.number, &mut counts);
        }
        Updated {
            counts,
            rejected: plan.rejected,
            contact_count: self.contact_count(update.list),
            ..Updated::default()
        }
    }

    /// Takes everybody off the list whom no contact of the update is or names.
    fn remove_others(&mut self, list: u8, plan: &Plan) -> i32 {
        let sent: BTreeSet<Number> = plan
            .groups
            .iter()
            .filter_map(|group| group.stored)
            .collect();
        let mut removed = 0;
        for (number, person) in &mut self.people {
            let external_id = person.external_id;
            let is_named = plan.named_numbers.contains(number)
                || external_id.is_some_and(|id| plan.named_external_ids.contains(&id));
            if !sent.contains(number) && !is_named && person.lists.remove(&list) {
                removed += 1;
            }
        }
        removed
    }

    fn write(&mut self, group: &Group, counts: &mut Counts) {
        let is_new = group.stored.is_none();
        let before = group.stored.unwrap_or(group.number);
        let person = self.people.entry(before).or_default();
        let old = person.clone();
        person.external_id = group.external_id.unwrap_or(old.external_id);
        person.name = group.name.or(old.name);
        person.plan = group.plan.or(old.plan);
        let has_changed = *person != old || before != group.number;
        match (is_new, has_changed) {
            (true, _) => counts.created += 1,
            (false, true) => counts.updated += 1,
            (false, false) => counts.unchanged += 1,
        }
        if is_new {
            self.take_over_opt_outs(group.number);
        } else if before != group.number {
            self.move_to(before, group.number);
        }
    }

    fn opt_in(&mut self, update: &Update, number: Number, counts: &mut Counts) {
        let channels: Vec<u8> = match &update.opt_ins {
            _ if update.action == Action::Remove => return,
            OptIns::None => return,
            OptIns::All => self.channels.iter().copied().collect(),
            OptIns::To(channels) => channels.clone(),
        };
        let person = self.people.get_mut(&number).expect("the person");
        for channel in channels {
            match person.preferences.get(&channel) {
                Some(true) => {}
                Some(false) if !update.resubscribe => counts.kept_opt_out += 1,
                _ => {
                    person.preferences.insert(channel, true);
                    counts.opted_in += 1;
                }
            }
        }
    }

    fn change_membership(&mut self, update: &Update, number: Number, counts: &mut Counts) {
        let person = self.people.get_mut(&number).expect("the person");
        if update.action == Action::Remove {
            counts.removed += i32::from(person.lists.remove(&update.list));
        } else {
            counts.added += i32::from(person.lists.insert(update.list));
        }
    }
}

impl Record {
    fn replay(&self, update: &Update) -> Answer {
        if self.update != *update {
            return Answer::refused("REQUEST_ID_REUSED");
        }
        Answer::Updated(Updated {
            replayed: true,
            ..self.answer.clone()
        })
    }
}

fn count(length: usize) -> i32 {
    length.try_into().expect("a small count")
}
