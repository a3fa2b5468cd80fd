//! `GetContactListUpdate`, and how long what it returns is kept.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::*;

/// How long a purge that runs every second may take to be seen.
const PURGE_LIMIT: Duration = Duration::from_secs(60);

/// Makes the updates of a list older. The list is named, since SQLite stores ids as bytes.
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
    async fn a_recorded_update_is_found_by_its_id_and_by_its_request_id(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let id = Uuid::new_v4().to_string();
        let stream = vec![
            contact(&number(1)),
            contact(&number(1)),
            contact("+49").email("nobody"),
        ];
        let outcome = admin
            .update(header(&list).overwrite().skip().request_id(&id), stream)
            .await
            .unwrap();
        let reader = service.client_with(Scope::Read).await;
        let update = reader.recorded_update(Reference::UpdateId(outcome.update_id.clone()))
            .await
            .unwrap();
        assert_eq!(
            reader.recorded_update(Reference::RequestId(id.clone()))
                .await
                .unwrap(),
            update
        );
        assert_eq!(
            (&update.id, &update.contact_list_id),
            (&outcome.update_id, &list)
        );
        assert_eq!(update.action().as_str_name(), "ACTION_OVERWRITE");
        assert_eq!(update.request_id.as_ref(), Some(&id));
        assert!(!update.api_key_id.is_empty() && update.create_time.is_some());
        assert_eq!(outcome.rejected_contacts.len(), 1);
        assert_eq!(update.outcome, Some(outcome));
    }

    async fn an_unknown_update_is_not_found(service: Service) {
        let admin = service.admin();
        for reference in [
            Reference::UpdateId(Uuid::new_v4().to_string()),
            Reference::RequestId(Uuid::new_v4().to_string()),
        ] {
            let found = admin.recorded_update(reference).await;
            assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
    }

    async fn an_update_is_named_by_uuids(service: Service) {
        let admin = service.admin();
        let found = admin.recorded_update(Reference::UpdateId("today".to_owned())).await;
        assert_invalid(found, "update_id", "FIELD_INVALID");
        let found = admin.recorded_update(Reference::RequestId("today".to_owned())).await;
        assert_invalid(found, "request_id", "FIELD_INVALID");
    }

    async fn an_old_update_loses_all_but_its_counts(database: Database) {
        let service = purging(database).await;
        let admin = service.admin();
        let list = admin.create_list("Old").await;
        let request_id = Uuid::new_v4().to_string();
        let outcome = add_one_of_two(&admin, &list, &request_id).await;
        // The default of undo, with which the rejected contacts go, is 30 days.
        age(&service, "Old", 721).await;
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
        let gone = admin.recorded_update(Reference::RequestId(request_id)).await;
        assert_refused(gone, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn rejected_contacts_are_kept_as_long_as_an_update_can_be_undone(database: Database) {
        let service = purging(database).await;
        let admin = service.admin();
        let list = admin.create_list("Old").await;
        let outcome = add_one_of_two(&admin, &list, &Uuid::new_v4().to_string()).await;
        age(&service, "Old", 719).await;
        let update = purged(&admin, &outcome.update_id).await;
        assert_eq!(update.outcome, Some(outcome));
    }

    async fn a_purged_request_id_can_be_used_again(database: Database) {
        let service = purging(database).await;
        let admin = service.admin();
        let (old, new) = (
            admin.create_list("Old").await,
            admin.create_list("New").await,
        );
        let request_id = Uuid::new_v4().to_string();
        let outcome = add_one_of_two(&admin, &old, &request_id).await;
        age(&service, "Old", 169).await;
        purged(&admin, &outcome.update_id).await;
        let again = add_one_of_two(&admin, &new, &request_id).await;
        assert!(!again.replayed);
        assert_eq!((again.unchanged_count, again.added_count), (1, 1));
        assert_eq!(
            admin.recorded_update(Reference::RequestId(request_id))
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
            add_one_of_two(&admin, list, &request_ids.next().unwrap())
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
