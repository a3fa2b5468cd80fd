//! `grpc.health.v1`: serving while the database answers, and until the server leaves.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{repository::Repository, telemetry::JobMetrics};

/// How often the database is checked.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the database has to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What is known of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    /// It has not been asked yet.
    Unknown,
    /// It answered when it was last asked.
    Up,
    /// It did not.
    Down,
}

/// Reports the health of the server as a whole and of its services.
pub struct Health {
    /// Where the health service reads it.
    pub reporter: HealthReporter,
    /// The names of the services.
    pub services: &'static [&'static str],
    /// Where the port for operators reads it.
    pub database: watch::Sender<DatabaseState>,
    /// Where it is measured.
    pub metrics: JobMetrics,
    /// What was reported last: who watches is told of changes alone.
    pub reported: Option<bool>,
}

impl Health {
    /// Reports whether the database answers, periodically until `leaving`.
    pub async fn watch(mut self, repository: Repository, leaving: CancellationToken) {
        loop {
            let ask = async { tokio::join!(self.ask(&repository), repository.check_copy()).0 };
            let serving = tokio::select! {
                serving = ask => serving,
                () = leaving.cancelled() => break,
            };
            if !leaving.is_cancelled() {
                self.report_if_changed(serving).await;
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = leaving.cancelled() => break,
            }
        }
        self.report(false).await;
    }

    /// Reports whether the database answers now.
    pub async fn check(&mut self, repository: &Repository) {
        let serving = self.ask(repository).await;
        self.report_if_changed(serving).await;
    }

    async fn report_if_changed(&mut self, serving: bool) {
        if self.reported.replace(serving) != Some(serving) {
            tracing::info!(serving, "health.changed");
            self.report(serving).await;
        }
    }

    /// Returns whether the database answers.
    async fn ask(&self, repository: &Repository) -> bool {
        let answer = tokio::time::timeout(TIMEOUT, repository.ping()).await;
        let is_up = matches!(answer, Ok(Ok(())));
        self.metrics.set_database_up(is_up);
        self.database.send_replace(if is_up {
            DatabaseState::Up
        } else {
            DatabaseState::Down
        });
        is_up
    }

    /// Reports whether the server and its services are serving.
    async fn report(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        // The empty name stands for the server as a whole.
        for service in [""].iter().chain(self.services) {
            self.reporter.set_service_status(*service, status).await;
        }
    }
}
