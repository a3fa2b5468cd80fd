//! A relay between the service and PostgreSQL, or a client and the service, that a test can cut, freeze, halve, slow down and
//! mend: immediately, or as soon as certain bytes pass.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

use super::Database;

/// Listens on a free port and passes bytes on to a database's socket or a service's address, and back.
pub struct Relay {
    address: SocketAddr,
    /// What to give as `--database-url`, in front of a database.
    database_url: String,
    line: Arc<watch::Sender<Line>>,
    accepting: JoinHandle<()>,
}

/// Where a relay leads.
#[derive(Clone)]
enum Target {
    /// To PostgreSQL.
    Socket(PathBuf),
    /// To a service.
    Address(SocketAddr),
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the service to the database.
    Requests,
    /// From the database to the service.
    Answers,
}

/// What triggers a fault, counted or looked for on all connections in one direction.
#[derive(Clone, Copy, Debug)]
pub enum Trigger {
    /// This many bytes have passed.
    Bytes(usize),
    /// These bytes come; they are not passed on.
    Text(&'static [u8]),
    /// "COMMIT" comes on a connection whose requests had these bytes since the trigger was set. A statement has its text in
    /// the first request for it on a connection, and later only a number.
    CommitAfter(&'static [u8]),
}

/// What a trigger does to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// As [`Relay::cut`].
    Cut,
    /// As [`Relay::freeze`].
    Freeze,
}

#[derive(Clone, Copy)]
struct PlannedFault {
    way: Way,
    trigger: Trigger,
    fault: Fault,
}

/// The state of all connections.
#[derive(Clone, Copy, Default)]
struct Line {
    is_cut: bool,
    /// Passes nothing on: requests, answers.
    is_frozen: [bool; 2],
    /// How long each chunk waits.
    delay: Duration,
    planned: Option<PlannedFault>,
    has_triggered: bool,
    /// A connection ends at the first cut after its start, also if the line is mended before the connection looks.
    cut_count: u32,
    /// A connection passes nothing on any more after the first of these after its start.
    strand_count: u32,
}

impl Line {
    fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Cut => {
                self.is_cut = true;
                self.is_frozen = [false; 2];
                self.cut_count += 1;
            }
            Fault::Freeze => self.is_frozen = [true; 2],
        }
    }
}

impl Relay {
    /// Starts a relay to a database. None on SQLite, which is not reached over a line.
    pub async fn start(database: &Database) -> Option<Self> {
        let (socket, name) = database.postgres_socket()?;
        let mut relay = Self::to(Target::Socket(socket)).await;
        relay.database_url = format!(
            "postgres://postgres@{}/{name}?sslmode=disable&application_name={}",
            relay.address,
            Self::APPLICATION
        );
        Some(relay)
    }

    /// Starts a relay to a service.
    pub async fn to_service(address: SocketAddr) -> Self {
        Self::to(Target::Address(address)).await
    }

    async fn to(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port");
        let line = Arc::new(watch::channel(Line::default()).0);
        Self {
            address,
            database_url: String::new(),
            line: Arc::clone(&line),
            accepting: tokio::spawn(accept(listener, target, line)),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The application name of sessions that came through a relay, at PostgreSQL.
    pub const APPLICATION: &str = "relayed";

    /// What to give as `--database-url` to reach the database through the relay.
    pub fn database_url(&self) -> String {
        self.database_url.clone()
    }

    /// Ends every connection; new ones end at once. The database seems to be gone.
    pub fn cut(&self) {
        self.line.send_modify(|line| line.strike(Fault::Cut));
    }

    /// Keeps every connection and takes new ones, but passes nothing on, not even that one side has ended. To the service,
    /// the database seems busy forever; to the database, the service seems silent.
    pub fn freeze(&self) {
        self.line.send_modify(|line| line.strike(Fault::Freeze));
    }

    /// Freezes the existing connections permanently, like a firewall that has forgotten them. New ones work.
    pub fn strand(&self) {
        self.line.send_modify(|line| line.strand_count += 1);
    }

    /// Passes nothing on in one way, and everything in the other.
    pub fn halve(&self, silent: Way) {
        self.line
            .send_modify(|line| line.is_frozen[silent as usize] = true);
    }

    /// Delays each chunk of bytes.
    pub fn slow_down(&self, delay: Duration) {
        self.line.send_modify(|line| line.delay = delay);
    }

    /// Breaks the line when something triggers it; see [`Self::until_broken`].
    pub fn break_on(&self, way: Way, trigger: Trigger, fault: Fault) {
        self.line.send_modify(|line| {
            line.has_triggered = false;
            line.planned = Some(PlannedFault {
                way,
                trigger,
                fault,
            });
        });
    }

    /// Waits until the trigger has broken the line.
    pub async fn until_broken(&self) {
        let mut state = self.line.subscribe();
        let _ = state.wait_for(|line| line.has_triggered).await;
    }

    /// Takes new connections after a cut; passes on what a frozen line has held. Removes delays and triggers.
    pub fn mend(&self) {
        self.line.send_modify(|line| {
            *line = Line {
                cut_count: line.cut_count,
                strand_count: line.strand_count,
                ..Line::default()
            };
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: Target, line: Arc<watch::Sender<Line>>) {
    while let Ok((caller, _)) = listener.accept().await {
        let Line {
            is_cut, cut_count, ..
        } = *line.borrow();
        if !is_cut {
            let (target, line) = (target.clone(), Arc::clone(&line));
            tokio::spawn(async move {
                let mut state = line.subscribe();
                tokio::select! {
                    () = pass(caller, target, &line) => {}
                    _ = state.wait_for(|line| line.cut_count > cut_count) => {}
                }
            });
        }
    }
}

/// Passes bytes both ways until either side ends; then both sides end.
async fn pass(caller: TcpStream, target: Target, line: &watch::Sender<Line>) {
    let _ = caller.set_nodelay(true);
    let (from_caller, to_caller) = caller.into_split();
    let is_marked = AtomicBool::new(false);
    let strand_count = line.borrow().strand_count;
    let lane = |way| Lane {
        line,
        way,
        is_marked: &is_marked,
        strand_count,
    };
    let (requests, answers) = (lane(Way::Requests), lane(Way::Answers));
    match target {
        Target::Socket(socket) => {
            let Ok(database) = UnixStream::connect(socket).await else {
                return;
            };
            let (from_database, to_database) = database.into_split();
            tokio::select! {
                () = pump(from_caller, to_database, requests) => {}
                () = pump(from_database, to_caller, answers) => {}
            }
        }
        Target::Address(address) => {
            let Ok(service) = TcpStream::connect(address).await else {
                return;
            };
            let _ = service.set_nodelay(true);
            let (from_service, to_service) = service.into_split();
            tokio::select! {
                () = pump(from_caller, to_service, requests) => {}
                () = pump(from_service, to_caller, answers) => {}
            }
        }
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, lane: Lane<'_>) {
    let line = lane.line;
    let mut state = line.subscribe();
    let mut bytes = vec![0; 16 * 1024];
    loop {
        // The end of the one side waits as its bytes do.
        let count = from.read(&mut bytes).await.unwrap_or(0);
        let chunk = &bytes[..count];
        let triggered = lane.trigger(chunk);
        let (first, rest) = chunk.split_at(triggered.map_or(count, |(passing, _)| passing));
        let delay = state.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if !lane.write(&mut to, first, &mut state).await {
            return;
        }
        if let Some((_, fault)) = triggered {
            line.send_modify(|line| {
                line.strike(fault);
                line.has_triggered = true;
            });
            if fault == Fault::Cut {
                return;
            }
        }
        // What is read while the line is frozen waits here, and what comes after it in the sender's own buffers.
        if !lane.write(&mut to, rest, &mut state).await || count == 0 {
            return;
        }
    }
}

/// One way of a connection: what the line lets through, and which of its bytes trigger a fault.
#[derive(Clone, Copy)]
struct Lane<'a> {
    line: &'a watch::Sender<Line>,
    way: Way,
    /// The connection's requests had what [`Trigger::CommitAfter`] looks for.
    is_marked: &'a AtomicBool,
    /// How many times connections were stranded before this one began.
    strand_count: u32,
}

impl Lane<'_> {
    /// Writes as soon as the line lets it through. Returns false if the connection has ended.
    async fn write(
        &self,
        to: &mut (impl AsyncWrite + Unpin),
        bytes: &[u8],
        state: &mut watch::Receiver<Line>,
    ) -> bool {
        let is_open = |line: &Line| {
            !line.is_frozen[self.way as usize] && line.strand_count == self.strand_count
        };
        let is_open = state.wait_for(is_open).await.is_ok();
        is_open && to.write_all(bytes).await.is_ok()
    }

    /// Whether a chunk triggers a fault: how much of it passes before which one. A trigger acts once.
    fn trigger(&self, chunk: &[u8]) -> Option<(usize, Fault)> {
        let mut triggered = None;
        self.line.send_if_modified(|line| {
            if let Some(planned) = &mut line.planned
                && let Some(passing) = self.passing(planned, chunk)
            {
                triggered = Some((passing, planned.fault));
                line.planned = None;
            }
            false
        });
        triggered
    }

    /// How much of a chunk passes before it triggers the fault; None if it does not.
    fn passing(&self, planned: &mut PlannedFault, chunk: &[u8]) -> Option<usize> {
        if let Trigger::CommitAfter(mark) = planned.trigger
            && self.way == Way::Requests
            && find(mark, chunk).is_some()
        {
            self.is_marked.store(true, Ordering::Relaxed);
        }
        if planned.way != self.way {
            return None;
        }
        match &mut planned.trigger {
            Trigger::Bytes(left) if chunk.len() > *left => Some(*left),
            Trigger::Bytes(left) => {
                *left -= chunk.len();
                None
            }
            Trigger::Text(text) => find(text, chunk),
            Trigger::CommitAfter(_) if self.is_marked.load(Ordering::Relaxed) => {
                find(b"COMMIT", chunk)
            }
            Trigger::CommitAfter(_) => None,
        }
    }
}

fn find(text: &[u8], chunk: &[u8]) -> Option<usize> {
    chunk.windows(text.len()).position(|bytes| bytes == text)
}
