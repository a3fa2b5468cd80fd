//! The moment of a kill.

use std::time::Duration;

use test_support::Random;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{sleep, timeout},
};

use crate::{
    execute::{Pace, Stage},
    stored::Reader,
};

/// The longest wait; then the kill comes anyway.
const LIMIT: Duration = Duration::from_secs(10);

/// What the callers report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stream is at a stage.
    At(Stage),
    /// A call was answered.
    Answered,
}

/// Reports the stages of a stream.
#[derive(Clone)]
pub struct Watched(pub UnboundedSender<Event>);

impl Pace for Watched {
    async fn at(&self, stage: Stage) {
        // There is no receiver any more once the kill is over.
        let _ = self.0.send(Event::At(stage));
    }
}

/// A moment for a kill.
#[derive(Clone, Copy, Debug)]
pub enum KillPoint {
    /// This long after the start.
    After(Duration),
    /// This long after an event has happened this often.
    On(Event, usize, Duration),
    /// As soon as the database shows this many more updates: before their callers know, if the kill is fast.
    Commit(i64),
}

impl KillPoint {
    /// A random one: spread over time and over the stages of calls.
    pub fn random(random: &mut Random) -> Self {
        let micros = |random: &mut Random, most| Duration::from_micros(random.below(most) as u64);
        match random.below(12) {
            8..=11 => Self::Commit(1 + random.below(12) as i64),
            0..=1 => Self::After(micros(random, 300_000)),
            2 => Self::On(Event::Answered, 1 + random.below(30), micros(random, 2000)),
            3 => Self::On(
                Event::At(Stage::Sending),
                1 + random.below(40),
                micros(random, 2000),
            ),
            // The transaction and its commit lie between this stage and the answer.
            _ => Self::On(
                Event::At(Stage::Closing),
                1 + random.below(25),
                micros(random, 15_000),
            ),
        }
    }

    /// Waits until it has come.
    pub async fn wait(self, events: &mut UnboundedReceiver<Event>, reader: &Reader<'_>) {
        match self {
            Self::Commit(count) => {
                let awaited = reader.record_count().await + count;
                let commit = async { while reader.record_count().await < awaited {} };
                let _ = timeout(LIMIT, commit).await;
            }
            Self::After(wait) => sleep(wait).await,
            Self::On(awaited, count, wait) => {
                let count_down = async {
                    let mut left = count;
                    while left > 0 {
                        match events.recv().await {
                            Some(event) => left -= usize::from(event == awaited),
                            None => return,
                        }
                    }
                };
                let _ = timeout(LIMIT, count_down).await;
                // The runtime's own sleep counts whole milliseconds.
                tokio::task::block_in_place(|| std::thread::sleep(wait));
            }
        }
    }
}
