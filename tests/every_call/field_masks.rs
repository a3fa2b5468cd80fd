//! A field mask that is there and names nothing is an error: it would silently change nothing.

use contact_lists::proto::{
    Channel, Contact, ContactList, CustomObject, UpdateChannelRequest, UpdateContactListRequest,
    UpdateContactRequest, UpdateCustomObjectRequest,
};
use prost_types::FieldMask;

use test_support::*;

const EMPTY: Option<FieldMask> = Some(FieldMask { paths: Vec::new() });

on_both! {
    async fn an_empty_mask_is_refused_by_every_call_that_takes_one(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin.update(header(&list).add(), contacts([1])).await.unwrap();
        let channel = admin.create_channel("+12025550100").await;
        let contact = admin.contact(&number(1)).await.contact.unwrap().id;
        let before = service.state(&list).await;
        let name = || Some("Renamed".to_owned());

        let request = UpdateContactListRequest {
            contact_list: Some(ContactList { id: list.clone(), name: name(), ..Default::default() }),
            update_mask: EMPTY,
        };
        let refused = admin.lists.clone().update_contact_list(request).await;
        assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
        let request = UpdateContactRequest {
            contact: Some(Contact { id: contact, name: name(), ..Default::default() }),
            update_mask: EMPTY,
            ..Default::default()
        };
        let refused = admin.contacts.clone().update_contact(request).await;
        assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
        let request = UpdateChannelRequest {
            channel: Some(Channel { id: channel, name: name(), ..Default::default() }),
            update_mask: EMPTY,
        };
        let refused = admin.channels.clone().update_channel(request).await;
        assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
        let object = admin.create_customer_object().await;
        let label = "Renamed".to_owned();
        let request = UpdateCustomObjectRequest {
            custom_object: Some(CustomObject { id: object, label, ..Default::default() }),
            update_mask: EMPTY,
        };
        let refused = admin.objects.clone().update_custom_object(request).await;
        assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
        assert_eq!(service.state(&list).await, before);
    }
}
