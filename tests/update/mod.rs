//! `UpdateContactListContacts`, the main call: a file per rule.

mod actions;
mod checks;
mod concurrency;
mod custom_objects;
mod damaged_phones;
mod empty_overwrite;
mod fields;
mod groups;
mod idempotency;
mod identity;
mod limits;
mod number_opt_outs;
mod numbers_passed_on;
mod opt_ins;
mod phone;
mod properties;
mod records;
mod rejections;
mod removals;
mod sample;
mod stream_shapes;
mod usual_spellings;
mod validate_only;
mod versions;

use contact_lists::proto::{
    Contact, GetContactRequest, RevertContactListUpdateRequest,
    UpdateContactListContactsResponse as Outcome, get_contact_request::Reference,
};

use test_support::*;

/// A caller with every right, and an empty list.
async fn with_list(service: &Service) -> (Client, String) {
    let admin = service.admin();
    let list = admin.create_list("Customers").await;
    (admin, list)
}

/// Adds contacts of which none may be rejected.
async fn add(caller: &Client, list: &str, contacts: Vec<Contact>) -> Outcome {
    let outcome = caller.update(header(list).add(), contacts).await;
    outcome.expect("an applied update")
}

/// Adds what can be added, and reports the rest.
async fn try_add(caller: &Client, list: &str, contacts: Vec<Contact>) -> Outcome {
    let outcome = caller.update(header(list).add().skip(), contacts).await;
    outcome.expect("an answer")
}

/// Why contacts were rejected: (index in the stream, reason).
fn reasons(outcome: &Outcome) -> Vec<(i32, &'static str)> {
    let rejections = rejections(outcome).into_iter();
    rejections
        .map(|(index, _, reason)| (index, reason))
        .collect()
}

/// The contact with this phone number.
async fn stored(caller: &Client, phone: &str) -> Contact {
    caller.contact(phone).await.contact.expect("the contact")
}

/// Whether a contact has this phone number.
async fn is_stored(caller: &Client, phone: &str) -> bool {
    find(caller, Reference::Phone(phone.to_owned()))
        .await
        .is_some()
}

/// The phone number of the contact with this external_id, if there is one.
async fn phone_of(caller: &Client, external_id: &str) -> Option<String> {
    find(caller, Reference::ExternalId(external_id.to_owned()))
        .await
        .and_then(|contact| contact.phone)
}

async fn find(caller: &Client, reference: Reference) -> Option<Contact> {
    let request = GetContactRequest {
        reference: Some(reference),
    };
    match caller.contacts.clone().get_contact(request).await {
        Ok(answer) => answer.into_inner().contact,
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{status:?}");
            None
        }
    }
}

/// Everybody's phone number on a list, sorted.
async fn on_list(caller: &Client, list: &str) -> Vec<String> {
    phones(&caller.members(list).await)
}
