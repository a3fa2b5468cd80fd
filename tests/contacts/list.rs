//! `ListContacts`.

mod pages;
mod search;

use contact_lists::proto::{Contact, ListContactsRequest as Request, ListContactsResponse};
use tonic::Status;

use test_support::*;

async fn page(caller: &Client, request: Request) -> Result<ListContactsResponse, Status> {
    let answer = caller.contacts.clone().list_contacts(request).await?;
    Ok(answer.into_inner())
}

async fn find(caller: &Client, request: Request) -> Vec<Contact> {
    let page = page(caller, request).await.expect("a page");
    assert_eq!(page.next_page_token, "", "all on one page");
    page.contacts
}

/// The phones of the contacts that are found, sorted.
async fn found(caller: &Client, request: Request) -> Vec<String> {
    let contacts = find(caller, request).await;
    let mut phones: Vec<_> = contacts.iter().map(|it| it.phone().to_owned()).collect();
    phones.sort();
    phones
}

fn by_phone(phone: &str) -> Request {
    Request {
        phone: Some(phone.to_owned()),
        ..Request::default()
    }
}

fn by_email(email: &str) -> Request {
    Request {
        email: Some(email.to_owned()),
        ..Request::default()
    }
}

fn by_external_id(id: &str) -> Request {
    Request {
        external_id: Some(id.to_owned()),
        ..Request::default()
    }
}

fn by_name(prefix: &str) -> Request {
    Request {
        name_prefix: Some(prefix.to_owned()),
        ..Request::default()
    }
}

async fn store(caller: &Client, contacts: Vec<Contact>) {
    let name = format!("For {}", contacts[0].phone());
    let list = caller.create_list(&name).await;
    caller
        .update(header(&list).add(), contacts)
        .await
        .expect("an update");
}

/// Contacts with these names, with the numbers from 0.
async fn store_named(caller: &Client, names: &[&str]) {
    let contacts = (0..)
        .zip(names)
        .map(|(n, name)| contact(&number(n)).name(name));
    store(caller, contacts.collect()).await;
}

on_both! {
    async fn without_a_filter_every_contact_is_listed_in_the_order_of_ids(service: Service) {
        let admin = service.admin();
        store(&admin, contacts(3..6)).await;
        store(&admin, contacts(0..3)).await;
        store(&service.other_admin().await, contacts(6..9)).await;
        let contacts = find(&admin, Request::default()).await;
        assert_eq!(
            found(&admin, Request::default()).await,
            (0..6).map(number).collect::<Vec<_>>()
        );
        assert!(contacts.is_sorted_by_key(|it| it.id.clone()));
        assert_eq!(
            admin.contact(&number(0)).await.contact.as_ref(),
            contacts.iter().find(|it| it.phone() == number(0))
        );
    }

    async fn an_organization_without_contacts_lists_none(service: Service) {
        assert_eq!(found(&service.admin(), Request::default()).await, [""; 0]);
    }

    async fn a_phone_is_found_in_any_format(service: Service) {
        let admin = service.admin();
        store(&admin, contacts(0..3)).await;
        assert_eq!(
            found(&admin, by_phone("+49 (0151) 1000-0001")).await,
            [number(1)]
        );
        assert_eq!(found(&admin, by_phone(&number(7))).await, [""; 0]);
        assert_invalid(
            page(&admin, by_phone("+49")).await,
            "phone",
            "PHONE_INVALID",
        );
        assert_invalid(
            page(&admin, by_phone("0151 10000001")).await,
            "phone",
            "PHONE_WITHOUT_REGION",
        );
        assert_invalid(page(&admin, by_phone("")).await, "phone", "FIELD_REQUIRED");
    }

    async fn an_email_is_found_without_regard_to_the_case_of_a_to_z(service: Service) {
        let admin = service.admin();
        let emails = [
            "Ada@Example.com",
            "ada@example.COM",
            "ada2@example.com",
            "xada@example.com",
        ];
        let contacts = (0..)
            .zip(emails)
            .map(|(n, email)| contact(&number(n)).email(email));
        store(&admin, contacts.collect()).await;
        for email in ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.com"] {
            assert_eq!(
                found(&admin, by_email(email)).await,
                [number(0), number(1)],
                "{email}"
            );
        }
        assert_eq!(found(&admin, by_email("da@example.com")).await, [""; 0]);
        assert_eq!(found(&admin, by_email("%@example.com")).await, [""; 0]);
        // As it was given.
        let stored = admin.contact(&number(0)).await.contact.unwrap();
        assert_eq!(stored.email.as_deref().unwrap(), "Ada@Example.com");
    }

    async fn beyond_a_to_z_the_case_of_an_email_matters(service: Service) {
        let admin = service.admin();
        let emails = ["\u{c4}da@example.com", "\u{e4}da@example.com"];
        let contacts = (0..)
            .zip(emails)
            .map(|(n, email)| contact(&number(n)).email(email));
        store(&admin, contacts.collect()).await;
        for (n, email) in (0..).zip(["\u{c4}DA@example.com", "\u{e4}Da@example.com"]) {
            assert_eq!(found(&admin, by_email(email)).await, [number(n)], "{email}");
        }
    }

    async fn an_external_id_is_found_byte_by_byte(service: Service) {
        let admin = service.admin();
        let ids = ["e-1", "E-1", "e-10", "\u{e4}", "a\u{308}", " e-1"];
        let contacts = (0..)
            .zip(ids)
            .map(|(n, id)| contact(&number(n)).external_id(id));
        store(&admin, contacts.collect()).await;
        for (n, id) in (0..).zip(ids) {
            assert_eq!(found(&admin, by_external_id(id)).await, [number(n)], "{id}");
        }
        assert_eq!(found(&admin, by_external_id("e-")).await, [""; 0]);
        assert_invalid(
            page(&admin, by_external_id("")).await,
            "external_id",
            "FIELD_REQUIRED",
        );
    }

    async fn a_name_is_found_by_the_bytes_that_it_begins_with(service: Service) {
        let admin = service.admin();
        let names = [
            "Ada",
            "ada",
            "Adam",
            "\u{c4}da",
            "\u{1f600} Ada",
            "A%a",
            "A_a",
            "B\u{10ffff}",
            "B\u{10ffff}x",
            "C",
        ];
        store_named(&admin, &names).await;
        store(&admin, contacts(50..52)).await;
        for (prefix, expected) in [
            ("Ada", vec![0, 2]),
            ("ad", vec![1]),
            ("A", vec![0, 2, 5, 6]),
            ("\u{c4}", vec![3]),
            ("\u{e4}", vec![]),
            ("\u{1f600}", vec![4]),
            ("A%", vec![5]),
            ("A_", vec![6]),
            ("%", vec![]),
            ("B\u{10ffff}", vec![7, 8]),
            ("\\", vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(number).collect();
            assert_eq!(found(&admin, by_name(prefix)).await, expected, "{prefix}");
        }
    }

    async fn an_empty_prefix_is_no_filter(service: Service) {
        let admin = service.admin();
        store_named(&admin, &["Ada"]).await;
        store(&admin, contacts(5..6)).await;
        assert_eq!(found(&admin, by_name("")).await, [number(0), number(5)]);
    }

    async fn all_that_is_asked_for_must_hold(service: Service) {
        let admin = service.admin();
        let person = |n, email: &str, name: &str| {
            contact(&number(n))
                .email(email)
                .name(name)
                .external_id(&format!("e-{n}"))
        };
        let people = vec![
            person(0, "a@example.com", "Ada"),
            person(1, "a@example.com", "Bob"),
            person(2, "b@example.com", "Ada"),
        ];
        store(&admin, people).await;
        let both = Request {
            name_prefix: Some("A".to_owned()),
            ..by_email("A@example.com")
        };
        assert_eq!(found(&admin, both.clone()).await, [number(0)]);
        let all = Request {
            phone: Some(number(0)),
            external_id: Some("e-0".to_owned()),
            ..both
        };
        assert_eq!(found(&admin, all.clone()).await, [number(0)]);
        assert_eq!(
            found(
                &admin,
                Request {
                    phone: Some(number(1)),
                    ..all
                }
            )
            .await,
            [""; 0]
        );
    }

    async fn the_filters_are_checked_and_all_problems_reported(service: Service) {
        let admin = service.admin();
        let long = "x".repeat(256);
        let request = Request {
            email: Some(long.clone()),
            external_id: Some("\0".to_owned()),
            name_prefix: Some(long),
            phone: Some("+4".to_owned()),
            ..Request::default()
        };
        let status = assert_refused(
            page(&admin, request).await,
            Code::InvalidArgument,
            "REQUEST_INVALID",
        );
        let mut found = violations(&status);
        found.sort();
        let expected = [
            ("email", "FIELD_TOO_LONG"),
            ("external_id", "FIELD_HAS_NUL"),
            ("name_prefix", "FIELD_TOO_LONG"),
            ("phone", "PHONE_INVALID"),
        ];
        assert_eq!(
            found,
            expected.map(|(field, reason)| (field.to_owned(), reason.to_owned()))
        );
        assert_invalid(
            page(&admin, by_name("\0")).await,
            "name_prefix",
            "FIELD_HAS_NUL",
        );
    }
}
