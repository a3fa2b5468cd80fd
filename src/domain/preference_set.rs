//! The preferences of one contact or one unassigned number, and the rules by which changes meet them.
//!
//! An opt-in lifts only opt-outs that are strictly earlier, by the times at which the person said so. An opt-out counts whatever
//! its time; of two opt-outs the later one stays.

use std::collections::{BTreeMap, BTreeSet};

use strum::IntoStaticStr;
use time::OffsetDateTime;
use uuid::Uuid;

use super::preference::{ALL_CHANNELS, Change, ChangeOrigin, ChannelPreference, Subject};

/// The preferences of a subject: as they are stored, and as they are to be.
pub struct PreferenceSet {
    subject: Subject,
    stored: BTreeMap<Uuid, ChannelPreference>,
    now: BTreeMap<Uuid, ChannelPreference>,
    /// The opt-outs that came with a number.
    inherited: BTreeSet<Uuid>,
}

/// What an opt-in did, in channels.
#[derive(Default)]
pub struct OptInEffect {
    /// How many channels were newly opted in to. Of a number: of how many channels an opt-out was lifted.
    pub opted_in: u64,
    /// The channels that stay opted out of, each with the time of the opt-out.
    pub kept: Vec<(Uuid, OffsetDateTime)>,
}

/// What is written of preferences.
#[derive(Default)]
pub struct PreferenceWrites {
    /// What belongs to the history.
    pub history: Vec<HistoryEntry>,
    /// The preferences that end.
    pub removed: Vec<(Subject, Uuid)>,
    /// The preferences that begin or are replaced.
    pub written: Vec<(Subject, ChannelPreference)>,
}

impl PreferenceWrites {
    /// The subjects of what refers to a consent that is stored with the change `id`.
    pub fn subjects_with_consent(&self, id: Uuid) -> BTreeSet<Subject> {
        let written = self.written.iter().map(|(it, new)| (*it, new.origin));
        let noted = self.history.iter().map(|it| (it.subject, it.origin));
        let all = written.chain(noted);
        let referring = all.filter(|(_, origin)| origin.consent_id == Some(id));
        referring.map(|(subject, _)| subject).collect()
    }
}

/// What the history of a subject says of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The subject.
    pub subject: Subject,
    /// The channel, or [`ALL_CHANNELS`].
    pub channel_id: Uuid,
    /// What happened.
    pub kind: HistoryKind,
    /// Where it comes from.
    pub origin: ChangeOrigin,
}

/// What happened to a preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum HistoryKind {
    /// The person was opted in.
    OptedIn,
    /// The person was opted out.
    OptedOut,
    /// An opt-out ended, and left no preference.
    Lifted,
    /// An opt-out came with a number.
    TakenOver,
    /// An opt-in was taken back with its update.
    Withdrawn,
    /// An opt-out kept an update from opting the person in; only the journal has it.
    KeptOut,
}

impl HistoryKind {
    /// Returns the kind's name, which is stored.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What a preference is in the history.
    pub fn of(preference: &ChannelPreference) -> Self {
        if preference.opted_in {
            Self::OptedIn
        } else {
            Self::OptedOut
        }
    }
}

impl PreferenceSet {
    /// Creates the set of a subject.
    pub fn new(subject: Subject, stored: impl IntoIterator<Item = ChannelPreference>) -> Self {
        let stored: BTreeMap<_, _> = stored.into_iter().map(|it| (it.channel_id, it)).collect();
        Self {
            subject,
            now: stored.clone(),
            stored,
            inherited: BTreeSet::new(),
        }
    }

    /// Whose they are.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Whether it is opted out of all channels, present and later.
    pub fn is_opted_out_of_all(&self) -> bool {
        self.now.contains_key(&ALL_CHANNELS)
    }

    /// The opt-outs as they are to be.
    pub fn opt_outs(&self) -> impl Iterator<Item = &ChannelPreference> {
        self.now.values().filter(|it| !it.opted_in)
    }

    /// Opts out of channels, and with `all` of all channels, present and later. Returns how many of `channels` were not opted
    /// out of.
    pub fn opt_out(&mut self, channels: &[Uuid], all: bool, origin: ChangeOrigin) -> u64 {
        let mut changed = 0;
        let general = self.now.get(&ALL_CHANNELS).map(|it| it.origin.said_at());
        for channel in channels {
            let is_covered = !self.now.contains_key(channel) && general.is_some();
            let is_earlier = general.is_some_and(|general| origin.said_at() <= general);
            // A later one is the channel's own: an opt-in can lift the opt-out of all channels and not this one.
            if !is_covered || !is_earlier {
                let is_new = self.add_opt_out(*channel, origin);
                changed += u64::from(is_new && !is_covered);
            }
        }
        if all {
            self.add_opt_out(ALL_CHANNELS, origin);
        }
        changed
    }

    /// Adds an opt-out; of two, the later one stays. Returns whether there was none.
    pub fn add_opt_out(&mut self, channel_id: Uuid, origin: ChangeOrigin) -> bool {
        let old = self.now.get(&channel_id).filter(|it| !it.opted_in);
        let is_later = old.is_none_or(|old| old.origin.said_at() < origin.said_at());
        let is_new = old.is_none();
        if is_later {
            self.set(channel_id, false, origin);
        }
        is_new
    }

    /// Adds an opt-out that came with a number.
    fn inherit_opt_out(&mut self, channel_id: Uuid, origin: ChangeOrigin) {
        let before = self.now.get(&channel_id).copied();
        self.add_opt_out(channel_id, origin);
        if self.now.get(&channel_id) != before.as_ref() {
            self.inherited.insert(channel_id);
        }
    }

    /// Opts in to channels, and lifts their opt-outs; with `all`, that of all channels too. A number is opted in to nothing:
    /// its opt-outs are lifted. Where `own_word` is true, what an update opted in is replaced.
    pub fn opt_in(
        &mut self,
        channels: &[Uuid],
        all: bool,
        own_word: bool,
        origin: ChangeOrigin,
    ) -> OptInEffect {
        let mut effect = OptInEffect::default();
        let general = self.now.get(&ALL_CHANNELS).map(|it| it.origin.said_at());
        let later_general = general.filter(|it| *it >= origin.said_at());
        if all && later_general.is_none() {
            self.now.remove(&ALL_CHANNELS);
        }
        let is_contact = matches!(self.subject, Subject::Contact(_));
        for channel in channels {
            let own = self.now.get(channel);
            if let Some(own) = own.filter(|it| it.opted_in) {
                if own_word && is_contact && own.origin.update_id.is_some() {
                    self.set(*channel, true, origin);
                }
                continue;
            }
            let later_own = own.map(|it| it.origin.said_at());
            let later_own = later_own.filter(|it| *it >= origin.said_at());
            if let Some(later) = later_own.max(later_general) {
                effect.kept.push((*channel, later));
            } else if is_contact || own.is_some() || general.is_some() {
                effect.opted_in += 1;
                self.set(*channel, true, origin);
            }
        }
        if !is_contact && !self.now.contains_key(&ALL_CHANNELS) {
            // Exceptions from an opt-out of all channels have no meaning without it.
            self.now.retain(|_, it| !it.opted_in);
        }
        effect
    }

    /// Takes over what the number carries that the contact has now. The opt-outs become the contact's own, channel by channel:
    /// it may have opted in to one of them under another number. An exception of the number's lets it be opted in to
    /// `targets`, and is not inherited otherwise. Returns how many channels were opted in to.
    pub fn inherit(
        &mut self,
        carried: &[ChannelPreference],
        channels: &[Uuid],
        targets: &[Uuid],
        origin: ChangeOrigin,
    ) -> u64 {
        let has = |channel: &Uuid| carried.iter().any(|it| it.channel_id == *channel);
        let mut opted_in = 0;
        for exception in carried.iter().filter(|it| it.opted_in) {
            let channel = exception.channel_id;
            let is_open = !self.now.contains_key(&channel) && !self.now.contains_key(&ALL_CHANNELS);
            if is_open && targets.contains(&channel) {
                self.set(channel, true, origin);
                opted_in += 1;
            }
        }
        for opt_out in carried.iter().filter(|it| !it.opted_in) {
            self.inherit_opt_out(opt_out.channel_id, opt_out.origin);
            if opt_out.channel_id == ALL_CHANNELS {
                for covered in channels.iter().filter(|channel| !has(channel)) {
                    self.inherit_opt_out(*covered, opt_out.origin);
                }
            }
        }
        opted_in
    }

    fn set(&mut self, channel_id: Uuid, opted_in: bool, origin: ChangeOrigin) {
        let preference = ChannelPreference {
            channel_id,
            opted_in,
            origin,
        };
        self.now.insert(channel_id, preference);
    }

    /// Adds what is to be written to `writes`.
    pub fn write_to(self, change: &Change, writes: &mut PreferenceWrites) {
        let subject = self.subject;
        let mut note = |channel_id, kind, origin| {
            writes.history.push(HistoryEntry {
                subject,
                channel_id,
                kind,
                origin,
            });
        };
        for (channel, stored) in &self.stored {
            let now = self.now.get(channel);
            if now == Some(stored) {
                continue;
            }
            note(*channel, HistoryKind::of(stored), stored.origin);
            if now.is_none() {
                writes.removed.push((subject, *channel));
                if !stored.opted_in {
                    note(*channel, HistoryKind::Lifted, change.origin);
                }
            }
        }
        for channel in self.inherited {
            note(channel, HistoryKind::TakenOver, change.origin);
        }
        let is_written = |it: &ChannelPreference| self.stored.get(&it.channel_id) != Some(it);
        let written = self.now.into_values().filter(is_written);
        writes.written.extend(written.map(|it| (subject, it)));
    }
}
