//! What a run has covered, so that a run fails that no longer covers something.

use std::collections::BTreeMap;

use contact_lists::proto::{
    RevertContactListUpdateResponse as Reverted, UpdateContactListContactsResponse as Outcome,
};

use test_support::reason_name;

/// What a run of 20,000 steps must have covered.
const EXPECTED: [&str; 106] = [
    "call add",
    "call remove",
    "call overwrite",
    "call CreateContactList",
    "call UpdateContactList",
    "call DeleteContactList",
    "call CreateChannel",
    "call UpdateChannel",
    "call DeleteChannel",
    "call CreateCustomObject",
    "call AddCustomProperty",
    "call UpdateCustomObject",
    "call DeleteCustomObject",
    "call UpdateContact",
    "call DeleteContact",
    "call OptIn",
    "call OptOut",
    "call OptOutContacts",
    "call RevertContactListUpdate",
    "created",
    "updated",
    "unchanged",
    "duplicate",
    "rejected",
    "added",
    "removed",
    "opted in",
    "opt-out kept",
    "replayed",
    "validate_only",
    "refused REQUEST_INVALID",
    "refused HEADER_MISSING",
    "refused HEADER_REPEATED",
    "refused MESSAGE_AFTER_FOOTER",
    "refused STREAM_INCOMPLETE",
    "refused NO_CONTACTS",
    "refused CONTACTS_REJECTED",
    "refused REQUEST_ID_REUSED",
    "refused CUSTOM_OBJECT_REQUIRED",
    "refused FIELD_MASK_INVALID",
    "refused RESOURCE_NOT_FOUND",
    "refused RESOURCE_ALREADY_EXISTS",
    "refused CONTACT_LIST_NOT_ACTIVE",
    "refused TOO_MANY_REMOVED",
    "refused VERSION_MISMATCH",
    "refused RESOURCE_IN_USE",
    "refused UPDATE_NOT_LATEST",
    "refused UPDATE_NOT_REVERTIBLE",
    "undo replayed",
    "undo validate_only",
    "undo members left",
    "undo members back",
    "undo opt-ins taken back",
    "undo opt-outs back",
    "undo contacts back",
    "undo contacts erased",
    "undo skipped CONTACT_ERASED",
    "undo skipped CONTACT_CHANGED",
    "undo skipped CONTACT_IN_USE",
    "undo skipped PHONE_TAKEN",
    "undo skipped EXTERNAL_ID_TAKEN",
    "undo skipped CHANNEL_DELETED",
    "rejected CONFLICTING_DUPLICATE",
    "rejected PHONE_TAKEN",
    "rejected EXTERNAL_ID_MISMATCH",
    "rejected FIELD_REQUIRED",
    "rejected FIELD_INVALID",
    "rejected FIELD_TOO_LONG",
    "rejected FIELD_HAS_NUL",
    "rejected PHONE_INVALID",
    "rejected PHONE_HAS_EXTENSION",
    "rejected PHONE_WITHOUT_REGION",
    "rejected EMAIL_INVALID",
    "rejected LANGUAGE_INVALID",
    "rejected BIRTH_DATE_INVALID",
    "rejected CHANNEL_UNKNOWN",
    "rejected PROPERTY_UNKNOWN",
    "rejected PROPERTY_TYPE_MISMATCH",
    "rejected PROPERTY_REQUIRED",
    "rejected RECORD_TOO_LARGE",
    "rejected for two reasons",
    "rejected by others and by what is stored",
    "note a change of number",
    "note another object made the default one",
    "note a number passed on to a stored contact",
    "note a number passed on to a new contact",
    "note numbers passed round in a ring",
    "note a contact rejected with the giver of its number",
    "note a rejected contact kept a member in an overwrite",
    "note a request_id came again",
    "note an overwrite removed members",
    "note every contact rejected under SKIP",
    "note opt-outs left behind with a number",
    "note opt-outs of a number inherited",
    "note OptIn of a number that is unassigned",
    "note OptOut of a number that is unassigned",
    "note OptOut that leaves something out",
    "note OptIn that keeps a later opt-out",
    "note an update with resubscribe that keeps a later opt-out",
    "note undo takes a record away",
    "note undo brings a property back",
    "note undo leaves a property",
    "note undo brings a number back",
    "note undo passes a number back",
    "note undo gives a number its opt-out back",
    "note undo brings back what a number's opt-out had replaced",
];

/// How often each thing happened.
#[derive(Default)]
pub struct Coverage {
    counts: BTreeMap<String, u64>,
}

impl Coverage {
    fn add(&mut self, what: impl Into<String>, count: u64) {
        if count > 0 {
            *self.counts.entry(what.into()).or_default() += count;
        }
    }

    /// Counts a call.
    pub fn call(&mut self, call: &str) {
        self.add(format!("call {call}"), 1);
    }

    /// Counts a refusal.
    pub fn refusal(&mut self, reason: &str) {
        self.add(format!("refused {reason}"), 1);
    }

    /// Counts the outcome of an update.
    pub fn outcome(&mut self, outcome: &Outcome, validate_only: bool) {
        self.add("replayed", outcome.replayed.into());
        self.add("validate_only", validate_only.into());
        for (what, count) in [
            ("created", i64::from(outcome.created_count)),
            ("updated", i64::from(outcome.updated_count)),
            ("unchanged", i64::from(outcome.unchanged_count)),
            ("duplicate", i64::from(outcome.duplicate_count)),
            ("rejected", i64::from(outcome.rejected_count)),
            ("added", i64::from(outcome.added_count)),
            ("removed", i64::from(outcome.removed_count)),
            ("opted in", outcome.opted_in_count),
            ("opt-out kept", outcome.kept_opt_out_count),
        ] {
            self.add(what, count.unsigned_abs());
        }
        for contact in &outcome.rejected_contacts {
            let reasons = contact.violations.iter().map(|it| reason_name(it.reason()));
            let reasons: Vec<_> = reasons.collect();
            self.add("rejected for two reasons", (reasons.len() > 1).into());
            let conflicts = reasons.contains(&"CONFLICTING_DUPLICATE") && reasons.len() > 1;
            self.add("rejected by others and by what is stored", conflicts.into());
            for reason in reasons {
                self.add(format!("rejected {reason}"), 1);
            }
        }
    }

    /// Counts the outcome of a revert.
    pub fn reverted(&mut self, reverted: &Reverted, validate_only: bool) {
        let tried = validate_only && !reverted.replayed;
        self.add("undo replayed", reverted.replayed.into());
        self.add("undo validate_only", tried.into());
        if tried || reverted.replayed {
            return;
        }
        let counts = [
            ("undo members left", reverted.removed_count.into()),
            ("undo members back", reverted.restored_member_count.into()),
            ("undo opt-ins taken back", reverted.withdrawn_opt_in_count),
            ("undo opt-outs back", reverted.restored_opt_out_count),
            ("undo contacts back", reverted.restored_contact_count.into()),
            ("undo contacts erased", reverted.erased_count.into()),
        ];
        for (what, count) in counts {
            self.add(what, count.unsigned_abs());
        }
        for skipped in &reverted.skipped {
            let reason = skipped.reason().as_str_name();
            let reason = reason.trim_start_matches("REASON_");
            self.add(format!("undo skipped {reason}"), 1);
        }
    }

    /// Adds what the model has counted.
    pub fn add_notes(&mut self, notes: &BTreeMap<&'static str, u64>) {
        for (what, count) in notes {
            self.add(format!("note {what}"), *count);
        }
    }

    /// Adds what another sequence has covered.
    pub fn merge(&mut self, other: Self) {
        for (what, count) in other.counts {
            self.add(what, count);
        }
    }

    /// What should have happened and never did.
    pub fn missing(&self) -> Vec<&'static str> {
        let expected = EXPECTED.into_iter();
        expected
            .filter(|&what| !self.counts.contains_key(what))
            .collect()
    }

    /// All counts, in one line.
    pub fn figures(&self) -> String {
        let figures = self
            .counts
            .iter()
            .map(|(what, count)| format!("{what} {count}"));
        figures.collect::<Vec<_>>().join(", ")
    }
}
