//! People one by one, and the opt-outs of their numbers.

use super::*;

impl State {
    fn find(&self, who: Who) -> Option<Number> {
        match who {
            Who::Holder(number) => self.people.contains_key(&number).then_some(number),
            Who::Origin(origin) => {
                let is_it = |(_, person): &(&Number, &Person)| person.origin == Some(origin);
                self.people.iter().find(is_it).map(|(number, _)| *number)
            }
        }
    }

    /// Who has this external_id.
    pub(super) fn known_as(&self, external_id: u32) -> Option<Number> {
        let is_it = |(_, person): &(&Number, &Person)| person.external_id == Some(external_id);
        self.people.iter().find(is_it).map(|(number, _)| *number)
    }

    pub(super) fn erase(&mut self, who: Who) -> Answer {
        let Some(number) = self.find(who) else {
            return Answer::refused("RESOURCE_NOT_FOUND");
        };
        let person = self.people.remove(&number).expect("the person");
        self.leave_opt_outs(number, &person);
        Answer::Done
    }

    pub(super) fn change(
        &mut self,
        who: Who,
        number: Option<Number>,
        external_id: Option<u32>,
        name: Option<u32>,
    ) -> Answer {
        let Some(old) = self.find(who) else {
            return Answer::refused("RESOURCE_NOT_FOUND");
        };
        let new = number.unwrap_or(old);
        let number_taken = new != old && self.people.contains_key(&new);
        let holder = external_id.and_then(|id| self.known_as(id));
        if number_taken || holder.is_some_and(|holder| holder != old) {
            return Answer::refused("RESOURCE_ALREADY_EXISTS");
        }
        let person = self.people.get_mut(&old).expect("the person");
        person.external_id = external_id.or(person.external_id);
        person.name = name.or(person.name);
        if new != old {
            self.move_to(old, new);
        }
        Answer::Done
    }

    /// Gives a person another number: the opt-outs stay with the old one too, and those of the new one are taken over.
    pub(super) fn move_to(&mut self, old: Number, new: Number) {
        let person = self.people.remove(&old).expect("the person");
        self.leave_opt_outs(old, &person);
        self.people.insert(new, person);
        self.take_over_opt_outs(new);
    }

    fn leave_opt_outs(&mut self, number: Number, person: &Person) {
        let opt_outs = person
            .preferences
            .iter()
            .filter(|(_, opted_in)| !**opted_in);
        let channels: BTreeSet<u8> = opt_outs.map(|(channel, _)| *channel).collect();
        if !channels.is_empty() {
            self.number_opt_outs.insert(number, channels);
        }
    }

    /// Hands what a number carries over to whoever has it now.
    pub(super) fn take_over_opt_outs(&mut self, number: Number) {
        let opt_outs = self.number_opt_outs.remove(&number).unwrap_or_default();
        let person = self.people.get_mut(&number).expect("the person");
        for channel in opt_outs {
            person.preferences.insert(channel, false);
        }
    }

    pub(super) fn prefer(&mut self, numbers: &[Number], channels: &[u8], opt_in: bool) -> Answer {
        if !channels
            .iter()
            .all(|channel| self.channels.contains(channel))
        {
            return Answer::refused("RESOURCE_NOT_FOUND");
        }
        let (mut changed, mut unchanged) = (0, 0);
        for number in numbers {
            for channel in channels {
                if self.prefer_one(*number, *channel, opt_in) {
                    changed += 1;
                } else {
                    unchanged += 1;
                }
            }
        }
        self.number_opt_outs
            .retain(|_, channels| !channels.is_empty());
        Answer::Pairs(changed, unchanged)
    }

    /// Answers whether that changed something.
    fn prefer_one(&mut self, number: Number, channel: u8, opt_in: bool) -> bool {
        if let Some(person) = self.people.get_mut(&number) {
            return person.preferences.insert(channel, opt_in) != Some(opt_in);
        }
        let opt_outs = self.number_opt_outs.entry(number).or_default();
        if opt_in {
            opt_outs.remove(&channel)
        } else {
            opt_outs.insert(channel)
        }
    }
}
