//! Steps with lists and their members.

use contact_lists::proto::{
    ContactList, ContactListContact, CreateContactListRequest, DeleteContactListRequest,
    GetContactListRequest, ListContactListContactsRequest, UpdateContactListRequest, contact_list,
};

use super::PAGE_SIZE;
use crate::Client;

impl Client {
    /// Creates a list and returns its id.
    pub async fn create_list(&self, name: &str) -> String {
        let request = CreateContactListRequest {
            name: name.to_owned(),
            color: None,
        };
        let answer = self
            .lists
            .clone()
            .create_contact_list(request)
            .await
            .expect("a list");
        answer.into_inner().contact_list.expect("the list").id
    }

    /// The list as it is now.
    pub async fn list(&self, id: &str) -> ContactList {
        let request = GetContactListRequest { id: id.to_owned() };
        let answer = self
            .lists
            .clone()
            .get_contact_list(request)
            .await
            .expect("a list");
        answer.into_inner().contact_list.expect("the list")
    }

    /// Archives a list.
    pub async fn archive_list(&self, id: &str) {
        let archived = contact_list::State::Archived.into();
        let list = ContactList {
            id: id.to_owned(),
            state: archived,
            ..ContactList::default()
        };
        let request = UpdateContactListRequest {
            contact_list: Some(list),
            update_mask: None,
        };
        self.lists
            .clone()
            .update_contact_list(request)
            .await
            .expect("an archived list");
    }

    /// Deletes a list.
    pub async fn delete_list(&self, id: &str) {
        let request = DeleteContactListRequest { id: id.to_owned() };
        self.lists
            .clone()
            .delete_contact_list(request)
            .await
            .expect("a deleted list");
    }

    /// The members of a list, in the order of their ids, read page by page.
    pub async fn members(&self, list_id: &str) -> Vec<ContactListContact> {
        let mut members = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListContactListContactsRequest {
                contact_list_id: list_id.to_owned(),
                page_size: PAGE_SIZE,
                page_token,
                ..Default::default()
            };
            let page = self
                .lists
                .clone()
                .list_contact_list_contacts(request)
                .await
                .expect("a page")
                .into_inner();
            members.extend(page.contact_list_contacts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return members;
            }
        }
    }
}

/// The members' phone numbers, sorted.
pub fn phones(members: &[ContactListContact]) -> Vec<String> {
    let contacts = members.iter().filter_map(|member| member.contact.as_ref());
    let mut phones: Vec<String> = contacts
        .filter_map(|contact| contact.phone.clone())
        .collect();
    phones.sort();
    phones
}
