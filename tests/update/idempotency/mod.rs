//! Exactly once: what a `request_id` promises.

mod records;
mod replays;

use contact_lists::proto::{
    Contact, UpdateContactListContactsFooter, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsRequest as Message, UpdateContactListContactsResponse as Outcome,
    get_contact_list_update_request::Reference,
};
use test_support::*;

/// How often two calls are made to meet.
const MEETINGS: u32 = 20;

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The answer as it comes back later.
fn replay_of(outcome: &Outcome) -> Outcome {
    assert!(!outcome.replayed);
    Outcome {
        replayed: true,
        ..outcome.clone()
    }
}

async fn assert_reused(caller: &Client, header: Header, contacts: Vec<Contact>) {
    let id = header.request_id.clone().expect("a request_id");
    let refused = caller.update(header, contacts).await;
    let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(metadata(&status, "request_id"), id);
}

async fn update_count(service: &Service) -> i64 {
    service
        .rows("SELECT count(*) FROM contact_list_updates")
        .await
}
