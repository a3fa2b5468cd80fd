//! Which channels an update opts in to.

use super::*;

on_both! {
    async fn contacts_are_opted_in_to_all_channels_by_default(service: Service) {
        let it = set_up(&service).await;
        assert_counts!(it.counts(it.add(), [1, 2]).await, opted_in: 4);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), Some(true)));
        assert_eq!(it.opt_states(2).await, it.about(Some(true), Some(true)));
    }

    async fn an_overwrite_opts_in_too(service: Service) {
        let it = set_up(&service).await;
        assert_counts!(it.counts(header(&it.list).overwrite(), [1]).await, opted_in: 2);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), Some(true)));
    }

    async fn without_channels_no_contact_is_opted_in(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        let outcome = admin
            .update(header(&list).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        assert_counts!(opt_ins(&outcome));
        assert_eq!(admin.preferences(&number(1)).await, []);
    }

    async fn another_organizations_channels_are_not_all_channels(service: Service) {
        let it = set_up(&service).await;
        service
            .other_admin()
            .await
            .create_channel(&number(PHONE_LATER))
            .await;
        assert_counts!(it.counts(it.add(), [1]).await, opted_in: 2);
        assert_eq!(
            service
                .rows("SELECT count(*) FROM communication_preferences")
                .await,
            2
        );
    }

    async fn opt_in_to_names_the_only_channels(service: Service) {
        let it = set_up(&service).await;
        let header = it.add().opt_in_to([it.b.as_str()]);
        assert_counts!(it.counts(header, [1, 2]).await, opted_in: 2);
        assert_eq!(it.opt_states(1).await, it.about(None, Some(true)));
        assert_eq!(it.opt_states(2).await, it.about(None, Some(true)));
    }

    async fn opt_in_to_names_channels_by_id_and_by_phone(service: Service) {
        let it = set_up(&service).await;
        it.admin.create_channel(&number(PHONE_LATER)).await;
        let header = it
            .add()
            .opt_in_to([it.a.as_str()])
            .opt_in_to_phones([number(PHONE_B).as_str()]);
        assert_counts!(it.counts(header, [1]).await, opted_in: 2);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), Some(true)));
    }

    async fn opt_in_to_takes_a_phone_in_any_format(service: Service) {
        let it = set_up(&service).await;
        let spaced = number(PHONE_B).replace("+49151", "+49 (0151) ");
        assert_counts!(it.counts(it.add().opt_in_to_phones([spaced.as_str()]), [1])
                .await, opted_in: 1);
        assert_eq!(it.opt_states(1).await, it.about(None, Some(true)));
    }

    async fn opt_in_to_wins_over_all_channels_false(service: Service) {
        let it = set_up(&service).await;
        let header = it.add().no_opt_ins().opt_in_to([it.a.as_str()]);
        assert_counts!(it.counts(header, [1]).await, opted_in: 1);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), None));
    }

    async fn opt_in_to_wins_over_all_channels_true(service: Service) {
        let it = set_up(&service).await;
        let mut header = it.add().opt_in_to([it.a.as_str()]);
        header.opt_in_to_all_channels = Some(true);
        assert_counts!(it.counts(header, [1]).await, opted_in: 1);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), None));
    }

    async fn all_channels_false_opts_no_contact_in(service: Service) {
        let it = set_up(&service).await;
        assert_counts!(it.counts(it.add().no_opt_ins(), [1]).await);
        assert_eq!(it.opt_states(1).await, []);
        assert_eq!(phones(&it.admin.members(&it.list).await), [number(1)]);
    }

    async fn a_channel_named_twice_counts_once(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [2]).await;
        it.admin.opt_out(&number(2), &[&it.a]).await;
        let (id, phone) = (it.a.as_str(), number(PHONE_A));
        let header = it
            .add()
            .opt_in_to([id, id])
            .opt_in_to_phones([phone.as_str()]);
        assert_counts!(it.counts(header, [1, 2]).await, opted_in: 1, kept_opt_outs: 1);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), None));
    }

    async fn a_contact_sent_twice_is_opted_in_once(service: Service) {
        let it = set_up(&service).await;
        assert_counts!(it.counts(it.add(), [1, 1]).await, opted_in: 2);
        assert_eq!(it.opt_states(1).await, it.about(Some(true), Some(true)));
    }

    async fn a_rejected_contact_is_not_opted_in(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1]).await;
        let bad = contact(&number(1)).email("nobody");
        let outcome = it
            .admin
            .update(it.add().skip(), vec![bad, contact(&number(2))])
            .await
            .unwrap();
        assert_eq!((outcome.rejected_count, outcome.opted_in_count), (1, 2));
        assert_eq!(it.opt_states(1).await, []);
    }

    async fn a_remove_opts_no_contact_in(service: Service) {
        let it = set_up(&service).await;
        it.counts(it.add().no_opt_ins(), [1]).await;
        it.admin.opt_out(&number(1), &[&it.a]).await;
        let header = header(&it.list).remove();
        assert_counts!(it.counts(header.clone(), [1, 2]).await);
        let header = header
            .opt_in_to([it.a.as_str(), it.b.as_str()])
            .resubscribe();
        assert_counts!(it.counts(header, [1, 2]).await);
        assert_eq!(it.opt_states(1).await, it.about(Some(false), None));
        assert_eq!(it.opt_states(2).await, []);
    }

    async fn an_unknown_channel_fails_the_call_whatever_the_action(service: Service) {
        let it = set_up(&service).await;
        let list = header(&it.list);
        let unknown = uuid::Uuid::now_v7().to_string();
        for header in [list.clone().add(), list.clone().remove(), list.overwrite()] {
            let by_id = header.clone().opt_in_to([it.a.as_str(), unknown.as_str()]);
            let refused = it.admin.update(by_id, vec![contact(&number(1))]).await;
            assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
            let by_phone = header.opt_in_to_phones([number(PHONE_LATER).as_str()]);
            let refused = it.admin.update(by_phone, vec![contact(&number(1))]).await;
            assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn another_organizations_channel_is_unknown(service: Service) {
        let it = set_up(&service).await;
        let foreign = service
            .other_admin()
            .await
            .create_channel(&number(PHONE_LATER))
            .await;
        let by_id = it.add().opt_in_to([foreign.as_str()]);
        let refused = it.admin.update(by_id, vec![contact(&number(1))]).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        let by_phone = it.add().opt_in_to_phones([number(PHONE_LATER).as_str()]);
        let refused = it.admin.update(by_phone, vec![contact(&number(1))]).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    /// The stream has a header and then stays open: the answer can't come from its end.
    async fn an_unknown_channel_fails_the_call_before_any_contact_is_read(service: Service) {
        let it = set_up(&service).await;
        let unknown = uuid::Uuid::now_v7().to_string();
        for header in [it.add(), header(&it.list).remove()] {
            let first = Message {
                header: Some(header.opt_in_to([unknown.as_str()])),
                ..Message::default()
            };
            let open = stream::iter([first]).chain(stream::pending());
            let refused = it
                .admin
                .lists
                .clone()
                .update_contact_list_contacts(open)
                .await;
            assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
    }

    async fn opt_in_to_takes_a_thousand_channels_and_no_more(service: Service) {
        let it = set_up(&service).await;
        let references = |count| std::iter::repeat_n(it.a.as_str(), count);
        assert_counts!(it.counts(it.add().opt_in_to(references(1000)), [1]).await, opted_in: 1);
        let refused = it
            .admin
            .update(
                it.add().opt_in_to(references(1001)),
                vec![contact(&number(2))],
            )
            .await;
        assert_invalid(refused, "header.opt_in_to", "FIELD_TOO_LONG");
    }
}
