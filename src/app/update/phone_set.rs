//! A set of any number of phones in little memory, which must be asked for in order.

use std::{cmp::Ordering, iter::Peekable};

use crate::{
    domain::phone_number::PhoneNumber,
    error::Result,
    spool::{Item, Items, Spool, SpoolQuota},
};

/// The set.
pub struct PhoneSet {
    phones: Spool<PhoneNumber>,
}

impl Item for PhoneNumber {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl PhoneSet {
    /// An empty set under `quota`.
    pub fn new(quota: &SpoolQuota) -> Self {
        Self {
            phones: Spool::new(quota),
        }
    }

    /// Adds a phone.
    pub fn insert(&mut self, phone: PhoneNumber) -> Result<()> {
        self.phones.push(phone)
    }

    /// Ends the adding, until the next phone is added. The set can be looked up.
    pub fn sort(&mut self) {
        self.phones.sort();
    }

    /// Whether the set has no phones.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty()
    }

    /// The phones in order.
    pub fn iter(&self) -> Items<'_, PhoneNumber> {
        self.phones.iter()
    }

    /// A look-up of phones in order.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup {
            phones: self.phones.iter().peekable(),
        }
    }
}

/// Walks through the set while its caller walks through all groups.
pub struct Lookup<'a> {
    phones: Peekable<Items<'a, PhoneNumber>>,
}

impl Lookup<'_> {
    /// Whether the set has `phone`. The phones must be asked for in order.
    pub fn contains(&mut self, phone: PhoneNumber) -> Result<bool> {
        while let Some(before) = self
            .phones
            .next_if(|next| next.as_ref().map_or(true, |next| **next < phone))
        {
            before?;
        }
        Ok(matches!(self.phones.peek(), Some(Ok(next)) if **next == phone))
    }
}
