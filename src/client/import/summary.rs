//! What an import did, in words and numbers.

use std::fmt;

use super::settings::ImportAction;
use crate::proto::{ContactList, UpdateContactListContactsResponse as Outcome};

/// What a dry run is for.
pub struct Planned {
    /// The name of the contact list.
    pub name: String,
    /// How many contacts it has.
    pub contact_count: i64,
    /// Whether it would be created: the calls name another one, whose members say nothing.
    pub is_new: bool,
    /// What would happen to it.
    pub action: ImportAction,
}

/// The outcomes of all calls, added up.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many calls there were.
    pub call_count: u64,
    /// How many of them had been applied before: their outcomes are the recorded ones.
    pub replayed_count: u64,
    /// How many rejected contacts the server counted but did not list.
    pub unlisted_count: u64,
    /// How many contacts were rejected.
    pub rejected_count: u64,
    /// The list as it was after the last call.
    pub contact_list: ContactList,
    added_count: i64,
    removed_count: i64,
    /// The ids of the recorded updates.
    update_ids: Vec<String>,
    counts: [u64; COUNTS.len()],
}

type Count = fn(&Outcome) -> i64;

/// The counts of an outcome and their names, as they are shown.
const COUNTS: [(&str, Count); 10] = [
    ("received", |outcome| outcome.received_count.into()),
    ("created", |outcome| outcome.created_count.into()),
    ("updated", |outcome| outcome.updated_count.into()),
    ("unchanged", |outcome| outcome.unchanged_count.into()),
    ("duplicate", |outcome| outcome.duplicate_count.into()),
    ("rejected", |outcome| outcome.rejected_count.into()),
    ("added to the list", |outcome| outcome.added_count.into()),
    ("removed from the list", |outcome| {
        outcome.removed_count.into()
    }),
    ("opted in to channels", |outcome| outcome.opted_in_count),
    ("kept opt-outs", |outcome| outcome.kept_opt_out_count),
];

impl Summary {
    /// Adds the outcome of a call, of whose rejected contacts some are not listed.
    pub fn add(&mut self, mut outcome: Outcome, unlisted_count: u64, planned: Option<&Planned>) {
        if let Some(planned) = planned.filter(|it| it.is_new) {
            outcome.removed_count = 0;
            outcome.added_count = match planned.action {
                ImportAction::Remove => 0,
                _ => outcome.created_count + outcome.updated_count + outcome.unchanged_count,
            };
        }
        self.call_count += 1;
        self.replayed_count += u64::from(outcome.replayed);
        self.unlisted_count += unlisted_count;
        self.rejected_count += u64::try_from(outcome.rejected_count).unwrap_or(0);
        self.added_count += i64::from(outcome.added_count);
        self.removed_count += i64::from(outcome.removed_count);
        for (sum, (_, count)) in self.counts.iter_mut().zip(COUNTS) {
            *sum += u64::try_from(count(&outcome)).unwrap_or(0);
        }
        self.update_ids.push(outcome.update_id);
        self.contact_list = outcome.contact_list.unwrap_or_default();
    }

    /// What happened, in a sentence or a few.
    pub fn headline(&self, planned: Option<&Planned>, contacts_per_call: u64) -> String {
        let (name, count) = (self.contact_list.name(), self.contact_list.contact_count);
        let mut headline = match (planned, self.replayed_count) {
            (Some(planned), _) => {
                let count = planned.contact_count + self.added_count - self.removed_count;
                let (name, about) = (
                    &planned.name,
                    if self.call_count > 1 { "about " } else { "" },
                );
                let new = if planned.is_new {
                    ", which would be created,"
                } else {
                    ""
                };
                format!(
                    "Dry run, nothing was changed: {name}{new} would have {about}{count} contacts."
                )
            }
            (_, 0) => format!("Applied: {name} has {count} contacts."),
            (_, replayed) if replayed == self.call_count => format!(
                "Nothing was changed now: all of this had been applied before, when {name} had {count} contacts."
            ),
            (_, replayed) => format!(
                "Applied, {replayed} of {} calls before and the others now: {name} has {count} contacts.",
                self.call_count
            ),
        };
        if self.call_count > 1 {
            headline += &format!(
                "\nThe counts are the sums of {} calls with at most {contacts_per_call} contacts, which the server takes at once.",
                self.call_count
            );
        }
        headline
    }
}

impl fmt::Display for Summary {
    /// The counts, a line each, and the update's id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((name, _), count) in COUNTS.iter().zip(self.counts) {
            writeln!(f, "  {name:<26} {count:>10}")?;
        }
        match &self.update_ids[..] {
            [id] if !id.is_empty() => writeln!(f, "  {:<26} {id}", "update"),
            _ => Ok(()),
        }
    }
}
