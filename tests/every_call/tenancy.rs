//! A key opens one organization: nothing of another is shown or changed, whatever id, number or token is given.

use std::fmt::Debug;

use contact_lists::proto::{
    ChannelReference, Contact, ContactList, ContactReference, CreateChannelRequest,
    DeleteContactListRequest, GetContactListRequest, GetContactListUpdateRequest,
    GetContactRequest, ListChannelsRequest, ListCommunicationPreferencesRequest,
    ListContactListContactsRequest, ListContactListsRequest, OptInRequest, OptOutRequest,
    UpdateContactListRequest, channel, channel_reference, contact_reference, custom_property::Type,
    get_contact_list_update_request, get_contact_request,
};
use tonic::{Response, Status};

use test_support::*;

const CHANNEL_PHONE: &str = "+12025550100";

/// Two organizations; the first has one of everything.
struct Two {
    service: Service,
    first: Client,
    second: Client,
    list: String,
    second_list: String,
    channel: String,
    object: String,
    contact: String,
    update: String,
    request_id: String,
}

impl Two {
    async fn new(service: Service) -> Self {
        let (first, second) = (service.admin(), service.other_admin().await);
        let list = first.create_list("Newsletter").await;
        let channel = first.create_channel(CHANNEL_PHONE).await;
        let object = first
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        let request_id = uuid::Uuid::new_v4().to_string();
        let ada = ada("Ada").properties(json!({"plan": "pro"}));
        let outcome = first
            .update(header(&list).add().request_id(&request_id), vec![ada])
            .await;
        Self {
            contact: first
                .contact(&number(1))
                .await
                .contact
                .expect("the contact")
                .id,
            update: outcome.expect("an update").update_id,
            second_list: second.create_list("Newsletter").await,
            service,
            first,
            second,
            list,
            channel,
            object,
            request_id,
        }
    }

    /// Sends one new contact from the second organization to a list of its own.
    async fn update_from_second(
        &self,
        change: impl Fn(
            contact_lists::proto::UpdateContactListContactsHeader,
        ) -> contact_lists::proto::UpdateContactListContactsHeader,
    ) -> Result<contact_lists::proto::UpdateContactListContactsResponse, Status> {
        let header = change(header(&self.second_list).add());
        self.second.update(header, vec![contact(&number(2))]).await
    }
}

fn ada(name: &str) -> Contact {
    contact(&number(1)).external_id("ada").name(name)
}

/// Checks that a call does not find what another organization has, and reveals no more about it than about what does not
/// exist.
#[track_caller]
fn assert_not_found<T: Debug>(result: Result<T, Status>) {
    assert_refused(result, Code::NotFound, "RESOURCE_NOT_FOUND");
}

fn by_id(id: &str) -> ContactReference {
    ContactReference {
        reference: Some(contact_reference::Reference::Id(id.to_owned())),
    }
}

fn channel_by_id(id: &str) -> ChannelReference {
    ChannelReference {
        reference: Some(channel_reference::Reference::Id(id.to_owned())),
    }
}

async fn get_contact(
    caller: &Client,
    reference: get_contact_request::Reference,
) -> Result<(), Status> {
    let request = GetContactRequest {
        reference: Some(reference),
    };
    caller
        .contacts
        .clone()
        .get_contact(request)
        .await
        .map(|_| ())
}

on_both! {
    async fn another_organizations_list_is_not_found(service: Service) {
        let two = Two::new(service).await;
        let before = two.service.state(&two.list).await;
        let (mut lists, id) = (two.second.lists.clone(), two.list.clone());
        assert_not_found(lists.get_contact_list(GetContactListRequest { id: id.clone() }).await);
        assert_not_found(lists.delete_contact_list(DeleteContactListRequest { id: id.clone() }).await);
        let renamed = ContactList { id: id.clone(), name: Some("Mine".into()), ..ContactList::default() };
        let rename = UpdateContactListRequest { contact_list: Some(renamed), update_mask: None };
        assert_not_found(lists.update_contact_list(rename).await);
        let members = ListContactListContactsRequest { contact_list_id: id.clone(), ..Default::default() };
        assert_not_found(lists.list_contact_list_contacts(members).await);
        for header in [header(&id).add(), header(&id).remove(), header(&id).overwrite()] {
            assert_not_found(two.second.update(header, vec![contact(&number(2))]).await);
        }
        assert_eq!(two.service.state(&two.list).await, before);
    }

    async fn another_organizations_contact_is_not_found(service: Service) {
        let two = Two::new(service).await;
        use get_contact_request::Reference;
        for reference in [
            Reference::Id(two.contact.clone()),
            Reference::Phone(number(1)),
            Reference::ExternalId("ada".to_owned()),
        ] {
            get_contact(&two.first, reference.clone()).await.expect("its own organization finds it");
            assert_not_found(get_contact(&two.second, reference).await);
        }
    }

    async fn another_organizations_contacts_preferences_are_not_found(service: Service) {
        let two = Two::new(service).await;
        let before = two.service.state(&two.list).await;
        let mut preferences = two.second.preferences.clone();
        let (contacts, all_channels) = (vec![by_id(&two.contact)], true);
        let list = ListCommunicationPreferencesRequest { contact: Some(by_id(&two.contact)), ..Default::default() };
        assert_not_found(preferences.list_communication_preferences(list).await);
        let opt_out = OptOutRequest { contacts: contacts.clone(), channels: vec![], all_channels, ..Default::default() };
        assert_not_found(preferences.opt_out(opt_out).await);
        let opt_in = OptInRequest { contacts, channels: vec![], all_channels, ..Default::default() };
        assert_not_found(preferences.opt_in(opt_in).await);
        assert_eq!(two.service.state(&two.list).await, before);
    }

    async fn another_organizations_channel_is_not_found(service: Service) {
        let two = Two::new(service).await;
        assert_not_found(two.update_from_second(|header| header.opt_in_to([two.channel.as_str()])).await);
        assert_not_found(two.update_from_second(|header| header.opt_in_to_phones([CHANNEL_PHONE])).await);
        let own = two.update_from_second(|header| header).await.unwrap();
        assert_eq!((own.created_count, own.opted_in_count), (1, 0), "there is no channel of its own");
        let contacts = vec![ContactReference { reference: Some(contact_reference::Reference::Phone(number(2))) }];
        let channels = vec![channel_by_id(&two.channel)];
        let opt_in = OptInRequest { contacts, channels, all_channels: false, ..Default::default() };
        assert_not_found(two.second.preferences.clone().opt_in(opt_in).await);
        let mut channels = two.second.channels.clone();
        let seen = channels.list_channels(ListChannelsRequest::default()).await.map(Response::into_inner);
        assert!(seen.unwrap().channels.is_empty());
    }

    async fn another_organizations_channel_is_no_contacts_default(service: Service) {
        let two = Two::new(service).await;
        let contact = contact(&number(2)).default_channel(&two.channel);
        let outcome = two.second.update(header(&two.second_list).add().skip(), vec![contact]).await.unwrap();
        assert_eq!(rejections(&outcome), [(0, "default_channel_id", "CHANNEL_UNKNOWN")]);
    }

    async fn another_organizations_custom_object_is_not_found(service: Service) {
        let two = Two::new(service).await;
        assert_not_found(two.update_from_second(|header| header.custom_object(&two.object)).await);
        let with_plan = contact(&number(2)).properties(json!({"plan": "pro"}));
        let refused = two.second.update(header(&two.second_list).add(), vec![with_plan]).await;
        assert_refused(refused, Code::InvalidArgument, "CUSTOM_OBJECT_REQUIRED");
    }

    async fn another_organizations_update_is_not_found(service: Service) {
        let two = Two::new(service).await;
        use get_contact_list_update_request::Reference;
        for reference in [Reference::UpdateId(two.update.clone()), Reference::RequestId(two.request_id.clone())] {
            let request = GetContactListUpdateRequest { reference: Some(reference) };
            two.first.lists.clone().get_contact_list_update(request.clone()).await.expect("its own");
            assert_not_found(two.second.lists.clone().get_contact_list_update(request).await);
        }
    }

    async fn a_request_id_is_unique_in_its_organization_only(service: Service) {
        let two = Two::new(service).await;
        let outcome = two.update_from_second(|header| header.request_id(&two.request_id)).await.unwrap();
        assert!(!outcome.replayed);
        assert_ne!(outcome.update_id, two.update);
        let again = two.update_from_second(|header| header.request_id(&two.request_id)).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.update_id, outcome.update_id);
    }

    async fn the_same_phone_and_external_id_in_two_organizations_are_two_contacts(service: Service) {
        let two = Two::new(service).await;
        let before = two.first.contact(&number(1)).await;
        let outcome = two.second.update(header(&two.second_list).add(), vec![ada("Another Ada")]).await.unwrap();
        assert_eq!((outcome.created_count, outcome.updated_count), (1, 0));
        let other = two.second.contact(&number(1)).await;
        assert_ne!(other.contact.as_ref().unwrap().id, two.contact);
        assert_eq!(other.contact.as_ref().unwrap().name.as_deref(), Some("Another Ada"));
        assert!(other.communication_preferences.is_empty() && other.custom_object_records.is_empty());
        assert_eq!(other.contact_lists.len(), 1);
        assert_eq!(two.first.contact(&number(1)).await, before);
    }

    async fn an_opt_out_in_one_organization_is_none_in_the_other(service: Service) {
        let two = Two::new(service).await;
        let channel = two.second.create_channel(CHANNEL_PHONE).await;
        two.first.opt_out_of_all_channels(&number(2)).await;
        two.first.opt_out(&number(1), &[&two.channel]).await;
        let contacts = vec![contact(&number(1)), contact(&number(2))];
        let outcome = two.second.update(header(&two.second_list).add(), contacts).await.unwrap();
        assert_counts!(opt_ins(&outcome), opted_in: 2);
        assert_eq!(two.second.preferences(&number(2)).await[0].channel_id, channel);
        assert!(!two.first.preferences(&number(1)).await[0].opted_in);
    }

    async fn names_and_numbers_are_unique_in_one_organization_only(service: Service) {
        let two = Two::new(service).await;
        // `Two` has a list "Newsletter" in both.
        let request = CreateChannelRequest {
            name: "Main".into(),
            r#type: channel::Type::Phone.into(),
            phone: Some(CHANNEL_PHONE.into()),
        };
        two.second.channels.clone().create_channel(request).await.expect("a channel");
        two.second.create_object("customer", vec![]).await;
    }

    async fn a_list_call_shows_the_callers_organization_only(service: Service) {
        let two = Two::new(service).await;
        for (caller, list) in [(&two.first, &two.list), (&two.second, &two.second_list)] {
            let lists = caller.lists.clone().list_contact_lists(ListContactListsRequest::default()).await;
            let ids: Vec<_> = lists.unwrap().into_inner().contact_lists.into_iter().map(|it| it.id).collect();
            assert_eq!(ids, std::slice::from_ref(list));
        }
    }

    async fn a_page_token_of_one_organization_is_refused_by_another(service: Service) {
        let two = Two::new(service).await;
        two.first.create_list("Second").await;
        two.second.create_list("Second").await;
        let page = |token: &str| ListContactListsRequest {
            page_size: 1,
            page_token: token.to_owned(),
            ..Default::default()
        };
        let first = two.first.lists.clone().list_contact_lists(page("")).await.unwrap().into_inner();
        let token = first.next_page_token;
        assert!(!token.is_empty());
        two.first.lists.clone().list_contact_lists(page(&token)).await.expect("its own");
        let refused = two.second.lists.clone().list_contact_lists(page(&token)).await;
        assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }

    async fn an_overwrite_does_not_touch_another_organizations_members(service: Service) {
        let two = Two::new(service).await;
        let members = two.first.members(&two.list).await;
        let everybody = vec![ada("Another Ada"), contact(&number(2))];
        two.second.update(header(&two.second_list).overwrite(), everybody).await.unwrap();
        two.second.update(header(&two.second_list).remove(), vec![contact(&number(1))]).await.unwrap();
        assert_eq!(two.first.members(&two.list).await, members);
        assert_eq!(two.first.list(&two.list).await.contact_count, 1);
    }
}
