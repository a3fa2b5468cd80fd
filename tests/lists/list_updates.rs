//! `ListContactListUpdates`.

use std::collections::HashSet;

use contact_lists::proto::{
    ListContactListUpdatesRequest as Request, ListContactListUpdatesResponse,
    update_contact_list_contacts_header::Action,
};
use uuid::Uuid;

use super::*;

async fn page(caller: &Client, request: Request) -> Result<ListContactListUpdatesResponse, Status> {
    let answer = caller
        .lists
        .clone()
        .list_contact_list_updates(request)
        .await?;
    Ok(answer.into_inner())
}

async fn all(caller: &Client, list: Option<&str>) -> Vec<ContactListUpdate> {
    let request = Request {
        page_size: 500,
        contact_list_id: list.map(str::to_owned),
        ..Request::default()
    };
    let page = page(caller, request).await.expect("a page");
    assert_eq!(page.next_page_token, "");
    page.contact_list_updates
}

fn ids(updates: &[ContactListUpdate]) -> Vec<&str> {
    updates.iter().map(|update| update.id.as_str()).collect()
}

on_both! {
    async fn updates_are_listed_in_the_order_of_their_ids(service: Service) {
        let admin = service.admin();
        let lists = [
            admin.create_list("One").await,
            admin.create_list("Two").await,
        ];
        let mut applied = Vec::new();
        for n in 0..6 {
            let list = &lists[n as usize % 2];
            let outcome = admin
                .update(header(list).add(), vec![contact(&number(n))])
                .await
                .unwrap();
            applied.push(outcome.update_id);
        }
        // The order of ids is the order of time.
        assert_eq!(ids(&all(&admin, None).await), applied);
        assert_eq!(
            ids(&all(&admin, Some(&lists[0])).await),
            [&applied[0][..], &applied[2], &applied[4]]
        );
    }

    async fn updates_are_listed_the_latest_first_where_that_is_asked_for(service: Service) {
        let admin = service.admin();
        let lists = [
            admin.create_list("One").await,
            admin.create_list("Two").await,
        ];
        let mut applied = Vec::new();
        for n in 0..6 {
            let list = &lists[n as usize % 2];
            let outcome = admin.update(header(list).add(), vec![contact(&number(n))]).await;
            applied.push(outcome.unwrap().update_id);
        }
        let request = |list: Option<&String>, page_token: String| Request {
            page_size: 4,
            page_token,
            contact_list_id: list.cloned(),
            newest_first: true,
        };
        let first = page(&admin, request(None, String::new())).await.unwrap();
        let token = first.next_page_token.clone();
        let second = page(&admin, request(None, token.clone())).await.unwrap();
        assert_eq!(second.next_page_token, "");
        let pages = [first.contact_list_updates, second.contact_list_updates].concat();
        assert_eq!(ids(&pages), applied.iter().rev().collect::<Vec<_>>());
        let of_one = page(&admin, request(Some(&lists[0]), String::new())).await.unwrap();
        assert_eq!(
            ids(&of_one.contact_list_updates),
            [&applied[4][..], &applied[2], &applied[0]]
        );
        // A token belongs to its order.
        let other_order = Request { newest_first: false, ..request(None, token) };
        let refused = page(&admin, other_order).await.expect_err("a refusal");
        assert_eq!(reason(&refused), "PAGE_TOKEN_INVALID");
    }

    async fn a_listed_update_says_what_was_done_and_with_what_outcome(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let request_id = Uuid::new_v4().to_string();
        let outcome = add_one_of_two(&admin, &list, &request_id).await;
        let [update] = &all(&admin, None).await[..] else {
            panic!("one update")
        };
        assert_eq!(
            (&update.id, &update.contact_list_id),
            (&outcome.update_id, &list)
        );
        assert_eq!(update.action(), Action::Add);
        assert_eq!(update.request_id.as_ref(), Some(&request_id));
        assert!(update.api_key_id.parse::<Uuid>().is_ok() && update.create_time.is_some());
        assert_eq!(outcome.rejected_contacts.len(), 1);
        let got = by_id(&admin, &outcome.update_id).await;
        assert_eq!(got.outcome.as_ref(), Some(&outcome));
        // The rejected contacts are returned by GetContactListUpdate only.
        let listed = Outcome {
            rejected_contacts: vec![],
            ..outcome
        };
        let expected = ContactListUpdate {
            outcome: Some(listed),
            ..got
        };
        assert_eq!(*update, expected);
    }

    async fn what_was_not_applied_is_not_listed(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin
            .update(header(&list).add(), vec![contact("+4915")])
            .await
            .unwrap_err();
        admin
            .update(
                header(&list).add().validate_only(),
                vec![contact(&number(1))],
            )
            .await
            .unwrap();
        assert_eq!(all(&admin, None).await, []);
    }

    async fn a_replay_is_not_listed_again(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let request_id = Uuid::new_v4().to_string();
        let first = add_one_of_two(&admin, &list, &request_id).await;
        assert!(add_one_of_two(&admin, &list, &request_id).await.replayed);
        assert_eq!(ids(&all(&admin, None).await), [first.update_id]);
    }

    async fn pages_give_every_update_once_while_more_are_applied(service: Service) {
        let admin = service.admin();
        let (list, other) = (
            admin.create_list("List").await,
            admin.create_list("Other").await,
        );
        for _ in 0..7 {
            admin
                .update(header(&list).add(), vec![contact(&number(1))])
                .await
                .unwrap();
            admin
                .update(header(&other).add(), vec![contact(&number(1))])
                .await
                .unwrap();
        }
        let before = all(&admin, Some(&list)).await;
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        for _ in 0..10 {
            let request = Request {
                page_size: 3,
                page_token,
                contact_list_id: Some(list.clone()),
                newest_first: false,
            };
            let page = page(&admin, request).await.unwrap();
            seen.extend(page.contact_list_updates);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
            admin
                .update(header(&list).add(), vec![contact(&number(1))])
                .await
                .unwrap();
        }
        assert_eq!(page_token, "");
        let (ids, before) = (ids(&seen), ids(&before));
        assert!(ids.is_sorted() && ids.starts_with(&before), "{ids:?}");
        assert_eq!(
            ids.iter().collect::<HashSet<_>>().len(),
            ids.len()
        );
    }

    async fn the_list_of_the_filter_is_one_of_the_organization(service: Service) {
        let admin = service.admin();
        let other = service.other_admin().await;
        let foreign = other.create_list("List").await;
        other
            .update(header(&foreign).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        assert_eq!(all(&admin, None).await, []);
        for id in [foreign, Uuid::now_v7().to_string()] {
            let request = Request {
                contact_list_id: Some(id.clone()),
                ..Request::default()
            };
            let status = assert_refused(
                page(&admin, request).await,
                Code::NotFound,
                "RESOURCE_NOT_FOUND",
            );
            assert_eq!(metadata(&status, "resource_name"), id);
        }
        for (id, reason) in [("", "FIELD_REQUIRED"), ("x", "FIELD_INVALID")] {
            let request = Request {
                contact_list_id: Some(id.to_owned()),
                ..Request::default()
            };
            assert_invalid(page(&admin, request).await, "contact_list_id", reason);
        }
    }

    async fn updates_of_a_deleted_list_can_still_be_listed(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let outcome = admin
            .update(header(&list).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        admin.delete_list(&list).await;
        assert_eq!(ids(&all(&admin, Some(&list)).await), [outcome.update_id]);
    }
}
