//! `GetContactList`.

use super::*;

on_both! {
    async fn a_list_is_read_as_it_was_created(service: Service) {
        let admin = service.admin();
        let created = create(&admin, "Customers", Some("#12abef")).await.unwrap();
        let read = get(&admin, &created.id).await.unwrap();
        assert_eq!(read, created);
    }

    async fn a_list_outlives_the_server(mut service: Service) {
        let id = service.admin().create_list("Customers").await;
        service.restart().await;
        assert_eq!(
            service.admin().list(&id).await.name.as_deref(),
            Some("Customers")
        );
    }

    async fn an_unknown_list_is_not_found(service: Service) {
        let refused = get(&service.admin(), &unknown_id()).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn another_organizations_list_is_not_found(service: Service) {
        let id = service.admin().create_list("Customers").await;
        let refused = get(&service.other_admin().await, &id).await;
        assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    }

    async fn an_id_is_required(service: Service) {
        assert_invalid(get(&service.admin(), "").await, "id", "FIELD_REQUIRED");
    }

    async fn an_id_is_a_uuid(service: Service) {
        assert_invalid(
            get(&service.admin(), "Customers").await,
            "id",
            "FIELD_INVALID",
        );
    }

    async fn a_read_key_is_enough_to_read(service: Service) {
        let id = service.admin().create_list("Customers").await;
        get(&service.client_with(Scope::Read).await, &id)
            .await
            .unwrap();
    }
}
