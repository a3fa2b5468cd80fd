//! The first and the last steps of every sequence.

use contact_lists::proto::{custom_property::Type, update_contact_list_contacts_header::Action};
use serde_json::{Value, json};

use crate::calls::{Call, GivenContact, NUMBERS, Property, ResourceRef, Step, Update};

/// The first steps, so that the calls of the sequence find something.
pub fn first_steps() -> Vec<Step> {
    let list = |name: &str| Call::CreateList {
        name: name.to_owned(),
        color: None,
    };
    let channel = |n: usize| Call::CreateChannel {
        phone: Some(NUMBERS[n].to_owned()),
    };
    let property = |key: &str, kind: Type, default: Option<Value>| Property {
        key: key.to_owned(),
        kind: kind.into(),
        required: false,
        default,
    };
    let properties = vec![
        property("plan", Type::Text, None),
        property("visits", Type::Number, None),
        property("vip", Type::Boolean, Some(json!(false))),
    ];
    let object = Call::CreateObject {
        key: "customer".to_owned(),
        properties,
    };
    let by = |organization| move |call| Step { organization, call };
    let first = [
        list("First"),
        list("Second"),
        channel(0),
        channel(1),
        object.clone(),
    ]
    .map(by(0));
    let second = [list("First"), channel(0), object].map(by(1));
    first.into_iter().chain(second).collect()
}

/// The last steps: every number is assigned to a contact, which inherits what the number carries, and everything is read.
pub fn last_steps() -> Vec<Step> {
    let list = Call::CreateList {
        name: "Last".to_owned(),
        color: None,
    };
    let contacts = NUMBERS.map(|phone| GivenContact {
        phone: Some(phone.to_owned()),
        ..GivenContact::default()
    });
    let update = Update {
        list: ResourceRef::Nth(usize::MAX),
        action: Action::Add.into(),
        opt_in_to_all_channels: Some(false),
        contacts: contacts.to_vec(),
        ..Update::default()
    };
    let calls = [list, Call::Update(Box::new(update)), Call::ReadAll];
    let both = [0, 1].map(|organization| calls.clone().map(|call| Step { organization, call }));
    both.into_iter().flatten().collect()
}
