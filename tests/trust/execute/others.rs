//! All calls but the main one.

use contact_lists::proto::{
    Contact as WireContact, DeleteChannelRequest, DeleteContactListRequest, DeleteContactRequest,
    GetContactListRequest, GetContactRequest, GetContactResponse, ListContactListContactsRequest,
    OptInRequest, OptOutContactsHeader, OptOutRequest, get_contact_request::Reference,
};
use test_support::{Client, json_of, model::Pairs, opted_out, phones};
use tonic::Status;

use crate::{
    answers::Answer,
    calls::{Call, ContactRef, Number},
    id_map::IdMap,
    snapshot::Contact,
    values::{PROPERTY, digits, number_of, phone},
};

impl IdMap {
    pub(super) async fn other(&self, caller: &Client, call: &Call) -> Result<Answer, Status> {
        match call {
            Call::Update(_) | Call::Revert(_) | Call::ReadUpdate(_) => {
                unreachable!("calls with an outcome")
            }
            Call::ArchiveList { list, archived } => {
                let request = self.archive_list(*list, *archived);
                caller.lists.clone().update_contact_list(request).await?;
            }
            Call::DeleteList(list) => {
                let id = self.list(*list).to_owned();
                let request = DeleteContactListRequest { id };
                caller.lists.clone().delete_contact_list(request).await?;
            }
            Call::DeleteContact(contact) => {
                let id = self.id_of(caller, *contact).await?;
                let request = DeleteContactRequest { id };
                caller.contacts.clone().delete_contact(request).await?;
            }
            Call::UpdateContact {
                contact,
                number,
                external_id,
                name,
            } => {
                let id = self.id_of(caller, *contact).await?;
                let request = self.update_contact(id, *number, *external_id, *name);
                caller.contacts.clone().update_contact(request).await?;
            }
            Call::ChangePreferences {
                numbers,
                channels,
                opt_in,
            } => {
                let pairs = self.change_preferences(caller, numbers, channels, *opt_in);
                return Ok(Answer::Preferences(pairs.await?));
            }
            Call::CreateChannel(channel) => self.make_channel(caller, *channel).await?,
            Call::DeleteChannel(channel) => {
                let id = self.channel(*channel);
                let request = DeleteChannelRequest { id };
                caller.channels.clone().delete_channel(request).await?;
            }
            Call::ReadMembers(list) => return self.read_members(caller, *list).await,
            Call::ReadList(list) => return self.read_list(caller, *list).await,
            Call::ReadContact(number) => {
                let found = get_contact(caller, *number).await?;
                return Ok(self.contact(found));
            }
        }
        Ok(Answer::Done)
    }

    async fn id_of(&self, caller: &Client, contact: ContactRef) -> Result<String, Status> {
        match contact {
            ContactRef::Known(known) => Ok(self.known[known as usize].clone()),
            ContactRef::Holder(number) => {
                let found = get_contact(caller, number).await?.contact;
                Ok(found.expect("a contact").id)
            }
        }
    }

    async fn change_preferences(
        &self,
        caller: &Client,
        numbers: &[Number],
        channels: &[u8],
        opt_in: bool,
    ) -> Result<Pairs, Status> {
        let contacts = self.contact_references(numbers);
        let channels = self.channel_references(channels);
        let mut preferences = caller.preferences.clone();
        if channels.len() == 1 && !opt_in {
            // With one channel, both calls know all channels or fail.
            let header = OptOutContactsHeader {
                channels,
                ..OptOutContactsHeader::default()
            };
            let contacts = numbers.iter().map(|number| opted_out(&phone(*number)));
            let outcome = caller.opt_out_contacts(header, contacts.collect()).await?;
            return Ok(outcome.into());
        }
        if opt_in {
            let request = OptInRequest {
                contacts,
                channels,
                all_channels: false,
                ..Default::default()
            };
            Ok(preferences.opt_in(request).await?.into_inner().into())
        } else {
            let request = OptOutRequest {
                contacts,
                channels,
                all_channels: false,
                ..Default::default()
            };
            Ok(preferences.opt_out(request).await?.into_inner().into())
        }
    }

    /// Reads one page, so as of one instant.
    async fn read_members(&self, caller: &Client, list: u8) -> Result<Answer, Status> {
        let request = ListContactListContactsRequest {
            contact_list_id: self.list(list).to_owned(),
            page_size: 500,
            ..ListContactListContactsRequest::default()
        };
        let mut lists = caller.lists.clone();
        let page = lists
            .list_contact_list_contacts(request)
            .await?
            .into_inner();
        assert_eq!(page.next_page_token, "", "the members fit on a page");
        let phones = phones(&page.contact_list_contacts);
        let numbers = phones.iter().map(|phone| number_of(phone));
        Ok(Answer::Members(numbers.collect()))
    }

    async fn read_list(&self, caller: &Client, list: u8) -> Result<Answer, Status> {
        let id = self.list(list).to_owned();
        let request = GetContactListRequest { id };
        let answer = caller.lists.clone().get_contact_list(request).await?;
        let list = answer.into_inner().contact_list.expect("the list");
        Ok(Answer::List {
            state: list.state(),
            contact_count: list.contact_count,
        })
    }

    fn contact(&self, found: GetContactResponse) -> Answer {
        let WireContact {
            id,
            phone,
            external_id,
            name,
            properties,
            ..
        } = found.contact.expect("the contact");
        let plan = properties.map(|it| json_of(&it)[PROPERTY].clone());
        let lists = found.contact_lists.iter();
        let preferences = found.communication_preferences.iter();
        let contact = Contact {
            known: self.known_of(&id),
            external_id: external_id.as_deref().map(digits),
            name: name.as_deref().map(digits),
            plan: plan.and_then(|plan| plan.as_str().map(digits)),
            lists: lists.map(|list| self.list_of(&list.id)).collect(),
            preferences: preferences
                .map(|it| (self.channel_of(&it.channel_id), it.opted_in))
                .collect(),
        };
        Answer::Contact(number_of(&phone.expect("a number")), contact)
    }
}

async fn get_contact(caller: &Client, number: Number) -> Result<GetContactResponse, Status> {
    let request = GetContactRequest {
        reference: Some(Reference::Phone(phone(number))),
    };
    let answer = caller.contacts.clone().get_contact(request).await?;
    Ok(answer.into_inner())
}
