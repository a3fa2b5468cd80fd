//! The two stages of a shutdown.

use tokio_util::sync::CancellationToken;

/// How far the server's shutdown has come. Cheap to clone; all clones say the same.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Running calls may end, and new ones are refused.
    pub draining: CancellationToken,
    /// The grace period is over: running calls are cut off.
    pub forced: CancellationToken,
}
