//! What every sequence begins and ends with.

use contact_lists::proto::{custom_property::Type, update_contact_list_contacts_header::Action};
use serde_json::{Value, json};

use crate::calls::{Call, Given, NUMBERS, Pick, Property, Step, Update};

/// What every sequence begins with, so that its calls find something.
pub fn beginning() -> Vec<Step> {
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
    let by = |by| move |call| Step { by, call };
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

/// What every sequence ends with: all numbers become somebody's, who takes over what they carry, and everything is read.
pub fn end() -> Vec<Step> {
    let list = Call::CreateList {
        name: "Last".to_owned(),
        color: None,
    };
    let contacts = NUMBERS.map(|phone| Given {
        phone: Some(phone.to_owned()),
        ..Given::default()
    });
    let update = Update {
        list: Pick::Nth(usize::MAX),
        action: Action::Add.into(),
        opt_in_to_all_channels: Some(false),
        contacts: contacts.to_vec(),
        ..Update::default()
    };
    let calls = [list, Call::Update(Box::new(update)), Call::Look];
    let both = [0, 1].map(|by| calls.clone().map(|call| Step { by, call }));
    both.into_iter().flatten().collect()
}
