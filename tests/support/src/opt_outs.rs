//! Builders for `OptOutContacts`: its header, its contacts, its stream, and calls that send it.

use contact_lists::proto::{
    ChannelReference, Consent, OptOutContact, OptOutContactsFooter as Footer,
    OptOutContactsHeader as Header, OptOutContactsRequest as Message,
    OptOutContactsResponse as Outcome, channel_reference, opt_out_contact::Reference,
    update_contact_list_contacts_header::RejectionPolicy,
};
use tonic::Status;

use super::Client;

/// How many contacts a message of [`opt_out_messages`] carries.
const MESSAGE_CONTACTS: usize = 100;

/// A header for these channels, by their ids; for all channels, if there are none.
pub fn opt_out_header(channel_ids: &[&str]) -> Header {
    let id = |id: &&str| ChannelReference {
        reference: Some(channel_reference::Reference::Id((*id).to_owned())),
    };
    Header {
        channels: channel_ids.iter().map(id).collect(),
        all_channels: channel_ids.is_empty(),
        ..Header::default()
    }
}

/// Fills a header: `opt_out_header(&[]).skip_rejected()`.
pub trait OptOutHeaderExt {
    /// Applies the good contacts and reports the bad ones.
    fn skip_rejected(self) -> Self;

    /// Makes the call idempotent.
    fn identified(self, request_id: &str) -> Self;

    /// Says how the people said so.
    fn consented(self, consent: Consent) -> Self;
}

impl OptOutHeaderExt for Header {
    fn skip_rejected(mut self) -> Self {
        self.set_rejection_policy(RejectionPolicy::Skip);
        self
    }

    fn identified(mut self, request_id: &str) -> Self {
        self.request_id = Some(request_id.to_owned());
        self
    }

    fn consented(mut self, consent: Consent) -> Self {
        self.consent = Some(consent);
        self
    }
}

/// Someone to opt out: a UUID is an id, what begins with a + is a phone, and all else an external_id.
pub fn opted_out(name: &str) -> OptOutContact {
    let reference = if name.parse::<uuid::Uuid>().is_ok() {
        Reference::Id(name.to_owned())
    } else if name.starts_with('+') {
        Reference::Phone(name.to_owned())
    } else {
        Reference::ExternalId(name.to_owned())
    };
    OptOutContact {
        reference: Some(reference),
        consent: None,
    }
}

/// Someone to opt out, who said so.
pub fn opted_out_by(name: &str, consent: Consent) -> OptOutContact {
    OptOutContact {
        consent: Some(consent),
        ..opted_out(name)
    }
}

/// A whole stream: the header in the first message, the contacts by the hundred, and a true footer in the last.
pub fn opt_out_messages(header: Header, contacts: Vec<OptOutContact>) -> Vec<Message> {
    let footer = Footer {
        contact_count: contacts.len().try_into().expect("a count of contacts"),
    };
    let mut messages = vec![Message {
        header: Some(header),
        ..Message::default()
    }];
    messages.extend(contacts.chunks(MESSAGE_CONTACTS).map(|chunk| Message {
        contacts: chunk.to_vec(),
        ..Message::default()
    }));
    let last = messages.len() - 1;
    messages[last].footer = Some(footer);
    messages
}

impl Client {
    /// Sends a whole stream of these contacts.
    pub async fn opt_out_contacts(
        &self,
        header: Header,
        contacts: Vec<OptOutContact>,
    ) -> Result<Outcome, Status> {
        self.send_opt_outs(opt_out_messages(header, contacts)).await
    }

    /// Sends a stream as it is. Every answer is checked for what holds for all: each contact has exactly one outcome.
    pub async fn send_opt_outs(&self, messages: Vec<Message>) -> Result<Outcome, Status> {
        let stream = tokio_stream::iter(messages);
        let answer = self.preferences.clone().opt_out_contacts(stream).await?;
        let outcome = answer.into_inner();
        let outcomes = [
            outcome.opted_out_count,
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
}
