//! `UpdateContactList`.

use contact_lists::proto::UpdateContactListRequest;
use prost_types::FieldMask;

use super::*;

/// Updates a list by the fields that are present.
async fn change(caller: &Client, list: ContactList) -> Result<ContactList, Status> {
    send(caller, Some(list), None).await
}

/// Updates a list by the fields that a mask names.
async fn change_masked(
    caller: &Client,
    list: ContactList,
    mask: &[&str],
) -> Result<ContactList, Status> {
    let paths = mask.iter().map(|&path| path.to_owned()).collect();
    send(caller, Some(list), Some(FieldMask { paths })).await
}

async fn send(
    caller: &Client,
    list: Option<ContactList>,
    mask: Option<FieldMask>,
) -> Result<ContactList, Status> {
    let request = UpdateContactListRequest {
        contact_list: list,
        update_mask: mask,
    };
    let answer = caller.lists.clone().update_contact_list(request).await?;
    Ok(answer.into_inner().contact_list.expect("the list"))
}

/// A list named "Customers" with a color, to be changed.
async fn customers(caller: &Client) -> ContactList {
    create(caller, "Customers", Some("#12abef")).await.unwrap()
}

/// An update of a list that gives no field yet.
fn of(list: &ContactList) -> ContactList {
    ContactList {
        id: list.id.clone(),
        ..ContactList::default()
    }
}

fn named(list: &ContactList, name: &str) -> ContactList {
    ContactList {
        name: Some(name.to_owned()),
        ..of(list)
    }
}

fn colored(list: &ContactList, color: &str) -> ContactList {
    ContactList {
        color: Some(color.to_owned()),
        ..of(list)
    }
}

fn put_in(list: &ContactList, state: State) -> ContactList {
    ContactList {
        state: state.into(),
        ..of(list)
    }
}

on_both! {
    async fn without_a_mask_the_fields_that_are_present_change(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        let renamed = change(&admin, named(&list, " Our   customers "))
            .await
            .unwrap();
        assert_eq!(renamed.name.as_deref(), Some("Our customers"));
        assert_eq!(renamed.color, list.color);
        assert_eq!(renamed.state(), State::Active);
        assert_eq!(admin.list(&list.id).await, renamed);
    }

    async fn an_empty_color_clears_it(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        assert_eq!(
            change(&admin, colored(&list, "")).await.unwrap().color,
            None
        );
    }

    async fn a_mask_keeps_what_it_does_not_name(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        let update = ContactList {
            name: Some("Ignored".to_owned()),
            ..colored(&list, "#000000")
        };
        let changed = change_masked(&admin, update, &["color"]).await.unwrap();
        assert_eq!(changed.name, list.name);
        assert_eq!(changed.color.as_deref(), Some("#000000"));
    }

    async fn a_masked_field_that_is_absent_is_cleared(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        assert_eq!(
            change_masked(&admin, of(&list), &["color"])
                .await
                .unwrap()
                .color,
            None
        );
    }

    async fn a_name_cannot_be_cleared(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        let by_mask = change_masked(&admin, of(&list), &["name"]).await;
        assert_invalid(by_mask, "contact_list.name", "FIELD_REQUIRED");
        let by_value = change(&admin, named(&list, " ")).await;
        assert_invalid(by_value, "contact_list.name", "FIELD_REQUIRED");
    }

    async fn a_star_names_all_three_fields(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        let update = ContactList {
            state: State::Archived.into(),
            ..named(&list, "Clients")
        };
        let changed = change_masked(&admin, update, &["*"]).await.unwrap();
        assert_eq!(changed.name.as_deref(), Some("Clients"));
        assert_eq!(changed.color, None);
        assert_eq!(changed.state(), State::Archived);
    }

    async fn a_mask_names_only_what_the_call_changes(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        for path in [
            "contact_count",
            "id",
            "create_time",
            "size",
            "Name",
            "name.first",
            "",
        ] {
            let refused = change_masked(&admin, named(&list, "Clients"), &["name", path]).await;
            let status = assert_refused(refused, Code::InvalidArgument, "FIELD_MASK_INVALID");
            assert_eq!(metadata(&status, "path"), path);
        }
        assert_eq!(admin.list(&list.id).await, list);
    }

    async fn an_update_without_fields_changes_nothing(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        assert_eq!(change(&admin, of(&list)).await.unwrap(), list);
    }

    async fn the_update_time_moves_with_a_change(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        let changed = change(&admin, colored(&list, "#000000")).await.unwrap();
        assert_eq!(changed.create_time, list.create_time);
        let time = |list: &ContactList| list.update_time.map(|time| (time.seconds, time.nanos));
        assert!(time(&changed) > time(&list), "{changed:?}");
    }

    async fn the_update_time_stays_when_nothing_changes(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        assert_eq!(
            change(&admin, named(&list, " Customers ")).await.unwrap(),
            list
        );
    }

    async fn a_list_is_archived_and_made_active_again(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        for state in [State::Archived, State::Active] {
            assert_eq!(
                change(&admin, put_in(&list, state)).await.unwrap().state(),
                state
            );
            assert_eq!(admin.list(&list.id).await.state(), state);
        }
    }

    async fn a_list_is_not_deleted_by_an_update(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        let refused = change(&admin, put_in(&list, State::Deleted)).await;
        assert_invalid(refused, "contact_list.state", "FIELD_INVALID");
    }

    async fn a_deleted_list_cannot_be_renamed_or_changed(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        admin.delete_list(&list.id).await;
        for update in [named(&list, "Clients"), put_in(&list, State::Active)] {
            let refused = change(&admin, update).await;
            let status =
                assert_refused(refused, Code::FailedPrecondition, "CONTACT_LIST_NOT_ACTIVE");
            assert_eq!(metadata(&status, "contact_list_id"), list.id);
        }
    }

    async fn a_name_is_taken_by_one_list_only(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        admin.create_list("Clients").await;
        let refused = change(&admin, named(&list, "Clients")).await;
        let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(metadata(&status, "field"), "name");
        assert_eq!(admin.list(&list.id).await, list);
    }

    async fn new_values_are_checked_as_in_a_new_list(service: Service) {
        let admin = service.admin();
        let list = customers(&admin).await;
        let too_long = change(&admin, named(&list, &"x".repeat(256))).await;
        assert_invalid(too_long, "contact_list.name", "FIELD_TOO_LONG");
        let no_color = change(&admin, colored(&list, "red")).await;
        assert_invalid(no_color, "contact_list.color", "FIELD_INVALID");
    }

    async fn an_update_names_its_list(service: Service) {
        let admin = service.admin();
        assert_invalid(
            send(&admin, None, None).await,
            "contact_list",
            "FIELD_REQUIRED",
        );
        let nameless = change(&admin, ContactList::default()).await;
        assert_invalid(nameless, "contact_list.id", "FIELD_REQUIRED");
    }

    async fn an_unknown_list_and_another_organizations_are_not_found(service: Service) {
        let list = customers(&service.admin()).await;
        let of_others = change(&service.other_admin().await, named(&list, "Mine")).await;
        assert_refused(of_others, Code::NotFound, "RESOURCE_NOT_FOUND");
        let unknown = ContactList {
            id: unknown_id(),
            ..ContactList::default()
        };
        let of_nobody = change(&service.admin(), named(&unknown, "Mine")).await;
        assert_refused(of_nobody, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn updating_a_list_needs_the_write_scope(service: Service) {
        let list = customers(&service.admin()).await;
        let refused = change(
            &service.client_with(Scope::Read).await,
            named(&list, "Clients"),
        )
        .await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        change(
            &service.client_with(Scope::Write).await,
            named(&list, "Clients"),
        )
        .await
        .unwrap();
    }
}
