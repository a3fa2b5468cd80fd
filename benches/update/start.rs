//! Row 8: how long the binary takes from its start to its first answer, its memory when idle, and its size.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use contact_lists::proto::{
    GetContactListRequest, contact_list_service_client::ContactListServiceClient,
};
use tonic::transport::Endpoint;

use crate::{measure::median, service::Process};

/// How often it is started.
const STARTS: usize = 5;

/// What the binary needs.
pub struct Start {
    /// The median of the times to the first answer on a new SQLite file, with its schema and the example organization.
    pub seconds: f64,
    /// The median of the resident memory a moment later.
    pub idle_bytes: f64,
    /// The binary's size.
    pub binary_bytes: u64,
}

/// Starts the binary several times.
pub async fn measure(folder: &Path) -> anyhow::Result<Start> {
    let (mut seconds, mut idle_bytes) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let folder = tempfile::tempdir_in(folder)?;
        let start = Instant::now();
        let process = Process::start(folder.path(), "sqlite://start.db", 4000)?;
        let endpoint = Endpoint::from_shared(format!("http://{}", process.address))?;
        let mut client = ContactListServiceClient::new(endpoint.connect().await?);
        // Without a key the call is refused, which is also a response.
        let answer = client
            .get_contact_list(GetContactListRequest::default())
            .await;
        anyhow::ensure!(answer.is_err(), "a call without a key was let in");
        seconds.push(start.elapsed().as_secs_f64());
        tokio::time::sleep(Duration::from_millis(500)).await;
        idle_bytes.push(process.memory("VmRSS")? as f64);
    }
    Ok(Start {
        seconds: median(&seconds).unwrap_or_default(),
        idle_bytes: median(&idle_bytes).unwrap_or_default(),
        binary_bytes: std::fs::metadata(env!("CARGO_BIN_EXE_contact-lists"))?.len(),
    })
}
