//! The callers: each makes call after call, and keeps what it called and what it was answered.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc::UnboundedSender;
use tonic::Status;
use tonic_types::StatusExt;

use super::{
    moment::{Event, Watched},
    workload::Workload,
};
use crate::{
    model::Call,
    support::Client,
    world::{Reply, World},
};

/// A call that was made. Without a reply, it is not known whether it acted.
#[derive(Clone, Debug)]
pub struct Entry {
    pub call: Call,
    pub reply: Option<Reply>,
}

/// Makes calls until one is not answered, or something was killed.
pub async fn call_until_killed(
    world: Arc<World>,
    caller: Client,
    mut workload: Workload,
    killed: Arc<AtomicBool>,
    events: UnboundedSender<Event>,
) -> Result<Vec<Entry>, String> {
    let mut log = Vec::new();
    while !killed.load(Ordering::SeqCst) {
        let call = workload.call();
        let reply = world.make(&caller, &call, Watched(events.clone())).await;
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

/// Whether a failure is what a caller may see of a kill: the connection ends, or the service says that its database is gone.
fn is_of_kill(status: &Status) -> bool {
    match status.get_details_error_info() {
        Some(info) => info.reason == "DATABASE_UNAVAILABLE",
        None => true,
    }
}
