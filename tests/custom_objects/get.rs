//! `GetCustomObject`.

use super::*;

on_both! {
    async fn an_object_is_read_by_its_id(service: Service) {
        let admin = service.admin();
        let id = admin.create_customer_object().await;
        let object = get(&service.client_with(Scope::Read).await, &id)
            .await
            .unwrap();
        assert_eq!(
            (&object.id, &object.key[..], object.properties.len()),
            (&id, "customer", 7)
        );
        assert_eq!(object.properties[0], property("plan", Type::Text));
        let foreign = get(&service.other_admin().await, &id).await;
        assert_refused(foreign, Code::NotFound, "RESOURCE_NOT_FOUND");
        let unknown = get(&admin, &uuid::Uuid::now_v7().to_string()).await;
        let status = assert_refused(unknown, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(metadata(&status, "resource_type"), "custom_object");
        assert_invalid(get(&admin, "").await, "id", "FIELD_REQUIRED");
        assert_invalid(get(&admin, "x").await, "id", "FIELD_INVALID");
    }
}
