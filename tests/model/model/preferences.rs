//! Opt-ins and opt-outs, of contacts and of numbers that are nobody's.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::{
    ChannelReference, ContactReference, ErrorReason as Reason, channel_reference, contact_reference,
};

use super::{
    Answer, ContactKey, Organization, When, checks,
    refusal::{Refusal, Violation},
};

/// Whether somebody is opted in to a channel, opted out of it, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    In,
    Out,
    Neither,
}

/// What somebody, or a number that is nobody's, is opted in to and out of.
#[derive(Debug, Clone, Default)]
pub struct Preferences {
    /// Since when there is an opt-out of all channels. It holds for every channel that `own` does not have.
    pub all: Option<When>,
    /// For single channels, by their ids: whether in or out, and since when.
    pub own: BTreeMap<String, (bool, When)>,
}

/// Opted in or out: how many pairs changed, and how many already were as asked.
pub type Pairs = (i32, i32);

impl Preferences {
    /// What holds for a channel.
    pub fn state(&self, channel: &str) -> State {
        match (self.own.get(channel), self.all) {
            (Some((true, _)), _) => State::In,
            (Some((false, _)), _) | (None, Some(_)) => State::Out,
            (None, None) => State::Neither,
        }
    }

    /// Since when it holds, if something does.
    pub fn since(&self, channel: &str) -> Option<When> {
        self.own.get(channel).map(|(_, when)| *when).or(self.all)
    }

    fn set(&mut self, channel: &str, opted_in: bool, when: When) {
        self.own.insert(channel.to_owned(), (opted_in, when));
    }

    /// Opts out of channels, or of all of them now and later. What already is so stays as it was.
    fn opt_out(&mut self, channels: &BTreeSet<String>, all: bool, when: When) -> i32 {
        let mut changed = 0;
        for channel in channels {
            if self.state(channel) != State::Out {
                self.set(channel, false, when);
                changed += 1;
            }
        }
        if all {
            self.all.get_or_insert(when);
        }
        changed
    }

    /// Opts in to channels, lifting opt-outs; to all of them it lifts the opt-out of all too.
    fn opt_in(&mut self, channels: &BTreeSet<String>, all: bool, when: When) -> i32 {
        if all {
            self.all = None;
        }
        let mut changed = 0;
        for channel in channels {
            if self.state(channel) != State::In {
                self.set(channel, true, when);
                changed += 1;
            }
        }
        changed
    }

    /// Lifts what a number that is nobody's is opted out of: it cannot be opted in, but for an exception to an opt-out of
    /// all channels.
    fn lift(&mut self, channels: &BTreeSet<String>, all: bool, when: When) -> i32 {
        let mut lifted = 0;
        for channel in channels {
            if self.state(channel) == State::Out {
                lifted += 1;
                self.set(channel, true, when);
            }
        }
        if all {
            self.all = None;
        }
        if self.all.is_none() {
            self.own.retain(|_, (opted_in, _)| !*opted_in);
        }
        lifted
    }

    /// What stays behind with a number that is given up: opt-outs, and what an opt-out of all does not cover.
    fn left_behind(&self) -> Self {
        let mut left = self.clone();
        if left.all.is_none() {
            left.own.retain(|_, (opted_in, _)| !*opted_in);
        }
        left
    }

    fn is_empty(&self) -> bool {
        self.all.is_none() && self.own.is_empty()
    }
}

impl Organization {
    /// The ids of the channels that references name. An unknown one fails the call.
    pub fn channels_of(&self, references: &[ChannelReference]) -> Answer<BTreeSet<String>> {
        let mut ids = BTreeSet::new();
        for reference in references {
            let (name, found) = match reference.reference.as_ref().expect("a reference") {
                channel_reference::Reference::Id(id) => {
                    let mut ids = self.channels.iter().map(|it| it.wire.id.clone());
                    (id.clone(), ids.find(|it| it == id))
                }
                channel_reference::Reference::Phone(text) => {
                    let phone = checks::number(text, self.takes_national_numbers)
                        .expect("only valid numbers name channels");
                    let mut channels = self.channels.iter();
                    let found = channels.find(|it| it.wire.phone.as_deref() == Some(&phone));
                    (phone, found.map(|it| it.wire.id.clone()))
                }
            };
            ids.insert(found.ok_or_else(|| Refusal::not_found("channel", &name))?);
        }
        Ok(ids)
    }

    /// The ids of all channels.
    pub fn channel_ids(&self) -> BTreeSet<String> {
        self.channels.iter().map(|it| it.wire.id.clone()).collect()
    }

    /// Whom references name: contacts, and numbers that are nobody's.
    fn subjects(
        &self,
        references: &[ContactReference],
    ) -> Answer<(BTreeSet<ContactKey>, BTreeSet<String>)> {
        let (mut contacts, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        for reference in references {
            match reference.reference.as_ref().expect("a reference") {
                contact_reference::Reference::Id(id) => {
                    let key = self.by_id(id);
                    contacts.insert(key.ok_or_else(|| Refusal::not_found("contact", id))?);
                }
                contact_reference::Reference::Phone(text) => {
                    let phone = checks::number(text, self.takes_national_numbers)
                        .expect("bad numbers were refused");
                    match self.by_phone(&phone) {
                        Some(key) => contacts.insert(key),
                        None => numbers.insert(phone),
                    };
                }
            }
        }
        Ok((contacts, numbers))
    }

    fn bad_numbers(&self, references: &[ContactReference]) -> Vec<Violation> {
        let mut wrong: Vec<(String, Reason)> = Vec::new();
        for (index, reference) in references.iter().enumerate() {
            if let Some(contact_reference::Reference::Phone(text)) = &reference.reference
                && let Err(reason) = checks::number(text, self.takes_national_numbers)
            {
                wrong.push((format!("contacts[{index}].phone"), reason));
            }
        }
        wrong
    }

    /// `OptIn` and `OptOut`.
    pub fn change_preferences(
        &mut self,
        when: When,
        opt_in: bool,
        references: &[ContactReference],
        channels: Option<&[ChannelReference]>,
    ) -> Answer<Pairs> {
        let wrong = self.bad_numbers(references);
        if !wrong.is_empty() {
            return Err(Refusal::fields(wrong));
        }
        let (contacts, numbers) = self.subjects(references)?;
        let all = channels.is_none();
        let channels = match channels {
            None => self.channel_ids(),
            Some(references) => self.channels_of(references)?,
        };
        let mut changed = 0;
        for key in &contacts {
            let preferences = &mut self.contact_mut(*key).preferences;
            changed += if opt_in {
                preferences.opt_in(&channels, all, when)
            } else {
                preferences.opt_out(&channels, all, when)
            };
        }
        for number in &numbers {
            let preferences = self.numbers.entry(number.clone()).or_default();
            changed += if opt_in {
                preferences.lift(&channels, all, when)
            } else {
                preferences.opt_out(&channels, all, when)
            };
            if preferences.is_empty() {
                self.numbers.remove(number);
            }
            self.note(if opt_in {
                "OptIn of a number that is nobody's"
            } else {
                "OptOut of a number that is nobody's"
            });
        }
        let pairs = (contacts.len() + numbers.len()) * channels.len();
        Ok((changed, pairs as i32 - changed))
    }

    /// Leaves a contact's opt-outs behind with the number that it gives up.
    pub fn leave_number(&mut self, number: &str, preferences: &Preferences) {
        let left = preferences.left_behind();
        if !left.is_empty() {
            self.note("opt-outs left behind with a number");
            self.numbers.insert(number.to_owned(), left);
        }
    }

    /// Hands over to a contact what its new number carries; the number carries it no longer. Answers how many of `targets`
    /// were opted in, being exceptions to the number's opt-out of all channels.
    pub fn take_number_over(
        &mut self,
        key: ContactKey,
        number: &str,
        targets: &BTreeSet<String>,
        when: When,
    ) -> i32 {
        let Some(carried) = self.numbers.remove(number) else {
            return 0;
        };
        self.note("opt-outs of a number taken over");
        let channels = self.channel_ids();
        let preferences = &mut self.contact_mut(key).preferences;
        let mut opted_in = 0;
        let mut exceptions = 0;
        for channel in &channels {
            let since = carried.since(channel).unwrap_or(when);
            let is_out = matches!(preferences.own.get(channel), Some((false, _)));
            match (carried.state(channel), preferences.state(channel)) {
                // The number's opt-outs become the contact's own, channel by channel, and win over its opt-ins.
                (State::Out, _) if !is_out => preferences.set(channel, false, since),
                // Its exceptions win over nothing.
                (State::In, State::Neither) if targets.contains(channel) => {
                    preferences.set(channel, true, when);
                    opted_in += 1;
                }
                (State::In, State::Neither) => {
                    preferences.set(channel, true, since);
                    exceptions += 1;
                }
                _ => {}
            }
        }
        preferences.all = preferences.all.or(carried.all);
        for _ in 0..exceptions {
            self.note("exceptions to a number's opt-out of all channels taken over");
        }
        opted_in
    }

    /// Opts a contact in by an update's rule. Answers how many channels it was newly opted in to, and how many opt-outs
    /// were kept.
    pub fn opt_in_by_update(
        &mut self,
        key: ContactKey,
        channels: &BTreeSet<String>,
        (resubscribe, all): (bool, bool),
        when: When,
    ) -> Pairs {
        let preferences = &mut self.contact_mut(key).preferences;
        if resubscribe {
            return (preferences.opt_in(channels, all, when), 0);
        }
        let (mut opted_in, mut kept) = (0, 0);
        for channel in channels {
            match preferences.state(channel) {
                State::In => {}
                State::Out => kept += 1,
                State::Neither => {
                    preferences.set(channel, true, when);
                    opted_in += 1;
                }
            }
        }
        (opted_in, kept)
    }
}
