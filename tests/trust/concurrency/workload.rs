//! Calls that contend: few numbers, few external_ids, few lists.

use test_support::Random;

use crate::calls::*;

/// The numbers of a round.
pub const NUMBERS: std::ops::Range<Number> = 0..7;
/// The lists of a round.
pub const LIST_COUNT: u8 = 3;
/// The channels of a round. One more may be made.
pub const CHANNEL_COUNT: u8 = 2;

const EXTERNAL_IDS: u32 = 4;
const NAMES: u32 = 3;

/// What the calls of a round have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Theme {
    /// Many callers, one list.
    OneList,
    /// The same new contacts on different lists, in opposite orders.
    SameNewContacts,
    /// The same request_id more than once, also with other input.
    Duplicates,
    /// Lists and contacts are deleted while they are updated.
    Deletions,
    /// Channels are created and deleted while contacts are opted in to and out of them.
    Channels,
    /// Numbers and external_ids change hands.
    Identity,
    /// Updates are reverted while others are made.
    Undo,
    /// Anything.
    Mixed,
}

/// All themes.
pub const THEMES: [Theme; 8] = [
    Theme::OneList,
    Theme::SameNewContacts,
    Theme::Duplicates,
    Theme::Deletions,
    Theme::Channels,
    Theme::Identity,
    Theme::Undo,
    Theme::Mixed,
];

/// Draws the calls of a round.
pub struct Workload {
    pub random: Random,
    pub theme: Theme,
    /// How many contacts' ids are known.
    pub known_count: u32,
    requests: u32,
}

impl Workload {
    /// The calls of a theme.
    pub fn new(mut random: Random) -> Self {
        let theme = random.pick(&THEMES);
        Self {
            random,
            theme,
            known_count: 0,
            requests: 0,
        }
    }

    /// The calls that set the round up.
    pub fn first_calls(&mut self) -> Vec<Call> {
        let count = if self.theme == Theme::SameNewContacts {
            1
        } else {
            3
        };
        let contacts = (0..count).map(|n| Contact {
            number: Some(n),
            external_id: self.random.percent(60).then_some(Some(n)),
            ..Contact::default()
        });
        let contacts = contacts.collect();
        let opt_ins = if self.theme == Theme::Channels {
            OptIns::None
        } else {
            OptIns::All
        };
        let first = Update {
            opt_ins,
            ..self.plain(Action::Add, contacts)
        };
        let mut calls = vec![
            Call::Update(Update { list: 0, ..first }),
            Call::ChangePreferences {
                numbers: vec![1, 5],
                channels: vec![0],
                opt_in: false,
            },
        ];
        if self.theme == Theme::Undo {
            calls.extend((0..3).map(|_| self.recorded_update()));
        }
        calls
    }

    /// An update that can be reverted.
    fn recorded_update(&mut self) -> Call {
        self.requests += 1;
        Call::Update(Update {
            request: Some(self.requests),
            validate_only: false,
            ..self.update()
        })
    }

    /// Reverts one of the latest updates or reverts.
    fn revert(&mut self) -> Call {
        let update = self.requests - self.random.below(4.min(self.requests as usize)) as u32;
        self.requests += 1;
        Call::Revert(Revert {
            update,
            request: self.requests,
        })
    }

    /// The calls that are made concurrently.
    pub fn calls(&mut self) -> Vec<Call> {
        let count = match self.theme {
            // What undo needs is not in a fingerprint, so every order is searched.
            Theme::Undo => 4 + self.random.below(3),
            _ => 6 + self.random.below(5),
        };
        let mut calls: Vec<Call> = (0..count).map(|_| self.call()).collect();
        if self.theme == Theme::Duplicates || self.random.percent(20) {
            self.add_duplicates(&mut calls);
        }
        if self.theme == Theme::Channels {
            calls[0] = Call::CreateChannel(CHANNEL_COUNT);
        }
        calls.truncate(12);
        self.random.shuffle(&mut calls);
        calls
    }

    /// Adds an update two or three times, and sometimes once more with other input.
    fn add_duplicates(&mut self, calls: &mut Vec<Call>) {
        let mut update = self.update();
        self.requests += 1;
        update.request = Some(self.requests);
        update.validate_only = false;
        for _ in 0..2 + self.random.below(2) {
            calls.push(Call::Update(update.clone()));
        }
        if self.random.percent(30) {
            calls.push(Call::Update(Update {
                skip: !update.skip,
                ..update.clone()
            }));
        }
        if self.random.percent(40) {
            calls.push(Call::ReadUpdate(self.requests));
        }
    }

    fn call(&mut self) -> Call {
        let dice = self.random.below(100);
        match self.theme {
            Theme::OneList | Theme::SameNewContacts | Theme::Duplicates if dice < 85 => {
                Call::Update(self.update())
            }
            Theme::Deletions if dice < 45 => self.deletion(),
            Theme::Channels if dice < 50 => self.preference(),
            Theme::Identity if dice < 30 => self.change(),
            Theme::Identity if dice < 45 => self.contact_deletion(),
            Theme::Undo if dice < 40 => self.revert(),
            Theme::Undo if dice < 50 => self.preference(),
            Theme::Undo if dice < 58 => self.change(),
            Theme::Undo if dice < 64 => self.contact_deletion(),
            Theme::Undo if dice < 90 => self.recorded_update(),
            Theme::Mixed if dice < 12 => self.deletion(),
            Theme::Mixed if dice < 24 => self.preference(),
            Theme::Mixed if dice < 36 => self.change(),
            _ if dice > 90 => self.read(),
            _ => Call::Update(self.update()),
        }
    }

    fn deletion(&mut self) -> Call {
        let list = self.list();
        match self.random.below(10) {
            0..=1 => Call::DeleteList(list),
            2..=4 => Call::ArchiveList {
                list,
                archived: true,
            },
            5 => Call::ArchiveList {
                list,
                archived: false,
            },
            _ => self.contact_deletion(),
        }
    }

    fn contact_deletion(&mut self) -> Call {
        Call::DeleteContact(ContactRef::Known(
            self.random.below(self.known_count as usize) as u32,
        ))
    }

    fn preference(&mut self) -> Call {
        let channel = self.channel();
        if self.random.percent(25) {
            return Call::DeleteChannel(channel % CHANNEL_COUNT);
        }
        let numbers = self.some_numbers(3);
        let channels = if self.random.percent(70) {
            vec![channel]
        } else {
            vec![0, 1]
        };
        Call::ChangePreferences {
            numbers,
            channels,
            opt_in: self.random.percent(40),
        }
    }

    fn change(&mut self) -> Call {
        let contact = ContactRef::Known(self.random.below(self.known_count as usize) as u32);
        let number = self.random.percent(60).then(|| self.number());
        let external_id = self.random.percent(40).then(|| self.external_id());
        let name = self.random.percent(40).then(|| self.name());
        Call::UpdateContact {
            contact,
            number,
            external_id,
            name,
        }
    }

    fn read(&mut self) -> Call {
        match self.random.below(3) {
            0 => Call::ReadMembers(self.list()),
            1 => Call::ReadList(self.list()),
            _ => Call::ReadContact(self.number()),
        }
    }

    fn update(&mut self) -> Update {
        let action =
            self.random
                .pick(&[Action::Add, Action::Add, Action::Remove, Action::Overwrite]);
        let mut contacts = self.contacts();
        if self.theme == Theme::SameNewContacts && self.random.percent(50) {
            contacts.reverse();
        }
        Update {
            list: self.list(),
            skip: self.random.percent(60),
            opt_ins: self.opt_ins(),
            resubscribe: self.random.percent(20),
            validate_only: self.random.percent(5),
            ..self.plain(action, contacts)
        }
    }

    fn plain(&self, action: Action, contacts: Vec<Contact>) -> Update {
        Update {
            list: 0,
            action,
            contacts,
            skip: false,
            opt_ins: OptIns::None,
            resubscribe: false,
            collect_seconds: seconds_ahead(),
            request: None,
            validate_only: false,
        }
    }

    fn contacts(&mut self) -> Vec<Contact> {
        let numbers = if self.theme == Theme::SameNewContacts {
            NUMBERS.collect()
        } else {
            self.some_numbers(4)
        };
        let with_external_id = match self.theme {
            Theme::Identity => 60,
            Theme::SameNewContacts => 0,
            _ => 20,
        };
        let mut contacts = Vec::new();
        for number in numbers {
            let external_id = if self.random.percent(with_external_id) {
                let clear = self.random.percent(15);
                Some(if clear {
                    None
                } else {
                    Some(self.external_id())
                })
            } else {
                None
            };
            contacts.push(Contact {
                number: (!self.random.percent(3)).then_some(number),
                external_id,
                name: self.random.percent(50).then(|| self.name()),
                plan: self.random.percent(30).then(|| self.name()),
                bad_email: self.random.percent(5),
            });
        }
        if self.random.percent(10) {
            contacts.push(contacts[0].clone());
        }
        contacts
    }

    fn opt_ins(&mut self) -> OptIns {
        match self.random.below(4) {
            0 => OptIns::None,
            1 => OptIns::To(vec![self.channel()]),
            _ => OptIns::All,
        }
    }

    fn list(&mut self) -> u8 {
        match self.theme {
            Theme::OneList => 0,
            _ => self.random.below(LIST_COUNT.into()) as u8,
        }
    }

    /// A channel: one that may not exist yet only where the round is about channels.
    fn channel(&mut self) -> u8 {
        let is_new = self.theme == Theme::Channels;
        self.random
            .below(usize::from(CHANNEL_COUNT) + usize::from(is_new)) as u8
    }

    fn number(&mut self) -> Number {
        self.random.below(NUMBERS.len()) as Number
    }

    /// Some numbers, each once.
    fn some_numbers(&mut self, most: usize) -> Vec<Number> {
        let mut numbers: Vec<Number> = NUMBERS.collect();
        self.random.shuffle(&mut numbers);
        numbers.truncate(1 + self.random.below(most));
        numbers
    }

    fn external_id(&mut self) -> u32 {
        self.random.below(EXTERNAL_IDS as usize) as u32
    }

    fn name(&mut self) -> u32 {
        self.random.below(NAMES as usize) as u32
    }
}
