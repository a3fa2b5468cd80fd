//! `ListContactLists`.

use super::*;

fn everything() -> ListContactListsRequest {
    ListContactListsRequest::default()
}

fn in_state(state: State) -> ListContactListsRequest {
    ListContactListsRequest {
        state: state.into(),
        ..everything()
    }
}

fn beginning_with(prefix: &str) -> ListContactListsRequest {
    ListContactListsRequest {
        name_prefix: Some(prefix.to_owned()),
        ..everything()
    }
}

/// The first page of two of five lists, and the token for the next page.
async fn first_of_five(caller: &Client) -> (Vec<String>, String) {
    for name in ["Echo", "Delta", "Charlie", "Bravo", "Alpha"] {
        caller.create_list(name).await;
    }
    let page = find(
        caller,
        ListContactListsRequest {
            page_size: 2,
            ..everything()
        },
    )
    .await
    .unwrap();
    (ids(&page.contact_lists), page.next_page_token)
}

fn ids(lists: &[ContactList]) -> Vec<String> {
    lists.iter().map(|list| list.id.clone()).collect()
}

async fn one_in_each_state(caller: &Client) {
    caller.create_list("Active").await;
    caller
        .archive_list(&caller.create_list("Archived").await)
        .await;
    caller
        .delete_list(&caller.create_list("Deleted").await)
        .await;
}

on_both! {
    async fn lists_are_ordered_by_id(service: Service) {
        let admin = service.admin();
        let mut expected = Vec::new();
        for name in ["Bravo", "alpha", "Alpha", "\u{e4}lpha"] {
            expected.push(admin.create_list(name).await);
        }
        expected.sort();
        let page = find(&admin, everything()).await.unwrap();
        assert_eq!(ids(&page.contact_lists), expected);
        assert_eq!(page.next_page_token, "");
    }

    async fn pages_give_every_list_once(service: Service) {
        let admin = service.admin();
        let (mut found, mut page_token) = first_of_five(&admin).await;
        assert_eq!(found.len(), 2);
        for expected_size in [2, 1] {
            let request = ListContactListsRequest {
                page_size: 2,
                page_token,
                ..everything()
            };
            let page = find(&admin, request).await.unwrap();
            assert_eq!(page.contact_lists.len(), expected_size);
            found.extend(ids(&page.contact_lists));
            page_token = page.next_page_token;
        }
        assert_eq!(page_token, "");
        assert_eq!(
            found,
            ids(&find(&admin, everything()).await.unwrap().contact_lists)
        );
    }

    async fn a_full_last_page_has_no_next_one(service: Service) {
        let admin = service.admin();
        first_of_five(&admin).await;
        let page = find(
            &admin,
            ListContactListsRequest {
                page_size: 5,
                ..everything()
            },
        )
        .await
        .unwrap();
        assert_eq!(
            (page.contact_lists.len(), page.next_page_token.as_str()),
            (5, "")
        );
    }

    async fn a_page_can_have_another_size_than_the_one_before(service: Service) {
        let admin = service.admin();
        let (_, page_token) = first_of_five(&admin).await;
        let request = ListContactListsRequest {
            page_size: 50,
            page_token,
            ..everything()
        };
        assert_eq!(find(&admin, request).await.unwrap().contact_lists.len(), 3);
    }

    async fn a_list_deleted_between_pages_costs_no_other_its_place(service: Service) {
        let admin = service.admin();
        let (first, page_token) = first_of_five(&admin).await;
        admin.delete_list(&first[1]).await;
        let request = ListContactListsRequest {
            page_token,
            ..everything()
        };
        assert_eq!(find(&admin, request).await.unwrap().contact_lists.len(), 3);
    }

    async fn a_page_has_50_lists_unless_asked(service: Service) {
        let admin = service.admin();
        for n in 0..51 {
            admin.create_list(&format!("List {n}")).await;
        }
        let page = find(&admin, everything()).await.unwrap();
        assert_eq!(page.contact_lists.len(), 50);
        assert_ne!(page.next_page_token, "");
    }

    async fn a_negative_page_size_is_refused(service: Service) {
        let refused = find(
            &service.admin(),
            ListContactListsRequest {
                page_size: -1,
                ..everything()
            },
        )
        .await;
        assert_invalid(refused, "page_size", "FIELD_INVALID");
    }

    async fn a_page_token_is_bound_to_its_filter(service: Service) {
        let admin = service.admin();
        let (_, page_token) = first_of_five(&admin).await;
        for other in [
            in_state(State::Active),
            in_state(State::Deleted),
            beginning_with("A"),
        ] {
            let refused = find(
                &admin,
                ListContactListsRequest {
                    page_token: page_token.clone(),
                    ..other
                },
            )
            .await;
            assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        }
    }

    async fn a_page_token_is_bound_to_its_organization(service: Service) {
        let (_, page_token) = first_of_five(&service.admin()).await;
        let other = service.other_admin().await;
        let refused = find(
            &other,
            ListContactListsRequest {
                page_token,
                ..everything()
            },
        )
        .await;
        assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }

    async fn a_made_up_page_token_is_refused(service: Service) {
        let admin = service.admin();
        for page_token in ["2", "AAAA", "\u{1f4cb}", &unknown_id()] {
            let refused = find(
                &admin,
                ListContactListsRequest {
                    page_token: page_token.into(),
                    ..everything()
                },
            )
            .await;
            assert_refused(refused, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        }
    }

    async fn deleted_lists_are_left_out(service: Service) {
        let admin = service.admin();
        one_in_each_state(&admin).await;
        let page = find(&admin, everything()).await.unwrap();
        assert_eq!(names(&page.contact_lists), ["Active", "Archived"]);
    }

    async fn a_state_can_be_asked_for(service: Service) {
        let admin = service.admin();
        one_in_each_state(&admin).await;
        for (state, name) in [
            (State::Active, "Active"),
            (State::Archived, "Archived"),
            (State::Deleted, "Deleted"),
        ] {
            let page = find(&admin, in_state(state)).await.unwrap();
            assert_eq!(names(&page.contact_lists), [name]);
        }
    }

    async fn a_state_that_does_not_exist_is_refused(service: Service) {
        let refused = find(
            &service.admin(),
            ListContactListsRequest {
                state: 99,
                ..everything()
            },
        )
        .await;
        assert_invalid(refused, "state", "FIELD_INVALID");
    }

    async fn a_name_prefix_is_compared_byte_by_byte(service: Service) {
        let admin = service.admin();
        let all = [
            "List",
            "List one",
            "list two",
            "L%st",
            "L_st",
            "A List",
            "\u{e9}t\u{e9}",
            "\u{10ffff}\u{10ffff}",
        ];
        for name in all {
            admin.create_list(name).await;
        }
        for (prefix, expected) in [
            ("List", vec!["List", "List one"]),
            ("List ", vec!["List one"]),
            ("list", vec!["list two"]),
            ("L%", vec!["L%st"]),
            ("L_", vec!["L_st"]),
            ("\u{e9}", vec!["\u{e9}t\u{e9}"]),
            ("\u{10ffff}", vec!["\u{10ffff}\u{10ffff}"]),
            ("", all.to_vec()),
        ] {
            let page = find(&admin, beginning_with(prefix)).await.unwrap();
            assert_eq!(names(&page.contact_lists), expected, "prefix {prefix:?}");
        }
    }

    async fn a_name_prefix_has_at_most_255_characters(service: Service) {
        let admin = service.admin();
        find(&admin, beginning_with(&"\u{e9}".repeat(255)))
            .await
            .unwrap();
        let refused = find(&admin, beginning_with(&"x".repeat(256))).await;
        assert_invalid(refused, "name_prefix", "FIELD_TOO_LONG");
    }

    async fn another_organizations_lists_are_not_shown(service: Service) {
        service.admin().create_list("Customers").await;
        let page = find(&service.other_admin().await, everything())
            .await
            .unwrap();
        assert_eq!(page.contact_lists, []);
    }
}
