//! `ListCustomObjects`.

use super::*;

on_both! {
    async fn objects_are_listed_in_the_order_of_their_ids_with_their_properties(service: Service) {
        let admin = service.admin();
        let mut ids = Vec::new();
        for key in ["trip", "car", "pet"] {
            ids.push(
                admin
                    .create_object(
                        key,
                        vec![property(key, Type::Text), property("a", Type::Map)],
                    )
                    .await,
            );
        }
        service.other_admin().await.create_customer_object().await;
        ids.sort();
        let objects = list(&admin).await;
        assert_eq!(
            objects.iter().map(|it| it.id.clone()).collect::<Vec<_>>(),
            ids
        );
        for object in objects {
            assert_eq!(
                object.properties,
                [property(&object.key, Type::Text), property("a", Type::Map)]
            );
            assert_eq!(get(&admin, &object.id).await.unwrap(), object);
        }
    }
}
