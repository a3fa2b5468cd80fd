//! Long work beside short calls: it holds no thread of the runtime for long.

use std::time::{Duration, Instant};

/// How long a piece of work takes before other tasks go on.
const PIECE_TIME: Duration = Duration::from_millis(2);

/// How many bytes of items are sorted, or written to a file, in a millisecond or two.
const QUICK_BYTES: u64 = 512 * 1024;

/// Divides work into pieces by the time that it takes, whatever the size of its items.
pub struct Pieces {
    piece_start: Instant,
}

impl Pieces {
    /// Begins the first piece.
    pub fn start() -> Self {
        Self {
            piece_start: Instant::now(),
        }
    }

    /// Ends the piece if it has taken long, and lets other tasks go on.
    pub async fn step(&mut self) {
        if self.piece_start.elapsed() >= PIECE_TIME {
            tokio::task::yield_now().await;
            self.piece_start = Instant::now();
        }
    }
}

/// Drops `items`, which takes long where each has many values.
pub async fn drop_in_pieces<T>(items: Vec<T>) {
    let mut pieces = Pieces::start();
    for item in items {
        drop(item);
        pieces.step().await;
    }
}

/// Runs `work`, which goes through `bytes` of items at once, and lets other tasks go on meanwhile if that takes long. Each thread
/// that does so keeps memory of its own, so it is not worth it for a few items.
pub fn aside<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    if bytes <= QUICK_BYTES {
        work()
    } else {
        tokio::task::block_in_place(work)
    }
}
