//! Recorded updates: `ListContactListUpdates`, what is kept of them, and for how long.

use std::time::Duration;

use contact_lists::proto::{
    ContactListUpdate, GetContactListUpdateRequest, ListContactListUpdatesRequest as Request,
    ListContactListUpdatesResponse, UpdateContactListContactsResponse as Outcome,
    get_contact_list_update_request::Reference, update_contact_list_contacts_header::Action,
};
use tokio::time::{Instant, sleep};
use tonic::Status;
use uuid::Uuid;

use test_support::*;

/// How long a purge that runs every second may take to be seen.
const PURGE_LIMIT: Duration = Duration::from_secs(60);

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

async fn get(caller: &Client, reference: Reference) -> Result<ContactListUpdate, Status> {
    let request = GetContactListUpdateRequest {
        reference: Some(reference),
    };
    let answer = caller
        .lists
        .clone()
        .get_contact_list_update(request)
        .await?;
    Ok(answer.into_inner().contact_list_update.expect("the update"))
}

async fn by_id(caller: &Client, id: &str) -> ContactListUpdate {
    get(caller, Reference::UpdateId(id.to_owned()))
        .await
        .expect("an update")
}

fn ids(updates: &[ContactListUpdate]) -> Vec<&str> {
    updates.iter().map(|update| update.id.as_str()).collect()
}

/// Adds one contact and one that is rejected, under a `request_id`.
async fn add(caller: &Client, list: &str, request_id: &str) -> Outcome {
    let header = header(list).add().skip().request_id(request_id);
    let contacts = vec![contact(&number(1)), contact("+4915").email("no email")];
    caller.update(header, contacts).await.expect("an update")
}

/// Sets back when the update of this `request_id` was applied. Named by what its list is called, as raw SQL cannot paste
/// an id.
async fn age(service: &Service, list_name: &str, hours: i64) {
    let then = time::OffsetDateTime::now_utc() - time::Duration::hours(hours);
    let (date, clock) = (then.date(), (then.hour(), then.minute(), then.second()));
    let (hour, minute, second) = clock;
    let sql = format!(
        "UPDATE contact_list_updates SET create_time = '{date}T{hour:02}:{minute:02}:{second:02}Z' \
         WHERE contact_list_id IN (SELECT id FROM contact_lists WHERE name = '{list_name}')"
    );
    service.database().execute(&sql).await;
}

/// Waits until an update has lost its `request_id`.
async fn purged(caller: &Client, id: &str) -> ContactListUpdate {
    let end = Instant::now() + PURGE_LIMIT;
    loop {
        let update = by_id(caller, id).await;
        if update.request_id.is_none() {
            return update;
        }
        assert!(Instant::now() < end, "not purged in time: {update:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn purging(database: Database) -> Service {
    Service::start_with(database, &["--purge-interval-seconds", "1"]).await
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

    async fn a_listed_update_says_what_was_done_and_with_what_outcome(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let request_id = Uuid::new_v4().to_string();
        let outcome = add(&admin, &list, &request_id).await;
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
        let first = add(&admin, &list, &request_id).await;
        assert!(add(&admin, &list, &request_id).await.replayed);
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
            ids.iter().collect::<std::collections::HashSet<_>>().len(),
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

    async fn an_old_update_loses_all_but_its_counts(database: Database) {
        let service = purging(database).await;
        let admin = service.admin();
        let list = admin.create_list("Old").await;
        let request_id = Uuid::new_v4().to_string();
        let outcome = add(&admin, &list, &request_id).await;
        age(&service, "Old", 169).await;
        let update = purged(&admin, &outcome.update_id).await;
        let expected = Outcome {
            rejected_contacts: vec![],
            ..outcome
        };
        assert_eq!((expected.rejected_count, expected.created_count), (1, 1));
        assert_eq!(update.outcome, Some(expected));
        let kept = "SELECT count(*) FROM contact_list_updates WHERE request_id IS NOT NULL OR fingerprint IS NOT NULL \
                    OR rejected_contacts IS NOT NULL";
        assert_eq!(service.rows(kept).await, 0);
        let gone = get(&admin, Reference::RequestId(request_id)).await;
        assert_refused(gone, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn a_purged_request_id_can_be_used_again(database: Database) {
        let service = purging(database).await;
        let admin = service.admin();
        let (old, new) = (
            admin.create_list("Old").await,
            admin.create_list("New").await,
        );
        let request_id = Uuid::new_v4().to_string();
        let outcome = add(&admin, &old, &request_id).await;
        age(&service, "Old", 169).await;
        purged(&admin, &outcome.update_id).await;
        let again = add(&admin, &new, &request_id).await;
        assert!(!again.replayed);
        assert_eq!((again.unchanged_count, again.added_count), (1, 1));
        assert_eq!(
            get(&admin, Reference::RequestId(request_id))
                .await
                .unwrap()
                .id,
            again.update_id
        );
    }

    async fn a_young_update_keeps_everything(database: Database) {
        let service = purging(database).await;
        let admin = service.admin();
        let (old, young, now) = (
            admin.create_list("Old").await,
            admin.create_list("Young").await,
            admin.create_list("Now").await,
        );
        let mut request_ids = [
            Uuid::new_v4().to_string(),
            Uuid::new_v4().to_string(),
            Uuid::new_v4().to_string(),
        ]
        .into_iter();
        let mut add_to = async |list| {
            add(&admin, list, &request_ids.next().unwrap())
                .await
                .update_id
        };
        let (old, young, now) = (add_to(&old).await, add_to(&young).await, add_to(&now).await);
        // The default is 168 hours.
        age(&service, "Young", 167).await;
        let before = [by_id(&admin, &young).await, by_id(&admin, &now).await];
        age(&service, "Old", 169).await;
        purged(&admin, &old).await;
        let after = [by_id(&admin, &young).await, by_id(&admin, &now).await];
        assert!(before.iter().all(|it| it.request_id.is_some()));
        assert!(
            before
                .iter()
                .all(|it| it.outcome.as_ref().unwrap().rejected_contacts.len() == 1)
        );
        assert_eq!(after, before);
    }

    async fn a_record_never_holds_what_was_said_about_a_contact(service: Service) {
        let admin = service.admin();
        admin.create_customer_object().await;
        let list = admin.create_list("List").await;
        let person = |n: u32, mark: &str| {
            contact(&number(n))
                .external_id(&format!("{mark}-id"))
                .email(&format!("{mark}@example.com"))
                .name(&format!("{mark}-name"))
                .properties(json!({"plan": format!("{mark}-plan")}))
        };
        let bad = person(2, "badvalue").email("badvalue-mail").language("badvalue language").properties(json!({
            "plan": "badvalue-plan", "badvaluekey": "badvalue-text", "visits": "badvalue-visits",
        }));
        let taken = contact("+4915badvalue").name("badvalue-name");
        let header = header(&list)
            .add()
            .skip()
            .request_id(&Uuid::new_v4().to_string());
        let outcome = admin
            .update(header, vec![person(1, "goodvalue"), bad, taken])
            .await
            .unwrap();
        assert_eq!((outcome.created_count, outcome.rejected_count), (1, 2));
        let number = number(1);
        for value in ["goodvalue", &number[3..]] {
            assert!(
                tables_containing(&service, value).await.contains(&"contacts"),
                "{value} was stored"
            );
        }
        for value in ["goodvalue", "badvalue-", "badvalue ", "4915", &number[3..]] {
            assert_eq!(
                rows_containing(&service, "contact_list_updates", value).await,
                0,
                "{value}"
            );
        }
    }
}
