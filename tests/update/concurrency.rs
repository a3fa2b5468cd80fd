//! Many callers at once: the outcome is the same as one after another, and no call fails because of it.

use std::collections::BTreeSet;

use contact_lists::proto::{
    Contact, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsResponse as Outcome,
};
use sea_orm::{ConnectionTrait, TransactionOptions};
use tokio::task::JoinSet;

use test_support::*;

const ROUNDS: u32 = 8;

/// Sends all calls at once, each over a connection of its own, and waits until they have all succeeded.
async fn all_at_once(service: &Service, calls: Vec<(Header, Vec<Contact>)>) -> Vec<Outcome> {
    let mut running = JoinSet::new();
    for (place, (header, contacts)) in calls.into_iter().enumerate() {
        let caller = service.admin();
        running.spawn(async move { (place, caller.update(header, contacts).await) });
    }
    let mut outcomes = running.join_all().await;
    outcomes.sort_by_key(|(place, _)| *place);
    outcomes
        .into_iter()
        .map(|(_, outcome)| outcome.expect("no call fails"))
        .collect()
}

/// Checks that a list's count is that of its members, and returns their phone numbers.
async fn counted_members(service: &Service, list: &str) -> Vec<String> {
    let members = service.admin().members(list).await;
    let count = service.admin().list(list).await.contact_count;
    assert_eq!(usize::try_from(count), Ok(members.len()));
    phones(&members)
}

/// Checks that no number was stored twice, and that nobody is on a list or opted in who is not stored.
async fn assert_consistent(service: &Service, contact_count: i64) {
    assert_eq!(
        service.rows("SELECT count(*) FROM contacts").await,
        contact_count
    );
    assert_eq!(
        service
            .rows("SELECT count(DISTINCT phone) FROM contacts")
            .await,
        contact_count
    );
    for table in ["contact_list_contacts", "communication_preferences"] {
        let orphans = format!(
            "SELECT count(*) FROM {table} WHERE contact_id NOT IN (SELECT id FROM contacts)"
        );
        assert_eq!(service.rows(&orphans).await, 0, "{table}");
    }
}

fn sum(outcomes: &[Outcome], count: impl Fn(&Outcome) -> i64) -> i64 {
    outcomes.iter().map(count).sum()
}

on_both! {
    async fn many_callers_add_to_one_list_at_once(service: Service) {
        let list = service.admin().create_list("Crowded").await;
        let channel = service.admin().create_channel("+12025550100").await;
        // Each caller shares half of its contacts with the next.
        let calls = (0..16).map(|n| (header(&list).add(), contacts(n * 20..n * 20 + 40))).collect();
        let outcomes = all_at_once(&service, calls).await;
        assert_eq!(counted_members(&service, &list).await, numbers(0..340));
        assert_eq!(sum(&outcomes, |outcome| outcome.created_count.into()), 340);
        assert_eq!(sum(&outcomes, |outcome| outcome.added_count.into()), 340);
        assert_eq!(sum(&outcomes, |outcome| outcome.opted_in_count), 340);
        let mut counts: Vec<_> =
            outcomes.iter().map(|outcome| outcome.contact_list.as_ref().unwrap().contact_count).collect();
        counts.sort_unstable();
        assert_eq!(counts.last(), Some(&340), "the last one has seen all others");
        assert_consistent(&service, 340).await;
        assert_eq!(service.admin().preferences(&number(0)).await[0].channel_id, channel);
    }

    async fn the_same_new_contacts_in_opposite_orders_on_different_lists_are_created_once(service: Service) {
        let admin = service.admin();
        for round in 0..ROUNDS {
            let first = round * 200;
            let mut calls = Vec::new();
            let mut lists = Vec::new();
            for n in 0..6 {
                let list = admin.create_list(&format!("List {n} of round {round}")).await;
                let mut contacts = contacts(first..first + 200);
                if n % 2 == 1 {
                    contacts.reverse();
                }
                calls.push((header(&list).add(), contacts));
                lists.push(list);
            }
            let outcomes = all_at_once(&service, calls).await;
            assert_eq!(sum(&outcomes, |outcome| outcome.created_count.into()), 200);
            assert_eq!(sum(&outcomes, |outcome| outcome.unchanged_count.into()), 1000);
            for list in &lists {
                assert_eq!(counted_members(&service, list).await, numbers(first..first + 200));
            }
        }
        assert_consistent(&service, (ROUNDS * 200).into()).await;
    }

    async fn the_same_stored_contacts_in_opposite_orders_are_all_changed(service: Service) {
        let admin = service.admin();
        let (one, other) = (admin.create_list("One").await, admin.create_list("Other").await);
        admin.update(header(&one).add(), contacts(0..300)).await.unwrap();
        for round in 0..ROUNDS {
            let named = |name: &str| contacts(0..300).into_iter().map(|it| it.name(name)).collect::<Vec<_>>();
            let (left, right) = (format!("left {round}"), format!("right {round}"));
            let mut backwards = named(&right);
            backwards.reverse();
            let calls = vec![(header(&one).add(), named(&left)), (header(&other).add(), backwards)];
            let outcomes = all_at_once(&service, calls).await;
            assert_eq!(sum(&outcomes, |outcome| outcome.updated_count.into()), 600);
            let sql = format!("SELECT count(DISTINCT name) FROM contacts WHERE name IN ('{left}', '{right}')");
            assert_eq!(service.rows(&sql).await, 1, "one of the two came last, for all contacts");
        }
    }

    async fn an_overwrite_and_an_add_act_one_after_the_other(service: Service) {
        let admin = service.admin();
        for round in 0..ROUNDS {
            let list = admin.create_list(&format!("Round {round}")).await;
            admin.update(header(&list).add(), contacts(0..50)).await.unwrap();
            let calls = vec![
                (header(&list).overwrite(), contacts(40..90)),
                (header(&list).add(), contacts(90..140)),
            ];
            let outcomes = all_at_once(&service, calls).await;
            let members = counted_members(&service, &list).await;
            let (overwrite, add) = (&outcomes[0], &outcomes[1]);
            assert_eq!((overwrite.added_count, add.added_count, add.removed_count), (40, 50, 0));
            // 40 left in either order; those of the add too if it came first.
            let expected = if overwrite.removed_count == 40 { 40..140 } else { 40..90 };
            assert_eq!(members, numbers(expected.clone()), "{outcomes:?}");
            assert_eq!(overwrite.removed_count, if expected.end == 140 { 40 } else { 90 });
        }
        assert_consistent(&service, 140).await;
    }

    async fn of_overwrites_at_once_one_is_the_last(service: Service) {
        let admin = service.admin();
        for round in 0..ROUNDS {
            let list = admin.create_list(&format!("Round {round}")).await;
            let sets: Vec<Vec<String>> = (0..6).map(|n| numbers(n * 10..n * 10 + 30)).collect();
            let calls =
                (0..6).map(|n| (header(&list).overwrite(), contacts(n * 10..n * 10 + 30))).collect();
            let outcomes = all_at_once(&service, calls).await;
            let members = counted_members(&service, &list).await;
            assert!(sets.contains(&members), "{members:?} are of no single call");
            let change = sum(&outcomes, |outcome| i64::from(outcome.added_count - outcome.removed_count));
            assert_eq!(change, 30);
        }
        assert_consistent(&service, 80).await;
    }

    async fn an_add_and_a_remove_of_the_same_contacts_act_one_after_the_other(service: Service) {
        let admin = service.admin();
        for round in 0..ROUNDS {
            let list = admin.create_list(&format!("Round {round}")).await;
            let first = round * 60;
            let calls = vec![
                (header(&list).add(), contacts(first..first + 60)),
                (header(&list).remove(), contacts((first..first + 60).rev())),
            ];
            let outcomes = all_at_once(&service, calls).await;
            let members = counted_members(&service, &list).await;
            let removed = usize::try_from(outcomes[1].removed_count).unwrap();
            assert!([0, 60].contains(&removed), "half of the add was seen: {outcomes:?}");
            assert_eq!(members.len(), 60 - removed);
            assert_eq!(outcomes[0].added_count, 60);
        }
        assert_consistent(&service, (ROUNDS * 60).into()).await;
    }

    async fn no_reader_sees_half_an_update(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Watched").await;
        let sets = [numbers(0..200), numbers(200..400)];
        admin.update(header(&list).overwrite(), contacts(0..200)).await.unwrap();
        let writer = {
            let (admin, list) = (service.admin(), list.clone());
            tokio::spawn(async move {
                for n in [1, 0].repeat(6) {
                    let contacts = contacts(n * 200..n * 200 + 200);
                    admin.update(header(&list).overwrite(), contacts).await.expect("no call fails");
                }
            })
        };
        let mut seen = BTreeSet::new();
        while !writer.is_finished() {
            // 200 fit on one page, so each read is as of one instant.
            let members = phones(&admin.members(&list).await);
            let set = sets.iter().position(|set| *set == members);
            seen.insert(set.unwrap_or_else(|| panic!("{members:?} are of no single call")));
        }
        writer.await.unwrap();
        assert!(!seen.is_empty());
    }

    /// On SQLite all writers wait for each other.
    async fn updates_that_wait_for_a_list_keep_no_other_call_waiting(database: Database) {
        if !database.is_postgres() {
            return;
        }
        let service = Service::start_with(database, &["--max-connections", "6"]).await;
        let admin = service.admin();
        let (busy, other) = (admin.create_list("Busy").await, admin.create_list("Other").await);
        let held = service.repository().db().begin(TransactionOptions::default()).await.unwrap();
        held.execute_unprepared("SELECT 1 FROM contact_lists WHERE name = 'Busy' FOR UPDATE").await.unwrap();
        let waiting: Vec<_> = (0..20)
            .map(|n| {
                let (caller, busy) = (service.admin(), busy.clone());
                tokio::spawn(async move { caller.update(header(&busy).add(), contacts(n..n + 1)).await })
            })
            .collect();
        for n in 100..130 {
            admin.update(header(&other).add(), contacts(n..n + 1)).await.expect("another list is free");
        }
        assert_eq!(admin.members(&other).await.len(), 30);
        held.rollback().await.unwrap();
        for caller in waiting {
            caller.await.unwrap().expect("the list is free now");
        }
        assert_eq!(counted_members(&service, &busy).await.len(), 20);
    }
}
