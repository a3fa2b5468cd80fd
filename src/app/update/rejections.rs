//! The contacts of an update that are not applied.

use std::collections::BTreeMap;

use crate::domain::{update_outcome::RejectedContact, violation::Violation};

/// The most rejected contacts that an answer lists.
const MAX_REJECTED_CONTACTS: usize = 10_000;

/// The most bytes of rejected contacts that an answer lists.
const MAX_REJECTED_BYTES: usize = 2 * 1024 * 1024;

/// The rejected contacts of an update: all counted, those with the lowest indexes kept.
#[derive(Debug, Clone, Default)]
pub struct Rejections {
    count: u64,
    kept: BTreeMap<u32, Vec<Violation>>,
    kept_bytes: usize,
}

impl Rejections {
    /// Rejects the contact at `index`.
    pub fn reject(&mut self, index: u32, violations: Vec<Violation>) {
        self.count += 1;
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
