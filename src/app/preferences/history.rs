//! How the preferences of a contact or an unassigned number changed.

use std::collections::HashSet;

use uuid::Uuid;

use crate::{
    domain::{
        OrganizationId,
        contact::ContactReference,
        organization::Organization,
        preference::ALL_CHANNELS,
        preference_history::{HistoryItem, HistoryKey},
    },
    error::Result,
    repository::{
        Repository, Transaction, channels, contacts,
        preference_history::{self, HistoryOf},
    },
};

/// Returns whose history `reference` asks for, if there is someone: a number without a contact is an unassigned one.
pub async fn history_of(
    repository: &Repository,
    organization: &Organization,
    reference: &ContactReference,
) -> Result<Option<HistoryOf>> {
    let found = contacts::find(repository.db(), organization.id, reference).await?;
    let (contact, phone) = match (found, reference) {
        (Some(stored), _) => (Some(stored.contact.id), stored.contact.phone),
        (None, ContactReference::Phone(phone)) => (None, *phone),
        (None, _) => return Ok(None),
    };
    let number = organization.hash(phone);
    Ok(Some(HistoryOf { contact, number }))
}

/// Returns at most `limit` items of the history with a key above `after`, in order, as of one instant.
pub async fn page(
    repository: &Repository,
    organization: OrganizationId,
    of: HistoryOf,
    after: Option<HistoryKey>,
    limit: u64,
) -> Result<Vec<HistoryItem>> {
    let after = after.unwrap_or(HistoryKey::FIRST);
    let input = (organization, of, after, limit);
    repository
        .snapshot(input, |(organization, of, after, limit), transaction| {
            Box::pin(page_in(transaction, *organization, *of, *after, *limit))
        })
        .await
}

async fn page_in(
    transaction: &Transaction,
    organization: OrganizationId,
    of: HistoryOf,
    after: HistoryKey,
    limit: u64,
) -> Result<Vec<HistoryItem>> {
    let mut items = preference_history::page(transaction, organization, of, after, limit).await?;
    let Some(contact) = of.contact else {
        return Ok(items);
    };
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_full = items.len() == size;
    let last = items.last().filter(|_| is_full);
    let span = (after, last.map(|it| it.key.change_time));
    let channels = channels::all(transaction.db(), organization).await?;
    let channels: HashSet<Uuid> = channels
        .iter()
        .map(|it| it.id)
        .chain([ALL_CHANNELS])
        .collect();
    let kept =
        preference_history::kept_out(transaction, organization, (contact, &channels), span, size)
            .await?;
    items.extend(kept);
    items.sort_unstable_by_key(|item| item.key);
    items.truncate(size);
    Ok(items)
}
