//! The opt-outs of numbers that are passed on.

use super::*;

/// A list with two channels, of which the contact "a" with number 1 is opted out of the first, and "b" with number 2 of the
/// second.
struct Setup {
    admin: Client,
    list: String,
    channels: [String; 2],
}

async fn set_up(service: &Service) -> Setup {
    let (admin, list) = with_list(service).await;
    let channels = [
        admin.create_channel(&number(1_000_001)).await,
        admin.create_channel(&number(1_000_002)).await,
    ];
    add(&admin, &list, vec![known_as(1, "a"), known_as(2, "b")]).await;
    admin.opt_out(&number(1), &[&channels[0]]).await;
    admin.opt_out(&number(2), &[&channels[1]]).await;
    Setup {
        admin,
        list,
        channels,
    }
}

impl Setup {
    /// Whether the contact with the n-th number is opted in to the two channels.
    async fn opt_states(&self, n: u32) -> [Option<bool>; 2] {
        let preferences = self.admin.preferences(&number(n)).await;
        self.channels.each_ref().map(|id| {
            let found = preferences.iter().find(|it| it.channel_id == *id);
            found.map(|it| it.opted_in)
        })
    }

    async fn add(&self, contacts: Vec<Contact>) -> Outcome {
        add(&self.admin, &self.list, contacts).await
    }
}

/// How many rows the table of opted-out numbers has.
async fn left_with_numbers(service: &Service) -> i64 {
    service.rows("SELECT count(*) FROM opted_out_numbers").await
}

on_both! {
    async fn contacts_that_swap_numbers_keep_their_opt_outs_and_get_those_of_the_numbers(service: Service) {
        let it = set_up(&service).await;
        it.add(vec![known_as(2, "a"), known_as(1, "b")]).await;
        assert_eq!(it.opt_states(1).await, [Some(false), Some(false)]);
        assert_eq!(it.opt_states(2).await, [Some(false), Some(false)]);
        assert_eq!(left_with_numbers(&service).await, 0);
    }

    async fn along_a_chain_each_number_hands_on_the_opt_outs_of_its_own_contact(service: Service) {
        let it = set_up(&service).await;
        it.add(vec![known_as(3, "c")]).await;
        it.add(vec![known_as(9, "b"), known_as(2, "a"), known_as(1, "c")]).await;
        assert_eq!(it.opt_states(9).await, [Some(true), Some(false)]);
        assert_eq!(it.opt_states(2).await, [Some(false), Some(false)]);
        assert_eq!(it.opt_states(1).await, [Some(false), Some(true)]);
        assert_eq!(left_with_numbers(&service).await, 0);
    }

    async fn a_new_contact_starts_opted_out_where_the_one_with_its_number_was(service: Service) {
        let it = set_up(&service).await;
        // One of them is written before the new contact that takes its number, and one after it.
        let outcome = it
            .add(vec![known_as(0, "a"), known_as(1, "c"), known_as(2, "d"), known_as(3, "b")])
            .await;
        assert_counts!(opt_ins(&outcome), opted_in: 2, kept_opt_outs: 4);
        assert_eq!(it.opt_states(0).await, [Some(false), Some(true)]);
        assert_eq!(it.opt_states(1).await, [Some(false), Some(true)]);
        assert_eq!(it.opt_states(2).await, [Some(true), Some(false)]);
        assert_eq!(it.opt_states(3).await, [Some(true), Some(false)]);
        assert_eq!(left_with_numbers(&service).await, 0);
    }

    async fn a_number_without_a_taker_keeps_its_opt_outs_beside_numbers_that_are_passed_on(service: Service) {
        let it = set_up(&service).await;
        // No contact takes the number 2.
        it.add(vec![known_as(0, "a"), known_as(1, "b")]).await;
        assert_eq!(left_with_numbers(&service).await, 1);
        it.add(vec![known_as(2, "c")]).await;
        assert_eq!(it.opt_states(2).await, [Some(true), Some(false)]);
        assert_eq!(left_with_numbers(&service).await, 0);
    }

    async fn opt_outs_of_all_channels_are_passed_on_with_the_numbers(service: Service) {
        let it = set_up(&service).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        it.add(vec![known_as(3, "a"), known_as(1, "b")]).await;
        it.admin.create_channel(&number(1_000_003)).await;
        for n in [1, 3] {
            let outcome = it.add(vec![contact(&number(n))]).await;
            assert_counts!(opt_ins(&outcome), kept_opt_outs: 3);
        }
    }

    async fn resubscribe_opts_in_the_contacts_that_take_a_number(service: Service) {
        let it = set_up(&service).await;
        let swapped = vec![known_as(2, "a"), known_as(1, "b")];
        let header = header(&it.list).add().resubscribe();
        it.admin.update(header, swapped).await.unwrap();
        assert_eq!(it.opt_states(1).await, [Some(true), Some(true)]);
        assert_eq!(it.opt_states(2).await, [Some(true), Some(true)]);
        assert_eq!(left_with_numbers(&service).await, 0);
    }

    async fn a_remove_passes_the_opt_outs_on_too(service: Service) {
        let it = set_up(&service).await;
        let given = vec![known_as(3, "a"), known_as(1, "new")];
        let remove = it.admin.update(header(&it.list).remove(), given).await;
        assert_counts!(outcomes(&remove.unwrap()), created: 1, updated: 1);
        assert_eq!(it.opt_states(1).await, [Some(false), None]);
        assert_eq!(it.opt_states(3).await, [Some(false), Some(true)]);
    }

    async fn opt_outs_are_passed_on_over_many_chunks(service: Service) {
        let it = set_up(&service).await;
        it.add(crowd(100)).await;
        let first = it.channels[0].as_str();
        for n in [100, 1350, 2599] {
            it.admin.opt_out(&number(n), &[first]).await;
        }
        it.add((0..MANY).map(|n| known_as(100 + (n + 1200) % MANY, &format!("id-{n}"))).collect()).await;
        // Their contacts now have these numbers, and others the old ones.
        for n in [100, 1350, 2599] {
            let moved = 100 + (n - 100 + 1200) % MANY;
            assert_eq!(it.opt_states(n).await[0], Some(false), "{n}");
            assert_eq!(it.opt_states(moved).await[0], Some(false), "{moved}");
        }
        let sql = "SELECT count(*) FROM communication_preferences WHERE NOT opted_in";
        assert_eq!(service.rows(sql).await, 2 + 6);
        assert_eq!(left_with_numbers(&service).await, 0);
    }
}
