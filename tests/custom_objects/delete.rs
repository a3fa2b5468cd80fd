//! `DeleteCustomObject`.

use contact_lists::proto::{DeleteContactRequest, DeleteCustomObjectRequest};

use super::*;

async fn delete(caller: &Client, id: &str) -> Result<(), Status> {
    let request = DeleteCustomObjectRequest { id: id.to_owned() };
    caller.objects.clone().delete_custom_object(request).await?;
    Ok(())
}

on_both! {
    async fn an_object_with_records_is_not_deleted(service: Service) {
        let admin = service.admin();
        let id = admin
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        one_of_two_with_a_record(&admin).await;
        let status = assert_refused(
            delete(&admin, &id).await,
            Code::FailedPrecondition,
            "RESOURCE_IN_USE",
        );
        assert_eq!(
            (
                metadata(&status, "resource_type"),
                metadata(&status, "resource_name")
            ),
            ("custom_object".to_owned(), id.clone())
        );
        assert_ne!(metadata(&status, "used_by"), "");
        assert_eq!(
            record(&admin, &number(1)).await,
            Some(json!({"plan": "free"}))
        );
        // Once the only contact with a record is erased, the object can be deleted.
        let person = admin.contact(&number(1)).await.contact.unwrap();
        admin
            .contacts
            .clone()
            .delete_contact(DeleteContactRequest { id: person.id })
            .await
            .unwrap();
        delete(&admin, &id).await.unwrap();
    }

    async fn a_deleted_object_is_gone_with_its_properties_and_its_key_free(service: Service) {
        let admin = service.admin();
        let id = admin
            .create_object("customer", vec![property("plan", Type::Text)])
            .await;
        delete(&admin, &id).await.unwrap();
        assert_refused(get(&admin, &id).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_refused(
            delete(&admin, &id).await,
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        );
        let refused = add(&admin, &id, property("a", Type::Text)).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(list(&admin).await, []);
        assert_eq!(
            service.rows("SELECT count(*) FROM custom_properties").await,
            0
        );
        assert_ne!(admin.create_object("customer", vec![]).await, id);
    }
    async fn only_an_admin_of_the_organization_deletes_an_object(service: Service) {
        let admin = service.admin();
        let id = admin.create_object("customer", vec![]).await;
        let writer = service.client_with(Scope::Write).await;
        let other = service.other_admin().await;
        for (caller, code, reason) in [
            (writer, Code::PermissionDenied, "SCOPE_INSUFFICIENT"),
            (other, Code::NotFound, "RESOURCE_NOT_FOUND"),
        ] {
            assert_refused(delete(&caller, &id).await, code, reason);
        }
        get(&admin, &id).await.unwrap();
    }

    async fn an_id_to_delete_is_a_uuid(service: Service) {
        let admin = service.admin();
        assert_invalid(delete(&admin, "").await, "id", "FIELD_REQUIRED");
        assert_invalid(delete(&admin, "x").await, "id", "FIELD_INVALID");
    }
}
