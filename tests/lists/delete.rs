//! `DeleteContactList`.

use contact_lists::proto::DeleteContactListRequest;

use super::*;

async fn delete(caller: &Client, id: &str) -> Result<ContactList, Status> {
    let request = DeleteContactListRequest { id: id.to_owned() };
    let answer = caller.lists.clone().delete_contact_list(request).await?;
    Ok(answer.into_inner().contact_list.expect("the list"))
}

on_both! {
    async fn a_deleted_list_can_still_be_read(service: Service) {
        let admin = service.admin();
        let id = admin.create_list("Customers").await;
        let deleted = delete(&admin, &id).await.unwrap();
        assert_eq!(deleted.state(), State::Deleted);
        assert_eq!(deleted.name.as_deref(), Some("Customers"));
        assert_eq!(admin.list(&id).await, deleted);
    }

    async fn an_archived_list_can_be_deleted(service: Service) {
        let admin = service.admin();
        let id = admin.create_list("Customers").await;
        admin.archive_list(&id).await;
        assert_eq!(delete(&admin, &id).await.unwrap().state(), State::Deleted);
    }

    async fn deleting_a_list_again_changes_nothing(service: Service) {
        let admin = service.admin();
        let id = admin.create_list("Customers").await;
        let deleted = delete(&admin, &id).await.unwrap();
        assert_eq!(delete(&admin, &id).await.unwrap(), deleted);
    }

    async fn the_contacts_of_a_deleted_list_stay(service: Service) {
        let admin = service.admin();
        let id = admin.create_list("Customers").await;
        admin
            .update(header(&id).add(), vec![contact(&number(1))])
            .await
            .unwrap();
        delete(&admin, &id).await.unwrap();
        let found = admin.contact(&number(1)).await;
        assert!(found.contact.is_some());
        assert_eq!(found.contact_lists, []);
    }

    async fn a_deleted_list_takes_no_contacts(service: Service) {
        let admin = service.admin();
        let id = admin.create_list("Customers").await;
        delete(&admin, &id).await.unwrap();
        let refused = admin
            .update(header(&id).add(), vec![contact(&number(1))])
            .await;
        assert_refused(refused, Code::FailedPrecondition, "CONTACT_LIST_NOT_ACTIVE");
        assert_eq!(service.rows("SELECT count(*) FROM contacts").await, 0);
    }

    async fn an_unknown_list_is_not_found(service: Service) {
        let refused = delete(&service.admin(), &unknown_id()).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn another_organizations_list_is_not_found(service: Service) {
        let admin = service.admin();
        let id = admin.create_list("Customers").await;
        let refused = delete(&service.other_admin().await, &id).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(admin.list(&id).await.state(), State::Active);
    }

    async fn deleting_a_list_needs_the_write_scope(service: Service) {
        let id = service.admin().create_list("Customers").await;
        let refused = delete(&service.client_with(Scope::Read).await, &id).await;
        assert_refused(refused, Code::PermissionDenied, "SCOPE_INSUFFICIENT");
        delete(&service.client_with(Scope::Write).await, &id)
            .await
            .unwrap();
    }
}
