//! Searches that end a page early, and searches of one key beside the calls of another.

use contact_lists::proto::{
    Contact, GetContactRequest, ListContactListContactsRequest, ListContactsRequest,
    get_contact_request::Reference,
};
use test_support::*;
use tokio::task::JoinSet;

/// More than a page of a search looks at, in two updates.
const MANY: u32 = 4100;

async fn fill(admin: &Client, list: &str, numbers: std::ops::Range<u32>, name: &str) {
    let middle = (numbers.start + numbers.end) / 2;
    for numbers in [numbers.start..middle, middle..numbers.end] {
        let contacts: Vec<Contact> = numbers.map(|n| contact(&number(n)).name(name)).collect();
        admin
            .update(header(list).add(), contacts)
            .await
            .expect("an update");
    }
}

on_both! {
    async fn a_search_for_a_name_that_many_have_ends_a_page_early_and_goes_on(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        fill(&admin, &list, 0..MANY, "Bob").await;
        fill(&admin, &list, MANY..2 * MANY, "Ada").await;
        let mut request = ListContactsRequest { name_prefix: Some("A".to_owned()), page_size: 500, ..Default::default() };
        let (mut sizes, mut found) = (Vec::new(), Vec::new());
        loop {
            let page = admin.contacts.clone().list_contacts(request.clone()).await.expect("a page").into_inner();
            sizes.push(page.contacts.len());
            found.extend(page.contacts.into_iter().map(|contact| contact.phone.expect("a phone")));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(sizes[0], 0, "the first page looks at others only");
        assert_eq!(found, numbers(MANY..2 * MANY));
    }

    async fn members_by_channel_end_a_page_early_and_go_on(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        fill(&admin, &list, 0..MANY, "Bob").await;
        let channel = admin.create_channel("+12025550100").await;
        admin.opt_in(&number(MANY - 1), &[&channel]).await;
        let request = ListContactListContactsRequest {
            contact_list_id: list,
            opted_in_to_channel_id: Some(channel),
            ..Default::default()
        };
        let mut lists = admin.lists.clone();
        let first = lists.list_contact_list_contacts(request.clone()).await.expect("a page").into_inner();
        assert!(first.contact_list_contacts.is_empty());
        let rest = ListContactListContactsRequest { page_token: first.next_page_token, ..request };
        let rest = lists.list_contact_list_contacts(rest).await.expect("a page").into_inner();
        assert_eq!(rest.contact_list_contacts.len(), 1);
        assert_eq!(rest.next_page_token, "");
    }

    async fn searches_of_one_key_leave_room_for_the_calls_of_another(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        fill(&admin, &list, 0..MANY, "Ada").await;
        let searcher = service.client_with(Scope::Read).await;
        let mut searches = JoinSet::new();
        for _ in 0..64 {
            let mut contacts = searcher.contacts.clone();
            searches.spawn(async move {
                let request = ListContactsRequest { name_prefix: Some("A".to_owned()), ..Default::default() };
                contacts.list_contacts(request).await
            });
        }
        for n in 0..20 {
            let reference = Some(Reference::Phone(number(n)));
            admin.contacts.clone().get_contact(GetContactRequest { reference }).await.expect("a contact");
        }
        for answer in searches.join_all().await {
            if let Err(status) = answer {
                assert_refused::<()>(Err(status), Code::ResourceExhausted, "TOO_MANY_CALLS");
            }
        }
    }
}
