//! `grpc.health.v1`: serving while the database answers, and until shutdown.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::repository::Repository;

/// How often the database is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the database has to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The services that health is told of; "" is the server as a whole.
const SERVICES: [&str; 6] = [
    "",
    "contactlists.v1.ContactListService",
    "contactlists.v1.ContactService",
    "contactlists.v1.ChannelService",
    "contactlists.v1.CommunicationPreferenceService",
    "contactlists.v1.CustomObjectService",
];

/// Tells health of the services, before the database was asked.
pub async fn start(reporter: &HealthReporter) {
    tell(reporter, ServingStatus::NotServing).await;
}

/// Tells health how the database is, until `closing`.
pub async fn watch(reporter: HealthReporter, repository: Repository, closing: CancellationToken) {
    let mut told = None;
    loop {
        let answers = tokio::select! {
            answer = tokio::time::timeout(TIMEOUT, repository.ping()) => matches!(answer, Ok(Ok(()))),
            () = closing.cancelled() => break,
        };
        let status = if answers {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        if told != Some(answers) && !closing.is_cancelled() {
            tracing::info!(serving = answers, "health.changed");
            tell(&reporter, status).await;
            told = Some(answers);
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = closing.cancelled() => break,
        }
    }
    tell(&reporter, ServingStatus::NotServing).await;
}

async fn tell(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
