//! The same input gets the recorded answer; other input is refused.

use super::*;

on_both! {
    async fn the_same_call_again_gets_the_recorded_answer_and_changes_nothing(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        let first = admin.update(header.clone(), contacts(1..4)).await.unwrap();
        // A second run would bring the contact back.
        admin
            .update(test_support::header(&list).remove(), contacts(1..2))
            .await
            .unwrap();
        let members = admin.members(&list).await;
        let again = admin.update(header, contacts(1..4)).await.unwrap();
        assert_eq!(again, replay_of(&first));
        assert_eq!(admin.members(&list).await, members);
        assert_eq!(update_count(&service).await, 2);
    }

    async fn without_a_request_id_the_same_call_runs_again(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let first = admin
            .update(header(&list).add(), contacts(1..4))
            .await
            .unwrap();
        let again = admin
            .update(header(&list).add(), contacts(1..4))
            .await
            .unwrap();
        assert!(!again.replayed);
        assert_ne!(again.update_id, first.update_id);
        assert_eq!(again.unchanged_count, 3);
    }

    async fn the_split_into_messages_makes_no_difference(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).overwrite().request_id(&new_id());
        let first = admin.update(header.clone(), contacts(1..6)).await.unwrap();
        let mut split = vec![Message {
            header: Some(header),
            ..Message::default()
        }];
        for contact in contacts(1..6) {
            split.push(Message {
                contacts: vec![contact],
                ..Message::default()
            });
        }
        let footer = Some(UpdateContactListContactsFooter { contact_count: 5 });
        split.push(Message {
            footer,
            ..Message::default()
        });
        assert_eq!(admin.send(split).await.unwrap(), replay_of(&first));
    }

    async fn the_footer_is_not_part_of_the_input(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        let first = admin.update(header.clone(), contacts(1..4)).await.unwrap();
        let mut without = messages(header, contacts(1..4));
        without[0].footer = None;
        assert_eq!(admin.send(without).await.unwrap(), replay_of(&first));
    }

    async fn a_wrong_footer_is_refused_on_the_second_call_too(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        admin.update(header.clone(), contacts(1..4)).await.unwrap();
        let mut wrong = messages(header, contacts(1..4));
        wrong[0].footer = Some(UpdateContactListContactsFooter { contact_count: 4 });
        assert_refused(
            admin.send(wrong).await,
            Code::InvalidArgument,
            "STREAM_INCOMPLETE",
        );
    }

    async fn other_contacts_are_refused(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        admin.update(header.clone(), contacts(1..4)).await.unwrap();
        let mut named = contacts(1..4);
        named[2] = contact(&number(3)).name("");
        let reversed: Vec<_> = contacts(1..4).into_iter().rev().collect();
        for other in [
            contacts(1..3),
            contacts(1..5),
            contacts(2..5),
            named,
            reversed,
        ] {
            assert_reused(&admin, header.clone(), other).await;
        }
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 3);
    }

    async fn another_header_is_refused(service: Service) {
        let admin = service.admin();
        let (list, other) = (
            admin.create_list("Customers").await,
            admin.create_list("Others").await,
        );
        let channel = admin.create_channel(&number(1_000_001)).await;
        let id = new_id();
        let header = header(&list).add().request_id(&id);
        admin.update(header.clone(), contacts(1..4)).await.unwrap();
        let others = [
            test_support::header(&other).add().request_id(&id),
            header.clone().remove(),
            header.clone().overwrite(),
            header.clone().skip(),
            header.clone().resubscribe(),
            header.clone().no_opt_ins(),
            header.clone().opt_in_to([channel.as_str()]),
        ];
        for other in others {
            assert_reused(&admin, other, contacts(1..4)).await;
        }
        assert_eq!(phones(&admin.members(&list).await).len(), 3);
        assert_eq!(admin.list(&other).await.contact_count, 0);
    }

    async fn the_answer_comes_back_even_if_the_list_is_archived_by_now(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        let first = admin.update(header.clone(), contacts(1..4)).await.unwrap();
        admin.archive_list(&list).await;
        assert_eq!(
            admin.update(header.clone(), contacts(1..4)).await.unwrap(),
            replay_of(&first)
        );
        admin.delete_list(&list).await;
        assert_eq!(
            admin.update(header.clone(), contacts(1..4)).await.unwrap(),
            replay_of(&first)
        );
        assert_reused(&admin, header, contacts(1..5)).await;
    }

    async fn the_answer_comes_back_even_if_the_channel_is_gone_by_now(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let channel = admin.create_channel(&number(1_000_001)).await;
        let header = header(&list)
            .add()
            .request_id(&new_id())
            .opt_in_to([channel.as_str()]);
        let defaults: Vec<_> = contacts(1..4)
            .into_iter()
            .map(|it| it.default_channel(&channel))
            .collect();
        let first = admin
            .update(header.clone(), defaults.clone())
            .await
            .unwrap();
        assert_eq!(first.opted_in_count, 3);
        for sql in [
            "DELETE FROM communication_preferences",
            "UPDATE contacts SET default_channel_id = NULL",
            "DELETE FROM channels",
        ] {
            service.database().execute(sql).await;
        }
        assert_eq!(
            admin.update(header, defaults).await.unwrap(),
            replay_of(&first)
        );
    }

    async fn the_answer_comes_back_even_if_there_are_several_custom_objects_by_now(
        service: Service,
    ) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        admin.create_customer_object().await;
        let header = header(&list).add().request_id(&new_id());
        let contacts = vec![contact(&number(1)).properties(json!({"plan": "free", "visits": 3}))];
        let first = admin
            .update(header.clone(), contacts.clone())
            .await
            .unwrap();
        admin.create_object("supplier", vec![]).await;
        assert_eq!(
            admin.update(header, contacts).await.unwrap(),
            replay_of(&first)
        );
    }

    async fn the_answer_comes_back_after_a_restart_and_for_another_key(mut service: Service) {
        let list = service.admin().create_list("Customers").await;
        let header = header(&list).add().request_id(&new_id());
        let first = service
            .admin()
            .update(header.clone(), contacts(1..4))
            .await
            .unwrap();
        service.restart().await;
        let writer = service.client_with(Scope::Write).await;
        assert_eq!(
            writer.update(header, contacts(1..4)).await.unwrap(),
            replay_of(&first)
        );
    }

    async fn rejected_contacts_come_back_with_the_answer(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let header = header(&list).add().skip().request_id(&new_id());
        let stream = vec![contact(&number(1)), contact("+49").email("nobody")];
        let first = admin.update(header.clone(), stream.clone()).await.unwrap();
        assert_eq!(first.rejected_contacts[0].violations.len(), 2);
        assert_eq!(
            admin.update(header, stream).await.unwrap(),
            replay_of(&first)
        );
    }
}
