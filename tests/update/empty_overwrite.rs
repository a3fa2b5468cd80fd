//! An overwrite without contacts: it empties the list if it says that it may, and is an error otherwise.

use contact_lists::proto::UpdateContactListContactsRequest as Message;

use super::*;

/// A list with the first two numbers on it.
async fn with_two_members(service: &Service) -> (Client, String) {
    let (admin, list) = with_list(service).await;
    add(&admin, &list, contacts(0..2)).await;
    (admin, list)
}

on_both! {
    async fn an_overwrite_that_may_be_empty_empties_the_list(service: Service) {
        let (admin, list) = with_two_members(&service).await;
        let header = header(&list).overwrite().change(|it| it.allow_empty = true);
        let outcome = admin.update(header, vec![]).await.unwrap();
        assert_eq!((outcome.received_count, outcome.removed_count), (0, 2));
        assert_eq!(admin.list(&list).await.contact_count, 0);
        assert!(admin.members(&list).await.is_empty());
    }

    async fn without_allow_empty_no_contacts_are_an_error(service: Service) {
        let (admin, list) = with_two_members(&service).await;
        let refused = admin.update(header(&list).overwrite(), vec![]).await;
        assert_refused(refused, Code::InvalidArgument, "NO_CONTACTS");
        assert_eq!(admin.members(&list).await.len(), 2);
    }

    async fn an_add_or_remove_is_never_empty(service: Service) {
        let (admin, list) = with_two_members(&service).await;
        for header in [header(&list).add(), header(&list).remove()] {
            let header = header.change(|it| it.allow_empty = true);
            let refused = admin.update(header, vec![]).await;
            assert_refused(refused, Code::InvalidArgument, "NO_CONTACTS");
        }
        assert_eq!(admin.members(&list).await.len(), 2);
    }

    async fn an_empty_overwrite_needs_its_footer_too(service: Service) {
        let (admin, list) = with_two_members(&service).await;
        let header = header(&list).overwrite().change(|it| it.allow_empty = true);
        let message = Message { header: Some(header), ..Message::default() };
        let refused = admin.send(vec![message]).await;
        assert_refused(refused, Code::InvalidArgument, "STREAM_INCOMPLETE");
        assert_eq!(admin.members(&list).await.len(), 2);
    }

    async fn rejections_never_empty_a_list_even_if_it_may_be_empty(service: Service) {
        let (admin, list) = with_two_members(&service).await;
        let header = header(&list).overwrite().skip().change(|it| it.allow_empty = true);
        let outcome = admin.update(header, vec![contact("+4915")]).await.unwrap();
        assert_eq!((outcome.rejected_count, outcome.removed_count), (1, 0));
        assert_eq!(admin.members(&list).await.len(), 2);
    }
}
