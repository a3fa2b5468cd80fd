//! Numbers that pass from one contact to another inside an update.
//!
//! A stored contact gives its number up when a group resolves to it by external_id with another phone, and is applied. Whether
//! it is applied depends in turn on whether the other number is free, so these dependencies form chains and rings.

use std::{cmp::Ordering, iter::Peekable};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::phone_set::{Lookup, PhoneSet};
use crate::{
    domain::phone_number::PhoneNumber,
    error::Result,
    spool::{Item, Items, Spool, SpoolQuota},
};

/// A number that a stored contact gives up for another one. Sorted by the number.
#[derive(Clone, Serialize, Deserialize)]
pub struct GivenUp {
    /// The number.
    pub number: PhoneNumber,
    /// The contact.
    pub contact: Uuid,
    /// The contact's new number, which is the phone of its group.
    pub new_number: PhoneNumber,
}

/// A number that one contact gives up and another takes. Sorted by the first one's new number.
#[derive(Clone, Serialize, Deserialize)]
pub struct PassedOn(pub GivenUp);

impl Item for GivenUp {
    fn order(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Item for PassedOn {
    fn order(&self, other: &Self) -> Ordering {
        self.0.new_number.cmp(&other.0.new_number)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The numbers that stored contacts give up in an update, and those that groups want from stored contacts.
pub struct NumberMoves {
    quota: SpoolQuota,
    given_up: Spool<GivenUp>,
    wanted: PhoneSet,
}

impl NumberMoves {
    /// No moves yet.
    pub fn new(quota: &SpoolQuota) -> Self {
        Self {
            quota: quota.clone(),
            given_up: Spool::new(quota),
            wanted: PhoneSet::new(quota),
        }
    }

    /// Notes a number that is given up if the contact's group is applied. A group that contradicts this one has the number, so
    /// no group wants it then.
    pub fn give_up(&mut self, given_up: GivenUp) -> Result<()> {
        self.given_up.push(given_up)
    }

    /// Notes that a group wants its number from the stored contact that has it.
    pub fn want(&mut self, number: PhoneNumber) -> Result<()> {
        self.wanted.insert(number)
    }

    /// Decides which of the wanted numbers are given up.
    pub fn decide(mut self) -> Result<DecidedMoves> {
        self.given_up.sort();
        self.wanted.sort();
        let mut denied = PhoneSet::new(&self.quota);
        let mut links = Links::new(&self.quota);
        let mut given_up = self.given_up.iter().peekable();
        for number in self.wanted.iter() {
            let number = *number?;
            match seek(&mut given_up, number)? {
                Some(given_up) => links.push(given_up)?,
                None => denied.insert(number)?,
            }
        }
        drop(given_up);
        denied.sort();
        if !denied.is_empty() {
            links.deny(&mut denied)?;
        }
        Ok(DecidedMoves {
            are_wanted: !self.wanted.is_empty(),
            given_up: self.given_up,
            denied,
        })
    }
}

/// The moves of numbers, once it is decided which of the wanted ones are given up.
pub struct DecidedMoves {
    are_wanted: bool,
    given_up: Spool<GivenUp>,
    /// The wanted numbers that are not given up.
    denied: PhoneSet,
}

impl DecidedMoves {
    /// Whether there is a group that wants its number from a stored contact.
    pub fn are_wanted(&self) -> bool {
        self.are_wanted
    }

    /// A look-up of wanted numbers in order.
    pub fn lookup(&self) -> WantedNumbers<'_> {
        WantedNumbers {
            given_up: self.given_up.iter().peekable(),
            denied: self.denied.lookup(),
        }
    }
}

/// Walks through the moves while its caller walks through all groups.
pub struct WantedNumbers<'a> {
    given_up: Peekable<Items<'a, GivenUp>>,
    denied: Lookup<'a>,
}

impl WantedNumbers<'_> {
    /// Returns a wanted number with the contact that gives it up; `None` if that keeps it. The numbers must be asked for in
    /// order.
    pub fn given_up(&mut self, number: PhoneNumber) -> Result<Option<GivenUp>> {
        if self.denied.contains(number)? {
            return Ok(None);
        }
        seek(&mut self.given_up, number)
    }
}

/// Wanted numbers that are given up if the new number of the contact that has them is free. No number is given up or wanted
/// twice, so they form chains without branches, and rings.
struct Links {
    quota: SpoolQuota,
    count: u64,
    by_number: Spool<GivenUp>,
    by_new_number: Spool<PassedOn>,
}

impl Links {
    fn new(quota: &SpoolQuota) -> Self {
        Self {
            quota: quota.clone(),
            count: 0,
            by_number: Spool::new(quota),
            by_new_number: Spool::new(quota),
        }
    }

    fn push(&mut self, link: GivenUp) -> Result<()> {
        self.count += 1;
        self.by_number.push(link.clone())?;
        self.by_new_number.push(PassedOn(link))
    }

    /// Adds to `denied` the numbers of the chains that end at a denied number. Each round doubles the reach of every link, so
    /// that a chain of a million takes twenty rounds. Links that reach further than there are links are on a ring.
    fn deny(mut self, denied: &mut PhoneSet) -> Result<()> {
        let (mut reach, count) = (1, self.count);
        while reach <= count && self.count > 0 {
            self = self.reach_further(denied)?;
            reach *= 2;
        }
        Ok(())
    }

    /// Returns the links that do not reach the end of their chain yet, with twice the reach.
    fn reach_further(mut self, denied: &mut PhoneSet) -> Result<Self> {
        self.by_number.sort();
        self.by_new_number.sort();
        let mut longer = Self::new(&self.quota);
        let mut newly_denied = PhoneSet::new(&self.quota);
        let mut already_denied = denied.lookup();
        let mut by_number = self.by_number.iter().peekable();
        for link in self.by_new_number.iter() {
            let PassedOn(link) = link?.into_owned();
            if already_denied.contains(link.new_number)? {
                newly_denied.insert(link.number)?;
            } else if let Some(next) = seek(&mut by_number, link.new_number)? {
                longer.push(GivenUp {
                    new_number: next.new_number,
                    ..link
                })?;
            }
        }
        drop(already_denied);
        newly_denied.sort();
        for number in newly_denied.iter() {
            denied.insert(*number?)?;
        }
        denied.sort();
        Ok(longer)
    }
}

/// Returns the item of `number`. The numbers must be asked for in order.
fn seek(items: &mut Peekable<Items<'_, GivenUp>>, number: PhoneNumber) -> Result<Option<GivenUp>> {
    while let Some(before) =
        items.next_if(|next| next.as_ref().map_or(true, |next| next.number < number))
    {
        before?;
    }
    Ok(match items.peek() {
        Some(Ok(next)) if next.number == number => Some(next.clone().into_owned()),
        _ => None,
    })
}
