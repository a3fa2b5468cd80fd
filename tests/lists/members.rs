//! `ListContactListContacts`. Its filters are tested with those of the export, its pages with those of every call.

use super::*;

on_both! {
    async fn members_are_read_in_the_order_of_their_ids(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("Customers").await;
        for numbers in [&[9, 1, 5][..], &[0, 7]] {
            let contacts = contacts(numbers.iter().copied());
            admin.update(header(&list).add(), contacts).await.unwrap();
        }
        let members = admin.members(&list).await;
        let ids: Vec<uuid::Uuid> = members
            .into_iter()
            .map(|member| member.contact.expect("a contact").id.parse().unwrap())
            .collect();
        assert_eq!(ids.len(), 5);
        assert!(ids.is_sorted(), "{ids:?}");
    }
}
