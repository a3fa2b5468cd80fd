//! Where the databases differ and the service must not: letter case, the order of bytes, U+0000 and the precision of times.

mod nul;

use contact_lists::proto::{
    Address, Contact, CreateChannelRequest, CreateContactListRequest, CreateCustomObjectRequest,
    GetContactRequest, ListContactListsRequest, ListContactsRequest, channel::Type as ChannelType,
    custom_property::Type, get_contact_request::Reference,
};
use prost_types::Timestamp;
use tonic::Status;

use test_support::*;

/// Texts that a database could confuse with each other, or not order by their bytes.
const TEXTS: [&str; 14] = [
    "a",
    "A",
    "b",
    "B",
    "\u{e4}",
    "\u{c4}",
    "a\u{308}",
    "ss",
    "\u{df}",
    "SS",
    "i",
    "\u{130}",
    "\u{ff41}",
    "\u{1f600}",
];

async fn store(caller: &Client, contacts: Vec<Contact>) -> String {
    let list = caller.create_list(&uuid::Uuid::now_v7().to_string()).await;
    let outcome = caller
        .update(header(&list).add(), contacts)
        .await
        .expect("an update");
    assert_eq!(outcome.rejected_count, 0);
    list
}

async fn by_external_id(caller: &Client, id: &str) -> Result<Contact, Status> {
    let request = GetContactRequest {
        reference: Some(Reference::ExternalId(id.to_owned())),
    };
    let answer = caller.contacts.clone().get_contact(request).await?;
    Ok(answer.into_inner().contact.expect("the contact"))
}

async fn lists_beginning_with(caller: &Client, prefix: &str) -> Vec<String> {
    let request = ListContactListsRequest {
        name_prefix: Some(prefix.to_owned()),
        ..ListContactListsRequest::default()
    };
    let page = caller
        .lists
        .clone()
        .list_contact_lists(request)
        .await
        .expect("a page")
        .into_inner();
    let mut names: Vec<_> = page
        .contact_lists
        .into_iter()
        .filter_map(|list| list.name)
        .collect();
    names.sort();
    names
}

/// Texts of [`TEXTS`] that begin with a prefix, as bytes say.
fn beginning_with(prefix: &str) -> Vec<String> {
    let mut texts: Vec<_> = TEXTS
        .iter()
        .filter(|text| text.starts_with(prefix))
        .map(|&text| text.to_owned())
        .collect();
    texts.sort();
    texts
}

fn micros(time: Option<Timestamp>) -> i128 {
    let time = time.expect("a time");
    assert_eq!(time.nanos % 1000, 0, "whole microseconds: {time:?}");
    i128::from(time.seconds) * 1_000_000 + i128::from(time.nanos) / 1000
}

on_both! {
    async fn external_ids_that_look_alike_are_different_contacts(service: Service) {
        let admin = service.admin();
        let contacts = (0..)
            .zip(TEXTS)
            .map(|(n, id)| contact(&number(n)).external_id(id));
        store(&admin, contacts.collect()).await;
        for (n, id) in (0..).zip(TEXTS) {
            assert_eq!(
                by_external_id(&admin, id).await.unwrap().phone,
                Some(number(n)),
                "{id}"
            );
        }
        for id in ["a ", " a", "\u{130}\u{307}", "\u{1e9e}", "\u{1f601}"] {
            assert_refused(
                by_external_id(&admin, id).await,
                Code::NotFound,
                "RESOURCE_NOT_FOUND",
            );
        }
    }

    async fn an_update_finds_contacts_by_the_bytes_of_their_external_ids(service: Service) {
        let admin = service.admin();
        let contacts = || {
            (0..)
                .zip(TEXTS)
                .map(|(n, id)| contact(&number(n)).external_id(id).name(id))
        };
        let list = store(&admin, contacts().collect()).await;
        let outcome = admin
            .update(header(&list).add(), contacts().collect())
            .await
            .unwrap();
        assert_eq!((outcome.unchanged_count, outcome.received_count), (14, 14));
        // The same ids with new numbers: a change of number for each.
        let moved = (100..)
            .zip(TEXTS)
            .map(|(n, id)| contact(&number(n)).external_id(id));
        let outcome = admin
            .update(header(&list).add(), moved.collect())
            .await
            .unwrap();
        assert_eq!((outcome.updated_count, outcome.created_count), (14, 0));
        assert_eq!(admin.list(&list).await.contact_count, 14);
    }

    async fn list_names_that_look_alike_are_different_lists(service: Service) {
        let admin = service.admin();
        for name in TEXTS {
            admin.create_list(name).await;
        }
        for name in TEXTS {
            let request = CreateContactListRequest {
                name: name.to_owned(),
                color: None,
            };
            let refused = admin.lists.clone().create_contact_list(request).await;
            assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
            assert_eq!(
                lists_beginning_with(&admin, name).await,
                beginning_with(name)
            );
        }
    }

    async fn name_prefixes_are_compared_by_their_bytes(service: Service) {
        let admin = service.admin();
        let contacts = (0..)
            .zip(TEXTS)
            .map(|(n, name)| contact(&number(n)).name(name));
        store(&admin, contacts.collect()).await;
        for prefix in TEXTS {
            let request = ListContactsRequest {
                name_prefix: Some(prefix.to_owned()),
                ..Default::default()
            };
            let page = admin
                .contacts
                .clone()
                .list_contacts(request)
                .await
                .unwrap()
                .into_inner();
            let mut names: Vec<_> = page.contacts.into_iter().filter_map(|it| it.name).collect();
            names.sort();
            assert_eq!(names, beginning_with(prefix), "{prefix}");
        }
    }

    async fn texts_are_given_back_as_they_came(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let texts = TEXTS.into_iter().chain([
            "'",
            "\"",
            "\\",
            "%_",
            "\u{7f}\u{1}",
            " a ",
            "\u{10ffff}",
            "\u{feff}",
        ]);
        let person = |(n, text): (u32, &str)| {
            let address = Address {
                city: text.to_owned(),
                ..Address::default()
            };
            contact(&number(n))
                .name(text)
                .address(address)
                .properties(json!({"plan": text, "tags": [text], "limits": {text: text}}))
        };
        let people: Vec<_> = (0..).zip(texts).map(person).collect();
        store(&admin, people.clone()).await;
        for person in people {
            let stored = admin.contact(person.phone()).await.contact.unwrap();
            assert_eq!(
                (&stored.name, &stored.address),
                (&person.name, &person.address)
            );
            assert_eq!(stored.properties, person.properties);
        }
    }

    async fn numbers_are_given_back_as_they_came(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let numbers = [
            0.1,
            -0.0,
            1e308,
            5e-324,
            1.0 / 3.0,
            9_007_199_254_740_993.0,
            1e21,
            123_456_789.123_456_79,
        ];
        for (n, score) in (0..).zip(numbers) {
            store(
                &admin,
                vec![contact(&number(n)).properties(json!({"score": score}))],
            )
            .await;
            let stored = admin
                .contact(&number(n))
                .await
                .contact
                .unwrap()
                .properties
                .unwrap();
            let Some(prost_types::value::Kind::NumberValue(stored)) = stored.fields["score"].kind
            else {
                panic!("a number")
            };
            assert_eq!(stored, score);
        }
    }

    async fn members_that_join_at_the_same_instant_have_one_order(service: Service) {
        let admin = service.admin();
        let list = store(
            &admin,
            (0..50).map(|n| contact(&number(n)).name("Same")).collect(),
        )
        .await;
        let members = admin.members(&list).await;
        assert!(
            members
                .iter()
                .all(|it| it.join_time == members[0].join_time)
        );
        let ids: Vec<_> = members
            .into_iter()
            .map(|it| it.contact.unwrap().id)
            .collect();
        assert_eq!(ids.len(), 50);
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    async fn times_have_microseconds_and_are_read_back_equal(service: Service) {
        let admin = service.admin();
        let request = CreateContactListRequest {
            name: "List".to_owned(),
            color: None,
        };
        let created = admin
            .lists
            .clone()
            .create_contact_list(request)
            .await
            .unwrap()
            .into_inner()
            .contact_list
            .unwrap();
        assert_eq!(admin.list(&created.id).await, created);
        let before = micros(created.create_time);
        admin
            .update(
                header(&created.id).add(),
                (0..5).map(|n| contact(&number(n))).collect(),
            )
            .await
            .unwrap();
        for member in admin.members(&created.id).await {
            let contact = member.contact.unwrap();
            assert_eq!(contact.create_time, contact.update_time);
            assert!(micros(contact.create_time) > before && micros(member.join_time) > before);
            assert_eq!(admin.contact(contact.phone()).await.contact, Some(contact));
        }
    }

    async fn times_are_not_cut_to_milliseconds(service: Service) {
        let admin = service.admin();
        let mut micros_of = Vec::new();
        for n in 0..5 {
            let id = admin.create_list(&format!("List {n}")).await;
            micros_of.push(micros(admin.list(&id).await.create_time));
        }
        // That five in a row end in 000 by chance happens once in 10^15 times.
        assert!(
            micros_of.iter().any(|micros| micros % 1000 != 0),
            "{micros_of:?}"
        );
    }
}
