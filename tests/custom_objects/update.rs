//! `UpdateCustomObject`, and which object is the default one.

use contact_lists::proto::{
    AddCustomPropertyRequest, CreateCustomObjectRequest, DeleteCustomObjectRequest,
    UpdateCustomObjectRequest,
};
use prost_types::FieldMask;

use super::*;

async fn update(
    caller: &Client,
    object: CustomObject,
    mask: Option<&[&str]>,
) -> Result<CustomObject, Status> {
    let paths = |mask: &[&str]| mask.iter().map(|&path| path.to_owned()).collect();
    let request = UpdateCustomObjectRequest {
        custom_object: Some(object),
        update_mask: mask.map(|mask| FieldMask { paths: paths(mask) }),
    };
    let answer = caller.objects.clone().update_custom_object(request).await?;
    Ok(answer.into_inner().custom_object.expect("the object"))
}

fn object(id: &str) -> CustomObject {
    CustomObject {
        id: id.to_owned(),
        ..CustomObject::default()
    }
}

fn labelled(id: &str, label: &str) -> CustomObject {
    CustomObject {
        label: label.to_owned(),
        ..object(id)
    }
}

fn as_default(id: &str, is_default: bool) -> CustomObject {
    CustomObject {
        is_default: Some(is_default),
        ..object(id)
    }
}

/// The keys of the objects that are said to be the default one.
async fn defaults(caller: &Client) -> Vec<String> {
    let objects = list(caller).await.into_iter();
    let defaults = objects.filter(CustomObject::is_default);
    defaults.map(|object| object.key).collect()
}

async fn delete(caller: &Client, id: &str) {
    let request = DeleteCustomObjectRequest { id: id.to_owned() };
    caller
        .objects
        .clone()
        .delete_custom_object(request)
        .await
        .expect("a deletion");
}

on_both! {
    async fn the_object_that_was_made_first_is_the_default_one(service: Service) {
        let admin = service.admin();
        let first = admin.create_customer_object().await;
        let request = CreateCustomObjectRequest {
            key: "trip".to_owned(),
            label: "Trip".to_owned(),
            properties: vec![],
        };
        let second = admin.objects.clone().create_custom_object(request).await.unwrap();
        assert_eq!(second.into_inner().custom_object.unwrap().is_default, Some(false));
        assert_eq!(get(&admin, &first).await.unwrap().is_default, Some(true));
        assert_eq!(defaults(&admin).await, ["customer"]);
    }

    async fn the_answer_of_a_create_tells_that_the_only_object_is_the_default_one(service: Service) {
        let request = CreateCustomObjectRequest {
            key: "trip".to_owned(),
            label: "Trip".to_owned(),
            properties: vec![],
        };
        let made = service.admin().objects.clone().create_custom_object(request).await.unwrap();
        assert_eq!(made.into_inner().custom_object.unwrap().is_default, Some(true));
    }

    async fn another_object_is_made_the_default_one(service: Service) {
        let admin = service.admin();
        let customer = admin.create_customer_object().await;
        let trip = admin.create_object("trip", vec![property("plan", Type::Text)]).await;
        let changed = update(&admin, as_default(&trip, true), None).await.unwrap();
        assert_eq!(changed, get(&admin, &trip).await.unwrap());
        assert_eq!((changed.is_default, changed.key.as_str()), (Some(true), "trip"));
        assert_eq!(defaults(&admin).await, ["trip"]);
        let request = AddCustomPropertyRequest {
            custom_object_id: customer.clone(),
            property: Some(property("nickname", Type::Text)),
        };
        let other = admin.objects.clone().add_custom_property(request).await.unwrap();
        assert_eq!(other.into_inner().custom_object.unwrap().is_default, Some(false));
        one_of_two_with_a_record(&admin).await;
        let contact = admin.contact(&number(1)).await;
        assert_eq!(contact.custom_object_records[0].custom_object_id, trip);
        update(&admin, as_default(&customer, true), None).await.unwrap();
        assert_eq!(defaults(&admin).await, ["customer"]);
        assert_eq!(record(&admin, &number(1)).await, None);
    }

    async fn the_default_object_stays_it_until_another_one_takes_its_place(service: Service) {
        let admin = service.admin();
        let customer = admin.create_customer_object().await;
        let trip = admin.create_object("trip", vec![]).await;
        let ended = CustomObject { label: "Client".to_owned(), ..as_default(&customer, false) };
        let refused = update(&admin, ended, None).await;
        assert_invalid(refused, "custom_object.is_default", "FIELD_INVALID");
        assert_ne!(get(&admin, &customer).await.unwrap().label, "Client");
        let refused = update(&admin, object(&customer), Some(&["is_default"])).await;
        assert_invalid(refused, "custom_object.is_default", "FIELD_INVALID");
        // Of another object it is true already.
        let other = update(&admin, as_default(&trip, false), None).await.unwrap();
        assert_eq!(other.is_default, Some(false));
        assert_eq!(defaults(&admin).await, ["customer"]);
    }

    async fn once_the_default_object_is_deleted_the_oldest_one_is_it(service: Service) {
        let admin = service.admin();
        for key in ["a", "b"] {
            admin.create_object(key, vec![]).await;
        }
        let chosen = admin.create_object("c", vec![]).await;
        update(&admin, as_default(&chosen, true), None).await.unwrap();
        delete(&admin, &chosen).await;
        assert_eq!(defaults(&admin).await, ["a"]);
        let first = list(&admin).await[0].id.clone();
        delete(&admin, &first).await;
        assert_eq!(defaults(&admin).await, ["b"]);
    }

    async fn the_default_object_is_each_organizations_own(service: Service) {
        let (admin, other) = (service.admin(), service.other_admin().await);
        for caller in [&admin, &other] {
            caller.create_object("a", vec![]).await;
        }
        let own = admin.create_object("b", vec![]).await;
        update(&admin, as_default(&own, true), None).await.unwrap();
        assert_eq!(defaults(&admin).await, ["b"]);
        assert_eq!(defaults(&other).await, ["a"]);
        let foreign = update(&other, as_default(&own, true), None).await;
        assert_refused(foreign, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(defaults(&other).await, ["a"]);
    }

    async fn a_label_is_changed_and_nothing_else(service: Service) {
        let admin = service.admin();
        let id = admin.create_customer_object().await;
        let before = get(&admin, &id).await.unwrap();
        let changed = update(&admin, labelled(&id, "  Good \t customer "), None).await.unwrap();
        let expected = CustomObject { label: "Good customer".to_owned(), ..before };
        assert_eq!(changed, expected);
        assert_eq!(get(&admin, &id).await.unwrap(), expected);
    }

    async fn only_what_the_mask_names_changes(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let trip = admin.create_object("trip", vec![]).await;
        let given = CustomObject { label: "Journey".to_owned(), ..as_default(&trip, true) };
        let changed = update(&admin, given.clone(), Some(&["label"])).await.unwrap();
        assert_eq!((changed.label.as_str(), changed.is_default()), ("Journey", false));
        let renamed = CustomObject { label: "Other".to_owned(), ..given.clone() };
        let changed = update(&admin, renamed, Some(&["is_default"])).await.unwrap();
        assert_eq!((changed.label.as_str(), changed.is_default()), ("Journey", true));
        let both = CustomObject { label: "Tour".to_owned(), ..given };
        let changed = update(&admin, both, Some(&["*"])).await.unwrap();
        assert_eq!((changed.label.as_str(), changed.is_default()), ("Tour", true));
        let refused = update(&admin, object(&trip), Some(&["label"])).await;
        assert_invalid(refused, "custom_object.label", "FIELD_REQUIRED");
        for mask in [&["key"][..], &[]] {
            let refused = update(&admin, labelled(&trip, "Tour"), Some(mask)).await;
            assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
        }
    }

    async fn an_unknown_object_is_not_changed(service: Service) {
        let unknown = uuid::Uuid::now_v7().to_string();
        let refused = update(&service.admin(), as_default(&unknown, true), None).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        let refused = update(&service.admin(), labelled("customer", "Customer"), None).await;
        assert_invalid(refused, "custom_object.id", "FIELD_INVALID");
        let request = UpdateCustomObjectRequest::default();
        let refused = service.admin().objects.clone().update_custom_object(request).await;
        assert_invalid(refused, "custom_object", "FIELD_REQUIRED");
    }
}
