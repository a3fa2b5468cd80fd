//! Opt-ins and opt-outs, of contacts and of unassigned numbers.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::{
    ChannelReference, Consent, ContactReference, channel_reference, contact_reference,
};

use super::{
    Answer, CallNumber, ContactKey, Organization, checks,
    pairs::{Pairs, Rejected},
    refusal::Refusal,
    update::OptIns,
    word::Word,
};

/// Whether a contact or a number is opted in to a channel, opted out of it, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptState {
    In,
    Out,
    Neither,
}

/// The preferences of a contact or of an unassigned number.
#[derive(Debug, Clone, Default)]
pub struct Preferences {
    /// The opt-out of all channels. It holds for every channel that `own` does not have.
    pub all: Option<Word>,
    /// By channel id.
    pub own: BTreeMap<String, Word>,
}

/// What a reference names.
enum Subject {
    Contact(ContactKey),
    /// A number that is unassigned.
    Number(String),
}

impl Preferences {
    /// The state that holds for a channel.
    pub fn state(&self, channel: &str) -> OptState {
        match self.word(channel) {
            Some(word) if word.opted_in => OptState::In,
            Some(_) => OptState::Out,
            None => OptState::Neither,
        }
    }

    /// What holds for a channel.
    pub fn word(&self, channel: &str) -> Option<&Word> {
        self.own.get(channel).or(self.all.as_ref())
    }

    fn set(&mut self, channel: &str, word: &Word) {
        self.own.insert(channel.to_owned(), word.clone());
    }

    /// Opts out of channels, or of all of them now and later. Of two opt-outs the later one stays. Returns how many were not
    /// opted out of.
    fn opt_out(&mut self, channels: &BTreeSet<String>, all: bool, word: &Word) -> i64 {
        let mut changed = 0;
        for channel in channels {
            let state = self.state(channel);
            changed += i64::from(state != OptState::Out);
            let holds = self.word(channel).filter(|it| !it.opted_in);
            if holds.is_none_or(|it| it.spoken_at < word.spoken_at) {
                self.set(channel, word);
            }
        }
        if all {
            self.add_general(word);
        }
        changed
    }

    fn add_general(&mut self, word: &Word) {
        if self
            .all
            .as_ref()
            .is_none_or(|it| it.spoken_at < word.spoken_at)
        {
            self.all = Some(word.clone());
        }
    }

    /// Opts in to channels, lifting earlier opt-outs; an opt-in to all of them lifts an earlier opt-out of all too. Returns
    /// how many were not opted in to, and how many opt-outs are kept.
    fn opt_in(&mut self, channels: &BTreeSet<String>, all: bool, word: &Word) -> (i64, i64) {
        let is_earlier = |it: &Word| it.spoken_at < word.spoken_at;
        let is_kept_out = self.all.as_ref().is_some_and(|it| !is_earlier(it));
        if all && !is_kept_out {
            self.all = None;
        }
        let (mut changed, mut kept) = (0, 0);
        for channel in channels {
            match self.own.get(channel) {
                Some(own) if own.opted_in => {
                    // What an update said becomes the contact's own word.
                    if own.by_update && !word.by_update {
                        self.set(channel, word);
                    }
                }
                own if is_kept_out || own.is_some_and(|it| !is_earlier(it)) => kept += 1,
                _ => {
                    self.set(channel, word);
                    changed += 1;
                }
            }
        }
        (changed, kept)
    }

    /// Lifts opt-outs of an unassigned number. Such a number is never opted in, except as an exception to an opt-out of all
    /// channels. Returns how many were lifted, and how many are kept.
    fn lift(&mut self, channels: &BTreeSet<String>, all: bool, word: &Word) -> (i64, i64) {
        let opted_out = channels.iter();
        let opted_out = opted_out.filter(|channel| self.state(channel) == OptState::Out);
        let effect = self.opt_in(&opted_out.cloned().collect(), all, word);
        if self.all.is_none() {
            self.own.retain(|_, it| !it.opted_in);
        }
        effect
    }

    /// What stays behind with a number that its contact gives up: opt-outs only, without their consents.
    fn left_behind(&self) -> Self {
        let mut left = self.clone();
        left.own.retain(|_, it| !it.opted_in);
        for word in left.own.values_mut().chain(&mut left.all) {
            word.consent = None;
        }
        left
    }

    fn is_empty(&self) -> bool {
        self.all.is_none() && self.own.is_empty()
    }
}

impl Organization {
    /// The ids of the channels that references name. Refuses unknown ones.
    pub fn channels_of(&self, references: &[ChannelReference]) -> Answer<BTreeSet<String>> {
        references.iter().map(|it| self.channel(it)).collect()
    }

    /// The id of the channel that a reference names.
    fn channel(&self, reference: &ChannelReference) -> Answer<String> {
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
        found.ok_or_else(|| Refusal::not_found("channel", &name))
    }

    /// The ids of all channels.
    pub fn channel_ids(&self) -> BTreeSet<String> {
        self.channels.iter().map(|it| it.wire.id.clone()).collect()
    }

    /// What a reference names. Refuses a bad number as a violation of the reference, and an unknown id.
    fn subject(&self, reference: &ContactReference) -> Answer<Subject> {
        match reference.reference.as_ref().expect("a reference") {
            contact_reference::Reference::Id(id) => {
                let key = self.by_id(id).map(Subject::Contact);
                key.ok_or_else(|| Refusal::not_found("contact", id))
            }
            contact_reference::Reference::Phone(text) => {
                let phone = checks::number(text, self.takes_national_numbers)
                    .map_err(|reason| Refusal::fields(vec![("phone".to_owned(), reason)]))?;
                let key = self.by_phone(&phone).map(Subject::Contact);
                Ok(key.unwrap_or(Subject::Number(phone)))
            }
        }
    }

    /// Why a reference names nobody.
    pub(super) fn refusal_of(&self, reference: &ContactReference) -> Option<Refusal> {
        self.subject(reference).err()
    }

    /// The contacts and numbers that references name, and the references that are refused. An opt-in is refused if one of
    /// them is, an opt-out if none is left.
    fn subjects(
        &self,
        opt_in: bool,
        references: &[ContactReference],
    ) -> Answer<(BTreeSet<ContactKey>, BTreeSet<String>, Vec<Rejected>)> {
        let (mut contacts, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        let (mut rejected, mut malformed, mut unknown) = (Vec::new(), Vec::new(), None);
        for (index, reference) in (0..).zip(references) {
            match self.subject(reference) {
                Ok(Subject::Contact(key)) => _ = contacts.insert(key),
                Ok(Subject::Number(number)) => _ = numbers.insert(number),
                Err(refusal) => match refusal.violations.first() {
                    Some((field, reason)) => {
                        malformed.push((format!("contacts[{index}].{field}"), *reason));
                        rejected.push((index, field.clone(), *reason));
                    }
                    None => {
                        rejected.push((index, "id".to_owned(), refusal.reason));
                        unknown.get_or_insert(refusal);
                    }
                },
            }
        }
        let must_be_well_formed = if opt_in { 1 } else { references.len() };
        if malformed.len() >= must_be_well_formed {
            return Err(Refusal::fields(malformed));
        }
        let is_none_left = contacts.is_empty() && numbers.is_empty();
        match unknown {
            Some(refusal) if opt_in || is_none_left => Err(refusal),
            _ => Ok((contacts, numbers, rejected)),
        }
    }

    /// The channels that references name, and the references that are unknown. An opt-in is refused if one of them is, an
    /// opt-out if none is left.
    fn channels_to_change(
        &self,
        opt_in: bool,
        references: &[ChannelReference],
    ) -> Answer<(BTreeSet<String>, Vec<Rejected>)> {
        let (mut channels, mut rejected, mut unknown) = (BTreeSet::new(), Vec::new(), None);
        for (index, reference) in (0..).zip(references) {
            match (self.channel(reference), &reference.reference) {
                (Ok(id), _) => _ = channels.insert(id),
                (Err(refusal), given) => {
                    let by_phone = matches!(given, Some(channel_reference::Reference::Phone(_)));
                    let field = if by_phone { "phone" } else { "id" };
                    rejected.push((index, field.to_owned(), refusal.reason));
                    unknown.get_or_insert(refusal);
                }
            }
        }
        match unknown {
            Some(refusal) if opt_in || channels.is_empty() => Err(refusal),
            _ => Ok((channels, rejected)),
        }
    }

    /// `OptIn` and `OptOut`.
    pub fn change_preferences(
        &mut self,
        when: CallNumber,
        opt_in: bool,
        (references, channels): (&[ContactReference], Option<&[ChannelReference]>),
        consent: Option<&Consent>,
    ) -> Answer<Pairs> {
        let (contacts, numbers, rejected_contacts) = self.subjects(opt_in, references)?;
        let all = channels.is_none();
        let (channels, rejected_channels) = match channels {
            None => (self.channel_ids(), Vec::new()),
            Some(references) => self.channels_to_change(opt_in, references)?,
        };
        if !rejected_contacts.is_empty() || !rejected_channels.is_empty() {
            self.note("OptOut that leaves something out");
        }
        let word = Word::of(opt_in, when, false, consent);
        let (mut changed, mut kept) = (0, 0);
        for key in &contacts {
            let preferences = &mut self.contact_mut(*key).preferences;
            let effect = if opt_in {
                preferences.opt_in(&channels, all, &word)
            } else {
                (preferences.opt_out(&channels, all, &word), 0)
            };
            (changed, kept) = (changed + effect.0, kept + effect.1);
        }
        for number in &numbers {
            let preferences = self.numbers.entry(number.clone()).or_default();
            let effect = if opt_in {
                preferences.lift(&channels, all, &word)
            } else {
                (preferences.opt_out(&channels, all, &word), 0)
            };
            (changed, kept) = (changed + effect.0, kept + effect.1);
            if preferences.is_empty() {
                self.numbers.remove(number);
            }
            self.note(if opt_in {
                "OptIn of a number that is unassigned"
            } else {
                "OptOut of a number that is unassigned"
            });
        }
        if kept > 0 {
            self.note("OptIn that keeps a later opt-out");
        }
        let pairs = (contacts.len() + numbers.len()) * channels.len();
        Ok(Pairs {
            changed,
            unchanged: pairs as i64 - changed - kept,
            kept,
            rejected_contacts,
            rejected_channels,
        })
    }

    /// Leaves a contact's opt-outs behind with the number that it gives up.
    pub fn detach_opt_outs(&mut self, number: &str, preferences: &Preferences) {
        let left = preferences.left_behind();
        if !left.is_empty() {
            self.note("opt-outs left behind with a number");
            self.numbers.insert(number.to_owned(), left);
        }
    }

    /// Moves the opt-outs that a number carries to the contact that has it now. Returns how many of `opt_in_to` were opted
    /// in, as the number's opt-out of all channels had been lifted for them.
    pub fn inherit_opt_outs(
        &mut self,
        key: ContactKey,
        number: &str,
        opt_in_to: &BTreeSet<String>,
        (when, consent): (CallNumber, Option<&Consent>),
    ) -> i64 {
        let Some(carried) = self.numbers.remove(number) else {
            return 0;
        };
        self.note("opt-outs of a number inherited");
        let channels = self.channel_ids();
        let preferences = &mut self.contact_mut(key).preferences;
        let mut opted_in = 0;
        for channel in &channels {
            let own = preferences.own.get(channel).filter(|it| !it.opted_in);
            match (carried.word(channel), preferences.state(channel)) {
                // The number's opt-outs become the contact's own, channel by channel, and win over its opt-ins. Of two
                // opt-outs the later one stays.
                (Some(word), _)
                    if !word.opted_in && own.is_none_or(|own| own.spoken_at < word.spoken_at) =>
                {
                    preferences.set(channel, word);
                }
                // A lifted opt-out allows the update's own opt-in, but does not opt the contact in by itself.
                (Some(_), OptState::Neither) if opt_in_to.contains(channel) => {
                    preferences.set(channel, &Word::of(true, when, true, consent));
                    opted_in += 1;
                }
                _ => {}
            }
        }
        if let Some(general) = &carried.all {
            preferences.add_general(general);
        }
        opted_in
    }

    /// Opts a contact of an update in. Returns how many channels it was newly opted in to, and how many opt-outs were kept.
    pub fn opt_in_by_update(
        &mut self,
        key: ContactKey,
        opt_ins: &OptIns,
        (when, consent): (CallNumber, Option<&Consent>),
    ) -> (i64, i64) {
        let word = Word::of(true, when, true, consent);
        let preferences = &mut self.contact_mut(key).preferences;
        let channels = &opt_ins.channels;
        if opt_ins.resubscribe {
            let effect = preferences.opt_in(channels, opt_ins.to_all, &word);
            if effect.1 > 0 {
                self.note("an update with resubscribe that keeps a later opt-out");
            }
            return effect;
        }
        let (mut opted_in, mut kept) = (0, 0);
        for channel in channels {
            match preferences.state(channel) {
                OptState::In => {}
                OptState::Out => kept += 1,
                OptState::Neither => {
                    preferences.set(channel, &word);
                    opted_in += 1;
                }
            }
        }
        (opted_in, kept)
    }
}
