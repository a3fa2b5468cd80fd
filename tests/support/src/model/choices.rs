//! What the service chooses and the model does not predict.

use contact_lists::proto::{UpdateContactListContactsResponse as Outcome, Violation};

/// Returns an outcome without what the service chooses: the update's id, the list's times and the wording of messages. The
/// violations of a contact are sorted.
pub fn without_choices(mut outcome: Outcome) -> Outcome {
    outcome.update_id = String::new();
    if let Some(list) = &mut outcome.contact_list {
        (list.create_time, list.update_time) = (None, None);
    }
    for contact in &mut outcome.rejected_contacts {
        for violation in &mut contact.violations {
            violation.message = String::new();
        }
        let key = |it: &Violation| (it.field.clone(), it.reason);
        contact.violations.sort_by_key(key);
    }
    outcome
}
