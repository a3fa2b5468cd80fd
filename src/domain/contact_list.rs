//! Contact lists.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use time::OffsetDateTime;
use uuid::Uuid;

use super::violation::{Invalid, Reason};

/// A static, named set of contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactList {
    /// The id.
    pub id: Uuid,
    /// The name, unique among the organization's lists that are not deleted.
    pub name: String,
    /// The color to show the list in.
    pub color: Option<Color>,
    /// The state.
    pub state: ListState,
    /// How many contacts are on the list.
    pub contact_count: i64,
    /// When the list was created.
    #[serde(with = "time::serde::timestamp::microseconds")]
    pub create_time: OffsetDateTime,
    /// When the list's name, color or state last changed.
    #[serde(with = "time::serde::timestamp::microseconds")]
    pub update_time: OffsetDateTime,
    /// Grows by one with every recorded update, every revert, and every erasure of a member.
    #[serde(default)]
    pub version: i64,
}

/// That a contact is on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The list.
    pub contact_list_id: Uuid,
    /// When the contact joined it.
    pub join_time: OffsetDateTime,
    /// The update with which it did, if that is known.
    pub update_id: Option<Uuid>,
}

/// The states of a contact list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ListState {
    /// In use.
    Active,
    /// Kept, but no longer changed by updates.
    Archived,
    /// Deleted; cannot be restored.
    Deleted,
}

impl ListState {
    /// Returns the state's name, which is stored and told to callers.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A color, "#rrggbb".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Color(String);

impl Color {
    /// Parses `color`; `None` if it is empty.
    pub fn parse(color: &str) -> Result<Option<Self>, Invalid> {
        if color.is_empty() {
            return Ok(None);
        }
        let digits = color.strip_prefix('#').unwrap_or_default();
        if digits.len() != 6 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(Invalid::new(
                Reason::FieldInvalid,
                "must be \"#rrggbb\" in hexadecimal digits",
            ));
        }
        Ok(Some(Self(color.to_owned())))
    }

    /// Makes a color from its stored form.
    pub fn from_stored(color: String) -> Self {
        Self(color)
    }

    /// The color.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
