//! The service under measurement: the real server, in this process or in a separate one, called over TCP.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use contact_lists::{
    proto::{
        UpdateContactListContactsFooter as Footer, UpdateContactListContactsHeader as Header,
        UpdateContactListContactsRequest as Message, UpdateContactListContactsResponse as Outcome,
        contact_list_service_client::ContactListServiceClient,
        update_contact_list_contacts_header as header,
    },
    server::Server,
    settings::ServeSettings,
};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use crate::{data::Person, floor::Action};

/// How many contacts a message carries.
const MESSAGE_CONTACTS: usize = 500;

/// Starts the server in this process.
pub async fn start(database_url: &str, max_contacts: u64) -> anyhow::Result<SocketAddr> {
    let max_contacts = max_contacts.to_string();
    let settings = ServeSettings::from_args([
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        database_url,
        "--max-contacts",
        &max_contacts,
    ])?;
    let server = Server::bind(settings).await?;
    let address = server.local_addr()?;
    tokio::spawn(server.serve(futures_util::stream::pending()));
    Ok(address)
}

/// A server in a separate process, for what can only be measured there. It is killed when this is dropped.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Process {
    /// Starts the binary that was built together with the benchmark.
    pub fn start(folder: &Path, database_url: &str, max_contacts: u64) -> anyhow::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_contact-lists"))
            .args(["--listen", "127.0.0.1:0", "--database-url", database_url])
            .args(["--max-contacts", &max_contacts.to_string()])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().context("no output")?;
        let address = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ")?.parse().ok());
        let mut process = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        process.address = address.context("the server does not start")?;
        Ok(process)
    }

    /// A line of `/proc/…/status` in bytes, such as `VmRSS` (the memory now) or `VmHWM` (the peak).
    pub fn memory(&self, line: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|it| it.strip_prefix(line)?.strip_prefix(':'))
            .and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .context("no such line")?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A caller with a key.
#[derive(Clone)]
pub struct Caller {
    client: ContactListServiceClient<Channel>,
    key: String,
}

impl Caller {
    /// Connects.
    pub async fn connect(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .tcp_nodelay(true)
            .connect()
            .await?;
        Ok(Self {
            client: ContactListServiceClient::new(channel),
            key: key.to_owned(),
        })
    }

    /// Updates a list. Returns the time from the call to the complete response, without building the messages.
    pub async fn update(
        &mut self,
        list: Uuid,
        action: Action,
        people: &[Person],
    ) -> anyhow::Result<Duration> {
        let mut request = Request::new(tokio_stream::iter(messages(list, action, people)));
        let key = format!("Bearer {}", self.key).parse()?;
        request.metadata_mut().insert("authorization", key);
        let start = Instant::now();
        let outcome = self.client.update_contact_list_contacts(request).await?;
        let time = start.elapsed();
        check(&outcome.into_inner(), people.len())?;
        Ok(time)
    }
}

fn check(outcome: &Outcome, sent: usize) -> anyhow::Result<()> {
    let applied = outcome.created_count + outcome.updated_count + outcome.unchanged_count;
    anyhow::ensure!(applied as usize == sent, "not all was applied: {outcome:?}");
    Ok(())
}

fn messages(list: Uuid, action: Action, people: &[Person]) -> Vec<Message> {
    let mut messages: Vec<Message> = people
        .chunks(MESSAGE_CONTACTS)
        .map(|people| Message {
            contacts: people.iter().map(Into::into).collect(),
            ..Message::default()
        })
        .collect();
    let mut header = Header {
        contact_list_id: list.to_string(),
        ..Header::default()
    };
    header.set_action(match action {
        Action::Add => header::Action::Add,
        Action::Remove => header::Action::Remove,
        Action::Overwrite => header::Action::Overwrite,
    });
    if let Some(first) = messages.first_mut() {
        first.header = Some(header);
    }
    if let Some(last) = messages.last_mut() {
        last.footer = Some(Footer {
            contact_count: i32::try_from(people.len()).unwrap_or(i32::MAX),
        });
    }
    messages
}
