//! `contact-lists health`.

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::connect::{ServerSettings, first_call_failed};

/// How long the server has to respond.
const LIMIT: Duration = Duration::from_secs(5);

/// The settings of `health`.
#[derive(Debug, Clone, Args)]
pub struct HealthSettings {
    /// Which server.
    #[command(flatten)]
    pub server: ServerSettings,
}

/// Asks a server for its health, and fails unless it is serving.
pub async fn run(settings: HealthSettings) -> anyhow::Result<()> {
    let server = &settings.server.server;
    let Ok(status) = tokio::time::timeout(LIMIT, ask(&settings.server)).await else {
        bail!(
            "{server} does not respond within {} seconds",
            LIMIT.as_secs()
        );
    };
    let status = status?;
    if status != ServingStatus::Serving {
        bail!("{server} says {}", status.as_str_name());
    }
    println!("{}", status.as_str_name());
    Ok(())
}

async fn ask(settings: &ServerSettings) -> anyhow::Result<ServingStatus> {
    let mut health = HealthClient::new(settings.connect().await?);
    let response = health.check(HealthCheckRequest::default()).await;
    let response = response.map_err(|status| first_call_failed(&settings.server, status))?;
    Ok(response.into_inner().status())
}
