//! `UpdateContactListContacts`: the stream's framing, its end, and the `request_id`.

use std::sync::Arc;

use contact_lists::proto::{
    Contact, CustomObject, ErrorReason as Reason, UpdateContactListContactsHeader as Header,
    UpdateContactListContactsRequest as Message, UpdateContactListContactsResponse as Outcome,
    contact_list::State, update_contact_list_contacts_header::Action,
};

use super::{
    Answer, CallNumber, Organization, Update, objects::refuse_unowned_properties,
    records::has_properties, refusal::Refusal,
};

impl Organization {
    /// `UpdateContactListContacts`.
    pub fn update(&mut self, when: CallNumber, messages: &[Message]) -> Answer<Outcome> {
        let header = messages
            .first()
            .and_then(|message| message.header.clone())
            .ok_or_else(|| Refusal::argument(Reason::HeaderMissing, vec![]))?;
        let recorded = self.recorded(&header).cloned();
        let is_of_revert = self.is_id_of_revert(&header);
        let is_known = recorded.is_some() || is_of_revert;
        if !is_known {
            self.check_header(&header)?;
        }
        let contacts = self.contacts_of(messages, &header, is_known)?;
        check_end(messages, &header, contacts.len())?;
        if let Some(recorded) = recorded {
            self.note("a request_id came again");
            return replay(&recorded, &header, &contacts);
        }
        if is_of_revert {
            return Err(Refusal::request_id_reused(header.request_id()));
        }
        // A call that is refused changes nothing, even where that shows only once it is applied.
        let mut after = self.clone();
        let outcome = after.apply(when, &header, &contacts)?;
        if header.validate_only {
            return Ok(outcome);
        }
        *self = after;
        let traces = std::mem::take(&mut self.traces);
        self.updates.push(Arc::new(Update {
            id: String::new(),
            traces,
            applied: when,
            header,
            contacts,
            outcome: outcome.clone(),
        }));
        Ok(outcome)
    }

    /// The update that is recorded under the call's `request_id`. A `validate_only` call does not look for one.
    fn recorded(&self, header: &Header) -> Option<&Arc<Update>> {
        let request_id = header.request_id.as_ref()?;
        let mut updates = self.updates.iter();
        updates
            .find(|it| !header.validate_only && it.header.request_id.as_ref() == Some(request_id))
    }

    /// Whether the call's `request_id` is that of a revert.
    fn is_id_of_revert(&self, header: &Header) -> bool {
        let request_id = header.request_id.as_ref();
        let request_id = request_id.filter(|_| !header.validate_only);
        let mut reverts = self.reverts.iter();
        request_id.is_some_and(|id| reverts.any(|it| it.request_id.as_ref() == Some(id)))
    }

    /// Refuses what is refused before any contact is read.
    fn check_header(&self, header: &Header) -> Answer<()> {
        let list = self.list(&header.contact_list_id)?;
        if list.wire.state() != State::Active {
            return Err(Refusal::not_active(&header.contact_list_id));
        }
        if let Some(expected) = header.expected_version
            && expected != list.wire.version
        {
            return Err(Refusal::version(&list.wire, expected));
        }
        self.channels_of(&header.opt_in_to)?;
        self.object_of(header).map(drop)
    }

    /// The custom object that the contacts' properties belong to.
    pub fn object_of(&self, header: &Header) -> Answer<Option<&CustomObject>> {
        let (id, key) = (&header.custom_object_id, &header.custom_object_key);
        self.object(id.as_deref(), key.as_deref())
    }

    /// The contacts of all messages, if the framing is right.
    fn contacts_of(
        &self,
        messages: &[Message],
        header: &Header,
        is_replay: bool,
    ) -> Answer<Vec<Contact>> {
        let at = |reason, index: usize| {
            Err(Refusal::argument(
                reason,
                vec![("message_index", index.to_string())],
            ))
        };
        let mut contacts = Vec::new();
        let mut has_ended = false;
        for (index, message) in messages.iter().enumerate() {
            if *message == Message::default() {
                continue;
            }
            if has_ended {
                return at(Reason::MessageAfterFooter, index);
            }
            if index > 0 && message.header.is_some() {
                return at(Reason::HeaderRepeated, index);
            }
            if !is_replay && message.contacts.iter().any(has_properties) {
                refuse_unowned_properties(self.object_of(header)?)?;
            }
            contacts.extend(message.contacts.iter().cloned());
            has_ended = message.footer.is_some();
        }
        Ok(contacts)
    }
}

/// The footer must have the number of contacts; an overwrite must have a footer.
fn check_end(messages: &[Message], header: &Header, received: usize) -> Answer<()> {
    let footer = messages.iter().find_map(|message| message.footer.as_ref());
    let is_complete = match footer {
        Some(footer) => footer.contact_count as usize == received,
        None => header.action() != Action::Overwrite,
    };
    if !is_complete {
        let metadata = vec![("received_count", received.to_string())];
        return Err(Refusal::argument(Reason::StreamIncomplete, metadata));
    }
    let may_be_empty = header.allow_empty && header.action() == Action::Overwrite;
    if received == 0 && !may_be_empty {
        return Err(Refusal::argument(Reason::NoContacts, vec![]));
    }
    Ok(())
}

/// Returns the recorded answer to the same input, and refuses other input.
fn replay(recorded: &Update, header: &Header, contacts: &[Contact]) -> Answer<Outcome> {
    if (&recorded.header, recorded.contacts.as_slice()) == (header, contacts) {
        return Ok(Outcome {
            replayed: true,
            ..recorded.outcome.clone()
        });
    }
    Err(Refusal::request_id_reused(header.request_id()))
}
