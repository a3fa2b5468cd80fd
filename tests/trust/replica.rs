//! The reference model of the rules as a replica of an organization of the tests.

use std::sync::Arc;

use contact_lists::proto::{RevertContactListUpdateRequest, contact_list::State};
use prost::Message;
use test_support::model::{self, CallNumber, Organization, Refusal};

use crate::{
    answers::{Answer, Updated},
    calls::{Call, ContactRef, Number, Revert, Update},
    id_map::IdMap,
    snapshot::{Contact, Snapshot},
    values::{number_of, phone, request_id},
};

/// An organization of the reference model, to which the tests apply their calls.
#[derive(Clone)]
pub struct Replica {
    organization: Organization,
    call_count: CallNumber,
}

/// All of a replica that the answers to later calls depend on.
#[derive(PartialEq, Eq, Hash)]
pub struct Fingerprint {
    snapshot: Snapshot,
    /// The versions of the lists.
    versions: Vec<i64>,
    /// The headers and outcomes of the updates that can be replayed.
    recorded: Vec<[Vec<u8>; 2]>,
}

impl Replica {
    /// A replica of an organization in which only the id map's lists, channels and custom object were created.
    pub fn new(ids: &IdMap) -> Self {
        let mut organization = Organization::new(false, None);
        for (list, id) in (0..).zip(&ids.lists) {
            let created = organization.create_list(0, &ids.create_list(list));
            created.expect("a list with a name of its own");
            let list = organization.lists.last_mut().expect("the new list");
            list.wire.id.clone_from(id);
        }
        let created = organization.create_object(&ids.create_object());
        created.expect("the only custom object");
        organization.objects[0].id.clone_from(&ids.object);
        let mut replica = Self {
            organization,
            call_count: 0,
        };
        for channel in ids.first_channels() {
            replica.call(ids, &Call::CreateChannel(channel));
        }
        replica
    }

    /// Makes a call, and returns what the service should.
    pub fn call(&mut self, ids: &IdMap, call: &Call) -> Answer {
        self.call_count += 1;
        let answer = self.try_call(ids, call);
        answer.unwrap_or_else(|refusal| Answer::Refused(refusal.into()))
    }

    fn try_call(&mut self, ids: &IdMap, call: &Call) -> model::Answer<Answer> {
        let (organization, now) = (&mut self.organization, self.call_count);
        match call {
            Call::Update(update) => self.update(ids, update).map(Answer::Updated),
            Call::Revert(revert) => self.revert(*revert),
            Call::ArchiveList { list, archived } => {
                let request = ids.archive_list(*list, *archived);
                organization.update_list(now, &request).map(done)
            }
            Call::DeleteList(list) => organization.delete_list(now, ids.list(*list)).map(done),
            Call::DeleteContact(contact) => {
                let id = self.id_of(ids, *contact)?;
                self.organization.delete_contact(&id).map(done)
            }
            Call::UpdateContact {
                contact,
                number,
                external_id,
                name,
            } => {
                let id = self.id_of(ids, *contact)?;
                let request = ids.update_contact(id, *number, *external_id, *name);
                self.organization.update_contact(now, &request).map(done)
            }
            Call::ChangePreferences {
                numbers,
                channels,
                opt_in,
            } => {
                let contacts = ids.contact_references(numbers);
                let channels = ids.channel_references(channels);
                let pairs = organization.change_preferences(
                    now,
                    *opt_in,
                    (&contacts, Some(&channels)),
                    None,
                );
                pairs.map(Answer::Preferences)
            }
            Call::CreateChannel(channel) => {
                organization.create_channel(now, &ids.create_channel(*channel))?;
                let created = organization.channels.last_mut().expect("the new channel");
                created.wire.id = ids.channel(*channel);
                Ok(Answer::Done)
            }
            Call::DeleteChannel(channel) => organization
                .delete_channel(&ids.channel(*channel))
                .map(done),
            Call::ReadMembers(list) => Ok(Answer::Members(self.members(ids, *list).collect())),
            Call::ReadList(list) => {
                let list = &organization.list(ids.list(*list))?.wire;
                Ok(Answer::List {
                    state: list.state(),
                    contact_count: list.contact_count,
                })
            }
            Call::ReadContact(number) => self.contact(ids, *number),
            Call::ReadUpdate(request) => self.recorded(*request),
        }
    }

    fn update(&mut self, ids: &IdMap, update: &Update) -> model::Answer<Updated> {
        let messages = ids.messages(update);
        let outcome = self.organization.update(self.call_count, &messages)?;
        // At the service a revert names the update by its id, which is found by this.
        if let Some(last) = self.organization.updates.last_mut() {
            let request_id = last.header.request_id.clone();
            Arc::make_mut(last).id = request_id.unwrap_or_default();
        }
        Ok(Updated::new(outcome, !update.validate_only))
    }

    fn revert(&mut self, revert: Revert) -> model::Answer<Answer> {
        let request = RevertContactListUpdateRequest {
            update_id: request_id(revert.update).to_string(),
            request_id: Some(request_id(revert.request).to_string()),
            validate_only: false,
        };
        let answer = self.organization.revert(self.call_count, &request)?;
        if let Some(last) = self.organization.reverts.last_mut() {
            last.id = last.request_id.clone().unwrap_or_default();
        }
        Ok(Answer::Reverted(answer))
    }

    /// The id of a contact. One that no call has read gets an id that is only the replica's.
    fn id_of(&mut self, ids: &IdMap, contact: ContactRef) -> model::Answer<String> {
        let number = match contact {
            ContactRef::Known(known) => return Ok(ids.known[known as usize].clone()),
            ContactRef::Holder(number) => phone(number),
        };
        let key = self.organization.by_phone(&number);
        let key = key.ok_or_else(|| Refusal::not_found("contact", &number))?;
        let contacts = &mut self.organization.contacts;
        let contact = contacts.get_mut(&key).expect("the holder of the number");
        let id = contact.id.get_or_insert_with(|| format!("contact {key}"));
        Ok(id.clone())
    }

    /// Gives the contact with this number the id that the service has for it.
    pub fn set_id(&mut self, number: Number, id: &str) {
        let key = self
            .organization
            .by_phone(&phone(number))
            .expect("a contact");
        let contacts = &mut self.organization.contacts;
        contacts.get_mut(&key).expect("the contact").id = Some(id.to_owned());
    }

    fn contact(&self, ids: &IdMap, number: Number) -> model::Answer<Answer> {
        let key = self.organization.by_phone(&phone(number));
        let key = key.ok_or_else(|| Refusal::not_found("contact", &phone(number)))?;
        let (number, mut contact) = Contact::of(&self.organization, key, ids);
        contact.lists.retain(|list| {
            let list = self.organization.list(ids.list(*list));
            list.is_ok_and(|list| list.wire.state() != State::Deleted)
        });
        Ok(Answer::Contact(number, contact))
    }

    fn recorded(&self, request: u32) -> model::Answer<Answer> {
        let request_id = request_id(request).to_string();
        let mut reverts = self.organization.reverts.iter();
        if let Some(revert) = reverts.find(|it| it.request_id.as_ref() == Some(&request_id)) {
            return Ok(Answer::Reverted(revert.answer.clone()));
        }
        let mut updates = self.organization.updates.iter();
        let update = updates.find(|it| it.header.request_id.as_ref() == Some(&request_id));
        let update =
            update.ok_or_else(|| Refusal::not_found("contact_list_update", &request_id))?;
        Ok(Answer::Updated(Updated::new(update.outcome.clone(), true)))
    }

    /// The numbers of a list's members.
    pub fn members(&self, ids: &IdMap, list: u8) -> impl Iterator<Item = Number> {
        let list = self.organization.list(ids.list(list)).expect("a list");
        let contacts = list
            .members
            .keys()
            .map(|key| &self.organization.contacts[key]);
        contacts.map(|contact| number_of(contact.wire.phone()))
    }

    /// All but the recorded updates.
    pub fn snapshot(&self, ids: &IdMap) -> Snapshot {
        Snapshot::of(&self.organization, ids)
    }

    /// The same for replicas between which no later call can tell.
    pub fn fingerprint(&self, ids: &IdMap) -> Fingerprint {
        let updates = self.organization.updates.iter();
        let recorded = updates.filter(|update| update.header.request_id.is_some());
        Fingerprint {
            snapshot: self.snapshot(ids),
            versions: (self.organization.lists.iter())
                .map(|list| list.wire.version)
                .collect(),
            recorded: recorded
                .map(|it| [it.header.encode_to_vec(), it.outcome.encode_to_vec()])
                .collect(),
        }
    }

    /// Forgets the recorded updates and reverts, which would fill the memory in a long run: for a test that repeats and
    /// reverts none of them on the replica any more.
    pub fn forget_updates(&mut self) {
        self.organization.updates.clear();
        self.organization.reverts.clear();
        let contacts = self.organization.contacts.values_mut();
        contacts.for_each(|contact| contact.changes.clear());
    }
}

fn done<T>(_: T) -> Answer {
    Answer::Done
}
