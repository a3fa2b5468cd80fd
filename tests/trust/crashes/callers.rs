//! The callers: each makes call after call, and keeps a log of its calls and their answers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use test_support::Client;
use tokio::sync::mpsc::UnboundedSender;
use tonic::Status;
use tonic_types::StatusExt;

use super::{
    kill_point::{Event, Watched},
    workload::Workload,
};
use crate::{calls::Call, execute::Reply, id_map::IdMap};

/// A call that was made. Without a reply, it is unknown whether it was applied.
#[derive(Clone, Debug)]
pub struct Entry {
    pub call: Call,
    pub reply: Option<Reply>,
}

/// Makes calls until the kill, or until one is not answered.
pub async fn call_until_killed(
    ids: Arc<IdMap>,
    caller: Client,
    mut workload: Workload,
    killed: Arc<AtomicBool>,
    events: UnboundedSender<Event>,
) -> Result<Vec<Entry>, String> {
    let mut log = Vec::new();
    while !killed.load(Ordering::SeqCst) {
        let call = workload.call();
        let reply = ids.execute(&caller, &call, Watched(events.clone())).await;
        let _ = events.send(Event::Answered);
        match reply {
            Ok(reply) => log.push(Entry {
                call,
                reply: Some(reply),
            }),
            Err(status) if killed.load(Ordering::SeqCst) && is_of_kill(&status) => {
                log.push(Entry { call, reply: None });
                break;
            }
            Err(status) => return Err(format!("{call:?} failed: {status:?}")),
        }
    }
    Ok(log)
}

/// Whether an error is what a caller may see of a kill: the connection ends, or the service says that its database is gone.
fn is_of_kill(status: &Status) -> bool {
    match status.get_details_error_info() {
        Some(info) => info.reason == "DATABASE_UNAVAILABLE",
        None => true,
    }
}
