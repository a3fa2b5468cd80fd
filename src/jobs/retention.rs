//! The purge of recorded updates, in the background.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    domain::now,
    error::Result,
    repository::{Repository, TransactionOutcome, organizations, updates},
};

/// Removes what is no longer needed from updates that are older than `retention`, once every `interval` until `draining`.
pub async fn watch(
    repository: Repository,
    retention: Duration,
    interval: Duration,
    draining: CancellationToken,
) {
    loop {
        let purged = tokio::select! {
            purged = purge(&repository, retention) => purged,
            // A database that does not answer must not keep the server from stopping.
            () = draining.cancelled() => return,
        };
        match purged {
            Ok(0) => {}
            Ok(update_count) => tracing::info!(update_count, "updates.purged"),
            Err(error) => tracing::warn!(%error, "updates.purge_failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = draining.cancelled() => return,
        }
    }
}

async fn purge(repository: &Repository, retention: Duration) -> Result<u64> {
    let before = now() - retention;
    let mut update_count = 0;
    for organization in organizations::all(repository).await? {
        let input = (organization.id, before);
        update_count += repository
            .write(input, |(organization, before), transaction| {
                Box::pin(async move {
                    updates::purge(transaction, *organization, *before)
                        .await
                        .map(TransactionOutcome::Commit)
                })
            })
            .await?;
    }
    Ok(update_count)
}
