//! What a page token holds for.

use super::*;

on_both! {
    async fn a_token_is_one_that_the_service_gave(service: Service) {
        let setup = Setup::new(service.admin()).await;
        for (query, token) in setup.tokens().await {
            let mut bad: Vec<String> = ["x", "\0", " ", "\u{1f600}", "AAAA", "%"]
                .map(str::to_owned)
                .to_vec();
            bad.push(uuid::Uuid::nil().to_string());
            bad.push(token[1..].to_owned());
            bad.push(token[..token.len() - 1].to_owned());
            bad.push(format!("{token}0"));
            bad.push(token.repeat(2));
            bad.push("0".repeat(100_000));
            for bad in bad {
                let refused = setup.ask(query, 1, &bad).await;
                assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
            }
        }
    }

    async fn a_token_holds_for_its_call_and_filter_only(service: Service) {
        let setup = Setup::new(service.admin()).await;
        for (giver, token) in setup.tokens().await {
            for taker in QUERIES {
                let answer = setup.ask(taker, 1, &token).await;
                if giver == taker {
                    assert!(answer.is_ok(), "{giver}: {answer:?}");
                } else {
                    let status = answer.expect_err(&format!("{taker} took the token of {giver}"));
                    assert_eq!(
                        (status.code(), &reason(&status)[..]),
                        (Code::InvalidArgument, "PAGE_TOKEN_INVALID")
                    );
                }
            }
        }
    }

    async fn the_token_of_one_contacts_preferences_is_not_anothers(service: Service) {
        let setup = Setup::new(service.admin()).await;
        let (_, page_token) = setup.ask("preferences", 1, "").await.unwrap();
        let reference = contact_reference::Reference::Phone(number(1));
        let request = ListCommunicationPreferencesRequest {
            contact: Some(ContactReference {
                reference: Some(reference),
            }),
            page_size: 1,
            page_token,
        };
        let refused = setup
            .caller
            .preferences
            .clone()
            .list_communication_preferences(request)
            .await;
        assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }

    async fn a_token_holds_for_its_organization_only(service: Service) {
        let setup = Setup::new(service.admin()).await;
        let other = Setup::new(service.other_admin().await).await;
        for (query, token) in setup.tokens().await {
            let refused = other.ask(query, 1, &token).await;
            assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        }
    }

    async fn a_token_outlives_the_server_and_another_key_can_use_it(service: Service) {
        let mut service = service;
        let tokens = Setup::new(service.admin()).await.tokens().await;
        service.restart().await;
        let reader = service.client_with(Scope::Read).await;
        let (query, token) = tokens
            .into_iter()
            .find(|(query, _)| *query == "channels")
            .unwrap();
        let request = ListChannelsRequest {
            page_size: 500,
            page_token: token,
        };
        let page = reader
            .channels
            .clone()
            .list_channels(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(page.channels.len(), 2, "{query}");
        assert!(
            page.channels
                .iter()
                .all(|it| it.r#type() == channel::Type::Phone)
        );
    }
}
