//! `ListChannels`.

use contact_lists::proto::{ListChannelsRequest, ListChannelsResponse, ListContactListsRequest};

use super::*;

async fn list(
    caller: &Client,
    page_size: i32,
    page_token: &str,
) -> Result<ListChannelsResponse, Status> {
    let request = ListChannelsRequest {
        page_size,
        page_token: page_token.to_owned(),
    };
    let answer = caller.channels.clone().list_channels(request).await;
    answer.map(tonic::Response::into_inner)
}

on_both! {
    async fn channels_are_listed_by_id_page_by_page(service: Service) {
        let admin = service.admin();
        let mut created = Vec::new();
        for n in [3, 1, 2] {
            created.push(create(&admin, Type::Phone, Some(&number(n))).await.unwrap());
        }
        created.sort_by(|one, other| one.id.cmp(&other.id));
        let first = list(&admin, 2, "").await.unwrap();
        assert_eq!(first.channels, created[..2]);
        let second = list(&admin, 2, &first.next_page_token).await.unwrap();
        assert_eq!(second.channels, created[2..]);
        assert_eq!(second.next_page_token, "");
    }

    async fn a_page_of_channels_has_50_unless_asked_and_at_most_500(service: Service) {
        let admin = service.admin();
        create_many(&admin, 501).await;
        for (asked, given) in [(0, 50), (500, 500), (501, 500), (i32::MAX, 500)] {
            let page = list(&admin, asked, "").await.unwrap();
            assert_eq!(page.channels.len(), given, "page_size {asked}");
            assert_ne!(page.next_page_token, "");
        }
    }

    async fn a_negative_page_size_is_refused(service: Service) {
        assert_invalid(
            list(&service.admin(), -1, "").await,
            "page_size",
            "FIELD_INVALID",
        );
    }

    async fn a_page_token_of_channels_is_good_for_channels_only(service: Service) {
        let admin = service.admin();
        create_many(&admin, 2).await;
        let page_token = list(&admin, 1, "").await.unwrap().next_page_token;
        let request = ListContactListsRequest {
            page_token,
            ..ListContactListsRequest::default()
        };
        let refused = admin.lists.clone().list_contact_lists(request).await;
        assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }

    async fn a_read_key_sees_its_own_organizations_channels_only(service: Service) {
        let channel = create(&service.admin(), Type::Phone, Some(PHONE))
            .await
            .unwrap();
        let reader = service.client_with(Scope::Read).await;
        assert_eq!(list(&reader, 0, "").await.unwrap().channels, [channel]);
        assert_eq!(
            list(&service.other_admin().await, 0, "")
                .await
                .unwrap()
                .channels,
            []
        );
    }
}
