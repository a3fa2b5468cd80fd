//! Health checks: there is always room for one more, since a server that doesn't respond would be ended. If too many are
//! waiting for their message, the one that has waited longest makes room.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{extract::Request, middleware::Next, response::Response};
use tokio::sync::oneshot;

use super::{Refusal, admission::too_many};

/// How many checks may run at once. Once its message has arrived, a check takes less than a millisecond.
const MAX_CHECKS: usize = 1024;

/// The running checks.
#[derive(Clone, Default)]
pub struct HealthChecks(Arc<Mutex<Checks>>);

#[derive(Default)]
struct Checks {
    /// In order of arrival. A check ends when its sender is dropped.
    running: BTreeMap<u64, oneshot::Sender<()>>,
    next: u64,
}

impl HealthChecks {
    /// Runs a check until it is done, or until it has to make room for another.
    pub async fn run(&self, request: Request, next: Next) -> Result<Response, Refusal> {
        let (_running, makes_room) = self.begin();
        tokio::select! {
            response = next.run(request) => Ok(response),
            _ = makes_room => Err(too_many(MAX_CHECKS, "server").into()),
        }
    }

    fn begin(&self) -> (Running<'_>, oneshot::Receiver<()>) {
        let (sender, makes_room) = oneshot::channel();
        let mut checks = self.lock();
        if checks.running.len() >= MAX_CHECKS {
            checks.running.pop_first();
        }
        let number = checks.next;
        checks.next += 1;
        checks.running.insert(number, sender);
        let running = Running {
            checks: self,
            number,
        };
        (running, makes_room)
    }

    fn lock(&self) -> MutexGuard<'_, Checks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running check.
struct Running<'checks> {
    checks: &'checks HealthChecks,
    number: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.checks.lock().running.remove(&self.number);
    }
}
