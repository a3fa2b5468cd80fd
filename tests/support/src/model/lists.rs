//! Contact lists, except their members.

use std::collections::BTreeMap;

use contact_lists::proto::{
    ContactList, CreateContactListRequest, UpdateContactListRequest, contact_list::State,
};

use super::{Answer, CallNumber, List, Organization, checks, refusal::Refusal};

impl Organization {
    /// `CreateContactList`. The caller fills the id in.
    pub fn create_list(
        &mut self,
        when: CallNumber,
        request: &CreateContactListRequest,
    ) -> Answer<ContactList> {
        let name = checks::tidy_name(&request.name)
            .map_err(|reason| Refusal::fields(vec![("name".to_owned(), reason)]))?;
        self.refuse_taken_name(&name, "")?;
        let wire = ContactList {
            name: Some(name),
            color: request.color.clone().filter(|color| !color.is_empty()),
            state: State::Active.into(),
            ..ContactList::default()
        };
        self.lists.push(List {
            wire: wire.clone(),
            created: when,
            changed: when,
            members: BTreeMap::new(),
        });
        Ok(wire)
    }

    /// `UpdateContactList` without a mask: the fields that are present change.
    pub fn update_list(
        &mut self,
        when: CallNumber,
        request: &UpdateContactListRequest,
    ) -> Answer<ContactList> {
        let given = request.contact_list.as_ref().expect("a list");
        let name = given.name.as_deref().map(checks::tidy_name).transpose();
        let name =
            name.map_err(|reason| Refusal::fields(vec![("contact_list.name".to_owned(), reason)]))?;
        let list = self.list(&given.id)?;
        if list.wire.state() == State::Deleted {
            return Err(Refusal::not_active(&given.id));
        }
        let mut wire = list.wire.clone();
        wire.name = name.or(wire.name);
        if let Some(color) = &given.color {
            wire.color = Some(color.clone()).filter(|color| !color.is_empty());
        }
        if given.state != 0 {
            wire.state = given.state;
        }
        self.refuse_taken_name(wire.name(), &given.id)?;
        self.write_list(when, wire)
    }

    /// `DeleteContactList`. The members stay, for a caller that reads the list by id.
    pub fn delete_list(&mut self, when: CallNumber, id: &str) -> Answer<ContactList> {
        let wire = ContactList {
            state: State::Deleted.into(),
            ..self.list(id)?.wire.clone()
        };
        self.write_list(when, wire)
    }

    fn write_list(&mut self, when: CallNumber, wire: ContactList) -> Answer<ContactList> {
        let list = self.list_mut(&wire.id)?;
        if list.wire != wire {
            list.wire = wire.clone();
            list.changed = when;
        }
        Ok(wire)
    }

    /// A name is unique among the lists that are not deleted.
    fn refuse_taken_name(&self, name: &str, except: &str) -> Answer<()> {
        let mut lists = self.lists.iter().map(|list| &list.wire);
        let is_taken = lists
            .any(|list| list.state() != State::Deleted && list.name() == name && list.id != except);
        if is_taken {
            Err(Refusal::exists("contact_list", "name"))
        } else {
            Ok(())
        }
    }
}
