//! From settings to a server that is bound to its address.

mod connections;
pub(crate) mod layers;
mod services;
mod shutdown;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail};
use futures_util::Stream;
use tokio::net::TcpListener;
use tonic::service::Routes;

use self::{
    connections::{Connections, Tls},
    shutdown::Shutdown,
};
use crate::{
    jobs::{health::Health, key_uses::KeyUses, retention},
    repository::{Repository, ServerLock},
    rpc::{Api, Limits},
    settings::ServeSettings,
    spool,
};

/// A server that is bound to its address.
pub struct Server {
    settings: ServeSettings,
    tls: Option<Arc<Tls>>,
    repository: Repository,
    listener: TcpListener,
    /// Held for as long as it serves a SQLite file.
    _lock: Option<ServerLock>,
}

impl Server {
    /// Resolves the address, checks the folder for temporary files, reads the TLS files, connects to the database, brings its
    /// schema up to date, and listens.
    pub async fn bind(settings: ServeSettings) -> anyhow::Result<Self> {
        let addresses = addresses(&settings).await?;
        connections::raise_descriptor_limit();
        spool::check_folder()?;
        let tls = Tls::load(&settings).await?.map(Arc::new);
        let repository = Repository::connect(&(&settings.database).into()).await?;
        let lock = repository.lock_file()?;
        if settings.migrate {
            repository
                .migrate()
                .await
                .context("cannot bring the schema up to date")?;
        } else if let Some(missing) = repository.missing_migration().await? {
            bail!("the database's schema lacks {missing}: run contact-lists migrate");
        }
        let listener = listen(&addresses).await?;
        Ok(Self {
            settings,
            tls,
            repository,
            listener,
            _lock: lock,
        })
    }

    /// The address that it is bound to.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Its database.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Serves until the first of `signals`, or their end. Then it goes on for the drain period, which a second one ends, and lets
    /// running calls end within the grace period.
    pub async fn serve(self, signals: impl Stream<Item = ()> + Send) -> anyhow::Result<()> {
        let stages = Shutdown::default();
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let health = Health {
            reporter,
            services: services::NAMES,
        };
        // Before the first connection is accepted.
        health.check(&self.repository).await;
        let health = tokio::spawn(health.watch(self.repository.clone(), stages.leaving.clone()));
        let retention = tokio::spawn(retention::watch(
            self.repository.clone(),
            self.settings.retention(),
            self.settings.purge_interval(),
            stages.draining.clone(),
        ));

        if let Some(tls) = self.tls.clone() {
            let draining = stages.draining.clone();
            tokio::spawn(async move { tls.watch(draining).await });
        }

        let uses = KeyUses::default();
        let key_uses = uses.clone();
        let key_uses =
            tokio::spawn(key_uses.watch(self.repository.clone(), stages.draining.clone()));
        let open = layers::around_open(services::open_routes(health_service)?, &self.settings);
        let routes = self.routes(&stages, &uses, open);
        let connections = Connections::new(&self.settings, self.tls, routes, &stages);
        let drain = self
            .settings
            .drain(self.listener.local_addr()?.ip().is_loopback());
        let mut serving = pin!(connections.serve(self.listener));
        tokio::select! {
            () = &mut serving => {}
            () = stages.until_drained(signals, drain) => {}
        }

        tracing::info!("server.closing");
        stages.draining.cancel();
        if tokio::time::timeout(self.settings.grace(), &mut serving)
            .await
            .is_err()
        {
            tracing::warn!(
                grace_seconds = self.settings.grace_seconds,
                "server.closed_by_force"
            );
            stages.forced.cancel();
            // The calls that were cut off still tell their callers why.
            let _ = tokio::time::timeout(Duration::from_secs(1), &mut serving).await;
        }
        health.await?;
        retention.await?;
        key_uses.await?;
        Ok(())
    }

    /// All services, in the layers that they need. `open` are those that need no key.
    fn routes(&self, shutdown: &Shutdown, uses: &KeyUses, open: Routes) -> Routes {
        let api = Api::new(self.repository.clone(), limits(&self.settings));
        let routes = services::routes(&api, self.settings.max_message_bytes as usize);
        let routes = layers::around(routes, &self.repository, uses, &self.settings, shutdown);
        let open = open.into_axum_router().reset_fallback();
        Routes::from(routes.into_axum_router().merge(open))
    }
}

/// Returns the addresses to listen on. Fails if calls to one of them could be read on their way.
async fn addresses(settings: &ServeSettings) -> anyhow::Result<Vec<SocketAddr>> {
    let listen = &settings.listen;
    let addresses = listen.resolve().await;
    let addresses = addresses.with_context(|| format!("cannot listen on {listen}"))?;
    let is_loopback = addresses.iter().all(|address| address.ip().is_loopback());
    if !is_loopback && settings.tls_certificate.is_none() && !settings.plaintext {
        bail!(
            "{listen} is not a loopback address: give --tls-certificate and --tls-key, or --plaintext"
        );
    }
    Ok(addresses)
}

/// Listens on the first of the addresses that the system has. One that is taken is not passed over: its server would be taken
/// for this one.
async fn listen(addresses: &[SocketAddr]) -> anyhow::Result<TcpListener> {
    let mut missing = None;
    for address in addresses {
        let error = match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => error,
        };
        let is_missing = error.kind() == io::ErrorKind::AddrNotAvailable;
        let error = anyhow::Error::new(error).context(format!("cannot listen on {address}"));
        if !is_missing {
            return Err(error);
        }
        missing.get_or_insert(error);
    }
    Err(missing.unwrap_or_else(|| anyhow!("there is no address to listen on")))
}

fn limits(settings: &ServeSettings) -> Limits {
    Limits {
        max_contacts: settings.max_contacts.into(),
        max_message_bytes: settings.max_message_bytes as usize,
        max_spool_bytes: settings.max_spool_bytes,
        // An export keeps its connection while it reads, and others read as well.
        max_exports: (settings.database.max_connections as usize / 8).max(1),
        stream_idle: settings.stream_idle(),
    }
}
