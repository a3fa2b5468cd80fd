//! `ListCommunicationPreferences`, and the scopes.

use super::*;

on_both! {
    async fn a_preference_says_who_said_so_and_since_when(service: Service) {
        let it = set_up(&service).await;
        let list_id = it.admin.create_list("Others").await;
        let outcome = it
            .admin
            .update(header(&list_id).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        let writer = service.client_with(Scope::Write).await;
        writer.opt_out(&number(1), &[&it.b]).await;
        let preferences = it.admin.preferences(&number(1)).await;
        let [a, b] = &preferences[..] else {
            panic!("not two: {preferences:?}")
        };
        assert_eq!((&a.update_id, a.opted_in), (&Some(outcome.update_id), true));
        assert_eq!((&b.update_id, b.opted_in), (&None, false));
        assert_ne!(a.api_key_id, b.api_key_id);
        assert!(
            a.api_key_id.parse::<uuid::Uuid>().is_ok()
                && b.api_key_id.parse::<uuid::Uuid>().is_ok()
        );
        assert_eq!(
            (&a.contact_id, &b.contact_id),
            (&it.id(1).await, &it.id(1).await)
        );
        let time = |it: &Option<prost_types::Timestamp>| {
            it.map(|it| (it.seconds, it.nanos)).expect("a time")
        };
        assert!(time(&b.change_time) >= time(&a.change_time));
    }

    async fn preferences_come_page_by_page_in_the_order_of_the_channels(service: Service) {
        let it = set_up(&service).await;
        for n in 2..5 {
            it.admin.create_channel(&number(PHONE_A + n)).await;
        }
        it.change_one(false, 1, None).await;
        let all = it.admin.preferences(&number(1)).await;
        assert!(all.len() >= 2);
        assert!(all.is_sorted_by(|a, b| a.channel_id < b.channel_id));
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let page = list(&it.admin, &number(1), 2, &token).await.unwrap();
            assert!((1..=2).contains(&page.communication_preferences.len()));
            found.extend(page.communication_preferences);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(found, all);
    }

    async fn a_page_token_holds_for_the_same_contact_only(service: Service) {
        let it = set_up(&service).await;
        it.change_one(true, 1, None).await;
        it.change_one(true, 2, None).await;
        let token = list(&it.admin, &number(1), 1, "")
            .await
            .unwrap()
            .next_page_token;
        let by_id = list(&it.admin, &it.id(1).await, 1, &token).await.unwrap();
        assert_eq!(by_id.communication_preferences[0].channel_id, it.b);
        for (n, token) in [(2, token.as_str()), (1, "next")] {
            let refused = list(&it.admin, &number(n), 1, token).await;
            assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        }
        assert_invalid(
            list(&it.admin, &number(1), -1, "").await,
            "page_size",
            "FIELD_INVALID",
        );
    }

    async fn preferences_are_listed_of_a_known_contact(service: Service) {
        let it = set_up(&service).await;
        it.change_one(false, 9, Some(&it.a)).await;
        for reference in [number(9), uuid::Uuid::now_v7().to_string()] {
            let refused = list(&it.admin, &reference, 0, "").await;
            assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        }
        let request = ListCommunicationPreferencesRequest::default();
        let refused = it
            .admin
            .preferences
            .clone()
            .list_communication_preferences(request)
            .await;
        assert_invalid(refused, "contact", "FIELD_REQUIRED");
        assert_invalid(
            list(&it.admin, "+4915", 0, "").await,
            "contact.phone",
            "PHONE_INVALID",
        );
    }

    async fn changes_need_the_write_scope_and_lists_the_read_scope(service: Service) {
        let it = set_up(&service).await;
        let (reader, writer) = (
            service.client_with(Scope::Read).await,
            service.client_with(Scope::Write).await,
        );
        for opt_in in [true, false] {
            let refused = change(&reader, opt_in, people([number(1).as_str()]), None).await;
            assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
            assert_eq!(it.opt_states(1).await, []);
        }
        change(&writer, false, people([number(1).as_str()]), None)
            .await
            .unwrap();
        let page = list(&reader, &number(1), 0, "").await.unwrap();
        assert_eq!(
            page.communication_preferences,
            it.admin.preferences(&number(1)).await
        );
        let nobody = service.client_authorized_by(None);
        assert_refused(
            list(&nobody, &number(1), 0, "").await,
            Code::Unauthenticated,
            "API_KEY_INVALID",
        );
    }
}
