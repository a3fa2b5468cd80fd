//! Calls that are sent again where that can help.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tonic_types::StatusExt;

use super::{progress::Progress, stream::SendError};
use crate::client::error;

/// How often a call is sent again, and how long to wait before the first time.
const MAX_RETRIES: usize = 4;
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A call that was sent in vain.
pub struct Unsent {
    /// Why.
    pub error: SendError,
    /// Whether it is certain that no attempt was applied.
    pub is_certain: bool,
}

/// Sends a call, and again if that can help.
pub async fn with_retries<T>(
    progress: &Progress,
    mut send: impl AsyncFnMut() -> Result<T, SendError>,
) -> Result<T, Unsent> {
    let mut is_certain = true;
    let delays = ExponentialBuilder::default()
        .with_min_delay(RETRY_DELAY)
        .with_max_times(MAX_RETRIES);
    let mut delays = delays.with_jitter().build();
    loop {
        let sent = tokio::select! {
            sent = send() => sent,
            () = progress.write_lines() => continue,
        };
        let status = match sent {
            Ok(outcome) => return Ok(outcome),
            Err(SendError::Status(status)) => status,
            Err(error) => return Err(Unsent { error, is_certain }),
        };
        is_certain &= error::has_changed_nothing(&status);
        let delay = delays.next().filter(|_| error::is_temporary(&status));
        let Some(delay) = delay else {
            let error = SendError::Status(status);
            return Err(Unsent { error, is_certain });
        };
        let asked = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        let delay = delay.max(asked.unwrap_or_default());
        let reason = error::sentence(status);
        progress.say(&format!(
            "{reason}: trying again in {:.1} s",
            delay.as_secs_f64()
        ));
        tokio::time::sleep(delay).await;
    }
}
