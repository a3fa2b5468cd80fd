//! `OptOutContacts` beside updates.

use contact_lists::proto::Contact;
use tokio::task::JoinSet;

use super::*;

fn known_as(n: u32, id: u32) -> Contact {
    contact(&number(n)).external_id(&format!("id-{id}"))
}

on_both! {
    async fn no_opt_out_is_lost_beside_updates_that_create_move_and_swap_the_numbers(service: Service) {
        let admin = service.admin();
        let channel = admin.create_channel(&number(PHONE_A)).await;
        let lists = [admin.create_list("New").await, admin.create_list("Moved").await, admin.create_list("Swapped").await];
        for round in 0..4 {
            let first = round * 1000;
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
                    locks::insist(|| caller.update(header(&list).add(), contacts.clone())).await;
                });
            }
            for part in 0..3 {
                let caller = service.admin();
                running.spawn(async move {
                    let named = || {
                        // A third by the external_ids of contacts that are stored already, and move.
                        let ids = (40..60).filter(|n| n % 3 == part).map(|n| opted_out(&format!("id-{}", first + n)));
                        let numbers = by_numbers((0..60).filter(|n| n % 3 == part).map(|n| first + n));
                        numbers.into_iter().chain(ids).collect()
                    };
                    locks::insist(|| caller.opt_out_contacts(opt_out_header(&[]), named())).await;
                });
            }
            running.join_all().await;
            for n in 0..60 {
                let states = admin.opt_states(&number(first + n)).await;
                assert!(states.contains(&(channel.clone(), false)), "{n}: {states:?}");
            }
            assert_eq!(service.rows("SELECT count(*) FROM opted_out_numbers").await, 0);
            let contacts = service.rows("SELECT count(*) FROM contacts").await;
            assert_eq!(contacts, i64::from(round + 1) * 60);
        }
    }

    async fn a_change_that_names_no_contact_leaves_nothing_of_its_locks(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out_contacts(opt_out_header(&[]), by_numbers(10..20)).await.unwrap();
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 3);
        assert_eq!(orphans(&service).await.iter().map(|(_, count)| count).sum::<i64>(), 0);
    }
}
