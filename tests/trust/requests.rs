//! The tests' calls as requests on the wire, which the service and the reference model both take.

use contact_lists::proto::{
    ChannelReference, Consent, ContactList, ContactReference, CreateChannelRequest,
    CreateContactListRequest, CreateCustomObjectRequest, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsRequest as Message, UpdateContactListRequest, UpdateContactRequest,
    channel, channel_reference, contact_list::State, contact_reference, custom_property::Type,
    update_contact_list_contacts_header::RejectionPolicy,
};
use prost_types::Timestamp;
use test_support::{messages, property};

use crate::{
    calls::{Number, OptIns, Update},
    id_map::IdMap,
    values::{PROPERTY, channel_phone, contact, contact_with, phone, request_id},
};

impl IdMap {
    /// `CreateContactList`.
    pub fn create_list(&self, list: u8) -> CreateContactListRequest {
        CreateContactListRequest {
            name: format!("List {list}"),
            color: None,
        }
    }

    /// `CreateCustomObject`.
    pub fn create_object(&self) -> CreateCustomObjectRequest {
        CreateCustomObjectRequest {
            key: "customer".to_owned(),
            label: "customer".to_owned(),
            properties: vec![property(PROPERTY, Type::Text)],
        }
    }

    /// `CreateChannel`.
    pub fn create_channel(&self, channel: u8) -> CreateChannelRequest {
        CreateChannelRequest {
            name: format!("Channel {channel}"),
            r#type: channel::Type::Phone.into(),
            phone: Some(channel_phone(channel)),
        }
    }

    /// `UpdateContactList`.
    pub fn archive_list(&self, list: u8, archived: bool) -> UpdateContactListRequest {
        let state = if archived {
            State::Archived
        } else {
            State::Active
        };
        let list = ContactList {
            id: self.list(list).to_owned(),
            state: state.into(),
            ..ContactList::default()
        };
        UpdateContactListRequest {
            contact_list: Some(list),
            update_mask: None,
        }
    }

    /// `UpdateContact`.
    pub fn update_contact(
        &self,
        id: String,
        number: Option<Number>,
        external_id: Option<u32>,
        name: Option<u32>,
    ) -> UpdateContactRequest {
        let mut contact = contact_with(number, external_id.map(Some), name);
        contact.id = id;
        UpdateContactRequest {
            contact: Some(contact),
            ..UpdateContactRequest::default()
        }
    }

    /// References to contacts by their numbers.
    pub fn contact_references(&self, numbers: &[Number]) -> Vec<ContactReference> {
        let references = numbers
            .iter()
            .map(|number| contact_reference::Reference::Phone(phone(*number)));
        references
            .map(|reference| ContactReference {
                reference: Some(reference),
            })
            .collect()
    }

    /// References to channels.
    pub fn channel_references(&self, channels: &[u8]) -> Vec<ChannelReference> {
        let reference = |channel: &u8| {
            if self.first_channels().contains(channel) {
                channel_reference::Reference::Id(self.channel(*channel))
            } else {
                channel_reference::Reference::Phone(channel_phone(*channel))
            }
        };
        let references = channels.iter().map(reference);
        references
            .map(|reference| ChannelReference {
                reference: Some(reference),
            })
            .collect()
    }

    /// `UpdateContactListContacts`.
    pub fn messages(&self, update: &Update) -> Vec<Message> {
        let contacts = update.contacts.iter().map(contact).collect();
        let mut messages = messages(self.header(update), contacts);
        // In a message before the contacts, so that something can happen between the service's first look at the list and
        // its last.
        let header = messages[0].header.take();
        let first = Message {
            header,
            ..Message::default()
        };
        messages.insert(0, first);
        messages
    }

    fn header(&self, update: &Update) -> Header {
        let mut header = Header {
            contact_list_id: self.list(update.list).to_owned(),
            action: update.action.into(),
            resubscribe: update.resubscribe,
            validate_only: update.validate_only,
            request_id: update.request.map(|it| request_id(it).to_string()),
            consent: update.resubscribe.then(|| Consent {
                collect_time: Some(Timestamp {
                    seconds: update.collect_seconds,
                    nanos: 0,
                }),
                ..Consent::default()
            }),
            ..Header::default()
        };
        if update.skip {
            header.set_rejection_policy(RejectionPolicy::Skip);
        }
        match &update.opt_ins {
            OptIns::None => header.opt_in_to_all_channels = Some(false),
            OptIns::All => {}
            OptIns::To(channels) => header.opt_in_to = self.channel_references(channels),
        }
        header
    }
}
