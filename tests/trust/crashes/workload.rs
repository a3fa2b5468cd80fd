//! The calls of one caller: all kinds of calls on its own numbers and its own list, and updates of the shared list.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use test_support::Random;

use crate::calls::*;

/// How many callers there are. The first makes large calls.
pub const CALLER_COUNT: u8 = 6;

/// The list of all callers.
pub const SHARED_LIST: u8 = CALLER_COUNT;

/// The channels.
pub const CHANNEL_COUNT: u8 = 2;

/// The distance from one caller's first number to the next caller's.
const STRIDE: Number = 10_000;

/// Draws the calls of one caller.
pub struct Workload {
    pub caller: u8,
    pub random: Random,
    /// The first numbers, whose contacts may be erased and change number.
    private_count: u32,
    /// The numbers after these, whose contacts are never erased and never change number. Only they are on the shared list,
    /// so that its members follow from the order of its updates alone.
    lasting_count: u32,
    /// The most contacts of a call.
    most: u32,
    /// Counts the request_ids of all callers.
    requests: Arc<AtomicU32>,
    /// The updates of the caller's own list: their requests, and whether they were of private numbers only. Others are not
    /// reverted, since a lasting contact must not be erased.
    own: Vec<(u32, bool)>,
}

/// The numbers of all callers.
pub fn numbers() -> impl Iterator<Item = Number> {
    (0..CALLER_COUNT).flat_map(|caller| {
        let (private_count, lasting_count, _) = sizes(caller);
        let first = Number::from(caller) * STRIDE;
        first..first + private_count + lasting_count
    })
}

/// How many private and lasting numbers a caller has, and how many contacts a call has at most. A large call takes more than
/// one chunk.
fn sizes(caller: u8) -> (u32, u32, u32) {
    if caller == 0 {
        (1200, 200, 1200)
    } else {
        (24, 16, 20)
    }
}

impl Workload {
    /// The calls of a caller.
    pub fn new(caller: u8, random: Random, requests: Arc<AtomicU32>) -> Self {
        let (private_count, lasting_count, most) = sizes(caller);
        Self {
            caller,
            random,
            private_count,
            lasting_count,
            most,
            requests,
            own: Vec::new(),
        }
    }

    /// The next call.
    pub fn call(&mut self) -> Call {
        match self.random.below(100) {
            0..36 => self.own_update(),
            36..50 => self.revert(),
            50..66 => self.shared_update(),
            66..74 => self.number_changes(),
            74..84 => self.preference(),
            84..93 => Call::DeleteContact(ContactRef::Holder(self.private())),
            _ => self.change(),
        }
    }

    fn own_update(&mut self) -> Call {
        let actions = [
            Action::Add,
            Action::Add,
            Action::Add,
            Action::Remove,
            Action::Overwrite,
        ];
        let action = self.random.pick(&actions);
        let is_private = self.random.percent(60);
        let lasting_count = if is_private { 0 } else { self.lasting_count };
        let numbers = self.run_of_numbers(self.private_count + lasting_count);
        let contacts = numbers
            .into_iter()
            .map(|offset| self.contact(offset))
            .collect();
        self.update_own(action, contacts, is_private)
    }

    fn update_own(&mut self, action: Action, contacts: Vec<Contact>, is_private: bool) -> Call {
        let call = self.update(self.caller, action, contacts);
        self.own.extend(call.request().map(|it| (it, is_private)));
        call
    }

    /// Reverts the latest update of the caller's own list.
    fn revert(&mut self) -> Call {
        match self.own.pop_if(|(_, is_private)| *is_private) {
            Some((update, _)) => Call::Revert(Revert {
                update,
                request: self.requests.fetch_add(1, Ordering::Relaxed),
            }),
            None => self.own_update(),
        }
    }

    fn shared_update(&mut self) -> Call {
        let action =
            self.random
                .pick(&[Action::Add, Action::Add, Action::Remove, Action::Overwrite]);
        let numbers = self.run_of_numbers(self.lasting_count);
        let numbers = numbers
            .into_iter()
            .map(|offset| self.contact(self.private_count + offset));
        let contacts = numbers.collect();
        self.update(SHARED_LIST, action, contacts)
    }

    /// Contacts, named by their external_ids, with other numbers.
    fn number_changes(&mut self) -> Call {
        let count = 1 + self.random.below(3);
        let contacts = (0..count).map(|_| Contact {
            number: Some(self.private()),
            external_id: Some(Some(self.private())),
            ..Contact::default()
        });
        let contacts = contacts.collect();
        self.update_own(Action::Add, contacts, true)
    }

    fn preference(&mut self) -> Call {
        let numbers = vec![self.private(), self.first() + self.private_count];
        let channels = if self.random.percent(50) {
            vec![0]
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
        Call::UpdateContact {
            contact: ContactRef::Holder(self.private()),
            number: self.random.percent(50).then(|| self.private()),
            external_id: self.random.percent(30).then(|| self.private()),
            name: Some(self.name()),
        }
    }

    fn update(&mut self, list: u8, action: Action, contacts: Vec<Contact>) -> Call {
        let opt_ins = [OptIns::All, OptIns::All, OptIns::None, OptIns::To(vec![1])];
        Call::Update(Update {
            list,
            action,
            contacts,
            skip: self.random.percent(70),
            opt_ins: self.random.pick(&opt_ins),
            resubscribe: self.random.percent(15),
            collect_seconds: seconds_ahead(),
            request: Some(self.requests.fetch_add(1, Ordering::Relaxed)),
            validate_only: false,
        })
    }

    fn contact(&mut self, offset: u32) -> Contact {
        let number = self.first() + offset;
        let has_id = offset < self.private_count
            && self.random.percent(if self.most > 100 { 5 } else { 50 });
        let bad = if self.most > 100 { 0 } else { 2 };
        Contact {
            number: (!self.random.percent(bad)).then_some(number),
            external_id: has_id.then_some(Some(number)),
            name: self.random.percent(60).then(|| self.name()),
            plan: self.random.percent(30).then(|| self.name()),
            bad_email: self.random.percent(bad),
        }
    }

    /// Consecutive numbers below a limit, each once, as offsets from the caller's first. The first follows the last.
    fn run_of_numbers(&mut self, limit: u32) -> Vec<u32> {
        let most = if self.random.percent(60) {
            self.most.div_ceil(6)
        } else {
            self.most
        };
        let count = 1 + self.random.below(most.min(limit) as usize) as u32;
        let start = self.random.below(limit as usize) as u32;
        (start..start + count).map(|n| n % limit).collect()
    }

    fn first(&self) -> Number {
        Number::from(self.caller) * STRIDE
    }

    fn private(&mut self) -> Number {
        // Few, so that they come again.
        let count = self.private_count.min(24);
        self.first() + self.random.below(count as usize) as u32
    }

    fn name(&mut self) -> u32 {
        self.random.below(9) as u32
    }
}
