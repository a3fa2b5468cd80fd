//! The changes of numbers that no contact has, and of those that contacts give up and get.

use contact_lists::proto::{Contact, UpdateContactRequest};

use super::*;

impl Setup {
    pub async fn change_number(&self, id: String, to: u32) {
        let contact = Contact {
            id,
            ..contact(&number(to))
        };
        let request = UpdateContactRequest {
            contact: Some(contact),
            ..UpdateContactRequest::default()
        };
        let mut contacts = self.admin.contacts.clone();
        contacts
            .update_contact(request)
            .await
            .expect("a new number");
    }
}

on_both! {
    async fn an_unassigned_number_is_opted_out_and_the_opt_out_is_lifted(service: Service) {
        let it = set_up(&service).await;
        assert_eq!(it.changes(50).await, []);
        it.opt_out_on(1, &[&number(50)], Some(&it.a)).await;
        it.opt_in_on(2, &[&number(50)], Some(&it.a)).await;
        it.opt_out_on(3, &[&number(50)], Some(&it.a)).await;
        let found = it.changes(50).await;
        let a = it.a.as_str();
        assert_eq!(told(&found), [(Kind::OptedOut, a, Some(1)), (Kind::Lifted, a, Some(2)), (Kind::OptedOut, a, Some(3))]);
        for (item, n) in found.iter().zip(1..) {
            assert_eq!((&item.consent, item.current), (&Some(said_on(n)), n == 3));
        }
    }

    async fn an_exception_from_a_numbers_opt_out_of_all_channels_lifts_it(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(1, &[&number(50)], None).await;
        it.opt_in_on(2, &[&number(50)], Some(&it.b)).await;
        let found = it.changes(50).await;
        let (a, b) = (it.a.as_str(), it.b.as_str());
        assert_eq!(told(&found), [
            (Kind::OptedOut, "", Some(1)),
            (Kind::OptedOut, a, Some(1)),
            (Kind::OptedOut, b, Some(1)),
            (Kind::Lifted, b, Some(2)),
        ]);
        assert_eq!(found.iter().map(|it| it.current).collect::<Vec<_>>(), [true, true, false, true]);
    }

    async fn a_contact_gets_the_changes_of_its_number(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(1, &[&number(50)], Some(&it.a)).await;
        it.opt_in_on(2, &[&number(50)], Some(&it.a)).await;
        it.opt_out_on(3, &[&number(50)], Some(&it.a)).await;
        let update = it.update_on(2, vec![contact(&number(50))]).await;
        let found = it.changes(50).await;
        let a = it.a.as_str();
        assert_eq!(told(&found), [
            (Kind::OptedOut, a, Some(1)),
            (Kind::Lifted, a, Some(2)),
            (Kind::OptedOut, a, Some(3)),
            (Kind::TakenOver, a, None),
            (Kind::KeptOut, a, Some(2)),
        ]);
        assert_eq!((&found[2].consent, found[2].current), (&Some(said_on(3)), true));
        assert_eq!((&found[3].update_id, &found[3].consent), (&Some(update), &None));
        assert_eq!(changes(&it.admin, &it.id(50).await).await, found);
    }

    async fn an_exception_of_the_number_is_no_opt_in_of_the_contact(service: Service) {
        let it = set_up(&service).await;
        it.opt_out_on(1, &[&number(50)], None).await;
        it.opt_in_on(2, &[&number(50)], Some(&it.b)).await;
        let list = it.admin.create_list("Later").await;
        it.admin.update(header(&list).add().no_opt_ins(), vec![contact(&number(50))]).await.unwrap();
        let found = it.changes(50).await;
        let of_b: Vec<_> = found.iter().filter(|change| change.channel_id == it.b).cloned().collect();
        assert_eq!(told(&of_b), [(Kind::OptedOut, it.b.as_str(), Some(1)), (Kind::Lifted, &it.b, Some(2))]);
        assert!(of_b.iter().all(|it| !it.current));
    }

    async fn a_number_that_is_given_up_keeps_its_opt_outs_alone(service: Service) {
        let it = set_up(&service).await;
        it.opt_in_on(1, &[&number(1)], Some(&it.a)).await;
        it.opt_out_on(2, &[&number(1)], Some(&it.a)).await;
        let (id, before) = (it.id(1).await, it.changes(1).await);
        it.change_number(id.clone(), 60).await;
        assert_eq!(changes(&it.admin, &id).await, before);
        assert_eq!(it.changes(60).await, before);
        let left = it.changes(1).await;
        assert_eq!(told(&left), [(Kind::OptedOut, it.a.as_str(), Some(2))]);
        assert_eq!((&left[0].consent, left[0].current), (&None, true));
        it.change_number(id.clone(), 1).await;
        assert_eq!(changes(&it.admin, &id).await, before, "the number's opt-out is the contact's own");
        assert_eq!(it.changes(60).await.len(), 1);
    }
}
