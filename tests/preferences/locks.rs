//! `OptIn` and `OptOut` beside updates.

use contact_lists::proto::Contact;
use sea_orm::{ConnectionTrait, TransactionOptions};
use tokio::task::JoinSet;

use super::*;

/// How often a call that lost a race is made again.
const ATTEMPT_COUNT: usize = 50;

/// Makes a call until it does not lose a race.
pub(super) async fn insist<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> T {
    for _ in 1..ATTEMPT_COUNT {
        match call().await {
            Err(status) if status.code() == Code::Aborted => tokio::task::yield_now().await,
            answer => return answer.expect("an applied call"),
        }
    }
    call().await.expect("an applied call")
}

fn known_as(n: u32, id: u32) -> Contact {
    contact(&number(n)).external_id(&format!("id-{id}"))
}

async fn opt_out_of_all(caller: &Client, numbers: &[String]) -> Result<Counts, Status> {
    let references = people(numbers.iter().map(String::as_str));
    change(caller, false, references, None).await
}

async fn left_with_numbers(service: &Service) -> i64 {
    service.rows("SELECT count(*) FROM opted_out_numbers").await
}

on_both! {
    /// On SQLite all calls that write wait for each other.
    async fn an_opt_out_of_an_unassigned_number_waits_for_no_update_without_the_number(database: Database) {
        if !database.is_postgres() {
            return;
        }
        let service = Service::start(database).await;
        let admin = service.admin();
        let list = admin.create_list("List").await;
        admin.create_channel(&number(1_000_001)).await;
        admin.update(header(&list).add(), vec![known_as(2, 2)]).await.unwrap();
        // What an update locks that changes the number of that contact.
        let held = service.repository().db().begin(TransactionOptions::default()).await.unwrap();
        for sql in [
            "SELECT 1 FROM contact_lists FOR UPDATE",
            "SELECT 1 FROM organizations FOR SHARE",
            "SELECT 1 FROM channels FOR KEY SHARE",
            "UPDATE contacts SET phone = '+4915110000003'",
        ] {
            held.execute_unprepared(sql).await.unwrap();
        }
        let numbers = [number(1), number(4)];
        let counts = opt_out_of_all(&admin, &numbers).await.unwrap();
        assert_eq!(counts, Counts { changed: 2, unchanged: 0 });
        held.rollback().await.unwrap();
    }

    async fn an_opt_out_of_a_number_that_a_call_is_giving_to_a_contact_is_the_contacts(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("List").await;
        let channel = admin.create_channel(&number(1_000_001)).await;
        admin.update(header(&list).add(), vec![known_as(2, 2)]).await.unwrap();
        let held = service.repository().db().begin(TransactionOptions::default()).await.unwrap();
        let sql = format!("UPDATE contacts SET phone = '{}'", number(1));
        held.execute_unprepared(&sql).await.unwrap();
        let caller = service.admin();
        let opt_out = tokio::spawn(async move { caller.opt_out_of_all_channels(&number(1)).await });
        held.commit().await.unwrap();
        opt_out.await.unwrap();
        let states = admin.opt_states(&number(1)).await;
        assert!(states.contains(&(channel, false)), "{states:?}");
        assert_eq!(left_with_numbers(&service).await, 0);
    }

    async fn an_opt_out_leaves_nothing_of_its_lock(service: Service) {
        let admin = service.admin();
        admin.create_channel(&number(1_000_001)).await;
        opt_out_of_all(&admin, &[number(1), number(2)]).await.unwrap();
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
        let unknown = channels(["0190d7a0-0000-7000-8000-000000000000"]);
        let refused = change(&admin, false, people([number(3).as_str()]), Some(unknown)).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn no_opt_out_is_lost_beside_updates_that_create_move_and_swap_the_numbers(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel(&number(1_000_001)).await;
        let lists = ["New", "Moved", "Swapped"].map(|name| admin.create_list(name));
        let [new, moved, swapped] = lists;
        let lists = [new.await, moved.await, swapped.await];
        for round in 0..6 {
            let first = round * 1000;
            // Of these sixty numbers a third is not stored, a third gets contacts that have others, and a third is swapped.
            let stored = (20..40).map(|n| known_as(first + 500 + n, first + n));
            let stored = stored.chain((40..60).map(|n| known_as(first + n, first + n)));
            admin.update(header(&lists[0]).add(), stored.collect()).await.unwrap();
            let updates = [
                (0..20).map(|n| known_as(first + n, first + n)).collect::<Vec<_>>(),
                (20..40).map(|n| known_as(first + n, first + n)).collect(),
                (40..60).map(|n| known_as(first + 99 - n, first + n)).collect(),
            ];
            let mut running = JoinSet::new();
            for (list, contacts) in lists.iter().cloned().zip(updates) {
                let caller = service.admin();
                running.spawn(async move {
                    insist(|| caller.update(header(&list).add(), contacts.clone())).await;
                });
            }
            for part in 0..6 {
                let caller = service.admin();
                // Each call has numbers of every third.
                let part = numbers((0..10).map(|n| first + n * 6 + part));
                running.spawn(async move {
                    insist(|| opt_out_of_all(&caller, &part)).await;
                });
            }
            running.join_all().await;
            for n in 0..60 {
                let states = admin.opt_states(&number(first + n)).await;
                assert!(states.contains(&(channel.clone(), false)), "{n}: {states:?}");
            }
            assert_eq!(left_with_numbers(&service).await, 0);
            let contacts = service.rows("SELECT count(*) FROM contacts").await;
            assert_eq!(contacts, i64::from(round + 1) * 60);
        }
    }
}
