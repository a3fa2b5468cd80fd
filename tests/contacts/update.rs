//! `UpdateContact`: what it changes, and what it refuses.

use contact_lists::proto::{Address, Contact, UpdateContactRequest};
use prost_types::FieldMask;
use tonic::Status;

use test_support::*;

mod fields;
mod identity;

async fn send(caller: &Client, request: UpdateContactRequest) -> Result<Contact, Status> {
    let answer = caller.contacts.clone().update_contact(request).await?;
    Ok(answer.into_inner().contact.expect("the contact"))
}

/// Changes the fields that are present.
async fn change(caller: &Client, contact: Contact) -> Result<Contact, Status> {
    let request = UpdateContactRequest {
        contact: Some(contact),
        ..UpdateContactRequest::default()
    };
    send(caller, request).await
}

/// Changes the fields that a mask names.
async fn masked(caller: &Client, contact: Contact, mask: &[&str]) -> Result<Contact, Status> {
    let paths = mask.iter().map(|&path| path.to_owned()).collect();
    let request = UpdateContactRequest {
        contact: Some(contact),
        update_mask: Some(FieldMask { paths }),
        ..UpdateContactRequest::default()
    };
    send(caller, request).await
}

/// Stores a contact as given, without preferences, and gives it back as it is read.
async fn stored(caller: &Client, person: Contact) -> Contact {
    let phone = person.phone().to_owned();
    let list = caller.create_list(&uuid::Uuid::now_v7().to_string()).await;
    let add = header(&list).add().no_opt_ins();
    caller.update(add, vec![person]).await.expect("an update");
    read(caller, &phone).await
}

async fn read(caller: &Client, phone: &str) -> Contact {
    caller.contact(phone).await.contact.expect("the contact")
}

/// An update of a contact that gives no field yet.
fn of(contact: &Contact) -> Contact {
    Contact {
        id: contact.id.clone(),
        ..Contact::default()
    }
}

fn home() -> Address {
    Address {
        address_line_one: "Main Street 1".to_owned(),
        city: "Berlin".to_owned(),
        ..Address::default()
    }
}

/// A contact with a value in every field.
async fn full(caller: &Client) -> Contact {
    caller.create_customer_object().await;
    let channel = caller.create_channel(&number(999)).await;
    let person = contact(&number(1))
        .external_id("e-1")
        .email("ada@example.com")
        .name("Ada")
        .language("en")
        .default_channel(&channel)
        .address(home())
        .birth_date(1815, 12, 10)
        .properties(json!({"plan": "free", "visits": 3}));
    stored(caller, person).await
}

/// What differs between two states of a contact beyond its `update_time`.
fn same_but_for_time(a: &Contact, b: &Contact) -> bool {
    let timeless = |contact: &Contact| Contact {
        update_time: None,
        ..contact.clone()
    };
    timeless(a) == timeless(b)
}

on_both! {
    async fn without_a_mask_the_fields_that_are_present_change(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let after = change(&admin, of(&before).name("Countess").email(""))
            .await
            .unwrap();
        let expected = Contact {
            name: Some("Countess".to_owned()),
            email: None,
            ..before.clone()
        };
        assert!(same_but_for_time(&after, &expected), "{after:?}");
        assert_ne!(after.update_time, before.update_time);
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn only_what_the_mask_names_changes(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let given = of(&before)
            .name("Countess")
            .email("x@example.com")
            .language("fr");
        let after = masked(&admin, given, &["name", "language"]).await.unwrap();
        let expected = before.clone().name("Countess").language("fr");
        assert!(same_but_for_time(&after, &expected), "{after:?}");
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn what_the_mask_does_not_name_is_not_checked(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let given = of(&before).name("Countess").email("no email");
        assert_eq!(
            masked(&admin, given, &["name"])
                .await
                .unwrap()
                .name
                .as_deref()
                .unwrap(),
            "Countess"
        );
    }

    async fn an_absent_field_that_the_mask_names_is_cleared(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let mask = [
            "external_id",
            "email",
            "name",
            "language",
            "default_channel_id",
            "address",
            "birth_date",
        ];
        let after = masked(&admin, of(&before), &mask).await.unwrap();
        let expected = Contact {
            create_time: before.create_time,
            properties: before.properties.clone(),
            ..of(&before).change(|it| it.phone = before.phone.clone())
        };
        assert!(same_but_for_time(&after, &expected), "{after:?}");
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn the_mask_can_name_everything(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let given = of(&before)
            .change(|it| it.phone = Some(number(1)))
            .name("Countess");
        let after = masked(&admin, given, &["*"]).await.unwrap();
        assert_eq!(after.name.as_deref().unwrap(), "Countess");
        assert_eq!(
            (&after.email, &after.external_id, &after.address),
            (&None, &None, &None)
        );
        // A merge patch without keys changes none.
        assert_eq!(after.properties, before.properties);
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn a_phone_cannot_be_cleared(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let empty = || of(&before).change(|it| it.phone = Some(String::new()));
        assert_invalid(
            change(&admin, empty()).await,
            "contact.phone",
            "FIELD_REQUIRED",
        );
        assert_invalid(
            masked(&admin, empty(), &["phone"]).await,
            "contact.phone",
            "FIELD_REQUIRED",
        );
        for mask in ["phone", "*"] {
            assert_invalid(
                masked(&admin, of(&before), &[mask]).await,
                "contact.phone",
                "FIELD_REQUIRED",
            );
        }
        assert_eq!(read(&admin, &number(1)).await, before);
    }

    async fn a_mask_names_fields_that_can_be_changed(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        for path in [
            "nickname",
            "id",
            "create_time",
            "update_time",
            "address.city",
            "properties.plan",
            "",
            "Name",
            "contact.name",
        ] {
            let given = of(&before).name("Countess");
            let refused = masked(&admin, given, &["name", path]).await;
            let status = assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
            assert_eq!(metadata(&status, "path"), path);
        }
        assert_eq!(read(&admin, &number(1)).await, before);
    }

    async fn output_only_fields_are_ignored(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let long_ago = Some(prost_types::Timestamp {
            seconds: 1,
            nanos: 0,
        });
        let given = Contact {
            create_time: long_ago,
            update_time: long_ago,
            ..of(&before).name("Countess")
        };
        let after = change(&admin, given).await.unwrap();
        assert_eq!(after.create_time, before.create_time);
        assert!(after.update_time.unwrap().seconds >= before.update_time.unwrap().seconds);
    }

    async fn what_would_not_change_is_not_written(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        assert_eq!(change(&admin, before.clone()).await.unwrap(), before);
        assert_eq!(change(&admin, of(&before)).await.unwrap(), before);
        assert_eq!(
            masked(&admin, before.clone(), &["*"]).await.unwrap(),
            before
        );
        assert_eq!(read(&admin, &number(1)).await, before);
    }

    async fn properties_are_a_merge_patch(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let patch = of(&before).properties(json!({"plan": null, "vip": true}));
        let after = change(&admin, patch).await.unwrap();
        assert_eq!(
            json_of(after.properties.as_ref().unwrap()),
            json!({"visits": 3, "vip": true})
        );
        assert_ne!(after.update_time, before.update_time);
        assert_eq!(read(&admin, &number(1)).await, after);
    }

    async fn properties_belong_to_the_custom_object_that_is_named(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let trip = vec![property(
            "city",
            contact_lists::proto::custom_property::Type::Text,
        )];
        let trip = admin.create_object("trip", trip).await;
        let request = UpdateContactRequest {
            contact: Some(of(&before).properties(json!({"city": "Rome"}))),
            custom_object_id: Some(trip.clone()),
            ..UpdateContactRequest::default()
        };
        let after = send(&admin, request.clone()).await.unwrap();
        assert_eq!(
            json_of(after.properties.as_ref().unwrap()),
            json!({"city": "Rome"})
        );
        let records = admin.contact(&number(1)).await.custom_object_records;
        assert_eq!(records.len(), 2);
        let record = records
            .into_iter()
            .find(|it| it.custom_object_id == trip)
            .unwrap();
        assert_eq!(record.properties, after.properties);
        let by_key = UpdateContactRequest {
            custom_object_id: None,
            custom_object_key: Some("trip".to_owned()),
            ..request.clone()
        };
        assert_eq!(send(&admin, by_key.clone()).await.unwrap(), after);
        let twice = UpdateContactRequest {
            custom_object_id: Some(trip),
            ..by_key
        };
        let refused = send(&admin, twice).await;
        assert_invalid(refused, "custom_object_key", "FIELD_INVALID");
        // The default object has no such property.
        let unnamed = UpdateContactRequest {
            custom_object_id: None,
            ..request
        };
        let refused = send(&admin, unnamed).await;
        assert_invalid(refused, "contact.properties.city", "PROPERTY_UNKNOWN");
    }

    async fn the_custom_object_is_one_of_the_organization(service: Service) {
        let admin = service.admin();
        let before = full(&admin).await;
        let foreign = service.other_admin().await.create_customer_object().await;
        for id in [foreign, uuid::Uuid::now_v7().to_string()] {
            let request = UpdateContactRequest {
                contact: Some(of(&before).properties(json!({"plan": "gold"}))),
                custom_object_id: Some(id),
                ..UpdateContactRequest::default()
            };
            assert_refused(
                send(&admin, request).await,
                Code::NotFound,
                "RESOURCE_NOT_FOUND",
            );
        }
        assert_eq!(read(&admin, &number(1)).await, before);
    }
}
