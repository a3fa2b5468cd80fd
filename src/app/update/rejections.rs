//! The contacts of an update that are rejected, and what is kept of them.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        phone_number::PhoneNumber,
        text::Text,
        update_outcome::RejectedContact,
        violation::{Reason, Violation},
    },
    error::Result,
    spool::{Item, Spool, SpoolQuota},
};

/// The most rejected contacts that a response lists.
const MAX_REJECTED_CONTACTS: usize = 10_000;

/// The most bytes of rejected contacts that a response lists.
const MAX_REJECTED_BYTES: usize = 2 * 1024 * 1024;

/// A contact that is not valid by itself.
pub struct InvalidContact {
    /// All that is wrong with it.
    pub violations: Vec<Violation>,
    /// What identifies it.
    pub keys: RejectedKeys,
}

/// The keys of a rejected contact: a stored contact with one of them stays a member in an overwrite.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RejectedKeys {
    /// The phone, if it is valid.
    pub phone: Option<PhoneNumber>,
    /// The external_id, if the contact has a valid one.
    pub external_id: Option<Text>,
}

impl Item for RejectedKeys {
    fn order(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.external_id.as_ref().map_or(0, |id| id.as_str().len())
    }
}

/// The rejected contacts of an update, and their keys.
pub struct Rejections {
    /// The contacts, as the response reports them.
    pub contacts: RejectedContacts,
    /// Their keys.
    pub keys: Spool<RejectedKeys>,
}

impl Rejections {
    /// No rejections yet.
    pub fn new(quota: &SpoolQuota) -> Self {
        Self {
            contacts: RejectedContacts::default(),
            keys: Spool::new(quota),
        }
    }

    /// Rejects the contact at `index`, which is not valid by itself.
    pub fn add_invalid(&mut self, index: u32, invalid: InvalidContact) -> Result<()> {
        self.contacts.add(index, invalid.violations);
        self.keys.push(invalid.keys)
    }
}

/// The rejected contacts that a response reports: all are counted, and those with the lowest indexes are kept.
#[derive(Debug, Clone, Default)]
pub struct RejectedContacts {
    count: u64,
    by_reason: BTreeMap<Reason, u64>,
    kept: BTreeMap<u32, Vec<Violation>>,
    kept_bytes: usize,
}

impl RejectedContacts {
    /// Adds the contact at `index`.
    pub fn add(&mut self, index: u32, violations: Vec<Violation>) {
        self.count += 1;
        let reasons: BTreeSet<_> = violations.iter().map(|it| it.reason).collect();
        for reason in reasons {
            *self.by_reason.entry(reason).or_default() += 1;
        }
        self.kept_bytes += size_bytes(&violations);
        self.kept.insert(index, violations);
        while self.kept.len() > MAX_REJECTED_CONTACTS || self.kept_bytes > MAX_REJECTED_BYTES {
            let Some((_, dropped)) = self.kept.pop_last() else {
                break;
            };
            self.kept_bytes -= size_bytes(&dropped);
        }
    }

    /// How many contacts were rejected.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many were rejected for each reason: a contact with several counts for each.
    pub fn by_reason(&self) -> &BTreeMap<Reason, u64> {
        &self.by_reason
    }

    /// The kept ones, by index.
    pub fn into_contacts(self) -> Vec<RejectedContact> {
        self.kept
            .into_iter()
            .map(|(index, violations)| RejectedContact { index, violations })
            .collect()
    }
}

/// About how many bytes a rejected contact takes on the wire.
fn size_bytes(violations: &[Violation]) -> usize {
    let strings: usize = violations
        .iter()
        .map(|violation| violation.field.len() + violation.message.len() + 16)
        .sum();
    strings + 16
}
