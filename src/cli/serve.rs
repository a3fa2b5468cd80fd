//! `contact-lists serve`.

use futures_util::stream;
use tokio::signal::unix::{SignalKind, signal};

use super::first_start::{self, Target};
use crate::{repository::organizations, server::Server, settings::ServeSettings, telemetry};

/// Serves until SIGINT or SIGTERM. A second one ends the drain period.
pub async fn run(settings: ServeSettings) -> anyhow::Result<()> {
    telemetry::start(settings.log_format, &settings.log)?;
    let with_tls = settings.tls_certificate.is_some();
    let key_file = settings.first_key_file.clone();
    let database_url = settings.database.database_url.clone();
    let server = Server::bind(settings).await?;
    let address = server.local_addr()?;
    let admin_address = server.admin_addr()?;
    if organizations::all(server.repository()).await?.is_empty() {
        if address.ip().is_loopback() || key_file.is_some() {
            let target = Target {
                address,
                with_tls,
                key_file,
            };
            first_start::make_example(server.repository(), target).await?;
        } else {
            first_start::name_commands(&database_url);
        }
    }
    // A program that reads the line may send a signal immediately.
    let kinds = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let signals = stream::unfold(kinds, |(mut interrupt, mut terminate)| async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Some(((), (interrupt, terminate)))
    });
    if let Some(address) = admin_address {
        println!("metrics on http://{address}/metrics");
    }
    println!("listening on {address}");
    server.serve(signals).await
}
