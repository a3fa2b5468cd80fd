//! Steps with contacts and their preferences.

use contact_lists::proto::{
    ChannelReference, CommunicationPreference, ContactReference, GetContactRequest,
    GetContactResponse, ListCommunicationPreferencesRequest, OptInRequest, OptOutRequest,
    channel_reference, contact_reference, get_contact_request,
};

use super::PAGE_SIZE;
use crate::Client;

impl Client {
    /// The contact with this phone number, with all that belongs to it.
    pub async fn contact(&self, phone: &str) -> GetContactResponse {
        let reference = get_contact_request::Reference::Phone(phone.to_owned());
        let request = GetContactRequest {
            reference: Some(reference),
        };
        self.contacts
            .clone()
            .get_contact(request)
            .await
            .expect("a contact")
            .into_inner()
    }

    /// Opts the holder of a phone number in to channels, by their ids.
    pub async fn opt_in(&self, phone: &str, channel_ids: &[&str]) {
        let (contacts, channels) = (vec![by_phone(phone)], by_ids(channel_ids));
        let request = OptInRequest {
            contacts,
            channels,
            all_channels: false,
            ..Default::default()
        };
        self.preferences
            .clone()
            .opt_in(request)
            .await
            .expect("an opt-in");
    }

    /// Opts the holder of a phone number out of channels, by their ids.
    pub async fn opt_out(&self, phone: &str, channel_ids: &[&str]) {
        let (contacts, channels) = (vec![by_phone(phone)], by_ids(channel_ids));
        let request = OptOutRequest {
            contacts,
            channels,
            all_channels: false,
            ..Default::default()
        };
        self.preferences
            .clone()
            .opt_out(request)
            .await
            .expect("an opt-out");
    }

    /// Opts the holder of a phone number out of every channel, now and later.
    pub async fn opt_out_of_all_channels(&self, phone: &str) {
        let request = OptOutRequest {
            contacts: vec![by_phone(phone)],
            channels: vec![],
            all_channels: true,
            ..Default::default()
        };
        self.preferences
            .clone()
            .opt_out(request)
            .await
            .expect("an opt-out");
    }

    /// The first 500 preferences of the holder of a phone number, in the order of the channels' ids.
    pub async fn preferences(&self, phone: &str) -> Vec<CommunicationPreference> {
        let request = ListCommunicationPreferencesRequest {
            contact: Some(by_phone(phone)),
            page_size: PAGE_SIZE,
            page_token: String::new(),
        };
        let answer = self
            .preferences
            .clone()
            .list_communication_preferences(request)
            .await;
        answer
            .expect("preferences")
            .into_inner()
            .communication_preferences
    }

    /// The same as pairs: (channel id, opted in). An opt-out of all channels has the id "".
    pub async fn opt_states(&self, phone: &str) -> Vec<(String, bool)> {
        let preferences = self.preferences(phone).await.into_iter();
        preferences.map(|it| (it.channel_id, it.opted_in)).collect()
    }
}

fn by_phone(phone: &str) -> ContactReference {
    ContactReference {
        reference: Some(contact_reference::Reference::Phone(phone.to_owned())),
    }
}

fn by_ids(channel_ids: &[&str]) -> Vec<ChannelReference> {
    let references = channel_ids
        .iter()
        .map(|&id| channel_reference::Reference::Id(id.to_owned()));
    references
        .map(|reference| ChannelReference {
            reference: Some(reference),
        })
        .collect()
}
