//! Reads all that an organization has, and compares it with the model.

mod updates;

use std::collections::BTreeMap;

use contact_lists::proto::{
    CommunicationPreference, Consent, Contact as WireContact, ContactList, CustomObjectRecord,
    GetContactListRequest, GetContactRequest, GetContactResponse, ListChannelsRequest,
    ListContactListContactsRequest, ListContactListsRequest, ListContactsRequest,
    ListCustomObjectsRequest, contact_list::State as ListState, get_contact_request,
};
use test_support::model::{ContactKey, List, OptState, Preferences, Word};

use crate::{compare::same, replica::Replica};

/// No sequence creates more resources of one kind.
const PAGE_SIZE: i32 = 500;

pub type Checked = Result<(), String>;

impl Replica {
    /// Reads everything and compares it.
    pub async fn check_all_reads(&mut self) -> Checked {
        self.check_channels().await?;
        self.check_objects().await?;
        self.check_contacts().await?;
        self.check_lists().await?;
        self.check_single_contacts().await?;
        self.check_updates().await
    }

    async fn check_channels(&mut self) -> Checked {
        let request = ListChannelsRequest {
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let answer = self.client.channels.clone().list_channels(request).await;
        let mut found = answer.map_err(unexpected)?.into_inner().channels;
        for (channel, model) in found.iter_mut().zip(&self.model.channels) {
            let (created, changed) = (channel.create_time.take(), channel.update_time.take());
            self.clock
                .check(model.created, created.as_ref(), "a channel")?;
            self.clock
                .check(model.changed, changed.as_ref(), "a changed channel")?;
        }
        let expected = self.model.channels.iter().map(|it| it.wire.clone());
        same("ListChannels", &found, &expected.collect())
    }

    async fn check_objects(&mut self) -> Checked {
        let request = ListCustomObjectsRequest {
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let answer = self
            .client
            .objects
            .clone()
            .list_custom_objects(request)
            .await;
        let mut found = answer.map_err(unexpected)?.into_inner().custom_objects;
        for object in &mut found {
            object.create_time = None;
        }
        same("ListCustomObjects", &found, &self.model.shown_objects())
    }

    /// `ListContacts`. Learns the contacts' ids.
    async fn check_contacts(&mut self) -> Checked {
        let request = ListContactsRequest {
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let answer = self.client.contacts.clone().list_contacts(request).await;
        let found = answer.map_err(unexpected)?.into_inner().contacts;
        same(
            "the number of contacts",
            &found.len(),
            &self.model.contacts.len(),
        )?;
        for contact in &found {
            let phone = contact.phone.as_deref().unwrap_or_default();
            let key = self.model.by_phone(phone);
            let key = key.ok_or_else(|| format!("an unexpected contact: {contact:?}"))?;
            self.learn_id(key, &contact.id)?;
            self.check_contact("ListContacts", key, contact)?;
        }
        Ok(())
    }

    /// Compares a contact as a read shows it, with the properties of the default custom object.
    fn check_contact(&mut self, what: &str, key: ContactKey, found: &WireContact) -> Checked {
        let contact = &self.model.contacts[&key];
        let (created, changed) = (contact.created, contact.changed);
        let expected = WireContact {
            id: contact.id.clone().unwrap_or_default(),
            create_time: found.create_time,
            update_time: found.update_time,
            properties: (self.model.default_object())
                .and_then(|object| contact.records.get(&object.id).cloned()),
            ..contact.wire.clone()
        };
        same(what, found, &expected)?;
        self.clock
            .check(created, found.create_time.as_ref(), "a contact")?;
        let what = format!("the update_time of {}", found.phone());
        self.clock.check(changed, found.update_time.as_ref(), &what)
    }

    async fn check_lists(&mut self) -> Checked {
        let request = ListContactListsRequest {
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let answer = self.client.lists.clone().list_contact_lists(request).await;
        let found = answer.map_err(unexpected)?.into_inner().contact_lists;
        let lists = self.model.lists.clone();
        let expected: Vec<_> = lists.iter().filter(|it| exists(it)).collect();
        same("the number of lists", &found.len(), &expected.len())?;
        for (found, list) in found.into_iter().zip(expected) {
            self.check_list("ListContactLists", found, list)?;
        }
        for list in &lists {
            if !exists(list) {
                let id = list.wire.id.clone();
                let request = GetContactListRequest { id };
                let answer = self.client.lists.clone().get_contact_list(request).await;
                let found = answer.map_err(unexpected)?.into_inner().contact_list;
                self.check_list("GetContactList", found.unwrap_or_default(), list)?;
            }
            self.check_members(list).await?;
        }
        Ok(())
    }

    /// Compares a list as a read or an answer shows it.
    pub fn check_list(&mut self, what: &str, mut found: ContactList, list: &List) -> Checked {
        let (created, changed) = (found.create_time.take(), found.update_time.take());
        same(what, &found, &list.wire)?;
        self.clock.check(list.created, created.as_ref(), "a list")?;
        self.clock
            .check(list.changed, changed.as_ref(), "a changed list")
    }

    async fn check_members(&mut self, list: &List) -> Checked {
        let request = ListContactListContactsRequest {
            contact_list_id: list.wire.id.clone(),
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let answer = self
            .client
            .lists
            .clone()
            .list_contact_list_contacts(request)
            .await;
        let found = answer
            .map_err(unexpected)?
            .into_inner()
            .contact_list_contacts;
        let ids = found
            .iter()
            .map(|it| it.contact.as_ref().map_or("", |it| it.id.as_str()));
        let mut expected: Vec<_> = list.members.keys().map(|key| self.id(*key)).collect();
        expected.sort();
        same(
            "the members of a list",
            &ids.map(str::to_owned).collect(),
            &expected,
        )?;
        for member in found {
            let contact = member.contact.unwrap_or_default();
            let key = self
                .model
                .by_id(&contact.id)
                .expect("a member that was compared");
            self.check_contact("ListContactListContacts", key, &contact)?;
            self.clock
                .check(list.members[&key], member.join_time.as_ref(), "a member")?;
        }
        Ok(())
    }

    fn id(&self, key: ContactKey) -> String {
        self.model.contacts[&key].id.clone().unwrap_or_default()
    }

    /// Each contact by `GetContact`: by external_id where there is one, else by id.
    async fn check_single_contacts(&mut self) -> Checked {
        use get_contact_request::Reference;
        let keys: Vec<_> = self.model.contacts.keys().copied().collect();
        for key in keys {
            let external_id = self.model.contacts[&key].wire.external_id.clone();
            let reference =
                external_id.map_or_else(|| Reference::Id(self.id(key)), Reference::ExternalId);
            let request = GetContactRequest {
                reference: Some(reference),
            };
            let answer = self.client.contacts.clone().get_contact(request).await;
            let found = answer.map_err(unexpected)?.into_inner();
            self.check_single_contact(key, found)?;
        }
        Ok(())
    }

    fn check_single_contact(&mut self, key: ContactKey, found: GetContactResponse) -> Checked {
        self.check_contact("GetContact", key, &found.contact.unwrap_or_default())?;
        let lists = self.model.lists.iter().filter(|list| exists(list));
        let memberships: Vec<List> = lists
            .filter(|list| list.members.contains_key(&key))
            .cloned()
            .collect();
        same(
            "a contact's number of lists",
            &found.contact_lists.len(),
            &memberships.len(),
        )?;
        for (found, list) in found.contact_lists.into_iter().zip(&memberships) {
            self.check_list("a contact's list", found, list)?;
        }
        let records = self.model.contacts[&key].records.iter();
        let records = records.map(|(id, record)| CustomObjectRecord {
            custom_object_id: id.clone(),
            properties: Some(record.clone()),
        });
        same(
            "a contact's records",
            &found.custom_object_records,
            &records.collect(),
        )?;
        let preferences = self.model.contacts[&key].preferences.clone();
        self.check_preferences(&preferences, &found.communication_preferences)
            .map_err(|error| format!("{error}\n  contact: {:?}", self.model.contacts[&key].wire))
    }

    /// Compares what holds for each channel, since when, and by which update.
    fn check_preferences(
        &mut self,
        model: &Preferences,
        found: &[CommunicationPreference],
    ) -> Checked {
        let all = found.iter().find(|it| it.all_channels);
        let own: BTreeMap<&str, &CommunicationPreference> = found
            .iter()
            .filter(|it| !it.all_channels)
            .map(|it| (it.channel_id.as_str(), it))
            .collect();
        same(
            "an opt-out of all channels",
            &all.is_some(),
            &model.all.is_some(),
        )?;
        let channels: Vec<String> = self.model.channel_ids().into_iter().collect();
        let is_known = |id: &&str| channels.iter().any(|it| it == id);
        if let Some(unknown) = own.keys().find(|id| !is_known(id)) {
            return Err(format!(
                "a preference for an unknown channel {unknown}: {found:?}"
            ));
        }
        for channel in &channels {
            let shown = own.get(channel.as_str()).copied().or(all);
            let state = match shown.map(|it| it.opted_in) {
                None => OptState::Neither,
                Some(true) => OptState::In,
                Some(false) => OptState::Out,
            };
            let what = format!("the preference for {channel} of {found:?}");
            same(&what, &state, &model.state(channel))?;
            if let (Some(shown), Some(word)) = (shown, model.word(channel)) {
                let change_time = shown.change_time.as_ref();
                self.clock.check(word.when, change_time, &what)?;
                let update = self.update_id(word.when);
                same(&format!("the update of {what}"), &shown.update_id, &update)?;
                check_consent(word, shown.consent.as_ref(), &what)?;
            }
        }
        Ok(())
    }

    /// The id of the update that a call applied, if it applied one.
    fn update_id(&self, when: usize) -> Option<String> {
        let position = self
            .model
            .updates
            .iter()
            .position(|it| it.applied == when)?;
        Some(self.answers[position].update_id.clone())
    }
}

/// Compares the consent of a preference. Where no time was given, the service says which it took.
fn check_consent(word: &Word, found: Option<&Consent>, what: &str) -> Checked {
    let expected = word.consent.as_ref().map(|consent| Consent {
        collect_time: consent
            .collect_time
            .or(found.and_then(|it| it.collect_time)),
        ..consent.clone()
    });
    let is_timed = found.is_none_or(|it| it.collect_time.is_some());
    same(
        &format!("whether the consent of {what} has a time"),
        &is_timed,
        &true,
    )?;
    same(
        &format!("the consent of {what}"),
        &found.cloned(),
        &expected,
    )
}

fn exists(list: &List) -> bool {
    list.wire.state() != ListState::Deleted
}

pub fn unexpected(status: tonic::Status) -> String {
    format!("a read fails: {status:?}")
}
