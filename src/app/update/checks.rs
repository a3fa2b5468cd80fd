//! What contacts are checked against: the organization's channels and a custom object.

use std::collections::HashSet;

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        channel::Channel,
        custom_object::CustomObject,
        old_values::OldRecord,
        organization::Organization,
        phone_number::DefaultRegion,
        property_value::{Properties, PropertyChanges},
        violation::Violation,
    },
    error::{Error, Result},
    repository::{Transaction, channels, custom_objects, organizations},
};

/// What the contacts of a call are checked against.
#[derive(Debug)]
pub struct Checks {
    /// The region of national phone formats.
    pub default_region: Option<DefaultRegion>,
    /// The organization's channels.
    pub channels: HashSet<Uuid>,
    /// The custom object that properties belong to.
    pub custom_object: Option<CustomObject>,
}

impl Checks {
    /// Checks against what the organization has now.
    pub fn new(
        organization: &Organization,
        channels: &[Channel],
        custom_object: Option<CustomObject>,
    ) -> Self {
        Self {
            default_region: organization.default_region,
            channels: channels.iter().map(|channel| channel.id).collect(),
            custom_object,
        }
    }

    /// Refuses properties where there is no custom object that they could belong to.
    pub fn refuse_unowned_properties(&self) -> Result<()> {
        match self.custom_object {
            Some(_) => Ok(()),
            None => Err(Error::CustomObjectRequired),
        }
    }

    /// Returns the record that a contact's changes make of the stored one, and what that was; `None` if it stays as it is.
    /// Fails with what is wrong with the new one.
    pub fn changed_record(
        &self,
        stored: Option<&Properties>,
        changes: &PropertyChanges,
    ) -> Result<Option<(Properties, OldRecord)>, Vec<Violation>> {
        let Some(object) = self.custom_object.as_ref().filter(|_| !changes.is_empty()) else {
            return Ok(None);
        };
        let new = object.merge(stored, changes)?;
        Ok(new.map(|new| {
            let old = OldRecord::of(object.id, stored, &new);
            (new, old)
        }))
    }

    /// Locks what the contacts were checked against, and returns the organization and its channels. Fails if it has changed
    /// since, so that no contact is applied that a check would refuse.
    pub async fn hold(
        &self,
        transaction: &Transaction,
        organization: OrganizationId,
    ) -> Result<(Organization, Vec<Uuid>)> {
        let owner = organizations::share(transaction, organization).await?;
        let channels = channels::share(transaction, organization).await?;
        let channels: Vec<Uuid> = channels.into_iter().map(|channel| channel.id).collect();
        let known = channels.iter().filter(|id| self.channels.contains(*id));
        if known.count() < self.channels.len() {
            return Err(Error::DefinitionsChanged);
        }
        if let Some(object) = &self.custom_object {
            let now = custom_objects::find(transaction.db(), organization, object.id).await?;
            if now.is_none_or(|now| now.properties != object.properties) {
                return Err(Error::DefinitionsChanged);
            }
        }
        Ok((owner, channels))
    }
}
