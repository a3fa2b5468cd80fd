//! Steps that give an organization channels and custom objects.

use contact_lists::proto::{
    CreateChannelRequest, CreateCustomObjectRequest, CustomProperty, channel, custom_property::Type,
};

use crate::{Client, property};

impl Client {
    /// Creates a channel for phone calls and returns its id.
    pub async fn create_channel(&self, phone: &str) -> String {
        let request = CreateChannelRequest {
            name: format!("Channel {phone}"),
            r#type: channel::Type::Phone.into(),
            phone: Some(phone.to_owned()),
        };
        let answer = self
            .channels
            .clone()
            .create_channel(request)
            .await
            .expect("a channel");
        answer.into_inner().channel.expect("the channel").id
    }

    /// Creates a custom object "customer" with an optional property of each type and returns its id.
    pub async fn create_customer_object(&self) -> String {
        let properties = [
            ("plan", Type::Text),
            ("visits", Type::Number),
            ("score", Type::Float),
            ("vip", Type::Boolean),
            ("since", Type::Date),
            ("tags", Type::List),
            ("limits", Type::Map),
        ];
        self.create_object(
            "customer",
            properties.map(|(key, kind)| property(key, kind)).to_vec(),
        )
        .await
    }

    /// Creates a custom object, labelled with its key and returns its id.
    pub async fn create_object(&self, key: &str, properties: Vec<CustomProperty>) -> String {
        let request = CreateCustomObjectRequest {
            key: key.to_owned(),
            label: key.to_owned(),
            properties,
        };
        let answer = self
            .objects
            .clone()
            .create_custom_object(request)
            .await
            .expect("a custom object");
        answer
            .into_inner()
            .custom_object
            .expect("the custom object")
            .id
    }
}
