//! Pages and properties of `ListContacts`.

use super::*;

on_both! {
    async fn pages_are_stable_while_contacts_come_and_go(service: Service) {
        let admin = service.admin();
        store(&admin, contacts(0..20)).await;
        let throughout: Vec<_> = find(&admin, Request::default())
            .await
            .into_iter()
            .map(|it| it.id)
            .collect();
        let (mut seen, mut page_token, mut fresh) = (Vec::new(), String::new(), 100);
        loop {
            let request = Request {
                page_size: 3,
                page_token,
                ..Request::default()
            };
            let page = page(&admin, request).await.unwrap();
            assert!(page.contacts.len() <= 3);
            seen.extend(page.contacts.into_iter().map(|it| it.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
            // A bounded number of contacts is added, or the pages would never end; the last one seen is erased.
            if fresh < 110 {
                store(&admin, contacts(fresh..fresh + 2)).await;
                fresh += 2;
            }
            let request = contact_lists::proto::DeleteContactRequest {
                id: seen.last().unwrap().clone(),
            };
            admin
                .contacts
                .clone()
                .delete_contact(request)
                .await
                .unwrap();
        }
        assert!(seen.is_sorted());
        let mut unique = seen.clone();
        unique.dedup();
        assert_eq!(unique, seen, "nobody twice");
        assert!(
            throughout.iter().all(|id| seen.contains(id)),
            "nobody missed"
        );
    }

    async fn a_filter_goes_through_the_pages(service: Service) {
        let admin = service.admin();
        store_named(&admin, &["Ada", "Bob", "Adam", "Carl", "Adele"]).await;
        let first = page(
            &admin,
            Request {
                page_size: 2,
                ..by_name("Ad")
            },
        )
        .await
        .unwrap();
        assert_eq!(first.contacts.len(), 2);
        let rest = Request {
            page_token: first.next_page_token,
            ..by_name("Ad")
        };
        let mut names: Vec<_> = first
            .contacts
            .into_iter()
            .chain(find(&admin, rest).await)
            .filter_map(|it| it.name)
            .collect();
        names.sort();
        assert_eq!(names, ["Ada", "Adam", "Adele"]);
    }

    async fn properties_are_those_of_the_named_object_or_the_default_one(service: Service) {
        let admin = service.admin();
        let customer = admin.create_customer_object().await;
        store(
            &admin,
            vec![
                contact(&number(0)).properties(json!({"plan": "free"})),
                contact(&number(1)),
            ],
        )
        .await;
        let properties = async |custom_object_id: Option<&String>| {
            let request = Request {
                custom_object_id: custom_object_id.cloned(),
                ..by_phone(&number(0))
            };
            find(&admin, request).await[0]
                .properties
                .as_ref()
                .map(json_of)
        };
        assert_eq!(properties(None).await, Some(json!({"plan": "free"})));
        assert_eq!(find(&admin, by_phone(&number(1))).await[0].properties, None);
        let empty = admin.create_object("empty", vec![]).await;
        assert_eq!(properties(None).await, Some(json!({"plan": "free"})));
        let by_key = Request {
            custom_object_key: Some("empty".to_owned()),
            ..by_phone(&number(0))
        };
        assert_eq!(find(&admin, by_key).await[0].properties, None);
        assert_eq!(
            properties(Some(&customer)).await,
            Some(json!({"plan": "free"}))
        );
        assert_eq!(properties(Some(&empty)).await, None);
        for (id, code, reason) in [
            (
                uuid::Uuid::now_v7().to_string(),
                Code::NotFound,
                "RESOURCE_NOT_FOUND",
            ),
            ("x".to_owned(), Code::InvalidArgument, "REQUEST_INVALID"),
        ] {
            let request = Request {
                custom_object_id: Some(id),
                ..Request::default()
            };
            assert_refused(page(&admin, request).await, code, reason);
        }
    }

    async fn a_contact_and_its_record_are_never_of_different_updates(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("Watched").await;
        let as_of = |name: &'static str| -> Vec<Contact> {
            (0..300).map(|n| contact(&number(n)).name(name).properties(json!({"plan": name}))).collect()
        };
        admin.update(header(&list).add(), as_of("v0")).await.unwrap();
        let writer = {
            let (admin, list) = (service.admin(), list.clone());
            tokio::spawn(async move {
                for name in ["v1", "v0"].repeat(8) {
                    admin.update(header(&list).add(), as_of(name)).await.expect("no call fails");
                }
            })
        };
        while !writer.is_finished() {
            let request = Request { page_size: 500, ..by_name("v") };
            for contact in find(&admin, request).await {
                let plan = json!({"plan": contact.name});
                assert_eq!(json_of(contact.properties.as_ref().unwrap()), plan);
            }
        }
        writer.await.unwrap();
    }
}
