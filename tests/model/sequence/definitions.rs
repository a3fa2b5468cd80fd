//! The calls about lists, channels and custom objects.

use contact_lists::proto::{
    AddCustomPropertyRequest, Channel, ContactList, CreateChannelRequest, CreateContactListRequest,
    CreateCustomObjectRequest, CustomObject, DeleteChannelRequest, DeleteContactListRequest,
    DeleteCustomObjectRequest, UpdateChannelRequest, UpdateContactListRequest,
    UpdateCustomObjectRequest, channel::Type, contact_list::State,
};

use crate::{
    calls::{ObjectChange, Property, ResourceRef},
    compare::same,
    replica::property,
};

use super::{Checked, StepRun, without_times};

impl StepRun<'_> {
    pub(super) async fn create_list(&mut self, name: &str, color: &Option<String>) -> Checked {
        let request = CreateContactListRequest {
            name: name.to_owned(),
            color: color.clone(),
        };
        let (replica, when) = (&mut *self.replica, self.when);
        let model = replica.model.create_list(when, &request);
        let service = replica
            .client
            .lists
            .clone()
            .create_contact_list(request)
            .await;
        if let Some((service, _)) = self.compare("CreateContactList", service, model)? {
            let list = service.contact_list.unwrap_or_default();
            self.replica.lists.push(list.id.clone());
            let model = self.replica.model.lists.last_mut().expect("the new list");
            model.wire.id = list.id.clone();
            let model = model.clone();
            self.replica.check_list("the new list", list, &model)?;
        }
        Ok(())
    }

    pub(super) async fn update_list(
        &mut self,
        pick: &ResourceRef,
        (name, color): (&Option<String>, &Option<String>),
        archived: Option<bool>,
    ) -> Checked {
        let id = self.replica.list_id(pick, &self.foreign);
        let state = archived.map(|it| if it { State::Archived } else { State::Active });
        let list = ContactList {
            id: id.clone(),
            name: name.clone(),
            color: color.clone(),
            state: state.unwrap_or_default().into(),
            ..ContactList::default()
        };
        let request = UpdateContactListRequest {
            contact_list: Some(list),
            update_mask: None,
        };
        let (replica, when) = (&mut *self.replica, self.when);
        let model = replica.model.update_list(when, &request);
        let service = replica
            .client
            .lists
            .clone()
            .update_contact_list(request)
            .await;
        if let Some((service, _)) = self.compare("UpdateContactList", service, model)? {
            self.check_changed_list(&id, service.contact_list)?;
        }
        Ok(())
    }

    pub(super) async fn delete_list(&mut self, pick: &ResourceRef) -> Checked {
        let id = self.replica.list_id(pick, &self.foreign);
        let request = DeleteContactListRequest { id: id.clone() };
        let (replica, when) = (&mut *self.replica, self.when);
        let model = replica.model.delete_list(when, &id);
        let service = replica
            .client
            .lists
            .clone()
            .delete_contact_list(request)
            .await;
        if let Some((service, _)) = self.compare("DeleteContactList", service, model)? {
            self.check_changed_list(&id, service.contact_list)?;
        }
        Ok(())
    }

    fn check_changed_list(&mut self, id: &str, found: Option<ContactList>) -> Checked {
        let list = self.replica.model.list(id).expect("a changed list").clone();
        self.replica
            .check_list("the changed list", found.unwrap_or_default(), &list)
    }

    pub(super) async fn create_channel(&mut self, phone: &Option<String>) -> Checked {
        let kind = if phone.is_some() {
            Type::Phone
        } else {
            Type::Email
        };
        let request = CreateChannelRequest {
            name: format!("Channel {}", self.when),
            r#type: kind.into(),
            phone: phone.clone(),
        };
        let (replica, when) = (&mut *self.replica, self.when);
        let model = replica.model.create_channel(when, &request);
        let service = replica
            .client
            .channels
            .clone()
            .create_channel(request)
            .await;
        if let Some((service, _)) = self.compare("CreateChannel", service, model)? {
            let channel = service.channel.unwrap_or_default();
            self.replica.channels.push(channel.id.clone());
            let model = self
                .replica
                .model
                .channels
                .last_mut()
                .expect("the new channel");
            model.wire.id = channel.id.clone();
            let model = model.wire.clone();
            same("the new channel", &without_times(channel), &model)?;
        }
        Ok(())
    }

    pub(super) async fn update_channel(&mut self, pick: &ResourceRef, phone: &str) -> Checked {
        let channel = Channel {
            id: self.replica.channel_id(pick, &self.foreign),
            phone: Some(phone.to_owned()),
            ..Channel::default()
        };
        let request = UpdateChannelRequest {
            channel: Some(channel),
            update_mask: None,
        };
        let (replica, when) = (&mut *self.replica, self.when);
        let model = replica.model.update_channel(when, &request);
        let service = replica
            .client
            .channels
            .clone()
            .update_channel(request)
            .await;
        if let Some((service, model)) = self.compare("UpdateChannel", service, model)? {
            let channel = service.channel.unwrap_or_default();
            same("the changed channel", &without_times(channel), &model)?;
        }
        Ok(())
    }

    pub(super) async fn delete_channel(&mut self, pick: &ResourceRef) -> Checked {
        let id = self.replica.channel_id(pick, &self.foreign);
        let model = self.replica.model.delete_channel(&id);
        let request = DeleteChannelRequest { id };
        let service = self
            .replica
            .client
            .channels
            .clone()
            .delete_channel(request)
            .await;
        self.compare("DeleteChannel", service, model).map(drop)
    }

    pub(super) async fn create_object(&mut self, key: &str, properties: &[Property]) -> Checked {
        let request = CreateCustomObjectRequest {
            key: key.to_owned(),
            label: key.to_owned(),
            properties: properties.iter().map(property).collect(),
        };
        let replica = &mut *self.replica;
        let model = replica.model.create_object(&request);
        let service = replica
            .client
            .objects
            .clone()
            .create_custom_object(request)
            .await;
        if let Some((service, mut model)) = self.compare("CreateCustomObject", service, model)? {
            let mut object = service.custom_object.unwrap_or_default();
            object.create_time = None;
            model.id = object.id.clone();
            self.replica.objects.push(object.id.clone());
            let last = self
                .replica
                .model
                .objects
                .last_mut()
                .expect("the new object");
            last.id = object.id.clone();
            same("the new object", &object, &model)?;
        }
        Ok(())
    }

    pub(super) async fn add_property(&mut self, pick: &ResourceRef, added: &Property) -> Checked {
        let request = AddCustomPropertyRequest {
            custom_object_id: self.replica.object_id(pick, &self.foreign),
            property: Some(property(added)),
        };
        let replica = &mut *self.replica;
        let model = replica.model.add_property(&request);
        let service = replica
            .client
            .objects
            .clone()
            .add_custom_property(request)
            .await;
        if let Some((service, model)) = self.compare("AddCustomProperty", service, model)? {
            let mut object = service.custom_object.unwrap_or_default();
            object.create_time = None;
            same("the changed object", &object, &model)?;
        }
        Ok(())
    }

    pub(super) async fn update_object(&mut self, change: &ObjectChange) -> Checked {
        let object = CustomObject {
            id: self.replica.object_id(&change.object, &self.foreign),
            label: change.label.clone().unwrap_or_default(),
            is_default: change.is_default,
            ..CustomObject::default()
        };
        let request = UpdateCustomObjectRequest {
            custom_object: Some(object),
            update_mask: None,
        };
        let replica = &mut *self.replica;
        let model = replica.model.update_object(&request);
        let service = replica
            .client
            .objects
            .clone()
            .update_custom_object(request)
            .await;
        if let Some((service, model)) = self.compare("UpdateCustomObject", service, model)? {
            let mut object = service.custom_object.unwrap_or_default();
            object.create_time = None;
            same("the changed object", &object, &model)?;
        }
        Ok(())
    }

    pub(super) async fn delete_object(&mut self, pick: &ResourceRef) -> Checked {
        let id = self.replica.object_id(pick, &self.foreign);
        let model = self.replica.model.delete_object(&id);
        let request = DeleteCustomObjectRequest { id };
        let service = self
            .replica
            .client
            .objects
            .clone()
            .delete_custom_object(request)
            .await;
        self.compare("DeleteCustomObject", service, model).map(drop)
    }
}
