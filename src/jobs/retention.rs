//! The purge of recorded updates, in the background. It goes by the time that servers have really waited, as a purged
//! `request_id` would let a retry be applied twice.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{
    app::journal,
    domain::{OrganizationId, now},
    error::Result,
    repository::{
        Repository, Transaction, TransactionOutcome, organizations, purge_times, recorded_opt_outs,
        suppressions, updates,
    },
    settings::Retention,
    telemetry::JobMetrics,
};

/// How long before its commit an erasure can have begun, whose time it has.
const LONGEST_ERASURE: Duration = Duration::from_secs(3600);

/// Removes what is no longer needed of updates that are older than `retention`, once every `interval` until `draining`.
pub async fn watch(
    repository: Repository,
    retention: Retention,
    interval: Duration,
    metrics: JobMetrics,
    draining: CancellationToken,
) {
    let mut last = HashMap::new();
    loop {
        let purged = tokio::select! {
            purged = purge(&repository, retention, &mut last) => purged,
            // A database that does not answer must not keep the server from stopping.
            () = draining.cancelled() => return,
        };
        metrics.count_purge(&purged);
        match purged {
            Ok(0) => {}
            Ok(update_count) => tracing::info!(update_count, "updates.purged"),
            Err(error) => {
                let cause = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(cause, "updates.purge_failed");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = draining.cancelled() => return,
        }
    }
}

/// What the last purge of an organization came to: how far its updates had aged, and when that was.
struct LastPurge {
    purge_time: OffsetDateTime,
    at: Instant,
}

impl LastPurge {
    /// How far the updates have aged by now.
    fn purge_time_now(&self) -> OffsetDateTime {
        self.purge_time + self.at.elapsed()
    }
}

async fn purge(
    repository: &Repository,
    retention: Retention,
    last: &mut HashMap<OrganizationId, LastPurge>,
) -> Result<u64> {
    let mut update_count = 0;
    for organization in organizations::all(repository).await? {
        let at = Instant::now();
        let waited_until = last.get(&organization.id).map(LastPurge::purge_time_now);
        let input = (organization.id, waited_until, retention);
        let (purge_time, count) = repository
            .write(
                input,
                |(organization, waited_until, retention), transaction| {
                    Box::pin(purge_in(
                        transaction,
                        *organization,
                        *waited_until,
                        *retention,
                    ))
                },
            )
            .await?;
        last.insert(organization.id, LastPurge { purge_time, at });
        update_count += count;
        journal::purge(repository, organization.id, purge_time - retention.undo).await?;
    }
    Ok(update_count)
}

async fn purge_in(
    transaction: &Transaction,
    organization: OrganizationId,
    waited_until: Option<OffsetDateTime>,
    retention: Retention,
) -> Result<TransactionOutcome<(OffsetDateTime, u64)>> {
    let stored = purge_times::get(transaction, organization).await?;
    let purge_time = next_purge_time(stored, waited_until, now());
    purge_times::set(transaction, organization, purge_time).await?;
    let request_id_time = purge_time - retention.request_ids;
    let count = updates::forget_request_ids(transaction, organization, request_id_time).await?;
    recorded_opt_outs::forget(transaction, organization, request_id_time).await?;
    let undo_time = purge_time - retention.undo;
    updates::forget_rejected_contacts(transaction, organization, undo_time).await?;
    suppressions::forget_erased(transaction, organization, stored - LONGEST_ERASURE).await?;
    Ok(TransactionOutcome::Commit((purge_time, count)))
}

/// How far updates have aged: no further on than this server has waited since its last purge, or another server has, as a clock that
/// jumps ahead would make young updates old; and no further on than the clock, which may have been set back.
fn next_purge_time(
    stored: OffsetDateTime,
    waited_until: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> OffsetDateTime {
    waited_until.map_or(stored, |it| it.max(stored)).min(now)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const STORED: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);
    const WAITED: OffsetDateTime = datetime!(2026-01-01 00:10 UTC);

    #[test]
    fn updates_age_by_the_time_that_was_waited() {
        let now = datetime!(2026-01-01 00:10:01 UTC);
        assert_eq!(next_purge_time(STORED, Some(WAITED), now), WAITED);
    }

    #[test]
    fn a_clock_that_jumps_ahead_ages_nothing() {
        let now = datetime!(2027-01-01 00:00 UTC);
        assert_eq!(next_purge_time(STORED, None, now), STORED);
        assert_eq!(next_purge_time(STORED, Some(WAITED), now), WAITED);
    }

    #[test]
    fn what_another_server_has_waited_counts_once() {
        let now = datetime!(2026-01-01 01:00 UTC);
        let others = datetime!(2026-01-01 00:12 UTC);
        assert_eq!(next_purge_time(others, Some(WAITED), now), others);
    }

    #[test]
    fn a_clock_that_was_set_back_holds() {
        let now = datetime!(2025-12-01 00:00 UTC);
        assert_eq!(next_purge_time(STORED, Some(WAITED), now), now);
    }
}
