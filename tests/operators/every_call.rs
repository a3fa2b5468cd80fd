//! Every call of the contract, made with values that can be told apart from everything else.

use contact_lists::proto::{
    self, AddCustomPropertyRequest, Address, ContactList, ContactReference, CreateChannelRequest,
    CreateContactListRequest, CreateCustomObjectRequest, CustomObject, DeleteChannelRequest,
    DeleteContactListRequest, DeleteContactRequest, DeleteCustomObjectRequest,
    ExportContactListContactsRequest, GetChannelRequest, GetContactListRequest, GetContactRequest,
    GetCustomObjectRequest, GetLimitsRequest, GetRecordedOptOutRequest, ListChannelsRequest,
    ListCommunicationPreferencesRequest, ListContactListContactsRequest,
    ListContactListUpdatesRequest, ListContactListsRequest, ListContactsRequest,
    ListCustomObjectsRequest, ListPreferenceChangesRequest, RevertContactListUpdateRequest,
    UpdateChannelRequest, UpdateContactListRequest, UpdateContactRequest,
    UpdateCustomObjectRequest, channel, contact_reference, custom_property::Type,
    get_contact_list_update_request, get_contact_request::Reference,
};
use tonic::{Response, Status};

use test_support::*;

/// The values, or what of them everything that logs them would show. Numbers are without the country code, as their parser has
/// them.
pub const MARKS: [&str; 24] = [
    "15110000001",
    "15110000002",
    "15110000003",
    "6465550123",
    "2025550100",
    "2025550101",
    "MarkedName",
    "MarkedOther",
    "marked-email",
    "marked-external",
    "MarkedStreet",
    "MarkedFloor",
    "MarkedCity",
    "MarkedState",
    "MarkedPostCode",
    "MarkedCountry",
    "marked_key",
    "marked_property",
    "marked_further",
    "marked-value",
    "MarkedLabel",
    "MarkedChannel",
    "MarkedList",
    "marked-nonsense",
];

const ADA: &str = "+4915110000001";
const CHANNEL_PHONE: &str = "+12025550100";

/// What the calls need of each other.
struct Made {
    admin: Client,
    list: String,
    channel: String,
    object: String,
    contact: String,
    update: String,
}

fn ada() -> proto::Contact {
    contact(ADA)
        .name("MarkedName")
        .email("marked-email@example.com")
        .external_id("marked-external")
        .birth_date(1815, 12, 10)
        .address(Address {
            address_line_one: "MarkedStreet 1".to_owned(),
            address_line_two: "MarkedFloor".to_owned(),
            city: "MarkedCity".to_owned(),
            state: "MarkedState".to_owned(),
            post_code: "MarkedPostCode".to_owned(),
            country: "MarkedCountry".to_owned(),
        })
        .properties(json!({"marked_property": "marked-value"}))
}

/// Makes every call, those that succeed and some that fail.
pub async fn make(admin: Client) {
    let made = create(admin).await;
    made.update_and_read_lists().await;
    made.read_contacts().await;
    made.change_preferences().await;
    made.fail().await;
    made.delete().await;
}

fn ok<T>(result: Result<Response<T>, Status>) -> T {
    result.expect("a call").into_inner()
}

async fn create(admin: Client) -> Made {
    let request = CreateCustomObjectRequest {
        key: "marked_key".to_owned(),
        label: "MarkedLabel".to_owned(),
        properties: vec![property("marked_property", Type::Text)],
    };
    let made = ok(admin.objects.clone().create_custom_object(request).await);
    let object = made.custom_object.expect("the object").id;
    let request = AddCustomPropertyRequest {
        custom_object_id: object.clone(),
        property: Some(property("marked_further", Type::Text).default_value(json!("marked-value"))),
    };
    ok(admin.objects.clone().add_custom_property(request).await);
    let request = UpdateCustomObjectRequest {
        custom_object: Some(CustomObject {
            id: object.clone(),
            label: "MarkedLabel".to_owned(),
            is_default: Some(true),
            ..CustomObject::default()
        }),
        update_mask: None,
    };
    ok(admin.objects.clone().update_custom_object(request).await);
    let request = CreateChannelRequest {
        name: "MarkedChannel".to_owned(),
        r#type: channel::Type::Phone.into(),
        phone: Some(CHANNEL_PHONE.to_owned()),
    };
    let made = ok(admin.channels.clone().create_channel(request).await);
    let channel = made.channel.expect("the channel").id;
    let list = admin.create_list("MarkedList").await;
    let sent = vec![ada(), contact("+4915110000002x")];
    let outcome = admin.update(header(&list).add().skip(), sent).await;
    let contact = admin.contact(ADA).await.contact.expect("the contact").id;
    Made {
        admin,
        list,
        channel,
        object,
        contact,
        update: outcome.expect("an update").update_id,
    }
}

impl Made {
    async fn update_and_read_lists(&self) {
        let mut lists = self.admin.lists.clone();
        let request = UpdateContactListRequest {
            contact_list: Some(ContactList {
                id: self.list.clone(),
                name: Some("MarkedList again".to_owned()),
                ..ContactList::default()
            }),
            update_mask: None,
        };
        ok(lists.update_contact_list(request).await);
        let id = self.list.clone();
        ok(lists.get_contact_list(GetContactListRequest { id }).await);
        ok(lists.get_limits(GetLimitsRequest {}).await);
        let request = ListContactListsRequest {
            name_prefix: Some("MarkedList".to_owned()),
            ..Default::default()
        };
        ok(lists.list_contact_lists(request).await);
        let request = ListContactListContactsRequest {
            contact_list_id: self.list.clone(),
            ..Default::default()
        };
        ok(lists.list_contact_list_contacts(request).await);
        let request = ExportContactListContactsRequest {
            contact_list_id: self.list.clone(),
            ..Default::default()
        };
        let mut export = ok(lists.export_contact_list_contacts(request).await);
        while export.message().await.expect("a message").is_some() {}
        let reference = get_contact_list_update_request::Reference::UpdateId(self.update.clone());
        let recorded = self.admin.recorded_update(reference).await;
        recorded.expect("a recorded update");
        let request = ListContactListUpdatesRequest::default();
        ok(lists.list_contact_list_updates(request).await);
        let request = RevertContactListUpdateRequest {
            update_id: self.update.clone(),
            request_id: None,
            validate_only: true,
        };
        ok(lists.revert_contact_list_update(request).await);
    }

    async fn read_contacts(&self) {
        let mut contacts = self.admin.contacts.clone();
        for reference in [
            Reference::Phone(ADA.to_owned()),
            Reference::ExternalId("marked-external".to_owned()),
        ] {
            let reference = Some(reference);
            ok(contacts.get_contact(GetContactRequest { reference }).await);
        }
        let request = ListContactsRequest {
            phone: Some(ADA.to_owned()),
            email: Some("marked-email@example.com".to_owned()),
            external_id: Some("marked-external".to_owned()),
            name_prefix: Some("MarkedName".to_owned()),
            ..Default::default()
        };
        ok(contacts.list_contacts(request).await);
        let request = UpdateContactRequest {
            contact: Some(proto::Contact {
                id: self.contact.clone(),
                ..ada().name("MarkedOther")
            }),
            ..Default::default()
        };
        ok(contacts.update_contact(request).await);
        let mut channels = self.admin.channels.clone();
        let id = self.channel.clone();
        ok(channels.get_channel(GetChannelRequest { id }).await);
        ok(channels.list_channels(ListChannelsRequest::default()).await);
        let request = UpdateChannelRequest {
            channel: Some(proto::Channel {
                id: self.channel.clone(),
                name: Some("MarkedChannel again".to_owned()),
                phone: Some("+12025550101".to_owned()),
                ..Default::default()
            }),
            update_mask: None,
        };
        ok(channels.update_channel(request).await);
        let mut objects = self.admin.objects.clone();
        let id = self.object.clone();
        ok(objects
            .get_custom_object(GetCustomObjectRequest { id })
            .await);
        let request = ListCustomObjectsRequest::default();
        ok(objects.list_custom_objects(request).await);
    }

    async fn change_preferences(&self) {
        self.admin.opt_in(ADA, &[&self.channel]).await;
        self.admin.opt_out(ADA, &[&self.channel]).await;
        // The parser has most to say about numbers of the United States.
        self.admin.opt_out_of_all_channels("+16465550123").await;
        let request_id = uuid::Uuid::now_v7().to_string();
        let header = opt_out_header(&[&self.channel]).identified(&request_id);
        let contacts = vec![opted_out(ADA), opted_out("marked-external")];
        let outcome = self.admin.opt_out_contacts(header, contacts).await;
        assert_eq!(outcome.expect("opt-outs").duplicate_count, 1);
        let request = GetRecordedOptOutRequest { request_id };
        let mut preferences = self.admin.preferences.clone();
        ok(preferences.get_recorded_opt_out(request).await);
        let request = ListCommunicationPreferencesRequest {
            contact: Some(by_phone(ADA)),
            ..Default::default()
        };
        ok(preferences.list_communication_preferences(request).await);
        let request = ListPreferenceChangesRequest {
            contact: Some(by_phone("+16465550123")),
            ..Default::default()
        };
        ok(preferences.list_preference_changes(request).await);
    }

    /// What names values in its errors.
    async fn fail(&self) {
        let admin = &self.admin;
        let bad = vec![
            contact(ADA)
                .email("marked-nonsense")
                .name("MarkedName\u{0}"),
        ];
        admin
            .update(header(&self.list).add(), bad)
            .await
            .expect_err("a refusal");
        let reference = Some(Reference::Phone("+4915110000003".to_owned()));
        let request = GetContactRequest { reference };
        admin
            .contacts
            .clone()
            .get_contact(request)
            .await
            .expect_err("no contact");
        let request = ListContactsRequest {
            page_token: "marked-nonsense".to_owned(),
            ..Default::default()
        };
        admin
            .contacts
            .clone()
            .list_contacts(request)
            .await
            .expect_err("no token");
        let request = CreateContactListRequest {
            name: "MarkedList again".to_owned(),
            color: Some("marked-nonsense".to_owned()),
        };
        admin
            .lists
            .clone()
            .create_contact_list(request)
            .await
            .expect_err("no color");
        let request = GetContactListRequest {
            id: "marked-nonsense".to_owned(),
        };
        admin
            .lists
            .clone()
            .get_contact_list(request)
            .await
            .expect_err("no id");
    }

    async fn delete(&self) {
        let admin = &self.admin;
        let id = self.contact.clone();
        ok(admin
            .contacts
            .clone()
            .delete_contact(DeleteContactRequest { id })
            .await);
        let id = self.channel.clone();
        ok(admin
            .channels
            .clone()
            .delete_channel(DeleteChannelRequest { id })
            .await);
        let id = self.object.clone();
        let request = DeleteCustomObjectRequest { id };
        ok(admin.objects.clone().delete_custom_object(request).await);
        let id = self.list.clone();
        let request = DeleteContactListRequest { id };
        ok(admin.lists.clone().delete_contact_list(request).await);
    }
}

fn by_phone(phone: &str) -> ContactReference {
    let reference = contact_reference::Reference::Phone(phone.to_owned());
    ContactReference {
        reference: Some(reference),
    }
}
