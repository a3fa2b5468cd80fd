//! What the reading calls answer, as the model says it.

use super::*;

impl World {
    /// On one page, so as of one instant.
    pub(super) async fn members(&self, caller: &Client, list: u8) -> Result<Answer, Status> {
        let request = contact_lists::proto::ListContactListContactsRequest {
            contact_list_id: self.list(list),
            page_size: 500,
            ..Default::default()
        };
        let page = caller
            .lists
            .clone()
            .list_contact_list_contacts(request)
            .await?
            .into_inner();
        assert_eq!(page.next_page_token, "", "the members don't fit on a page");
        let phones = phones(&page.contact_list_contacts);
        Ok(Answer::Members(
            phones.iter().map(|phone| number_of(phone)).collect(),
        ))
    }

    pub(super) async fn read_list(&self, caller: &Client, list: u8) -> Result<Answer, Status> {
        let request = GetContactListRequest {
            id: self.list(list),
        };
        let answer = caller
            .lists
            .clone()
            .get_contact_list(request)
            .await?
            .into_inner();
        let list = answer.contact_list.expect("the list");
        let state = match list.state() {
            contact_list::State::Active => ListState::Active,
            contact_list::State::Archived => ListState::Archived,
            contact_list::State::Deleted => ListState::Deleted,
            contact_list::State::Unspecified => panic!("a list without a state"),
        };
        Ok(Answer::List {
            state,
            contact_count: list.contact_count,
        })
    }

    pub(super) fn view(&self, person: GetContactResponse) -> View {
        let contact = person.contact.expect("the contact");
        let lists = person
            .contact_lists
            .iter()
            .map(|list| self.list_number(&list.id));
        let preferences = person.communication_preferences.iter();
        View {
            number: number_of(contact.phone.as_deref().expect("a phone")),
            external_id: contact.external_id.as_deref().map(digits),
            name: contact.name.as_deref().map(digits),
            plan: contact
                .properties
                .as_ref()
                .and_then(|it| json_of(it).get(PROPERTY)?.as_str().map(digits)),
            lists: lists.collect(),
            preferences: preferences
                .map(|it| (self.channel_number(&it.channel_id), it.opted_in))
                .collect(),
        }
    }
}
