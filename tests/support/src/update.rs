//! Builders for the main call: its header, its stream, and calls that send it.

use contact_lists::proto::{
    ChannelReference, Consent, Contact, ContactListUpdate, GetContactListUpdateRequest,
    UpdateContactListContactsFooter as Footer, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsRequest as Message, UpdateContactListContactsResponse as Outcome,
    channel_reference::Reference,
    get_contact_list_update_request::Reference as UpdateReference,
    update_contact_list_contacts_header::{Action, RejectionPolicy},
};
use tonic::Status;

use super::Client;

/// How many contacts a message of [`messages`] carries.
const MESSAGE_CONTACTS: usize = 100;

/// A header for a list, with no action yet.
pub fn header(contact_list_id: &str) -> Header {
    Header {
        contact_list_id: contact_list_id.to_owned(),
        ..Header::default()
    }
}

/// Fills a header: `header(&list).overwrite().skip()`.
pub trait HeaderExt: Sized {
    /// The header, to be changed.
    fn change(self, change: impl FnOnce(&mut Header)) -> Header;

    /// The contacts become members.
    fn add(self) -> Header {
        self.change(|header| header.set_action(Action::Add))
    }

    /// The contacts stop being members.
    fn remove(self) -> Header {
        self.change(|header| header.set_action(Action::Remove))
    }

    /// The contacts become the only members.
    fn overwrite(self) -> Header {
        self.change(|header| header.set_action(Action::Overwrite))
    }

    /// Applies the good contacts and reports the bad ones.
    fn skip(self) -> Header {
        self.change(|header| header.set_rejection_policy(RejectionPolicy::Skip))
    }

    /// Makes the call idempotent.
    fn request_id(self, id: &str) -> Header {
        self.change(|header| header.request_id = Some(id.to_owned()))
    }

    /// Does everything but commit.
    fn validate_only(self) -> Header {
        self.change(|header| header.validate_only = true)
    }

    /// Opts contacts back in that have opted out.
    fn resubscribe(self) -> Header {
        self.change(|header| header.resubscribe = true)
    }

    /// Opts in to these channels only, by their ids, and to those of further calls of this.
    fn opt_in_to<'a>(self, ids: impl IntoIterator<Item = &'a str>) -> Header {
        let ids = ids.into_iter().map(|id| Reference::Id(id.to_owned()));
        self.change(|header| header.opt_in_to.extend(ids.map(channel)))
    }

    /// The same, by the channels' phone numbers.
    fn opt_in_to_phones<'a>(self, phones: impl IntoIterator<Item = &'a str>) -> Header {
        let phones = phones
            .into_iter()
            .map(|phone| Reference::Phone(phone.to_owned()));
        self.change(|header| header.opt_in_to.extend(phones.map(channel)))
    }

    /// Opts no contact in.
    fn no_opt_ins(self) -> Header {
        self.change(|header| header.opt_in_to_all_channels = Some(false))
    }

    /// Says how the contacts said that they want messages.
    fn consent(self, consent: Consent) -> Header {
        self.change(|header| header.consent = Some(consent))
    }

    /// Says which custom object the properties belong to.
    fn custom_object(self, id: &str) -> Header {
        self.change(|header| header.custom_object_id = Some(id.to_owned()))
    }

    /// The same, by the object's key.
    fn custom_object_key(self, key: &str) -> Header {
        self.change(|header| header.custom_object_key = Some(key.to_owned()))
    }

    /// Fails if the list has another version.
    fn expected_version(self, version: i64) -> Header {
        self.change(|header| header.expected_version = Some(version))
    }

    /// Fails if more members than this would leave the list.
    fn max_removed_count(self, count: i64) -> Header {
        self.change(|header| header.max_removed_count = Some(count))
    }

    /// The same, in percent of the members.
    fn max_removed_percent(self, percent: f64) -> Header {
        self.change(|header| header.max_removed_percent = Some(percent))
    }
}

impl HeaderExt for Header {
    fn change(mut self, change: impl FnOnce(&mut Header)) -> Header {
        change(&mut self);
        self
    }
}

fn channel(reference: Reference) -> ChannelReference {
    ChannelReference {
        reference: Some(reference),
    }
}

/// A whole stream: the header in the first message, the contacts by the hundred, and a true footer in the last.
pub fn messages(header: Header, contacts: Vec<Contact>) -> Vec<Message> {
    let footer = Footer {
        contact_count: contacts.len().try_into().expect("a count of contacts"),
    };
    let mut messages: Vec<Message> = contacts
        .chunks(MESSAGE_CONTACTS)
        .map(|chunk| Message {
            contacts: chunk.to_vec(),
            ..Message::default()
        })
        .collect();
    if messages.is_empty() {
        messages.push(Message::default());
    }
    let last = messages.len() - 1;
    messages[0].header = Some(header);
    messages[last].footer = Some(footer);
    messages
}

impl Client {
    /// Sends a whole stream of these contacts.
    pub async fn update(&self, header: Header, contacts: Vec<Contact>) -> Result<Outcome, Status> {
        self.send(messages(header, contacts)).await
    }

    /// Sends a stream as it is. Every answer is checked for what holds for all: each contact has exactly one outcome.
    pub async fn send(&self, messages: Vec<Message>) -> Result<Outcome, Status> {
        let stream = tokio_stream::iter(messages);
        let outcome = self
            .lists
            .clone()
            .update_contact_list_contacts(stream)
            .await?
            .into_inner();
        let outcomes = [
            outcome.created_count,
            outcome.updated_count,
            outcome.unchanged_count,
            outcome.duplicate_count,
            outcome.rejected_count,
        ];
        assert_eq!(
            outcomes.iter().sum::<i32>(),
            outcome.received_count,
            "the outcomes add up: {outcome:?}"
        );
        Ok(outcome)
    }

    /// The recorded update that a reference names.
    pub async fn recorded_update(
        &self,
        reference: UpdateReference,
    ) -> Result<ContactListUpdate, Status> {
        let request = GetContactListUpdateRequest {
            reference: Some(reference),
        };
        let answer = self.lists.clone().get_contact_list_update(request).await?;
        Ok(answer.into_inner().contact_list_update.expect("the update"))
    }
}
