//! A relay between the service and PostgreSQL that a test can cut, freeze and mend.

use std::path::{Path, PathBuf};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};

use super::Database;

/// Listens on a free port and passes bytes on to a database's socket and back.
pub struct Relay {
    database_url: String,
    line: watch::Sender<Line>,
    accepting: JoinHandle<()>,
}

/// The state of all connections.
#[derive(Clone, Copy, Default)]
struct Line {
    is_cut: bool,
    is_frozen: bool,
    /// A connection ends at the first cut after its start, also if the line is mended before the connection looks.
    cut_count: u32,
}

impl Relay {
    /// Starts a relay to a database. None on SQLite, which is not reached over a line.
    pub async fn start(database: &Database) -> Option<Self> {
        let (socket, name) = database.postgres_socket()?;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port");
        let (line, state) = watch::channel(Line::default());
        Some(Self {
            database_url: format!("postgres://postgres@{address}/{name}?sslmode=disable"),
            line,
            accepting: tokio::spawn(accept(listener, socket, state)),
        })
    }

    /// What to give as `--database-url` to reach the database through the relay.
    pub fn database_url(&self) -> String {
        self.database_url.clone()
    }

    /// Ends every connection; new ones end at once. The database looks gone.
    pub fn cut(&self) {
        self.line.send_modify(|line| {
            *line = Line {
                is_cut: true,
                is_frozen: false,
                cut_count: line.cut_count + 1,
            };
        });
    }

    /// Keeps every connection and takes new ones, but passes nothing on. The database looks busy for ever.
    pub fn freeze(&self) {
        self.line.send_modify(|line| {
            *line = Line {
                is_cut: false,
                is_frozen: true,
                ..*line
            }
        });
    }

    /// Takes new connections after a cut; passes on what a frozen line has held.
    pub fn mend(&self) {
        self.line.send_modify(|line| {
            *line = Line {
                is_cut: false,
                is_frozen: false,
                ..*line
            }
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, state: watch::Receiver<Line>) {
    while let Ok((caller, _)) = listener.accept().await {
        if !state.borrow().is_cut {
            let (socket, state) = (socket.clone(), state.clone());
            tokio::spawn(async move { pass(caller, &socket, state).await });
        }
    }
}

/// Passes bytes both ways until either side ends or the line is cut; then both sides end.
async fn pass(caller: TcpStream, socket: &Path, state: watch::Receiver<Line>) {
    let Ok(database) = UnixStream::connect(socket).await else {
        return;
    };
    let _ = caller.set_nodelay(true);
    let (from_caller, to_caller) = caller.into_split();
    let (from_database, to_database) = database.into_split();
    tokio::select! {
        () = pump(from_caller, to_database, state.clone()) => {}
        () = pump(from_database, to_caller, state.clone()) => {}
        () = until_cut(state) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<Line>,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else {
            return;
        };
        // What is read while the line is frozen waits here, and what comes after it in the sender's own buffers.
        if state.wait_for(|line| !line.is_frozen).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn until_cut(mut state: watch::Receiver<Line>) {
    let cut_count = state.borrow().cut_count;
    // An error means that the relay is gone, which is a cut too.
    let _ = state.wait_for(|line| line.cut_count > cut_count).await;
}
