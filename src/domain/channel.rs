//! Channels: what an organization sends messages from.

use std::fmt;

use strum::{EnumString, IntoStaticStr};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    phone_number::PhoneNumber,
    violation::{Invalid, Reason},
};

/// The most channels that an organization may have.
pub const MAX_CHANNELS: usize = 1000;

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The id.
    pub id: Uuid,
    /// The name.
    pub name: String,
    /// The kind of channel.
    pub channel_type: ChannelType,
    /// The phone number, unique among the organization's channels.
    pub phone: Option<PhoneNumber>,
    /// When the channel was created.
    pub create_time: OffsetDateTime,
    /// When the channel last changed.
    pub update_time: OffsetDateTime,
}

/// The kinds of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum ChannelType {
    /// Text messages and calls.
    Phone,
    /// Email.
    Email,
    /// Fax.
    Fax,
}

impl ChannelType {
    /// Returns the type's name, which is stored.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Fails if a channel of this type needs a phone number and there is none.
    pub fn check_phone(self, phone: Option<PhoneNumber>) -> Result<(), Invalid> {
        match (self, phone) {
            (Self::Phone | Self::Fax, None) => Err(Invalid::new(
                Reason::FieldRequired,
                "is required for this type of channel",
            )),
            _ => Ok(()),
        }
    }
}

/// How a caller names a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelReference {
    /// By its id.
    Id(Uuid),
    /// By its phone number.
    Phone(PhoneNumber),
}

impl fmt::Display for ChannelReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(formatter),
            Self::Phone(phone) => formatter.write_str(phone.as_str()),
        }
    }
}
