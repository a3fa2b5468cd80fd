//! `contact-lists serve`.

use futures_util::stream;
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use super::first_start::{self, Target};
use crate::{
    repository::{Repository, organizations},
    server::Server,
    settings::ServeSettings,
    telemetry,
};

/// Serves until SIGINT or SIGTERM. A second one ends the drain period.
pub async fn run(settings: ServeSettings) -> anyhow::Result<()> {
    telemetry::start(settings.log_format, &settings.log)?;
    let with_tls = settings.tls_certificate.is_some();
    let key_file = settings.first_key_file.clone();
    let database_url = settings.database.database_url.clone();
    let has_console = settings.console;
    let server = Server::bind(settings).await?;
    let address = server.local_addr()?;
    let admin_address = server.admin_addr()?;
    let target = Target {
        address,
        with_tls,
        key_file,
    };
    if let Err(error) = greet(server.repository(), target, &database_url).await {
        server.repository().close().await;
        return Err(error);
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
        if has_console {
            println!("console on http://{address}/console");
        }
    }
    println!("listening on {address}");
    server.serve(signals).await
}

/// Makes the example at the first start on an empty database, where nobody else could reach it, and else names the commands that
/// make an organization.
async fn greet(
    repository: &Repository,
    target: Target,
    database_url: &SecretString,
) -> anyhow::Result<()> {
    if !organizations::all(repository).await?.is_empty() {
        return Ok(());
    }
    if target.address.ip().is_loopback() || target.key_file.is_some() {
        return first_start::make_example(repository, target).await;
    }
    first_start::name_commands(database_url);
    Ok(())
}
