//! From settings to a server that is bound to its address.

mod admin;
mod connections;
mod console;
pub(crate) mod layers;
mod services;
mod shutdown;
pub mod transcoding;

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use futures_util::Stream;
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::service::Routes;

pub use self::services::descriptor_set;
use self::{
    admin::Admin,
    connections::{Connections, Tls},
    console::Console,
    shutdown::Shutdown,
    transcoding::Transcoder,
};
use crate::{
    jobs::{
        health::{DatabaseState, Health},
        key_uses::KeyUses,
        retention,
    },
    repository::{DatabaseOptions, FileLock, Repository},
    rpc::{Api, Limits},
    settings::ServeSettings,
    spool,
    telemetry::{CallMetrics, Calls, JobMetrics, Metrics, ProcessMetrics, Traces},
};

/// How long the collector has to take the last traces, if the grace period is not over.
const TRACES_LIMIT: Duration = Duration::from_secs(2);

/// A server that is bound to its address.
pub struct Server {
    settings: ServeSettings,
    tls: Option<Arc<Tls>>,
    repository: Repository,
    listener: TcpListener,
    admin: Option<TcpListener>,
    traces: Option<Traces>,
    /// Held for as long as it serves a SQLite file.
    _lock: Option<FileLock>,
}

impl Server {
    /// Resolves the address, checks the folder for temporary files, reads the TLS files, connects to the database, brings its
    /// schema up to date, and listens.
    pub async fn bind(settings: ServeSettings) -> anyhow::Result<Self> {
        let addresses = addresses(&settings).await?;
        let endpoint = settings.otlp_endpoint.as_deref();
        let endpoint = endpoint.filter(|it| !it.is_empty());
        let traces = endpoint.map(Traces::to_collector).transpose()?;
        connections::raise_descriptor_limit();
        spool::check_folder()?;
        let tls = Tls::load(&settings).await?.map(Arc::new);
        let database = DatabaseOptions {
            read_url: settings.read_database_url.clone(),
            ..(&settings.database).into()
        };
        let (repository, lock) = Repository::connect_to_serve(&database).await?;
        let bound = bind_on(&repository, &settings, &addresses).await;
        let (listener, admin) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                repository.close().await;
                return Err(error);
            }
        };
        Ok(Self {
            settings,
            tls,
            repository,
            listener,
            admin,
            traces,
            _lock: lock,
        })
    }

    /// The address that it is bound to.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The address that operators read from, if there is one.
    pub fn admin_addr(&self) -> std::io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Its database.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Serves until the first of `signals`, or their end. Then it goes on for the drain period, which a second one ends, and lets
    /// running calls end within the grace period.
    pub async fn serve(mut self, signals: impl Stream<Item = ()> + Send) -> anyhow::Result<()> {
        let stages = Shutdown::default();
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let (database, database_state) = watch::channel(DatabaseState::Unknown);
        let (calls, jobs) = (CallMetrics::default(), JobMetrics::default());
        let api = Api::new(self.repository.clone(), limits(&self.settings));
        let uses = KeyUses::default();
        let recorded = Calls::new(calls.clone(), self.traces.clone());
        let open = services::open_routes(health_service)?;
        let open = layers::around_open(open, &self.settings, &recorded);
        let transcoder = self.transcoder(&api, open, &uses, &recorded, &stages);
        let _admin = self.admin.take().map(|listener| {
            let console = Console::new(&self.settings, &transcoder);
            let admin = self.admin(&api, &calls, &jobs, database_state, &stages, console);
            AbortOnDropHandle::new(tokio::spawn(admin.serve(listener)))
        });
        let mut health = Health {
            reporter,
            services: services::NAMES,
            database,
            metrics: jobs.clone(),
            reported: None,
        };
        // Before the first connection is accepted.
        health.check(&self.repository).await;
        let health = tokio::spawn(health.watch(self.repository.clone(), stages.leaving.clone()));
        let retention = tokio::spawn(retention::watch(
            self.repository.clone(),
            self.settings.retention(),
            self.settings.purge_interval(),
            jobs,
            stages.draining.clone(),
        ));

        if let Some(tls) = self.tls.clone() {
            let draining = stages.draining.clone();
            tokio::spawn(async move { tls.watch(draining).await });
        }

        let key_uses = tokio::spawn(uses.watch(self.repository.clone(), stages.draining.clone()));
        let connections = Connections::new(&self.settings, self.tls, transcoder, &stages);
        let drain = self
            .settings
            .drain(self.listener.local_addr()?.ip().is_loopback());
        let mut serving = pin!(connections.serve(self.listener));
        tokio::select! {
            () = &mut serving => {}
            () = stages.until_drained(signals, drain) => {}
        }
        let end = Instant::now() + self.settings.grace();
        end_calls(&mut serving, &stages, self.settings.grace()).await;
        tokio::try_join!(health, retention, key_uses)?;
        if let Some(traces) = self.traces {
            let left = end.saturating_duration_since(Instant::now());
            traces.shutdown(left.min(TRACES_LIMIT)).await;
        }
        self.repository.close().await;
        Ok(())
    }

    /// What operators can read of this server.
    fn admin(
        &self,
        api: &Api,
        calls: &CallMetrics,
        jobs: &JobMetrics,
        database: watch::Receiver<DatabaseState>,
        shutdown: &Shutdown,
        console: Option<Console>,
    ) -> Admin {
        let (mut metrics, process) = (Metrics::default(), ProcessMetrics::default());
        let limit = self.settings.max_spool_bytes;
        process
            .spool_limit_bytes
            .set(limit.try_into().unwrap_or(i64::MAX));
        calls.register(&mut metrics);
        self.repository.metrics().register(&mut metrics);
        jobs.register(&mut metrics);
        process.register(&mut metrics, self.repository.database_name());
        Admin {
            metrics,
            process,
            repository: self.repository.clone(),
            api: api.clone(),
            database,
            shutdown: shutdown.clone(),
            console,
        }
    }

    /// All services, in the layers that they need, whatever form a call has. `open` are those that need no key.
    fn transcoder(
        &self,
        api: &Api,
        open: Routes,
        uses: &KeyUses,
        calls: &Calls,
        shutdown: &Shutdown,
    ) -> Transcoder {
        let settings = &self.settings;
        let routes = services::routes(api, settings.max_message_bytes as usize);
        let routes = layers::around(routes, &self.repository, uses, settings, calls, shutdown);
        let open = open.into_axum_router().reset_fallback();
        let all = Routes::from(routes.into_axum_router().merge(open));
        Transcoder::new(settings, all)
    }
}

/// Ends the calls that are `serving`: those that run may end within `grace`, and are then cut off.
async fn end_calls(
    serving: &mut Pin<&mut impl Future<Output = ()>>,
    stages: &Shutdown,
    grace: Duration,
) {
    tracing::info!("server.closing");
    stages.draining.cancel();
    if timeout(grace, serving.as_mut()).await.is_err() {
        let grace_seconds = grace.as_secs();
        tracing::warn!(grace_seconds, "server.closed_by_force");
        stages.forced.cancel();
        // The calls that were cut off still tell their callers why.
        let _ = timeout(Duration::from_secs(1), serving.as_mut()).await;
    }
}

/// Brings the schema up to date, and listens, for operators as well.
async fn bind_on(
    repository: &Repository,
    settings: &ServeSettings,
    addresses: &[SocketAddr],
) -> anyhow::Result<(TcpListener, Option<TcpListener>)> {
    if settings.migrate {
        repository
            .migrate()
            .await
            .context("cannot bring the schema up to date")?;
    } else {
        repository.check_schema().await?;
    }
    let listener = listen(addresses).await?;
    let admin = match &settings.admin_listen.0 {
        Some(address) => Some(admin::bind(address).await?),
        None => None,
    };
    Ok((listener, admin))
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
        retention: settings.retention().request_ids,
        undo_retention: settings.retention().undo,
    }
}
