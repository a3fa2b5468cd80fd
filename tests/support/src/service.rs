//! The service under test: the server that production runs, in this process, on a free port.

use std::{net::SocketAddr, time::Duration};

use contact_lists::{repository::Repository, server::Server, settings::ServeSettings};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Database, Organization, Relay, tenants};

const ADMIN_LISTEN: &str = "--admin-listen";

const SHUTDOWN_LIMIT: Duration = Duration::from_secs(30);

/// A running service with one organization, which has an admin key.
pub struct Service {
    running: Option<Running>,
    /// How the server reaches the database: directly, or through a relay.
    server_url: String,
    /// The settings beyond those that every test has.
    args: Vec<String>,
    pub(crate) repository: Repository,
    pub(crate) organization: Organization,
    /// Last, so that it is dropped after all that is connected to it.
    database: Database,
}

struct Running {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    signals: mpsc::UnboundedSender<()>,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Service {
    /// Starts the service with the default settings.
    pub async fn start(database: Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// Starts the service with further settings: `&["--max-contacts", "10"]`.
    pub async fn start_with(database: Database, args: &[&str]) -> Self {
        let url = database.url().to_owned();
        Self::launch(database, url, args).await
    }

    /// Starts the service with a relay between it and PostgreSQL. The test's own connections don't go through the relay.
    pub async fn start_behind(database: Database, relay: &Relay, args: &[&str]) -> Self {
        Self::launch(database, relay.database_url(), args).await
    }

    async fn launch(database: Database, server_url: String, args: &[&str]) -> Self {
        // Before the server starts: on an empty database it would make an organization of its own.
        let repository = tenants::migrate(database.url()).await;
        let organization = Organization::create(&repository, "Acme", None).await;
        let mut service = Self {
            running: None,
            server_url,
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            repository,
            organization,
            database,
        };
        service.run().await;
        service
    }

    async fn run(&mut self) {
        let mut args = vec![
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            &self.server_url,
        ];
        if !self.args.iter().any(|arg| arg == ADMIN_LISTEN) {
            args.extend([ADMIN_LISTEN, ""]);
        }
        args.extend(self.args.iter().map(String::as_str));
        let settings = ServeSettings::from_args(args).expect("settings");
        let server = Server::bind(settings).await.expect("a bound server");
        let address = server.local_addr().expect("a bound address");
        let admin_address = server.admin_addr().expect("a bound address");
        // A test that simply ends also requests a shutdown.
        let (signals, asked_to_stop) = mpsc::unbounded_channel();
        let server = tokio::spawn(server.serve(UnboundedReceiverStream::new(asked_to_stop)));
        self.running = Some(Running {
            address,
            admin_address,
            signals,
            server,
        });
    }

    /// Asks the server to stop, as a signal does. Asked again, it goes on to its next stage.
    pub fn signal(&self) {
        let running = self.running.as_ref().expect("a running server");
        running.signals.send(()).expect("a server that listens");
    }

    /// Asks the server to stop, and waits until it has.
    pub async fn shutdown(&mut self) {
        let Some(Running {
            signals, server, ..
        }) = self.running.take()
        else {
            return;
        };
        let _ = signals.send(());
        let served = timeout(SHUTDOWN_LIMIT, server)
            .await
            .expect("a shutdown in time");
        served
            .expect("a server that does not panic")
            .expect("a clean end");
    }

    /// Stops the server and starts it again on the same database, at another address: earlier clients stay without one.
    pub async fn restart(&mut self) {
        self.shutdown().await;
        self.run().await;
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("a running server").address
    }

    /// Where operators read from the server, if it was started with `--admin-listen`.
    pub fn admin_address(&self) -> SocketAddr {
        let running = self.running.as_ref().expect("a running server");
        running.admin_address.expect("an address for operators")
    }

    /// What the server was given as `--database-url`.
    pub fn database_url(&self) -> &str {
        &self.server_url
    }

    /// The database, to look into it past the service.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// A connection of the test's own to the same database.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The number that a query returns: `SELECT count(*) FROM contacts`.
    pub async fn rows(&self, sql: &str) -> i64 {
        self.database.rows(sql).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.server.abort();
        }
    }
}
