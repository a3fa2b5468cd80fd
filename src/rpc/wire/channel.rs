//! Channels.

use super::timestamp;
use crate::{
    domain::channel::{Channel, ChannelType},
    proto::{self, channel::Type},
};

impl From<Channel> for proto::Channel {
    fn from(channel: Channel) -> Self {
        Self {
            id: channel.id.to_string(),
            name: Some(channel.name),
            r#type: Type::from(channel.channel_type).into(),
            phone: channel.phone.map(|phone| phone.as_str().to_owned()),
            create_time: Some(timestamp(channel.create_time)),
            update_time: Some(timestamp(channel.update_time)),
        }
    }
}

impl From<ChannelType> for Type {
    fn from(channel_type: ChannelType) -> Self {
        match channel_type {
            ChannelType::Phone => Self::Phone,
            ChannelType::Email => Self::Email,
            ChannelType::Fax => Self::Fax,
        }
    }
}
