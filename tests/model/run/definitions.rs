//! The calls about lists, channels and custom objects.

use contact_lists::proto::{
    AddCustomPropertyRequest, Channel, ContactList, CreateChannelRequest, CreateContactListRequest,
    CreateCustomObjectRequest, DeleteChannelRequest, DeleteContactListRequest,
    DeleteCustomObjectRequest, UpdateChannelRequest, UpdateContactListRequest, channel::Type,
};

use crate::{
    calls::{Pick, Property},
    compare::same,
    side::property,
};

use super::{Checked, One, without_times};

impl One<'_> {
    pub(super) async fn create_list(&mut self, name: &str, color: &Option<String>) -> Checked {
        let request = CreateContactListRequest {
            name: name.to_owned(),
            color: color.clone(),
        };
        let (side, when) = (&mut *self.side, self.when);
        let model = side.model.create_list(when, &request);
        let service = side.client.lists.clone().create_contact_list(request).await;
        if let Some((service, _)) = self.compare("CreateContactList", service, model)? {
            let list = service.contact_list.unwrap_or_default();
            self.side.lists.push(list.id.clone());
            let model = self.side.model.lists.last_mut().expect("the new list");
            model.wire.id = list.id.clone();
            let model = model.clone();
            self.side.check_list("the new list", list, &model)?;
        }
        Ok(())
    }

    pub(super) async fn change_list(&mut self, list: ContactList) -> Checked {
        let id = list.id.clone();
        let request = UpdateContactListRequest {
            contact_list: Some(list),
            update_mask: None,
        };
        let (side, when) = (&mut *self.side, self.when);
        let model = side.model.update_list(when, &request);
        let service = side.client.lists.clone().update_contact_list(request).await;
        if let Some((service, _)) = self.compare("UpdateContactList", service, model)? {
            self.check_changed_list(&id, service.contact_list)?;
        }
        Ok(())
    }

    pub(super) async fn delete_list(&mut self, pick: &Pick) -> Checked {
        let id = self.side.list_id(pick, &self.foreign);
        let request = DeleteContactListRequest { id: id.clone() };
        let (side, when) = (&mut *self.side, self.when);
        let model = side.model.delete_list(when, &id);
        let service = side.client.lists.clone().delete_contact_list(request).await;
        if let Some((service, _)) = self.compare("DeleteContactList", service, model)? {
            self.check_changed_list(&id, service.contact_list)?;
        }
        Ok(())
    }

    fn check_changed_list(&mut self, id: &str, found: Option<ContactList>) -> Checked {
        let list = self.side.model.list(id).expect("a changed list").clone();
        self.side
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
        let (side, when) = (&mut *self.side, self.when);
        let model = side.model.create_channel(when, &request);
        let service = side.client.channels.clone().create_channel(request).await;
        if let Some((service, _)) = self.compare("CreateChannel", service, model)? {
            let channel = service.channel.unwrap_or_default();
            self.side.channels.push(channel.id.clone());
            let model = self
                .side
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

    pub(super) async fn change_channel(&mut self, pick: &Pick, phone: &str) -> Checked {
        let channel = Channel {
            id: self.side.channel_id(pick, &self.foreign),
            phone: Some(phone.to_owned()),
            ..Channel::default()
        };
        let request = UpdateChannelRequest {
            channel: Some(channel),
            update_mask: None,
        };
        let (side, when) = (&mut *self.side, self.when);
        let model = side.model.update_channel(when, &request);
        let service = side.client.channels.clone().update_channel(request).await;
        if let Some((service, model)) = self.compare("UpdateChannel", service, model)? {
            let channel = service.channel.unwrap_or_default();
            same("the changed channel", &without_times(channel), &model)?;
        }
        Ok(())
    }

    pub(super) async fn delete_channel(&mut self, pick: &Pick) -> Checked {
        let id = self.side.channel_id(pick, &self.foreign);
        let model = self.side.model.delete_channel(&id);
        let request = DeleteChannelRequest { id };
        let service = self
            .side
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
        let side = &mut *self.side;
        let model = side.model.create_object(&request);
        let service = side
            .client
            .objects
            .clone()
            .create_custom_object(request)
            .await;
        if let Some((service, mut model)) = self.compare("CreateCustomObject", service, model)? {
            let mut object = service.custom_object.unwrap_or_default();
            object.create_time = None;
            model.id = object.id.clone();
            self.side.objects.push(object.id.clone());
            let last = self.side.model.objects.last_mut().expect("the new object");
            last.id = object.id.clone();
            same("the new object", &object, &model)?;
        }
        Ok(())
    }

    pub(super) async fn add_property(&mut self, pick: &Pick, added: &Property) -> Checked {
        let request = AddCustomPropertyRequest {
            custom_object_id: self.side.object_id(pick, &self.foreign),
            property: Some(property(added)),
        };
        let side = &mut *self.side;
        let model = side.model.add_property(&request);
        let service = side
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

    pub(super) async fn delete_object(&mut self, pick: &Pick) -> Checked {
        let id = self.side.object_id(pick, &self.foreign);
        let model = self.side.model.delete_object(&id);
        let request = DeleteCustomObjectRequest { id };
        let service = self
            .side
            .client
            .objects
            .clone()
            .delete_custom_object(request)
            .await;
        self.compare("DeleteCustomObject", service, model).map(drop)
    }
}
