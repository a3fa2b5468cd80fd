//! Which lists a contact is on, since when, and by which update.

use contact_lists::proto::{
    ContactListMembership, ContactReference, RevertContactListUpdateRequest,
    contact_reference::Reference as By,
};

use super::*;

fn with(contact: By) -> ListContactListsRequest {
    ListContactListsRequest {
        contact: Some(ContactReference {
            reference: Some(contact),
        }),
        ..ListContactListsRequest::default()
    }
}

fn with_phone(n: u32) -> ListContactListsRequest {
    with(By::Phone(number(n)))
}

async fn add(caller: &Client, list: &str, people: impl IntoIterator<Item = u32>) -> String {
    let header = header(list).add().no_opt_ins();
    let outcome = caller.update(header, contacts(people)).await;
    outcome.expect("an update").update_id
}

async fn memberships(caller: &Client, n: u32) -> Vec<ContactListMembership> {
    caller.contact(&number(n)).await.contact_list_memberships
}

on_both! {
    async fn a_contact_has_its_lists_since_when_and_by_which_update(service: Service) {
        let admin = service.admin();
        let (one, two) = (admin.create_list("One").await, admin.create_list("Two").await);
        admin.create_list("Three").await;
        let first = add(&admin, &one, [1, 2]).await;
        let second = add(&admin, &two, [1]).await;
        add(&admin, &one, [1]).await;
        let found = admin.contact(&number(1)).await;
        let lists: Vec<_> = found.contact_lists.iter().map(|list| list.id.as_str()).collect();
        let memberships = &found.contact_list_memberships;
        let of: Vec<_> = memberships.iter().map(|it| it.contact_list_id.as_str()).collect();
        assert_eq!((&of, lists), (&vec![one.as_str(), &two], of.clone()));
        for (membership, (list, update)) in memberships.iter().zip([(&one, first), (&two, second)]) {
            let members = admin.members(list).await;
            let member = members.iter().find(|it| it.contact.as_ref().unwrap().phone == Some(number(1))).unwrap();
            assert_eq!(membership.update_id.as_ref(), Some(&update));
            assert_eq!((membership.join_time, membership.join_time), (member.join_time, by_id(&admin, &update).await.create_time));
        }
    }

    async fn a_contact_that_comes_back_joins_again_and_an_overwrite_keeps_its_update(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("One").await;
        let first = add(&admin, &list, [1, 2]).await;
        admin.update(header(&list).remove(), contacts([1])).await.unwrap();
        assert_eq!(memberships(&admin, 1).await, []);
        let again = add(&admin, &list, [1]).await;
        admin.update(header(&list).overwrite(), contacts([1, 2])).await.unwrap();
        assert_eq!(memberships(&admin, 1).await[0].update_id, Some(again));
        assert_eq!(memberships(&admin, 2).await[0].update_id, Some(first));
    }

    async fn a_membership_that_a_revert_brings_back_is_as_it_was(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("One").await;
        add(&admin, &list, [1]).await;
        let before = memberships(&admin, 1).await;
        let removed = admin.update(header(&list).remove(), contacts([1])).await.unwrap();
        let request = RevertContactListUpdateRequest { update_id: removed.update_id, ..Default::default() };
        admin.lists.clone().revert_contact_list_update(request).await.unwrap();
        assert_eq!(memberships(&admin, 1).await, before);
    }

    async fn lists_are_found_by_a_contact_that_is_on_them(service: Service) {
        let admin = service.admin();
        let mut lists = Vec::new();
        for name in ["One", "Two", "Three", "Four"] {
            lists.push(admin.create_list(name).await);
        }
        for list in &lists[..3] {
            add(&admin, list, [1]).await;
        }
        add(&admin, &lists[3], [2]).await;
        admin.archive_list(&lists[1]).await;
        admin.delete_list(&lists[2]).await;
        let found = find(&admin, with_phone(1)).await.unwrap();
        assert_eq!(names(&found.contact_lists), ["One", "Two"]);
        let id = admin.contact(&number(1)).await.contact.unwrap().id;
        assert_eq!(find(&admin, with(By::Id(id))).await.unwrap(), found);
        for (state, expected) in [(State::Active, "One"), (State::Archived, "Two"), (State::Deleted, "Three")] {
            let request = ListContactListsRequest { state: state.into(), ..with_phone(1) };
            assert_eq!(names(&find(&admin, request).await.unwrap().contact_lists), [expected]);
        }
        let by_name = ListContactListsRequest { name_prefix: Some("T".to_owned()), ..with_phone(1) };
        assert_eq!(names(&find(&admin, by_name).await.unwrap().contact_lists), ["Two"]);
    }

    async fn lists_of_an_unknown_contact_are_not_found(service: Service) {
        let admin = service.admin();
        let list = admin.create_list("One").await;
        add(&admin, &list, [1]).await;
        let id = admin.contact(&number(1)).await.contact.unwrap().id;
        let other = service.other_admin().await;
        for (caller, request) in [(&admin, with_phone(9)), (&admin, with(By::Id(unknown_id()))), (&other, with(By::Id(id)))] {
            let status = assert_refused(find(caller, request).await, Code::NotFound, "RESOURCE_NOT_FOUND");
            assert_eq!(metadata(&status, "resource_type"), "contact");
        }
        let invalid = find(&admin, with(By::Phone("+4915".to_owned()))).await;
        assert_invalid(invalid, "contact.phone", "PHONE_INVALID");
    }

    async fn the_token_of_one_contacts_lists_is_not_anothers(service: Service) {
        let admin = service.admin();
        for name in ["One", "Two"] {
            let list = admin.create_list(name).await;
            add(&admin, &list, [1, 2]).await;
        }
        let first = ListContactListsRequest { page_size: 1, ..with_phone(1) };
        let page_token = find(&admin, first.clone()).await.unwrap().next_page_token;
        let next = ListContactListsRequest { page_token: page_token.clone(), ..first };
        assert_eq!(names(&find(&admin, next).await.unwrap().contact_lists), ["Two"]);
        for wrong in [with_phone(2), ListContactListsRequest::default()] {
            let request = ListContactListsRequest { page_size: 1, page_token: page_token.clone(), ..wrong };
            assert_refused(find(&admin, request).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
        }
    }
}
