//! Errors fit into trailers, which common clients cut off at 8 KiB, whatever the texts are that they name.

use std::fmt::Debug;

use contact_lists::{
    domain::violation::{Reason, Violation},
    error::Error,
    proto::{
        ContactList, ContactReference, CreateContactListRequest, CreateCustomObjectRequest,
        GetContactListRequest, GetContactRequest, ListContactListsRequest, OptInRequest,
        UpdateContactListRequest, contact_reference, custom_property::Type, get_contact_request,
    },
};
use prost_types::FieldMask;
use tonic::{Status, codegen::http::HeaderMap};

use test_support::*;

const TRAILER_BYTES: usize = 8 * 1024;

/// The character that takes the most bytes: four, and twelve percent-encoded.
const LARGE: &str = "\u{1f389}";

/// Checks that a call failed, and that its trailers fit, as HTTP/2 counts them.
#[track_caller]
fn assert_fits<T: Debug>(result: Result<T, Status>) -> Status {
    let status = result.expect_err("a refusal");
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).expect("trailers");
    // The response can have no other headers than these and its content type.
    trailers.insert("content-type", "application/grpc".parse().expect("a value"));
    let sizes = trailers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32);
    let bytes: usize = sizes.sum();
    assert!(bytes < TRAILER_BYTES, "{bytes} bytes: {status:?}");
    status
}

async fn get_contact(admin: &Client, external_id: String) -> Result<(), Status> {
    let reference = Some(get_contact_request::Reference::ExternalId(external_id));
    let found = admin
        .contacts
        .clone()
        .get_contact(GetContactRequest { reference })
        .await;
    found.map(|_| ())
}

async fn create_list(admin: &Client, name: String) -> Result<(), Status> {
    let request = CreateContactListRequest { name, color: None };
    admin
        .lists
        .clone()
        .create_contact_list(request)
        .await
        .map(|_| ())
}

on_both! {
    async fn the_longest_name_that_is_not_found_fits(service: Service) {
        let admin = service.admin();
        for character in [LARGE, "x", "%", "\u{1}"] {
            let name = character.repeat(255);
            let status = assert_fits(get_contact(&admin, name.clone()).await);
            assert_eq!(metadata(&status, "resource_name"), name);
            assert!(status.message().ends_with(" not found"), "{}", status.message());
        }
    }

    async fn texts_that_are_too_long_fit(service: Service) {
        let admin = service.admin();
        let long = LARGE.repeat(100_000);
        assert_fits(get_contact(&admin, long.clone()).await);
        assert_fits(create_list(&admin, long.clone()).await);
        let request = GetContactListRequest { id: long.clone() };
        assert_fits(admin.lists.clone().get_contact_list(request).await);
        let request = ListContactListsRequest { page_token: long.clone(), ..Default::default() };
        assert_fits(admin.lists.clone().list_contact_lists(request).await);
        let list = ContactList { id: admin.create_list("Masked").await, ..Default::default() };
        let request = UpdateContactListRequest {
            contact_list: Some(list),
            update_mask: Some(FieldMask { paths: vec![long] }),
        };
        assert_fits(admin.lists.clone().update_contact_list(request).await);
    }

    async fn a_name_that_is_taken_fits(service: Service) {
        let (admin, name) = (service.admin(), LARGE.repeat(255));
        create_list(&admin, name.clone()).await.unwrap();
        let status = assert_fits(create_list(&admin, name).await);
        assert_eq!(status.code(), Code::AlreadyExists);
    }

    async fn many_bad_references_fit(service: Service) {
        let admin = service.admin();
        let reference = contact_reference::Reference::Phone(LARGE.repeat(100));
        let request = OptInRequest {
            contacts: vec![ContactReference { reference: Some(reference) }; 1000],
            channels: Vec::new(),
            all_channels: true, ..Default::default() };
        let status = assert_fits(admin.preferences.clone().opt_in(request).await);
        assert!(violations(&status).len() >= 20, "as many as there is room for");
        let list = admin.create_list("Errors").await;
        let header = header(&list).add().opt_in_to(["nonsense"; 1000]);
        assert_fits(admin.update(header, contacts([1])).await);
    }

    async fn many_bad_keys_of_properties_fit(service: Service) {
        let admin = service.admin();
        let keys = || (0..150).map(|n| format!("{}{n}", LARGE.repeat(80)));
        let request = CreateCustomObjectRequest {
            key: LARGE.repeat(80),
            label: "Customer".to_owned(),
            properties: keys().map(|key| property(&key, Type::Text)).collect(),
        };
        assert_fits(admin.objects.clone().create_custom_object(request).await);
        admin.create_object("customer", vec![property("plan", Type::Text)]).await;
        let list = admin.create_list("Errors").await;
        let properties: serde_json::Map<_, _> = keys().map(|key| (key, json!(1))).collect();
        let bad = contact(&number(1)).properties(properties.into());
        let status = assert_fits(admin.update(header(&list).add(), vec![bad; 50]).await);
        assert_eq!(metadata(&status, "rejected_count"), "50");
    }

    async fn the_details_of_4000_rejected_contacts_fit(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Errors").await;
        let bad = |n| contact(&format!("no number {n}")).email("nobody").language("!");
        let refused = admin.update(header(&list).add(), (0..4000).map(bad).collect()).await;
        let status = assert_fits(refused);
        assert_eq!(metadata(&status, "rejected_count"), "4000");
        assert!(status.message().contains("4000"), "{}", status.message());
        assert!(violations(&status).len() >= 20, "as many as there is room for");
        assert!(violations(&status).iter().any(|(field, _)| field == "contacts[0].phone"));
    }

    async fn the_name_of_an_unknown_compression_fits(service: Service) {
        let encoding = "x".repeat(3000);
        let status = service.post_raw(&[("grpc-encoding", &encoding)], vec![1, 0, 0, 0, 0]).await;
        assert_fits::<()>(Err(status));
    }
}

#[test]
fn errors_that_calls_cannot_make_so_large_fit_too() {
    let long = || LARGE.repeat(10_000);
    let violation = || Violation::new(Reason::PropertyTypeMismatch, long(), long());
    let errors = [
        Error::RequestInvalid(vec![violation(); 100]),
        Error::not_found("contact", long()),
        Error::FieldMaskInvalid {
            path: LARGE.repeat(64),
        },
        Error::StreamBroken(long()),
        Error::ResourceInUse {
            resource_type: "channel",
            resource_name: LARGE.repeat(255),
            used_by: "contacts",
        },
    ];
    for error in errors {
        assert_fits::<()>(Err(error.into()));
    }
}
