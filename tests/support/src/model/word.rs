//! What a person has said, and when.

use contact_lists::proto::Consent;

use super::CallNumber;

/// When a person said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpokenAt {
    /// At a given time of long ago, in seconds.
    LongAgo(i64),
    /// When the call was made.
    Call(CallNumber),
    /// At a given time that is later than all calls so far.
    Ahead(i64),
}

/// The first second of 2025: earlier times are of long ago.
const RECENT_SECONDS: i64 = 1_735_689_600;

impl SpokenAt {
    /// The time of the consent that a call or a contact brings.
    pub fn of(consent: Option<&Consent>, when: CallNumber) -> Self {
        match consent.and_then(|it| it.collect_time) {
            None => Self::Call(when),
            Some(time) if time.seconds < RECENT_SECONDS => Self::LongAgo(time.seconds),
            Some(time) => Self::Ahead(time.seconds),
        }
    }
}

/// What a call has said of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Whether opted in.
    pub opted_in: bool,
    /// The call.
    pub when: CallNumber,
    /// When the person said so.
    pub spoken_at: SpokenAt,
    /// Whether the call was an update.
    pub by_update: bool,
    /// The consent that belongs to it, as given.
    pub consent: Option<Consent>,
}

impl Word {
    /// What a call has said.
    pub fn of(
        opted_in: bool,
        when: CallNumber,
        by_update: bool,
        consent: Option<&Consent>,
    ) -> Self {
        Self {
            opted_in,
            when,
            spoken_at: SpokenAt::of(consent, when),
            by_update,
            consent: consent.filter(|it| **it != Consent::default()).cloned(),
        }
    }
}
