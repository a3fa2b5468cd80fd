//! `CreateContactList`.

use super::*;

on_both! {
    async fn a_new_list_is_active_and_empty(service: Service) {
        let list = create(&service.admin(), "Customers", None).await.unwrap();
        assert_eq!(list.name.as_deref(), Some("Customers"));
        assert_eq!(list.color, None);
        assert_eq!(list.state(), State::Active);
        assert_eq!(list.contact_count, 0);
        assert!(list.create_time.is_some());
        assert_eq!(list.create_time, list.update_time);
    }

    async fn a_new_list_has_a_version_7_id(service: Service) {
        let id = service.admin().create_list("Customers").await;
        assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    }

    async fn white_space_in_a_name_becomes_one_space(service: Service) {
        let list = create(&service.admin(), " List \t  name\n", None)
            .await
            .unwrap();
        assert_eq!(list.name.as_deref(), Some("List name"));
    }

    async fn a_name_is_unique(service: Service) {
        let admin = service.admin();
        admin.create_list("List name").await;
        let refused = create(&admin, "  List   name ", None).await;
        let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(metadata(&status, "field"), "name");
    }

    async fn names_are_compared_byte_by_byte(service: Service) {
        let admin = service.admin();
        // The last two look the same: composed, and with a combining accent.
        for name in ["List", "list", "LIST", "Caf\u{e9}", "Cafe\u{301}"] {
            admin.create_list(name).await;
        }
    }

    async fn two_creations_of_one_name_at_once_make_one_list(service: Service) {
        let (one, other) = (service.admin(), service.admin());
        let answers = tokio::join!(
            create(&one, "Customers", None),
            create(&other, "Customers", None)
        );
        let refused = match answers {
            (Ok(_), refused) | (refused, Ok(_)) => refused,
            (Err(one), Err(other)) => panic!("both were refused: {one:?}, {other:?}"),
        };
        assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
    }

    async fn a_deleted_list_frees_its_name(service: Service) {
        let admin = service.admin();
        for _ in 0..3 {
            let id = admin.create_list("Customers").await;
            admin.delete_list(&id).await;
        }
        admin.create_list("Customers").await;
    }

    async fn an_archived_list_keeps_its_name(service: Service) {
        let admin = service.admin();
        let id = admin.create_list("Customers").await;
        admin.archive_list(&id).await;
        let refused = create(&admin, "Customers", None).await;
        assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
    }

    async fn another_organization_can_use_the_same_name(service: Service) {
        service.admin().create_list("Customers").await;
        service.other_admin().await.create_list("Customers").await;
    }

    async fn a_list_needs_a_name(service: Service) {
        let admin = service.admin();
        for name in ["", " ", "\t\n"] {
            assert_invalid(create(&admin, name, None).await, "name", "FIELD_REQUIRED");
        }
    }

    async fn a_name_has_at_most_255_characters(service: Service) {
        let admin = service.admin();
        let longest = "\u{1f4cb}".repeat(255);
        create(&admin, &format!("  {longest} "), None)
            .await
            .unwrap();
        let refused = create(&admin, &"x".repeat(256), None).await;
        assert_invalid(refused, "name", "FIELD_TOO_LONG");
    }

    async fn a_name_has_no_nul(service: Service) {
        let refused = create(&service.admin(), "Cust\0mers", None).await;
        assert_invalid(refused, "name", "FIELD_HAS_NUL");
    }

    async fn a_color_is_kept(service: Service) {
        let list = create(&service.admin(), "Customers", Some("#12abef"))
            .await
            .unwrap();
        assert_eq!(list.color.as_deref(), Some("#12abef"));
    }

    async fn an_empty_color_is_none(service: Service) {
        let list = create(&service.admin(), "Customers", Some(""))
            .await
            .unwrap();
        assert_eq!(list.color, None);
    }

    async fn a_color_is_a_hash_and_six_hexadecimal_digits(service: Service) {
        let admin = service.admin();
        for color in [
            "red",
            "#12abe",
            "#12abef0",
            "12abef",
            "#12abeg",
            " #12abef",
            "#12abef\n",
        ] {
            assert_invalid(
                create(&admin, "Customers", Some(color)).await,
                "color",
                "FIELD_INVALID",
            );
        }
    }

    async fn all_bad_fields_are_named(service: Service) {
        let refused = create(&service.admin(), "", Some("red")).await;
        let status = assert_refused(refused, Code::InvalidArgument, "REQUEST_INVALID");
        let fields: Vec<String> = violations(&status)
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        assert_eq!(fields, ["name", "color"]);
    }

    async fn creating_a_list_needs_the_write_scope(service: Service) {
        let refused = create(&service.client_with(Scope::Read).await, "Customers", None).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        create(&service.client_with(Scope::Write).await, "Customers", None)
            .await
            .unwrap();
    }
}
