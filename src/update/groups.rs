//! Groups: the contacts of a call that have the same phone, folded into one.

use std::{cmp::Ordering, collections::BTreeSet};

use serde::{Deserialize, Serialize};

use super::{claims::Claims, rejections::Rejections};
use crate::{
    domain::{
        contact::ContactChanges,
        phone_number::PhoneNumber,
        text::Text,
        violation::{Reason, Violation},
    },
    error::Result,
    spool::{Item, Spool, SpoolQuota},
};

/// A field-valid contact of the stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Received {
    /// Its place in the stream, from 0.
    pub index: u32,
    /// What it says.
    pub changes: ContactChanges,
    /// Its encoded size.
    pub encoded_bytes: u32,
}

impl Item for Received {
    fn order(&self, other: &Self) -> Ordering {
        (self.changes.phone, self.index).cmp(&(other.changes.phone, other.index))
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.encoded_bytes as usize
    }
}

/// The contacts of the same phone, folded into one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// What they say together.
    pub changes: ContactChanges,
    /// Their places in the stream.
    pub indexes: Vec<u32>,
    /// Every external_id that one of them gives.
    pub external_ids: BTreeSet<Text>,
    /// Their encoded size.
    pub encoded_bytes: u32,
}

impl Item for Group {
    fn order(&self, other: &Self) -> Ordering {
        self.changes.phone.cmp(&other.changes.phone)
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.encoded_bytes as usize + 4 * self.indexes.len()
    }
}

/// What a rejected contact names: who is named stays a member in an overwrite.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Named {
    /// Its phone, if it is one.
    pub phone: Option<PhoneNumber>,
    /// Its external_id, if it has one.
    pub external_id: Option<Text>,
}

impl Item for Named {
    fn order(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.external_id.as_ref().map_or(0, |id| id.as_str().len())
    }
}

/// The rejected contacts of an update, and what they name.
pub struct Rejected {
    /// The contacts.
    pub rejections: Rejections,
    /// What they name.
    pub named: Spool<Named>,
}

impl Rejected {
    /// None yet.
    pub fn new(quota: &SpoolQuota) -> Self {
        Self {
            rejections: Rejections::default(),
            named: Spool::new(quota),
        }
    }
}

/// Folds the contacts into groups, in the order of their phones. Rejects the groups with two external_ids, and those that
/// share one.
pub fn fold(
    mut contacts: Spool<Received>,
    rejected: &mut Rejected,
    quota: &SpoolQuota,
) -> Result<Spool<Group>> {
    contacts.sort();
    let mut groups = Spool::new(quota);
    let mut external_ids = Claims::new(quota);
    let mut open: Option<Group> = None;
    for contact in contacts.drain() {
        let contact = contact?.into_owned();
        match &mut open {
            Some(group) if group.changes.phone == contact.changes.phone => group.add(contact),
            _ => {
                if let Some(group) = open.replace(Group::of(contact)) {
                    close(group, &mut groups, &mut external_ids, rejected)?;
                }
            }
        }
    }
    if let Some(group) = open {
        close(group, &mut groups, &mut external_ids, rejected)?;
    }
    groups.sort();
    without_shared_external_ids(groups, external_ids, rejected, quota)
}

fn close(
    group: Group,
    groups: &mut Spool<Group>,
    external_ids: &mut Claims,
    rejected: &mut Rejected,
) -> Result<()> {
    if group.external_ids.len() > 1 {
        let message = "contacts of the call with this phone have different external_ids";
        return group.reject_as_conflicting(message, rejected);
    }
    if let Some(external_id) = group.changes.given_external_id() {
        external_ids.claim(external_id.as_str(), group.changes.phone)?;
    }
    groups.push(group)
}

fn without_shared_external_ids(
    mut groups: Spool<Group>,
    external_ids: Claims,
    rejected: &mut Rejected,
    quota: &SpoolQuota,
) -> Result<Spool<Group>> {
    let contested = external_ids.contested()?;
    if contested.is_empty() {
        return Ok(groups);
    }
    let mut contested = contested.lookup();
    let mut others = Spool::new(quota);
    for group in groups.drain() {
        let group = group?.into_owned();
        if contested.contains(group.changes.phone)? {
            let message = "contacts of the call with other phones have the same external_id";
            group.reject_as_conflicting(message, rejected)?;
        } else {
            others.push(group)?;
        }
    }
    others.sort();
    Ok(others)
}

impl Group {
    fn of(contact: Received) -> Self {
        Self {
            indexes: vec![contact.index],
            external_ids: contact
                .changes
                .given_external_id()
                .cloned()
                .into_iter()
                .collect(),
            encoded_bytes: contact.encoded_bytes,
            changes: contact.changes,
        }
    }

    fn add(&mut self, later: Received) {
        self.indexes.push(later.index);
        self.external_ids
            .extend(later.changes.given_external_id().cloned());
        self.encoded_bytes = self.encoded_bytes.saturating_add(later.encoded_bytes);
        self.changes.fold(later.changes);
    }

    /// Rejects every contact of the group.
    pub fn reject(&self, violations: &[Violation], rejected: &mut Rejected) -> Result<()> {
        for index in &self.indexes {
            rejected.rejections.reject(*index, violations.to_vec());
        }
        rejected.named.push(Named {
            phone: Some(self.changes.phone),
            external_id: None,
        })?;
        for external_id in &self.external_ids {
            rejected.named.push(Named {
                phone: None,
                external_id: Some(external_id.clone()),
            })?;
        }
        Ok(())
    }

    fn reject_as_conflicting(&self, message: &str, rejected: &mut Rejected) -> Result<()> {
        let violation = Violation::new(Reason::ConflictingDuplicate, "", message);
        self.reject(&[violation], rejected)
    }
}
