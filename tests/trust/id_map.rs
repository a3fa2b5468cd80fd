//! What the tests' small numbers are at the service: ids, which differ in every organization.

use std::{collections::BTreeMap, ops::Range, sync::RwLock};

use test_support::Client;
use tonic::Status;
use uuid::Uuid;

/// An organization, with the ids of what the calls name by small numbers.
pub struct IdMap {
    pub organization: Uuid,
    pub lists: Vec<String>,
    /// The only custom object.
    pub object: String,
    /// Contacts that calls name by id.
    pub known: Vec<String>,
    /// Channels, deleted ones too. A channel whose creation was not answered yet is missing.
    channels: RwLock<BTreeMap<u8, String>>,
    /// How many channels there were at first. Calls name these by id, and later ones always by number: a call that is
    /// repeated must be the same on the wire, whether or not the id has become known meanwhile.
    first_channel_count: u8,
}

impl IdMap {
    /// Creates so many lists and channels, and a custom object.
    pub async fn create(organization: Uuid, admin: &Client, (lists, channels): (u8, u8)) -> Self {
        let mut ids = Self {
            organization,
            lists: Vec::new(),
            object: String::new(),
            known: Vec::new(),
            channels: RwLock::default(),
            first_channel_count: channels,
        };
        for list in 0..lists {
            let name = ids.create_list(list).name;
            ids.lists.push(admin.create_list(&name).await);
        }
        for channel in 0..channels {
            let created = ids.make_channel(admin, channel).await;
            created.expect("a channel");
        }
        let object = ids.create_object();
        ids.object = admin.create_object(&object.key, object.properties).await;
        ids
    }

    /// Creates a channel at the service, and keeps its id.
    pub async fn make_channel(&self, caller: &Client, channel: u8) -> Result<(), Status> {
        let request = self.create_channel(channel);
        let answer = caller.channels.clone().create_channel(request).await?;
        let id = answer.into_inner().channel.expect("the channel").id;
        self.channels.write().unwrap().insert(channel, id);
        Ok(())
    }

    /// The channels that there are at first.
    pub fn first_channels(&self) -> Range<u8> {
        0..self.first_channel_count
    }

    /// A list's id.
    pub fn list(&self, list: u8) -> &str {
        &self.lists[usize::from(list)]
    }

    /// A channel's id.
    pub fn channel(&self, channel: u8) -> String {
        self.channels.read().unwrap()[&channel].clone()
    }

    /// The list with this id.
    pub fn list_of(&self, id: &str) -> u8 {
        let position = self.lists.iter().position(|list| list == id);
        u8::try_from(position.expect("a list of this test")).expect("a few lists")
    }

    /// The channel with this id; None for one whose creation was not answered yet.
    pub fn known_channel_of(&self, id: &str) -> Option<u8> {
        let channels = self.channels.read().unwrap();
        let found = channels.iter().find(|(_, channel)| *channel == id);
        found.map(|(channel, _)| *channel)
    }

    /// The channel with this id. An unknown id is that of the next channel, whose creation was not answered yet.
    pub fn channel_of(&self, id: &str) -> u8 {
        let next = || self.channels.read().unwrap().len() as u8;
        self.known_channel_of(id).unwrap_or_else(next)
    }

    /// The known contact with this id, if it is one.
    pub fn known_of(&self, id: &str) -> Option<u32> {
        let position = self.known.iter().position(|known| known == id)?;
        Some(position as u32)
    }
}
