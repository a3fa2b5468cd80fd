//! The sample in `examples/`: what the README sends, and what is read back.

use std::collections::HashMap;

use contact_lists::proto::{
    Address, Contact, ContactListContact, UpdateContactListContactsFooter as Footer,
    UpdateContactListContactsHeader as Header, UpdateContactListContactsRequest as Message,
    UpdateContactListContactsResponse as Outcome,
};
use prost_types::Struct;
use serde_json::Value;

use test_support::*;

/// How many contacts the sample has.
const CONTACT_COUNT: i32 = 3000;

const REQUEST_ID: &str = "6b1e9f0c-55d1-4d2f-9a3e-0d8c4f2b7a16";

on_both! {
    async fn the_sample_is_stored_as_it_was_sent(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        create_object(&admin).await;
        let list = admin.create_list("Newsletter").await;
        let outcome = admin.send(sample(header(&list).add())).await.unwrap();
        assert_eq!(outcome.contact_list.as_ref().unwrap().contact_count, CONTACT_COUNT);
        assert_eq!(counts(&outcome), Outcome {
            received_count: CONTACT_COUNT,
            created_count: CONTACT_COUNT,
            added_count: CONTACT_COUNT,
            opted_in_count: CONTACT_COUNT.into(),
            ..Outcome::default()
        });

        let expected = contacts_of_the_messages().into_iter().map(with_default);
        assert_members(&admin, &list, expected.collect()).await;

        let opted_in = "SELECT count(*) FROM communication_preferences WHERE opted_in";
        assert_eq!(service.rows(opted_in).await, i64::from(CONTACT_COUNT));
        for sent in contacts_of_the_messages().iter().step_by(100) {
            let preferences = admin.preferences(sent.phone()).await;
            assert_eq!(preferences.len(), 1);
            assert!(preferences[0].opted_in);
            assert_eq!(preferences[0].channel_id, channel);
            assert_eq!(preferences[0].update_id(), outcome.update_id);
        }
    }

    /// With more contacts beside the sample than an update keeps in memory: what is kept in a file comes back whole.
    async fn the_sample_is_stored_and_cleared_as_it_was_sent_in_a_large_stream(database: Database) {
        let service = Service::start_with(database, &["--max-contacts", "40000"]).await;
        let admin = service.admin();
        let channel = admin.create_channel("+12025550100").await;
        create_object(&admin).await;
        let all = admin.create_list("All").await;
        let list = admin.create_list("Newsletter").await;
        let with_many = |sample: Vec<Contact>| {
            let others = (50_000_000..50_030_000).map(|n| contact(&number(n)).name(&"x".repeat(255)));
            sample.into_iter().chain(others).collect()
        };
        let sample = || contacts_of_the_messages().into_iter().map(with_default);

        let sent: Vec<Contact> = sample().map(|it| it.default_channel(&channel)).collect();
        admin.update(header(&all).add(), with_many(sent.clone())).await.unwrap();
        let phones = || sample().map(|it| contact(it.phone()));
        admin.update(header(&list).add(), phones().collect()).await.unwrap();
        assert_members(&admin, &list, sent).await;

        let cleared = sample().map(cleared).collect();
        let outcome = admin.update(header(&all).add(), with_many(cleared)).await.unwrap();
        assert_eq!((outcome.updated_count, outcome.unchanged_count), (CONTACT_COUNT, 30_000));
        let left = sample().map(|it| {
            let plan = it.properties.as_ref().map(|it| it.fields["plan"].clone());
            contact(it.phone()).change(|contact| {
                let properties = |plan| Struct { fields: [("plan".to_owned(), plan)].into() };
                contact.properties = plan.map(properties);
            })
        });
        assert_members(&admin, &list, left.collect()).await;
    }

    async fn the_sample_sent_again_is_replayed_or_unchanged(service: Service) {
        let admin = service.admin();
        admin.create_channel("+12025550100").await;
        create_object(&admin).await;
        let list = admin.create_list("Newsletter").await;
        let identified = || sample(header(&list).add().request_id(REQUEST_ID));
        let first = admin.send(identified()).await.unwrap();
        assert!(!first.replayed);

        let again = admin.send(identified()).await.unwrap();
        assert_eq!(again, Outcome { replayed: true, ..first });

        let without_id = admin.send(sample(header(&list).add())).await.unwrap();
        assert_eq!(counts(&without_id), Outcome {
            received_count: CONTACT_COUNT,
            unchanged_count: CONTACT_COUNT,
            ..Outcome::default()
        });
    }
}

#[test]
fn the_messages_have_every_contact_of_the_sample_in_its_order() {
    let messages = lines("update-messages.jsonl").into_iter();
    let sent: Vec<Value> = messages
        .filter_map(|mut message| message.get_mut("contacts").map(Value::take))
        .flat_map(|contacts| contacts.as_array().cloned().expect("a list of contacts"))
        .collect();
    assert_eq!(sent, lines("contacts.jsonl"));
}

fn lines(name: &str) -> Vec<Value> {
    let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the sample");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

/// The sample's stream, as the README sends it: the header in a message of its own.
fn sample(header: Header) -> Vec<Message> {
    let first = Message {
        header: Some(header),
        ..Message::default()
    };
    let others = lines("update-messages.jsonl").into_iter().map(message);
    std::iter::once(first).chain(others).collect()
}

fn contacts_of_the_messages() -> Vec<Contact> {
    let messages = lines("update-messages.jsonl").into_iter().map(message);
    messages.flat_map(|message| message.contacts).collect()
}

fn message(json: Value) -> Message {
    let mut message = Message::default();
    for (key, value) in entries(json) {
        match key.as_str() {
            "contacts" => {
                let contacts = value.as_array().expect("a list of contacts");
                message.contacts = contacts.iter().cloned().map(contact_of).collect();
            }
            "footer" => {
                let contact_count = whole(&value["contact_count"]);
                message.footer = Some(Footer { contact_count });
            }
            _ => panic!("a message has no {key}"),
        }
    }
    message
}

fn contact_of(json: Value) -> Contact {
    entries(json)
        .into_iter()
        .fold(Contact::default(), |contact, (key, value)| {
            match key.as_str() {
                "phone" => contact.change(|contact| contact.phone = Some(text(&value))),
                "external_id" => contact.external_id(&text(&value)),
                "email" => contact.email(&text(&value)),
                "name" => contact.name(&text(&value)),
                "language" => contact.language(&text(&value)),
                "address" => contact.address(address_of(value)),
                "birth_date" => {
                    let part = |name| value.get(name).map_or(0, whole);
                    contact.birth_date(part("year"), part("month"), part("day"))
                }
                "properties" => contact.properties(value),
                _ => panic!("a contact has no {key}"),
            }
        })
}

fn address_of(json: Value) -> Address {
    let mut address = Address::default();
    for (key, value) in entries(json) {
        let part = match key.as_str() {
            "address_line_one" => &mut address.address_line_one,
            "address_line_two" => &mut address.address_line_two,
            "city" => &mut address.city,
            "state" => &mut address.state,
            "post_code" => &mut address.post_code,
            "country" => &mut address.country,
            _ => panic!("an address has no {key}"),
        };
        *part = text(&value);
    }
    address
}

fn entries(json: Value) -> serde_json::Map<String, Value> {
    match json {
        Value::Object(entries) => entries,
        other => panic!("not an object: {other}"),
    }
}

fn text(json: &Value) -> String {
    json.as_str().expect("a string").to_owned()
}

fn whole(json: &Value) -> i32 {
    let number = json.as_i64().expect("a whole number");
    number.try_into().expect("a small number")
}

/// The custom object of the first start.
async fn create_object(admin: &Client) {
    use contact_lists::proto::custom_property::Type;
    let properties = vec![
        property("plan", Type::Text)
            .required()
            .default_value(json!("free")),
        property("orders", Type::Number),
        property("lifetime_value", Type::Float),
        property("vip", Type::Boolean),
        property("customer_since", Type::Date),
        property("interests", Type::List),
        property("settings", Type::Map),
    ];
    admin.create_object("customer", properties).await;
}

/// Checks that the list has these members, and nobody else.
async fn assert_members(admin: &Client, list: &str, expected: Vec<Contact>) {
    let mut members: HashMap<String, Contact> = admin
        .members(list)
        .await
        .into_iter()
        .filter_map(|ContactListContact { contact, .. }| contact)
        .map(|contact| (contact.phone().to_owned(), contact))
        .collect();
    for expected in expected {
        let phone = expected.phone().to_owned();
        let stored = members.remove(&phone).expect("a member");
        assert_eq!(as_sent(stored), expected, "{phone}");
    }
    assert!(members.is_empty(), "nobody else is on the list");
}

/// What clears all that can be cleared of a contact.
fn cleared(sent: Contact) -> Contact {
    let keys = sent.properties.map(|it| it.fields.into_keys());
    let optional = keys.into_iter().flatten().filter(|key| key != "plan");
    let nulls: serde_json::Map<String, Value> = optional.map(|key| (key, Value::Null)).collect();
    contact(sent.phone.as_deref().unwrap())
        .external_id("")
        .email("")
        .name("")
        .language("")
        .default_channel("")
        .address(Address::default())
        .birth_date(0, 0, 0)
        .properties(Value::Object(nulls))
}

/// Without what the service adds by itself.
fn as_sent(stored: Contact) -> Contact {
    Contact {
        id: String::new(),
        create_time: None,
        update_time: None,
        ..stored
    }
}

/// With the default that a new record gets.
fn with_default(sent: Contact) -> Contact {
    sent.change(|contact| {
        if let Some(properties) = &mut contact.properties {
            let plan = properties.fields.entry("plan".to_owned());
            plan.or_insert_with(|| value_of(json!("free")));
        }
    })
}

/// The counts alone.
fn counts(outcome: &Outcome) -> Outcome {
    Outcome {
        update_id: String::new(),
        contact_list: None,
        ..outcome.clone()
    }
}
