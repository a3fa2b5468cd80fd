//! How long the stages of an update take.

use std::time::{Duration, Instant};

/// A stage of an update. Each begins when the one before it ends.
#[derive(Debug, Clone, Copy)]
pub enum Stage {
    /// The stream arrives, and its contacts are checked.
    Receive,
    /// The contacts are grouped by phone.
    Fold,
    /// The update waits for its turn on the list, and for a connection.
    Wait,
    /// The contacts are looked up, and it is decided what to write.
    Plan,
    /// The plan is written.
    Write,
    /// The transaction commits.
    Commit,
}

/// Measures the stages of an update.
#[derive(Debug, Clone)]
pub struct StageTimer {
    stage_start: Instant,
    durations: [Duration; Stage::Commit as usize + 1],
}

impl StageTimer {
    /// Begins the first stage.
    pub fn start() -> Self {
        Self {
            stage_start: Instant::now(),
            durations: Default::default(),
        }
    }

    /// Ends a stage, and begins the next one.
    pub fn end(&mut self, stage: Stage) {
        let now = Instant::now();
        self.durations[stage as usize] = now - self.stage_start;
        self.stage_start = now;
    }

    /// Logs how long the stages of an applied update took, in microseconds. A stage that was left out took none.
    pub fn log(&self) {
        let micros = |stage: Stage| self.durations[stage as usize].as_micros();
        tracing::info!(
            receive_us = micros(Stage::Receive),
            fold_us = micros(Stage::Fold),
            wait_us = micros(Stage::Wait),
            plan_us = micros(Stage::Plan),
            write_us = micros(Stage::Write),
            commit_us = micros(Stage::Commit),
            "update.applied"
        );
    }
}
