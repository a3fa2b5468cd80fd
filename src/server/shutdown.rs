//! The stages of a shutdown.

use std::{pin::pin, time::Duration};

use futures_util::{Stream, StreamExt};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How far the server's shutdown has progressed. Cheap to clone; all clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Health says that the server does not serve, and everything else goes on, new connections included.
    pub leaving: CancellationToken,
    /// Running calls may end, and new ones are refused.
    pub draining: CancellationToken,
    /// The grace period is over: running calls are cut off.
    pub forced: CancellationToken,
}

impl Shutdown {
    /// Waits for the first of `signals`, or their end, and then for the `drain` period, which a second one ends.
    pub async fn until_drained(&self, signals: impl Stream<Item = ()>, drain: Duration) {
        let mut signals = pin!(signals);
        signals.next().await;
        self.leaving.cancel();
        tracing::info!(drain_seconds = drain.as_secs(), "server.leaving");
        tokio::select! {
            () = sleep(drain) => {}
            Some(()) = signals.next() => {}
        }
    }
}
