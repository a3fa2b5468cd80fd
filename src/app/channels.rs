//! Channels: creating, changing and deleting them, and finding those that callers refer to.
//!
//! A phone number is unique among an organization's channels. A channel in use can't be deleted.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        channel::{Channel, ChannelReference, ChannelType, MAX_CHANNELS},
        name::Name,
        now,
        phone_number::PhoneNumber,
    },
    error::{Error, Result},
    repository::{Repository, Transaction, TransactionOutcome, channels, organizations},
};

/// Creates a channel. Fails if the organization has [`MAX_CHANNELS`] already, or if another channel has the phone number.
pub async fn create(
    repository: &Repository,
    organization: OrganizationId,
    name: Name,
    channel_type: ChannelType,
    phone: Option<PhoneNumber>,
) -> Result<Channel> {
    let input = (organization, name, channel_type, phone);
    repository
        .write(
            input,
            |(organization, name, channel_type, phone), transaction| {
                Box::pin(async move {
                    let (organization, channel_type) = (*organization, *channel_type);
                    let channel = create_in(transaction, organization, name, channel_type, *phone);
                    Ok(TransactionOutcome::Commit(channel.await?))
                })
            },
        )
        .await
}

/// Creates a channel in a transaction, as [`create`] does.
pub async fn create_in(
    transaction: &Transaction,
    organization: OrganizationId,
    name: &Name,
    channel_type: ChannelType,
    phone: Option<PhoneNumber>,
) -> Result<Channel> {
    // Updates share this row: they opt in to all channels that exist at their commit.
    organizations::lock(transaction, organization).await?;
    let others = channels::all(transaction.db(), organization).await?;
    if others.len() >= MAX_CHANNELS {
        return Err(Error::ResourceLimitReached {
            resource_type: "channel",
            limit: MAX_CHANNELS,
        });
    }
    let now = now();
    let channel = Channel {
        id: Uuid::now_v7(),
        name: name.as_str().to_owned(),
        channel_type,
        phone,
        create_time: now,
        update_time: now,
    };
    refuse_taken_phone(&others, &channel)?;
    channels::insert(transaction, organization, &channel).await?;
    Ok(channel)
}

/// The changes to a channel. `None` leaves a field as it is.
pub struct ChannelChange {
    /// The channel's organization.
    pub organization: OrganizationId,
    /// The channel's id.
    pub id: Uuid,
    /// The new name.
    pub name: Option<Name>,
    /// The new type.
    pub channel_type: Option<ChannelType>,
    /// The new phone number; `Some(None)` clears it.
    pub phone: Option<Option<PhoneNumber>>,
}

impl ChannelChange {
    /// Changes the channel, and returns the result. Fails if the result lacks a phone number that its type needs, or if
    /// another channel has the new number.
    pub async fn apply(self, repository: &Repository) -> Result<Channel> {
        repository
            .write(self, |change, transaction| {
                Box::pin(change.apply_in(transaction))
            })
            .await
    }

    async fn apply_in(&self, transaction: &Transaction) -> Result<TransactionOutcome<Channel>> {
        organizations::lock(transaction, self.organization).await?;
        // The lock keeps it from being deleted before the commit.
        let stored = channels::lock(transaction, self.organization, self.id)
            .await?
            .ok_or_else(|| Error::not_found("channel", self.id))?;
        let mut channel = stored.clone();
        if let Some(name) = &self.name {
            channel.name = name.as_str().to_owned();
        }
        channel.channel_type = self.channel_type.unwrap_or(stored.channel_type);
        channel.phone = self.phone.unwrap_or(stored.phone);
        channel
            .channel_type
            .check_phone(channel.phone)
            .map_err(|invalid| Error::field(invalid.at("channel.phone")))?;
        if channel != stored {
            channel.update_time = now();
            let others = channels::all(transaction.db(), self.organization).await?;
            refuse_taken_phone(&others, &channel)?;
            channels::update(transaction, self.organization, &channel).await?;
        }
        Ok(TransactionOutcome::Commit(channel))
    }
}

/// Deletes a channel and the opt-outs of it. Fails while a contact is opted in to it or has it as its default channel.
pub async fn delete(repository: &Repository, organization: OrganizationId, id: Uuid) -> Result<()> {
    repository
        .write((organization, id), |(organization, id), transaction| {
            Box::pin(delete_in(transaction, *organization, *id))
        })
        .await
}

async fn delete_in(
    transaction: &Transaction,
    organization: OrganizationId,
    id: Uuid,
) -> Result<TransactionOutcome<()>> {
    // Calls that write preferences or defaults share the channels' rows: none of them is running now.
    channels::lock(transaction, organization, id)
        .await?
        .ok_or_else(|| Error::not_found("channel", id))?;
    let used_by = if channels::has_opt_ins(transaction.db(), organization, id).await? {
        Some("contacts that are opted in to it")
    } else if channels::is_a_default(transaction.db(), organization, id).await? {
        Some("contacts that have it as default")
    } else {
        None
    };
    if let Some(used_by) = used_by {
        return Err(Error::ResourceInUse {
            resource_type: "channel",
            resource_name: id.to_string(),
            used_by,
        });
    }
    channels::delete(transaction, organization, id).await?;
    Ok(TransactionOutcome::Commit(()))
}

/// Returns the ids of the channels that `references` name, sorted and without duplicates. Fails if a reference names none of
/// `channels`.
pub fn resolve(channels: &[Channel], references: &[ChannelReference]) -> Result<Vec<Uuid>> {
    let (ids, unknown) = find(channels, references);
    match unknown.first() {
        None => Ok(ids),
        Some(reference) => Err(Error::not_found("channel", reference)),
    }
}

/// Returns the ids of the channels that references name, each once and sorted, and the references that name none of
/// `channels`.
pub fn find(
    channels: &[Channel],
    references: &[ChannelReference],
) -> (Vec<Uuid>, Vec<ChannelReference>) {
    let known: HashSet<Uuid> = channels.iter().map(|channel| channel.id).collect();
    let by_phone: HashMap<PhoneNumber, Uuid> = channels
        .iter()
        .filter_map(|channel| Some((channel.phone?, channel.id)))
        .collect();
    let (mut ids, mut unknown) = (Vec::with_capacity(references.len()), Vec::new());
    for reference in references {
        let id = match reference {
            ChannelReference::Id(id) => known.get(id),
            ChannelReference::Phone(phone) => by_phone.get(phone),
        };
        match id {
            Some(id) => ids.push(*id),
            None => unknown.push(*reference),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    (ids, unknown)
}

fn refuse_taken_phone(channels: &[Channel], channel: &Channel) -> Result<()> {
    let is_taken = channels
        .iter()
        .any(|other| other.id != channel.id && other.phone == channel.phone);
    if channel.phone.is_some() && is_taken {
        return Err(Error::AlreadyExists {
            resource_type: "channel",
            field: "phone",
        });
    }
    Ok(())
}
