//! From settings to a server that is bound to its address.

mod connections;
pub(crate) mod layers;
mod services;
mod shutdown;

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use futures_util::Stream;
use tokio::net::TcpListener;
use tonic::service::Routes;

use self::{
    connections::{Connections, Tls},
    shutdown::Shutdown,
};
use crate::{
    jobs::{health::Health, retention},
    repository::Repository,
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
}

impl Server {
    /// Checks the folder for temporary files, reads the TLS files, connects to the database, brings its schema up to date, and binds the address.
    pub async fn bind(settings: ServeSettings) -> anyhow::Result<Self> {
        let has_tls = settings.tls_certificate.is_some();
        if !settings.listen.ip().is_loopback() && !has_tls && !settings.plaintext {
            bail!(
                "{} is not a loopback address: give --tls-certificate and --tls-key, or --plaintext",
                settings.listen
            );
        }
        connections::raise_descriptor_limit();
        spool::check_folder()?;
        let tls = Tls::load(&settings).await?.map(Arc::new);
        let repository = Repository::connect(&(&settings.database).into())
            .await
            .context("cannot open the database")?;
        if settings.migrate {
            repository
                .migrate()
                .await
                .context("cannot bring the schema up to date")?;
        }
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
        Ok(Self {
            settings,
            tls,
            repository,
            listener,
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
        // Until the database has answered.
        health.report(false).await;
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

        let open = layers::around_open(services::open_routes(health_service)?, &self.settings);
        let routes = self.routes(&stages, open);
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
        Ok(())
    }

    /// All services, in the layers that they need. `open` are those that need no key.
    fn routes(&self, shutdown: &Shutdown, open: Routes) -> Routes {
        let api = Api::new(self.repository.clone(), limits(&self.settings));
        let routes = services::routes(&api, self.settings.max_message_bytes as usize);
        let routes = layers::around(routes, &self.repository, &self.settings, shutdown);
        let open = open.into_axum_router().reset_fallback();
        Routes::from(routes.into_axum_router().merge(open))
    }
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
