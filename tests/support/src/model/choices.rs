//! What the service chooses and the model does not predict.

use contact_lists::proto::{
    ContactList, RevertContactListUpdateResponse as Reverted,
    UpdateContactListContactsResponse as Outcome, Violation,
};

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

/// Returns the answer to a revert without what the service chooses: ids, and the list's times.
pub fn revert_without_choices(reverted: Reverted) -> Reverted {
    let contact_list = reverted.contact_list.map(|list| ContactList {
        create_time: None,
        update_time: None,
        ..list
    });
    Reverted {
        update_id: String::new(),
        reverted_update_id: String::new(),
        contact_list,
        ..reverted
    }
}
