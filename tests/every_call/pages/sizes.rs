//! Every page fits a client that takes no message over 4 MiB.

use contact_lists::proto::{
    Contact, ContactListContact, GetContactListUpdateRequest, get_contact_list_update_request,
};
use prost::Message;

use super::*;

const MIB: usize = 1024 * 1024;

/// A caller with a list of these contacts.
async fn with_list_of(service: &Service, contacts: Vec<Contact>) -> (Client, String) {
    let admin = service.admin();
    admin.create_customer_object().await;
    let list = admin.create_list("List").await;
    admin
        .update(header(&list).add(), contacts)
        .await
        .expect("an update");
    (admin, list)
}

/// The pages of a list's members, each of at most 500.
async fn member_pages(caller: &Client, list: &str) -> Vec<Vec<ContactListContact>> {
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListContactListContactsRequest {
            contact_list_id: list.to_owned(),
            page_size: 500,
            page_token,
            ..Default::default()
        };
        let answer = caller
            .lists
            .clone()
            .list_contact_list_contacts(request)
            .await;
        let page = answer.expect("a page").into_inner();
        assert!(page.contact_list_contacts.len() == 1 || page.encoded_len() <= MIB + 1000);
        pages.push(page.contact_list_contacts);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return pages;
        }
    }
}

/// The pages of all contacts, each of at most 500.
async fn contact_pages(caller: &Client) -> Vec<Vec<Contact>> {
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListContactsRequest {
            page_size: 500,
            page_token,
            ..Default::default()
        };
        let answer = caller.contacts.clone().list_contacts(request).await;
        let page = answer.expect("a page").into_inner();
        assert!(page.contacts.len() == 1 || page.encoded_len() <= MIB + 1000);
        pages.push(page.contacts);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return pages;
        }
    }
}

/// Checks that both calls give these phones, each once, on several pages. Returns the sizes of the pages of members.
async fn assert_on_pages(caller: &Client, list: &str, phones_sent: &[String]) -> Vec<usize> {
    let (members, contacts) = (
        member_pages(caller, list).await,
        contact_pages(caller).await,
    );
    let sizes: Vec<_> = members.iter().map(Vec::len).collect();
    assert!(sizes.len() > 1 && contacts.len() > 1, "{sizes:?}");
    let members = members.into_iter().flatten().filter_map(|it| it.contact);
    let (members, contacts): (Vec<_>, Vec<_>) = (members.collect(), contacts.concat());
    assert_eq!(members, contacts);
    let mut phones: Vec<_> = contacts.into_iter().filter_map(|it| it.phone).collect();
    phones.sort_unstable();
    assert_eq!(phones, phones_sent);
    sizes
}

/// A contact with a record, which has the contact's number in it.
fn visitor(n: u32) -> Contact {
    contact(&number(n)).properties(json!({"visits": n}))
}

/// Stores a record that is larger than an update takes.
async fn grow_record_of_visitor_3(service: &Service, bytes: usize) {
    let (text, cast, visits) = if service.database().is_postgres() {
        (
            format!("repeat('a', {bytes})"),
            "::jsonb",
            "properties ->> 'visits' = '3'",
        )
    } else {
        (
            format!("hex(zeroblob({}))", bytes / 2),
            "",
            "properties ->> 'visits' = 3",
        )
    };
    let json = format!("'{{\"visits\": 3, \"plan\": \"' || {text} || '\"}}'");
    let sql =
        format!("UPDATE custom_object_records SET properties = ({json}){cast} WHERE {visits}");
    service.database().execute(&sql).await;
}

on_both! {
    async fn a_page_of_large_records_ends_early(service: Service) {
        let large = |n| contact(&number(n)).properties(json!({"plan": "x".repeat(9000)}));
        let (admin, list) = with_list_of(&service, (0..500).map(large).collect()).await;
        let sizes = assert_on_pages(&admin, &list, &numbers(0..500)).await;
        assert!(sizes.iter().rev().skip(1).all(|size| *size > 100), "{sizes:?}");
    }

    async fn a_page_of_large_contacts_ends_early(service: Service) {
        let text = "\u{1f600}".repeat(255);
        let large = |n| {
            let address = contact_lists::proto::Address {
                address_line_one: text.clone(),
                address_line_two: text.clone(),
                city: text.clone(),
                state: text.clone(),
                ..Default::default()
            };
            contact(&number(n)).name(&text).address(address)
        };
        let (admin, list) = with_list_of(&service, (0..300).map(large).collect()).await;
        assert_on_pages(&admin, &list, &numbers(0..300)).await;
    }

    async fn a_page_of_many_small_values_ends_early(service: Service) {
        let large = |n| contact(&number(n)).properties(json!({"tags": vec![true; 10_000]}));
        let (admin, list) = with_list_of(&service, (0..15).map(large).collect()).await;
        assert_on_pages(&admin, &list, &numbers(0..15)).await;
    }

    async fn a_record_of_an_earlier_version_has_a_page_for_itself(service: Service) {
        let (admin, list) = with_list_of(&service, (0..5).map(visitor).collect()).await;
        grow_record_of_visitor_3(&service, 3_000_000).await;
        let sizes = assert_on_pages(&admin, &list, &numbers(0..5)).await;
        assert_eq!(sizes, [3, 1, 1]);
    }

    /// All these responses together are larger than what large records may take at once.
    async fn records_of_an_earlier_version_take_memory_no_longer_than_their_responses(service: Service) {
        let (admin, list) = with_list_of(&service, vec![visitor(3)]).await;
        grow_record_of_visitor_3(&service, 1_900_000).await;
        for _ in 0..5 {
            let found = admin.contact(&number(3)).await;
            assert!(found.encoded_len() > 3_800_000);
            let pages = member_pages(&admin, &list).await;
            assert!(pages[0][0].encoded_len() > 1_900_000);
        }
    }

    async fn the_rejected_contacts_of_an_update_are_read_one_update_at_a_time(service: Service) {
        let (admin, list) = with_list_of(&service, vec![contact(&number(1))]).await;
        let bad = |n| contact(&number(n)).language("no tag").email("nobody");
        let contacts: Vec<_> = (0..4000).map(bad).collect();
        for _ in 0..3 {
            let header = header(&list).add().skip();
            admin.update(header, contacts.clone()).await.expect("an update");
        }
        let request = ListContactListUpdatesRequest::default();
        let answer = admin.lists.clone().list_contact_list_updates(request).await;
        let page = answer.expect("a page").into_inner();
        assert_eq!(page.next_page_token, "");
        let outcomes = page.contact_list_updates.iter().filter_map(|it| it.outcome.as_ref());
        let counts: Vec<_> = outcomes
            .map(|it| (it.rejected_count, it.rejected_contacts.len()))
            .collect();
        assert_eq!(counts, [(0, 0), (4000, 0), (4000, 0), (4000, 0)]);
        let id = page.contact_list_updates[3].id.clone();
        let request = GetContactListUpdateRequest {
            reference: Some(get_contact_list_update_request::Reference::UpdateId(id)),
        };
        let answer = admin.lists.clone().get_contact_list_update(request).await;
        let update = answer.expect("an update").into_inner();
        assert!(update.encoded_len() < 2 * MIB + 1000);
        let outcome = update.contact_list_update.and_then(|it| it.outcome);
        assert_eq!(outcome.expect("an outcome").rejected_contacts.len(), 4000);
    }
}
