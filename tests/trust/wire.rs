//! The model's values on the wire, and back.

use contact_lists::proto::{Contact, UpdateContactListContactsResponse as Outcome};
use tonic::Status;
use uuid::Uuid;

use crate::{model::*, support::*};

/// The first number of the channels.
pub const CHANNEL_NUMBERS: Number = 89_000_000;

/// The property that stands for all.
pub const PROPERTY: &str = "plan";

/// The `request_id` of a request.
pub fn request_id(request: u32) -> Uuid {
    Uuid::from_u128(0x7265_7175_6573_4000_8000_0000_0000_0000 | u128::from(request))
}

/// Which request has this `request_id`.
pub fn request_of(id: Uuid) -> u32 {
    id.as_u64_pair().1 as u32
}

/// Which of `number`'s numbers this is.
pub fn number_of(phone: &str) -> Number {
    let digits = phone.strip_prefix("+49151").expect("a number of this test");
    digits.parse::<Number>().expect("a number") - 10_000_000
}

/// The number at the end of a text such as "crm-17".
pub fn digits(text: &str) -> u32 {
    let number = text
        .rsplit('-')
        .next()
        .and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("not a text of this test: {text}"))
}

pub fn channel_number(channel: u8) -> String {
    number(CHANNEL_NUMBERS + u32::from(channel))
}

pub fn contact_of(
    phone: Option<Number>,
    external_id: Option<Option<u32>>,
    name: Option<u32>,
) -> Contact {
    let external_id = external_id.map(|id| id.map_or_else(String::new, |id| format!("crm-{id}")));
    Contact {
        phone: phone.map(number),
        external_id,
        name: name.map(|name| format!("name-{name}")),
        ..Contact::default()
    }
}

pub fn sent(sent: &Sent) -> Contact {
    let mut contact = contact_of(sent.number, sent.external_id, sent.name);
    if sent.number.is_none() {
        contact.phone = Some("+4915".to_owned());
    }
    if let Some(plan) = sent.plan {
        contact = contact.properties(json!({ PROPERTY: format!("plan-{plan}") }));
    }
    if sent.bad_email {
        contact = contact.email("nobody");
    }
    contact
}

pub fn refused(status: &Status) -> Refused {
    let mut rejected = Rejected::new();
    let reason = reason(status);
    if reason == "CONTACTS_REJECTED" {
        for (field, reason) in violations(status) {
            let place = field
                .strip_prefix("contacts[")
                .and_then(|rest| rest.split(']').next());
            let place = place
                .and_then(|place| place.parse().ok())
                .expect("a contact's place");
            rejected.entry(place).or_default().insert(reason);
        }
    }
    Refused { reason, rejected }
}

pub fn updated(outcome: &Outcome) -> Updated {
    let mut rejected = Rejected::new();
    for (place, _, reason) in rejections(outcome) {
        rejected.entry(place).or_default().insert(reason.to_owned());
    }
    Updated {
        counts: Counts {
            received: outcome.received_count,
            created: outcome.created_count,
            updated: outcome.updated_count,
            unchanged: outcome.unchanged_count,
            duplicate: outcome.duplicate_count,
            rejected: outcome.rejected_count,
            added: outcome.added_count,
            removed: outcome.removed_count,
            opted_in: outcome.opted_in_count,
            kept_opt_out: outcome.kept_opt_out_count,
        },
        rejected,
        contact_count: outcome
            .contact_list
            .as_ref()
            .expect("the list")
            .contact_count,
        recorded: !outcome.update_id.is_empty(),
        replayed: outcome.replayed,
    }
}
