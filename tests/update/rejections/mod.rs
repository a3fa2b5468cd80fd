//! What rejected contacts do to the others, and how they are reported.

mod reject_all;
mod reports;
mod skip;

use std::collections::BTreeSet;

use contact_lists::proto::{Address, Contact, UpdateContactListContactsResponse as Outcome};
use prost::Message as _;
use tonic_types::StatusExt;

use test_support::*;

const MAX_REJECTED_CONTACTS: i32 = 10_000;
const MAX_REJECTED_BYTES: usize = 2 * 1024 * 1024;
const MAX_VIOLATION_BYTES: usize = 4 * 1024;

/// A contact that is rejected, whatever is stored.
fn bad(n: u32) -> Contact {
    contact(&number(n)).email("nobody")
}

/// Contacts 0 to `count`, of which those at the given places are bad.
fn contacts(count: u32, bad_ones: &[u32]) -> Vec<Contact> {
    let all = 0..count;
    all.map(|n| {
        if bad_ones.contains(&n) {
            bad(n)
        } else {
            contact(&number(n))
        }
    })
    .collect()
}

/// What a call that applies nothing must leave as it is.
async fn row_count(service: &Service) -> i64 {
    let mut count = 0;
    for table in [
        "contacts",
        "communication_preferences",
        "contact_list_contacts",
        "contact_list_updates",
    ] {
        count += service.rows(&format!("SELECT count(*) FROM {table}")).await;
    }
    count
}

fn indexes(outcome: &Outcome) -> Vec<i32> {
    outcome
        .rejected_contacts
        .iter()
        .map(|it| it.index)
        .collect()
}
