//! U+0000 is refused in every text: PostgreSQL can't store it.

use super::*;

on_both! {
    async fn a_contact_has_no_u_0000_in_any_text(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let nul = "a\0b";
        let address = |change: fn(&mut Address)| {
            let mut address = Address::default();
            change(&mut address);
            contact(&number(1)).address(address)
        };
        for (bad, field) in [
            (contact(&number(1)).external_id(nul), "external_id"),
            (contact(&number(1)).name(nul), "name"),
            (
                address(|it| it.address_line_one = "a\0".to_owned()),
                "address.address_line_one",
            ),
            (
                address(|it| it.address_line_two = "a\0".to_owned()),
                "address.address_line_two",
            ),
            (address(|it| it.city = "a\0".to_owned()), "address.city"),
            (address(|it| it.state = "a\0".to_owned()), "address.state"),
            (
                address(|it| it.post_code = "a\0".to_owned()),
                "address.post_code",
            ),
            (
                address(|it| it.country = "a\0".to_owned()),
                "address.country",
            ),
            (
                contact(&number(1)).properties(json!({"plan": nul})),
                "properties.plan",
            ),
            (
                contact(&number(1)).properties(json!({"tags": [nul]})),
                "properties.tags",
            ),
            (
                contact(&number(1)).properties(json!({"limits": {"a": nul}})),
                "properties.limits",
            ),
            (
                contact(&number(1)).properties(json!({"limits": {nul: 1}})),
                "properties.limits",
            ),
        ] {
            let outcome = admin
                .update(header(&list).add().skip(), vec![bad])
                .await
                .unwrap();
            assert_eq!(rejections(&outcome), [(0, field, "FIELD_HAS_NUL")]);
        }
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn where_a_text_has_a_form_either_reason_says_what_is_wrong(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let nul = "a\0b";
        for bad in [
            contact("+49151\u{0}10000001"),
            contact(&number(1)).email("a\0@example.com"),
            contact(&number(1)).language("e\0n"),
            contact(&number(1)).default_channel(nul),
            contact(&number(1)).properties(json!({nul: 1})),
            contact(&number(1)).properties(json!({"since": "2024-01-0\u{0}"})),
        ] {
            let outcome = admin
                .update(header(&list).add().skip(), vec![bad.clone()])
                .await
                .unwrap();
            assert_eq!(outcome.rejected_count, 1, "{bad:?}");
        }
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn names_and_labels_have_no_u_0000(service: Service) {
        let admin = service.admin();
        let nul = "a\0b".to_owned();
        let list = CreateContactListRequest {
            name: nul.clone(),
            color: None,
        };
        assert_invalid(
            admin.lists.clone().create_contact_list(list).await,
            "name",
            "FIELD_HAS_NUL",
        );
        let channel = CreateChannelRequest {
            name: nul.clone(),
            r#type: ChannelType::Email.into(),
            phone: None,
        };
        assert_invalid(
            admin.channels.clone().create_channel(channel).await,
            "name",
            "FIELD_HAS_NUL",
        );
        let object = |properties| CreateCustomObjectRequest {
            key: "key".to_owned(),
            label: "Label".to_owned(),
            properties,
        };
        let labelled = CreateCustomObjectRequest {
            label: nul.clone(),
            ..object(vec![])
        };
        assert_invalid(
            admin.objects.clone().create_custom_object(labelled).await,
            "label",
            "FIELD_HAS_NUL",
        );
        let default_value = property("plan", Type::Text).default_value(json!(nul));
        let refused = admin
            .objects
            .clone()
            .create_custom_object(object(vec![default_value]))
            .await;
        assert_invalid(refused, "properties[0].default_value", "FIELD_HAS_NUL");
    }

    async fn filters_have_no_u_0000(service: Service) {
        let admin = service.admin();
        let nul = "a\0b".to_owned();
        let prefix = ListContactListsRequest {
            name_prefix: Some(nul.clone()),
            ..Default::default()
        };
        assert_invalid(
            admin.lists.clone().list_contact_lists(prefix).await,
            "name_prefix",
            "FIELD_HAS_NUL",
        );
        assert_invalid(
            by_external_id(&admin, &nul).await,
            "external_id",
            "FIELD_HAS_NUL",
        );
        for (field, request) in [
            (
                "external_id",
                ListContactsRequest {
                    external_id: Some(nul.clone()),
                    ..Default::default()
                },
            ),
            (
                "email",
                ListContactsRequest {
                    email: Some(nul.clone()),
                    ..Default::default()
                },
            ),
            (
                "name_prefix",
                ListContactsRequest {
                    name_prefix: Some(nul.clone()),
                    ..Default::default()
                },
            ),
        ] {
            assert_invalid(
                admin.contacts.clone().list_contacts(request).await,
                field,
                "FIELD_HAS_NUL",
            );
        }
    }
}
