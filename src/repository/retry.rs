//! Runs transactions that lost a race again.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, Result},
    telemetry::DatabaseMetrics,
};

/// The waits between attempts: eight attempts, with waits that double from a millisecond. Their length is random, so that
/// two that collided don't collide again.
const BACK_OFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(1))
    .with_max_times(7)
    .with_jitter();

/// Runs `attempt` until it doesn't lose a race, at most eight times, and only while its caller is there.
pub async fn until_won<T, F: Future<Output = Result<T>>>(
    caller_left: &CancellationToken,
    metrics: &DatabaseMetrics,
    attempt: impl FnMut() -> F,
) -> Result<T> {
    attempt
        .retry(BACK_OFF)
        .when(|error| matches!(error, Error::ConcurrentChange) && !caller_left.is_cancelled())
        .notify(|_, wait| {
            metrics.count_retry();
            tracing::debug!(?wait, "transaction.retried");
        })
        .await
}
