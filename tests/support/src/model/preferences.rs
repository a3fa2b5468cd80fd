//! Opt-ins and opt-outs, of contacts and of unassigned numbers.

use std::collections::{BTreeMap, BTreeSet};

use contact_lists::proto::{
    ChannelReference, ContactReference, ErrorReason as Reason, OptInResponse, OptOutResponse,
    RejectedReference, channel_reference, contact_reference,
};

use super::{
    Answer, CallNumber, ContactKey, Organization, checks, refusal::Refusal, update::OptIns,
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
    /// The call that opted out of all channels. The opt-out holds for every channel that `own` does not have.
    pub all: Option<CallNumber>,
    /// By channel id: whether opted in, and by which call.
    pub own: BTreeMap<String, (bool, CallNumber)>,
}

/// A reference that an opt-out left out: its index in the request, the wrong field and the reason.
pub type Rejected = (i32, String, Reason);

/// What an opt-in or an opt-out did, in pairs of a contact and a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// Newly opted in or out, as asked.
    pub changed: i32,
    /// Opted in or out before.
    pub unchanged: i32,
    /// The contacts that an opt-out left out.
    pub rejected_contacts: Vec<Rejected>,
    /// The channels that it left out.
    pub rejected_channels: Vec<Rejected>,
}

impl From<OptInResponse> for Pairs {
    fn from(response: OptInResponse) -> Self {
        Self {
            changed: response.opted_in_count,
            unchanged: response.unchanged_count,
            rejected_contacts: Vec::new(),
            rejected_channels: Vec::new(),
        }
    }
}

/// Without the wording of messages.
impl From<OptOutResponse> for Pairs {
    fn from(response: OptOutResponse) -> Self {
        let rejected = |references: Vec<RejectedReference>| {
            let rejected = references.into_iter().flat_map(|reference| {
                let violations = reference.violations.into_iter();
                violations.map(move |it| (reference.index, it.field.clone(), it.reason()))
            });
            rejected.collect()
        };
        Self {
            changed: response.opted_out_count,
            unchanged: response.unchanged_count,
            rejected_contacts: rejected(response.rejected_contacts),
            rejected_channels: rejected(response.rejected_channels),
        }
    }
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
        match (self.own.get(channel), self.all) {
            (Some((true, _)), _) => OptState::In,
            (Some((false, _)), _) | (None, Some(_)) => OptState::Out,
            (None, None) => OptState::Neither,
        }
    }

    /// The call since which it holds; None for [`OptState::Neither`].
    pub fn since(&self, channel: &str) -> Option<CallNumber> {
        self.own.get(channel).map(|(_, when)| *when).or(self.all)
    }

    fn set(&mut self, channel: &str, opted_in: bool, when: CallNumber) {
        self.own.insert(channel.to_owned(), (opted_in, when));
    }

    /// Opts out of channels, or of all of them now and later. Returns how many were not opted out of.
    fn opt_out(&mut self, channels: &BTreeSet<String>, all: bool, when: CallNumber) -> i32 {
        let mut changed = 0;
        for channel in channels {
            if self.state(channel) != OptState::Out {
                self.set(channel, false, when);
                changed += 1;
            }
        }
        if all {
            self.all.get_or_insert(when);
        }
        changed
    }

    /// Opts in to channels, lifting opt-outs; an opt-in to all of them lifts the opt-out of all too. Returns how many were
    /// not opted in to.
    fn opt_in(&mut self, channels: &BTreeSet<String>, all: bool, when: CallNumber) -> i32 {
        if all {
            self.all = None;
        }
        let mut changed = 0;
        for channel in channels {
            if self.state(channel) != OptState::In {
                self.set(channel, true, when);
                changed += 1;
            }
        }
        changed
    }

    /// Lifts opt-outs of an unassigned number. Such a number is never opted in, except as an exception to an opt-out of all
    /// channels. Returns how many were lifted.
    fn lift(&mut self, channels: &BTreeSet<String>, all: bool, when: CallNumber) -> i32 {
        let mut lifted = 0;
        for channel in channels {
            if self.state(channel) == OptState::Out {
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

    /// What stays behind with a number that its contact gives up: opt-outs only.
    fn left_behind(&self) -> Self {
        let mut left = self.clone();
        left.own.retain(|_, (opted_in, _)| !*opted_in);
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
        references: &[ContactReference],
        channels: Option<&[ChannelReference]>,
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
                "OptIn of a number that is unassigned"
            } else {
                "OptOut of a number that is unassigned"
            });
        }
        let pairs = (contacts.len() + numbers.len()) * channels.len();
        Ok(Pairs {
            changed,
            unchanged: pairs as i32 - changed,
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
        when: CallNumber,
    ) -> i32 {
        let Some(carried) = self.numbers.remove(number) else {
            return 0;
        };
        self.note("opt-outs of a number inherited");
        let channels = self.channel_ids();
        let preferences = &mut self.contact_mut(key).preferences;
        let mut opted_in = 0;
        for channel in &channels {
            let since = carried.since(channel).unwrap_or(when);
            let is_out = matches!(preferences.own.get(channel), Some((false, _)));
            match (carried.state(channel), preferences.state(channel)) {
                // The number's opt-outs become the contact's own, channel by channel, and win over its opt-ins.
                (OptState::Out, _) if !is_out => preferences.set(channel, false, since),
                // A lifted opt-out allows the update's own opt-in, but does not opt the contact in by itself.
                (OptState::In, OptState::Neither) if opt_in_to.contains(channel) => {
                    preferences.set(channel, true, when);
                    opted_in += 1;
                }
                _ => {}
            }
        }
        preferences.all = preferences.all.or(carried.all);
        opted_in
    }

    /// Opts a contact of an update in. Returns how many channels it was newly opted in to, and how many opt-outs were kept.
    pub fn opt_in_by_update(
        &mut self,
        key: ContactKey,
        opt_ins: &OptIns,
        when: CallNumber,
    ) -> (i32, i32) {
        let preferences = &mut self.contact_mut(key).preferences;
        let channels = &opt_ins.channels;
        if opt_ins.resubscribe {
            let opted_in = preferences.opt_in(channels, opt_ins.to_all, when);
            return (opted_in, 0);
        }
        let (mut opted_in, mut kept) = (0, 0);
        for channel in channels {
            match preferences.state(channel) {
                OptState::In => {}
                OptState::Out => kept += 1,
                OptState::Neither => {
                    preferences.set(channel, true, when);
                    opted_in += 1;
                }
            }
        }
        (opted_in, kept)
    }
}
