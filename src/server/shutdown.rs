//! The two stages of a shutdown.

use tokio_util::sync::CancellationToken;

/// How far the server's shutdown has progressed. Cheap to clone; all clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Running calls may end, and new ones are refused.
    pub draining: CancellationToken,
    /// The grace period is over: running calls are cut off.
    pub forced: CancellationToken,
}
