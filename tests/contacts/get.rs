//! `GetContact`.

use contact_lists::proto::{
    Contact, GetContactRequest, GetContactResponse, get_contact_request::Reference,
};
use tonic::Status;

use test_support::*;

async fn get(caller: &Client, reference: Option<Reference>) -> Result<GetContactResponse, Status> {
    let answer = caller
        .contacts
        .clone()
        .get_contact(GetContactRequest { reference })
        .await?;
    Ok(answer.into_inner())
}

async fn by_id(caller: &Client, id: &str) -> Result<GetContactResponse, Status> {
    get(caller, Some(Reference::Id(id.to_owned()))).await
}

async fn by_phone(caller: &Client, phone: &str) -> Result<GetContactResponse, Status> {
    get(caller, Some(Reference::Phone(phone.to_owned()))).await
}

async fn by_external_id(caller: &Client, external_id: &str) -> Result<GetContactResponse, Status> {
    get(caller, Some(Reference::ExternalId(external_id.to_owned()))).await
}

/// Puts contacts on a new list; returns its id.
async fn store(caller: &Client, name: &str, contacts: Vec<Contact>) -> String {
    let list = caller.create_list(name).await;
    caller.update(header(&list).add(), contacts).await.unwrap();
    list
}

fn id_of(found: &GetContactResponse) -> String {
    found.contact.as_ref().expect("a contact").id.clone()
}

on_both! {
    async fn a_contact_is_found_by_id_phone_and_external_id(service: Service) {
        let admin = service.admin();
        let others = vec![contact(&number(2)).external_id("X"), contact(&number(3))];
        store(&admin, "Others", others).await;
        store(
            &admin,
            "Customers",
            vec![contact(&number(1)).external_id("x").name("Ada")],
        )
        .await;
        let found = by_phone(&admin, &number(1)).await.unwrap();
        assert_eq!(found.contact.as_ref().unwrap().name.as_deref(), Some("Ada"));
        assert_eq!(by_id(&admin, &id_of(&found)).await.unwrap(), found);
        assert_eq!(by_external_id(&admin, "x").await.unwrap(), found);
    }

    async fn a_phone_is_taken_in_any_format(service: Service) {
        let admin = service.admin();
        store(&admin, "Customers", vec![contact(&number(1))]).await;
        let spaced = number(1).replace("+49151", "+49 (0151) ");
        let found = by_phone(&admin, &spaced).await.unwrap();
        assert_eq!(found.contact.unwrap().phone, Some(number(1)));
    }

    async fn a_national_phone_is_read_in_the_default_region(service: Service) {
        let german = service.client(&service.organization_in("DE").await.admin_key);
        store(&german, "Customers", vec![contact(&number(1))]).await;
        let found = by_phone(&german, &number(1).replace("+49", "0"))
            .await
            .unwrap();
        assert_eq!(found.contact.unwrap().phone, Some(number(1)));
    }

    async fn an_external_id_is_compared_byte_by_byte(service: Service) {
        let admin = service.admin();
        store(
            &admin,
            "Customers",
            vec![
                contact(&number(1)).external_id("x"),
                contact(&number(2)).external_id("é"),
            ],
        )
        .await;
        for other in ["X", "x ", " x", "e\u{301}", "É", "%", "_"] {
            let found = by_external_id(&admin, other).await;
            assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
        let found = by_external_id(&admin, "é").await.unwrap();
        assert_eq!(found.contact.unwrap().phone, Some(number(2)));
    }

    async fn a_contact_comes_with_its_lists_in_the_order_of_their_ids(service: Service) {
        let admin = service.admin();
        let mut lists = Vec::new();
        for name in ["C", "A", "B"] {
            lists.push(store(&admin, name, vec![contact(&number(1))]).await);
        }
        store(&admin, "Others", vec![contact(&number(2))]).await;
        admin.archive_list(&lists[1]).await;
        lists.sort();
        let found = admin.contact(&number(1)).await;
        let ids: Vec<_> = found
            .contact_lists
            .iter()
            .map(|list| list.id.clone())
            .collect();
        assert_eq!(ids, lists);
        for list in &found.contact_lists {
            assert_eq!(*list, admin.list(&list.id).await);
        }
    }

    async fn deleted_lists_are_left_out(service: Service) {
        let admin = service.admin();
        let deleted = store(&admin, "Deleted", vec![contact(&number(1))]).await;
        let kept = store(&admin, "Kept", vec![contact(&number(1))]).await;
        admin.delete_list(&deleted).await;
        let found = admin.contact(&number(1)).await;
        assert_eq!(found.contact_lists, [admin.list(&kept).await]);
    }

    async fn a_list_that_the_contact_left_is_left_out(service: Service) {
        let admin = service.admin();
        let list = store(&admin, "Customers", vec![contact(&number(1))]).await;
        admin
            .update(header(&list).remove(), vec![contact(&number(1))])
            .await
            .unwrap();
        assert_eq!(admin.contact(&number(1)).await.contact_lists, []);
    }

    async fn a_contact_comes_with_its_preferences_in_the_order_of_the_channels(service: Service) {
        let admin = service.admin();
        let mut channels = Vec::new();
        for n in 0..3 {
            channels.push(admin.create_channel(&number(1_000_000 + n)).await);
        }
        store(
            &admin,
            "Customers",
            vec![contact(&number(1)), contact(&number(2))],
        )
        .await;
        admin.opt_out(&number(1), &[&channels[1]]).await;
        channels.sort();
        let preferences = admin.contact(&number(1)).await.communication_preferences;
        let ids: Vec<_> = preferences.iter().map(|it| it.channel_id.clone()).collect();
        assert_eq!(ids, channels);
        assert_eq!(preferences.iter().filter(|it| it.opted_in).count(), 2);
        assert_eq!(preferences, admin.preferences(&number(1)).await);
    }

    async fn a_contact_comes_with_the_properties_of_the_default_custom_object(service: Service) {
        let admin = service.admin();
        let object = admin.create_customer_object().await;
        let values = json!({"plan": "free", "visits": 3});
        store(
            &admin,
            "Customers",
            vec![
                contact(&number(1)).properties(values.clone()),
                contact(&number(2)),
            ],
        )
        .await;
        let found = admin.contact(&number(1)).await;
        assert_eq!(json_of(&found.contact.unwrap().properties.unwrap()), values);
        let [record] = &found.custom_object_records[..] else {
            panic!("not one record: {:?}", found.custom_object_records);
        };
        assert_eq!(record.custom_object_id, object);
        assert_eq!(json_of(record.properties.as_ref().unwrap()), values);
        let without = admin.contact(&number(2)).await;
        assert_eq!(
            (
                without.contact.unwrap().properties,
                without.custom_object_records
            ),
            (None, vec![])
        );
    }

    async fn the_records_of_several_custom_objects_come_by_themselves(service: Service) {
        let admin = service.admin();
        let mut objects = Vec::new();
        for key in ["b", "a"] {
            let plan = property("plan", contact_lists::proto::custom_property::Type::Text);
            objects.push(admin.create_object(key, vec![plan]).await);
        }
        let list = admin.create_list("Customers").await;
        for object in &objects {
            let stream = vec![contact(&number(1)).properties(json!({"plan": object}))];
            admin
                .update(header(&list).add().custom_object(object), stream)
                .await
                .unwrap();
        }
        let found = admin.contact(&number(1)).await;
        let properties = found.contact.unwrap().properties.unwrap();
        assert_eq!(json_of(&properties), json!({"plan": objects[0]}));
        objects.sort();
        let records: Vec<_> = found
            .custom_object_records
            .iter()
            .map(|it| {
                (
                    it.custom_object_id.clone(),
                    json_of(it.properties.as_ref().unwrap()),
                )
            })
            .collect();
        let expected: Vec<_> = objects
            .iter()
            .map(|id| (id.clone(), json!({"plan": id})))
            .collect();
        assert_eq!(records, expected);
    }

    async fn an_unknown_contact_is_not_found(service: Service) {
        let admin = service.admin();
        store(
            &admin,
            "Customers",
            vec![contact(&number(1)).external_id("x")],
        )
        .await;
        let found = by_id(&admin, &uuid::Uuid::now_v7().to_string()).await;
        let status = assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(metadata(&status, "resource_type"), "contact");
        let found = by_phone(&admin, &number(2)).await;
        assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
        let found = by_external_id(&admin, "y").await;
        assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn another_organizations_contact_is_not_found(service: Service) {
        let (admin, other) = (service.admin(), service.other_admin().await);
        store(
            &admin,
            "Customers",
            vec![contact(&number(1)).external_id("x")],
        )
        .await;
        let id = id_of(&admin.contact(&number(1)).await);
        assert_refused(
            by_id(&other, &id).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        assert_refused(
            by_phone(&other, &number(1)).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        assert_refused(
            by_external_id(&other, "x").await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
    }

    async fn a_reference_is_required(service: Service) {
        assert_invalid(
            get(&service.admin(), None).await,
            "reference",
            "FIELD_REQUIRED",
        );
    }

    async fn a_reference_is_well_formed(service: Service) {
        let admin = service.admin();
        assert_invalid(by_id(&admin, "Ada").await, "id", "FIELD_INVALID");
        assert_invalid(by_id(&admin, "").await, "id", "FIELD_REQUIRED");
        assert_invalid(by_phone(&admin, "+4915").await, "phone", "PHONE_INVALID");
        assert_invalid(
            by_phone(&admin, "0151 23456789").await,
            "phone",
            "PHONE_WITHOUT_REGION",
        );
        assert_invalid(by_phone(&admin, "").await, "phone", "FIELD_REQUIRED");
        assert_invalid(
            by_external_id(&admin, "").await,
            "external_id",
            "FIELD_REQUIRED",
        );
        assert_invalid(
            by_external_id(&admin, "a\0").await,
            "external_id",
            "FIELD_HAS_NUL",
        );
        assert_invalid(
            by_external_id(&admin, &"é".repeat(256)).await,
            "external_id",
            "FIELD_TOO_LONG",
        );
        let found = by_external_id(&admin, &"é".repeat(255)).await;
        assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn a_read_key_is_enough_to_read(service: Service) {
        store(&service.admin(), "Customers", vec![contact(&number(1))]).await;
        by_phone(&service.client_with(Scope::Read).await, &number(1))
            .await
            .unwrap();
        let refused = by_phone(&service.client_authorized_by(None), &number(1)).await;
        assert_refused(refused, Code::Unauthenticated, "API_KEY_INVALID");
    }
}
